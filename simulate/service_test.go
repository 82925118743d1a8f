package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

// request is a message as the fake service received it.
type request struct {
	id    string
	n     int // how many messages came before, of all devices
	again int // how many with this id came before
}

// behaviour answers a message; each string is published as an outcome.
type behaviour func(r request) []string

// service is a fake of the service behind the broker: it answers events.
type service struct {
	client  mqtt.Client
	behave  behaviour
	refuse  func(topic string, payload []byte) *seriald.Outcome // nil, or what it returns, if nothing is wrong
	answers chan reply
	done    chan struct{}

	mu       sync.Mutex // guards what follows
	received int
	ids      map[string]int // how often each was received
	payloads map[string]string
}

type reply struct{ topic, outcome string }

func outcome(id, status, serial string, duplicate bool) string {
	o := seriald.Outcome{EventID: seriald.EventID(id), Status: seriald.Status(status), Duplicate: duplicate, ProcessedAt: time.Unix(0, 0).UTC()}
	if serial != "" {
		o.Serials = []seriald.SerialRef{{SerialNumber: serial, PartID: "PART-001"}}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// wellBehaved gives the first outcome again to a repeat.
func wellBehaved(r request) []string {
	return []string{outcome(r.id, "accepted", "SN-"+r.id, r.again > 0)}
}

func startService(tb testing.TB, b *broker, behave behaviour) *service {
	tb.Helper()
	return startStrictService(tb, b, behave, nil)
}

// startStrictService starts a service that behaves only to what refuse lets
// through.
func startStrictService(tb testing.TB, b *broker, behave behaviour, refuse func(topic string, payload []byte) *seriald.Outcome) *service {
	tb.Helper()
	s, err := serve(b.url(), behave, refuse)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.stop)
	return s
}

// strictly refuses as the bridge and the processors do.
func strictly(topic string, payload []byte) *seriald.Outcome {
	router, err := ingest.NewRouter(nil, ingest.Limits{MaxPayload: ingest.DefaultMaxPayload, MaxDepth: ingest.DefaultMaxDepth})
	if err != nil {
		panic(err)
	}
	m, err := router.Decode(topic, payload, time.Now(), func() string { return "made" })
	var f *seriald.Fields
	if err == nil {
		f, err = m.Event.Fields()
	}
	if err == nil && !strings.HasPrefix(f.PartID, "PART-") {
		err = seriald.Reject(seriald.CodePartNotFound, "partId", "no such part")
	}
	if rejection, ok := errors.AsType[*seriald.Rejection](err); ok {
		o := seriald.Rejected(m.Event.ID, rejection, time.Unix(0, 0).UTC())
		return &o
	}
	return nil
}

// serve returns when the service is subscribed. Its session is kept, as the
// bridge's is.
func serve(url string, behave behaviour, refuse func(topic string, payload []byte) *seriald.Outcome) (*service, error) {
	s := &service{
		behave: behave, refuse: refuse, answers: make(chan reply, 1<<16), done: make(chan struct{}),
		ids: map[string]int{}, payloads: map[string]string{},
	}
	options := mqtt.NewClientOptions().AddBroker(strings.Replace(url, "mqtt:", "tcp:", 1)).
		SetClientID("service").SetProtocolVersion(4).SetCleanSession(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(time.Second).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { s.handle(m) })
	s.client = mqtt.NewClient(options)
	if err := settled(s.client.Connect()); err != nil {
		return nil, err
	}
	go s.answer()
	return s, settled(s.client.Subscribe(seriald.TopicEvents, 1, nil))
}

func settled(t mqtt.Token) error {
	if !t.WaitTimeout(patience) {
		return fmt.Errorf("the broker does not answer")
	}
	return t.Error()
}

func (s *service) handle(m mqtt.Message) {
	origin, _, err := seriald.ParseEventTopic(m.Topic())
	if err != nil {
		panic(err)
	}
	if s.refuse != nil {
		if o := s.refuse(m.Topic(), m.Payload()); o != nil {
			s.answers <- reply{seriald.ResultTopic(origin), string(o.Encode())}
			return
		}
	}
	var e struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(m.Payload(), &e); err != nil {
		panic(fmt.Sprintf("%s: %v", m.Payload(), err))
	}
	s.mu.Lock()
	r := request{id: e.ID, n: s.received, again: s.ids[e.ID]}
	s.received++
	s.ids[e.ID]++
	if r.again == 0 && len(s.payloads) < 1000 {
		s.payloads[e.ID] = m.Topic() + " " + string(m.Payload())
	}
	s.mu.Unlock()
	for _, o := range s.behave(r) {
		s.answers <- reply{seriald.ResultTopic(origin), o}
	}
}

// answer publishes what handle, which must not, has to say.
func (s *service) answer() {
	defer close(s.done)
	for a := range s.answers {
		s.client.Publish(a.topic, 1, false, a.outcome)
	}
}

// counted returns how many messages came and how many different ids.
func (s *service) counted() (messages, ids int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received, len(s.ids)
}

func (s *service) stop() {
	s.client.Disconnect(250)
	close(s.answers)
	<-s.done
}

// serveUntilStdinEnds is what the test binary does as a child of a benchmark.
func serveUntilStdinEnds(url string) error {
	s, err := serve(url, func(r request) []string {
		return []string{`{"eventId":"` + r.id + `","status":"accepted","serials":[{"id":"019ab0f0-1c4c-7a3e-8f5e-0123456789ab",` +
			`"serialNumber":"TST-20260101-000001","partId":"PART-001","status":"ACTIVE"}],"processedAt":"2026-01-01T00:00:00.000000Z"}`}
	}, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	s.stop()
	return err
}
