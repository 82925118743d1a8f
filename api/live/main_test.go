package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for something that takes milliseconds.
const soon = 2 * time.Minute

// served is a hub behind a real HTTP server.
type served struct {
	*Hub
	tb   testing.TB
	url  string // of the stream of events
	conn *stream.Conn
	// stop ends the hub and waits until it has ended.
	stop func()
}

// serve starts a hub on conn; both end with the test. set changes it before.
func serve(tb testing.TB, conn *stream.Conn, set func(*Hub)) *served {
	tb.Helper()
	h := New(conn, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if set != nil {
		set(h)
	}
	server := httptest.NewUnstartedServer(h)
	// Less than any test lasts: it must not end a stream.
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	s := &served{Hub: h, tb: tb, url: server.URL + "/api/v1/events/stream", conn: conn}
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	}
	tb.Cleanup(func() {
		s.stop()
		server.Close()
	})
	return s
}

// start starts NATS and a hub on it that has found the stream.
func start(tb testing.TB, set func(*Hub)) *served {
	tb.Helper()
	s := serve(tb, streamtest.Connect(tb, streamtest.Start(tb, true)), set)
	s.awaitTail()
	return s
}

// awaitTail waits until the hub has found the stream.
func (s *served) awaitTail() {
	s.tb.Helper()
	until(s.tb, "the hub is at the tail", func() bool { return s.position().identity != "" })
}

func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(soon); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", soon, what)
		}
	}
}

// body returns a serial event as the service makes it.
func body(id, site, name, part, number string) *nats.Msg {
	o := &seriald.Outcome{
		EventID: seriald.EventID(id), ProcessedAt: time.Unix(1, 0).UTC(),
		Serials: []seriald.SerialRef{{SerialNumber: number, PartID: part}},
	}
	e := seriald.SerialEvents(o, seriald.Origin{Site: site, Line: "l", Device: "d"}, part,
		[]seriald.Announcement{{Event: name, Count: 1, WorkOrderID: "WO-" + part, LotNumber: "L-" + number}}, 10, 1<<20)[0]
	return stream.NewMessage(e.Subject, e.ID, e.Body)
}

func (s *served) publish(msgs ...*nats.Msg) {
	s.tb.Helper()
	publish(s.tb, s.conn, msgs...)
}

func publish(tb testing.TB, conn *stream.Conn, msgs ...*nats.Msg) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if _, err := conn.Publish(ctx, msgs); err != nil {
		tb.Fatalf("publish: %v", err)
	}
}

// numbered returns n assigned events of site s with the ids from first on.
func numbered(first, n int) []*nats.Msg {
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msgs[i] = body(fmt.Sprint("e", first+i), "s", seriald.EventAssigned, "P", fmt.Sprint(first+i))
	}
	return msgs
}

// sse is an event as a client gets it.
type sse struct{ id, event, data string }

// eventID returns the id of the event that led to a serial event.
func (e sse) eventID() string {
	_, after, _ := strings.Cut(e.data, `"eventId":"`)
	id, _, _ := strings.Cut(after, `"`)
	return id
}

// browser reads a stream as the standard says.
type browser struct {
	tb     testing.TB
	cancel context.CancelFunc
	body   io.ReadCloser
	lines  *bufio.Reader
	last   string // the last event id
	beats  int
}

// open connects with a query and a last event id; "" for none.
func (s *served) open(query, last string) *browser {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"?"+query, nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		s.tb.Fatalf("connect: %v", err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		s.tb.Fatalf("status %d, %s: %s", resp.StatusCode, got, b)
	}
	b := &browser{tb: s.tb, cancel: cancel, body: resp.Body, lines: bufio.NewReader(resp.Body), last: last}
	s.tb.Cleanup(b.close)
	return b
}

// ready returns the browser when it is at the tail: it has been told where.
func (b *browser) ready() *browser {
	b.tb.Helper()
	for b.last == "" {
		if _, err := b.block(); err != nil {
			b.tb.Fatalf("no id: %v", err)
		}
	}
	return b
}

// awaitJoin reads until the client is told that it is at a sequence, and wants no
// event before.
func (b *browser) awaitJoin(sequence uint64) {
	b.tb.Helper()
	for !strings.HasPrefix(b.last, fmt.Sprint(sequence, "-")) {
		if e, err := b.block(); err != nil || e.data != "" {
			b.tb.Fatalf("got %+v, %v, want to be at %d", e, err, sequence)
		}
	}
}

func (b *browser) close() {
	b.cancel()
	_ = b.body.Close()
}

// block reads up to the next blank line.
func (b *browser) block() (e sse, err error) {
	id := b.last
	for {
		line, err := b.lines.ReadString('\n')
		if err != nil {
			return sse{}, err // what is incomplete is dropped
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "":
			if value != "" || line == ": heartbeat\n" {
				b.beats++
				continue
			}
			b.last, e.id = id, id
			return e, nil
		case "id":
			id = value
		case "event":
			e.event = value
		case "data":
			e.data += value
		case "retry":
		default:
			return sse{}, errors.New("no field of an event: " + line)
		}
	}
}

// next returns the next event; io.EOF if the server has ended the stream.
func (b *browser) next() (sse, error) {
	for {
		e, err := b.block()
		if err != nil || e.data != "" {
			return e, err
		}
	}
}

// want reads as many events as there are ids, and checks that they follow from the
// events of these ids.
func (b *browser) want(ids ...string) {
	b.tb.Helper()
	for n, id := range ids {
		e, err := b.next()
		if err != nil {
			b.tb.Fatalf("event %d of %d: %v", n+1, len(ids), err)
		}
		if e.eventID() != id {
			b.tb.Fatalf("event %d of %d: got %+v, want that of %s", n+1, len(ids), e, id)
		}
	}
}

// wantNotice reads an event that tells of the stream.
func (b *browser) wantNotice(event string) sse {
	b.tb.Helper()
	e, err := b.next()
	if err != nil || e.event != event {
		b.tb.Fatalf("got %+v, %v, want a %s", e, err, event)
	}
	return e
}

// ids returns e{first} to e{last}.
func ids(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprint("e", n))
	}
	return all
}

func value(tb testing.TB, m prometheus.Metric) float64 {
	tb.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		tb.Fatal(err)
	}
	return d.GetGauge().GetValue() + d.GetCounter().GetValue()
}
