package faulttest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/machshop/seriald"
)

const (
	// silence is how long a broker may say nothing until the connection counts
	// as dead; pingEvery makes one that is well speak several times within it.
	silence   = 4 * time.Second
	pingEvery = time.Second
	// backoff is the pause between tries to connect.
	backoff = 100 * time.Millisecond
)

// PublisherConfig is a device of the suite.
type PublisherConfig struct {
	// Address of the broker, or of the proxy before it: host:port.
	Address string
	// Origin is who the device is. Its client id is made of it.
	Origin seriald.Origin
	// PartID is the part, and so the key, of all its events.
	PartID string
	// Rate in events per second. While Window events have no PUBACK the device
	// makes no new ones.
	Rate   float64
	Window int
}

// Record is what is known of one event.
type Record struct {
	ID       string
	Sequence int       // the device's own count, from 1, in the order of publication
	SentAt   time.Time // the first time
	Acked    bool      // the broker has sent a PUBACK
	// Outcomes that came, and how many of them said that they repeat an earlier one.
	Outcomes, Duplicates int
	FirstOutcome         time.Time
	Status               string   // of the first outcome
	Serials              []string // numbers of the first outcome
	Changed              bool     // a later outcome had other numbers or another status
}

// Publisher is a device with a persistent MQTT 3.1.1 session. It publishes
// operation_complete events at QoS 1, sends again in order what has no PUBACK
// when its connection comes back, and keeps a record of all it was told.
type Publisher struct {
	cfg     PublisherConfig
	stopped atomic.Bool

	mu       sync.Mutex // guards what follows
	records  []*Record
	byID     map[string]*Record
	unacked  []*Record // in the order of publication
	answered int       // how many records have an outcome
}

// NewPublisher returns a device. It starts nothing.
func NewPublisher(cfg PublisherConfig) *Publisher {
	return &Publisher{cfg: cfg, byID: map[string]*Record{}}
}

// StopSending has the device make no new events; it goes on sending again what
// has no PUBACK, and receiving.
func (p *Publisher) StopSending() { p.stopped.Store(true) }

// Records returns a copy of what is known.
func (p *Publisher) Records() []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Record, len(p.records))
	for i, r := range p.records {
		all[i] = *r
	}
	return all
}

// Answered returns how many events have an outcome.
func (p *Publisher) Answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// AnsweredSince returns when the first outcome came of an event that was
// published after t; ok is false if there is none yet.
func (p *Publisher) AnsweredSince(t time.Time) (first time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.records) - 1; i >= 0 && p.records[i].SentAt.After(t); i-- {
		if r := p.records[i]; r.Outcomes > 0 && (!ok || r.FirstOutcome.Before(first)) {
			first, ok = r.FirstOutcome, true
		}
	}
	return first, ok
}

// Settled reports whether every event has its PUBACK and an outcome.
func (p *Publisher) Settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if !r.Acked || r.Outcomes == 0 {
			return false
		}
	}
	return true
}

// Run plays the device until ctx ends. A broker that is away is tried for ever.
func (p *Publisher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = p.connected(ctx) // whatever it was, the next try comes
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
		}
	}
}

// connected plays one connection until it fails.
func (p *Publisher) connected(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialing, "tcp", p.cfg.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	w := &writer{conn: conn}
	subscribed := make(chan struct{})
	failed := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(failed)
		_ = p.read(conn, w, subscribed)
	})
	defer reader.Wait()
	defer conn.Close() // before the wait, or the reader would not end
	if err := w.write(p.connectPacket()); err != nil {
		return err
	}
	select {
	case <-subscribed:
	case <-failed:
		return net.ErrClosed
	}
	return p.publish(w, failed)
}

func (p *Publisher) connectPacket() packets.ControlPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion = "MQTT", 4
	c.CleanSession, c.Keepalive = false, uint16(2*silence/time.Second)
	c.ClientIdentifier = "fault-" + p.cfg.Origin.Device
	return c
}

// read takes what the broker sends until the connection fails.
func (p *Publisher) read(conn net.Conn, w *writer, subscribed chan<- struct{}) error {
	topic := seriald.ResultTopic(p.cfg.Origin)
	buffered := bufio.NewReader(conn)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silence))
		packet, err := packets.ReadPacket(buffered)
		if err != nil {
			return err
		}
		switch m := packet.(type) {
		case *packets.ConnackPacket:
			if m.ReturnCode != packets.Accepted {
				return fmt.Errorf("refused: %d", m.ReturnCode)
			}
			s := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
			s.MessageID, s.Topics, s.Qoss = 65535, []string{topic}, []byte{1}
			err = w.write(s)
		case *packets.SubackPacket:
			if len(m.ReturnCodes) != 1 || m.ReturnCodes[0] > 1 {
				return fmt.Errorf("subscription refused: %v", m.ReturnCodes)
			}
			close(subscribed)
		case *packets.PubackPacket:
			p.acknowledged(m.MessageID)
		case *packets.PublishPacket:
			if m.TopicName == topic {
				p.took(m.Payload, time.Now())
			}
			if m.Qos == 1 {
				a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				a.MessageID = m.MessageID
				err = w.write(a)
			}
		}
		if err != nil {
			return err
		}
	}
}

// publish sends again what has no PUBACK, then new events, until the connection
// fails.
func (p *Publisher) publish(w *writer, failed <-chan struct{}) error {
	p.mu.Lock()
	again := append([]*Record(nil), p.unacked...)
	p.mu.Unlock()
	for _, r := range again {
		if err := w.write(p.packet(r, true)); err != nil {
			return err
		}
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / p.cfg.Rate))
	defer tick.Stop()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-failed:
			return net.ErrClosed
		case <-ping.C:
			err = w.write(packets.NewControlPacket(packets.Pingreq))
		case <-tick.C:
			if r := p.next(time.Now()); r != nil {
				err = w.write(p.packet(r, false))
			}
		}
		if err != nil {
			return err
		}
	}
}

// next makes an event, if there is to be one.
func (p *Publisher) next(now time.Time) *Record {
	if p.stopped.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unacked) >= p.cfg.Window {
		return nil
	}
	n := len(p.records) + 1
	r := &Record{ID: fmt.Sprintf("%s-%06d", p.cfg.Origin.Device, n), Sequence: n, SentAt: now}
	p.records, p.unacked, p.byID[r.ID] = append(p.records, r), append(p.unacked, r), r
	return r
}

// packetID is the packet id of an event: unique within any window.
func packetID(r *Record) uint16 { return uint16(r.Sequence%60000 + 1) }

func (p *Publisher) packet(r *Record, again bool) packets.ControlPacket {
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.Qos, m.Dup, m.MessageID = 1, again, packetID(r)
	m.TopicName = seriald.EventTopic(p.cfg.Origin, seriald.TypeOperationComplete)
	m.Payload = fmt.Appendf(nil, `{"id":%q,"time":%q,"partId":%q,"operationCode":"OP-010","workOrderId":"WO-1"}`,
		r.ID, r.SentAt.UTC().Format(time.RFC3339Nano), p.cfg.PartID)
	return m
}

func (p *Publisher) acknowledged(id uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range p.unacked {
		if packetID(r) == id {
			r.Acked = true
			p.unacked = append(p.unacked[:i:i], p.unacked[i+1:]...)
			return
		}
	}
}

// took notes an outcome.
func (p *Publisher) took(payload []byte, now time.Time) {
	var o struct {
		EventID   string `json:"eventId"`
		Status    string
		Duplicate bool
		Serials   []struct {
			SerialNumber string `json:"serialNumber"`
		}
	}
	if json.Unmarshal(payload, &o) != nil {
		return // not ours
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.byID[o.EventID]
	if r == nil {
		return
	}
	var numbers []string
	for _, s := range o.Serials {
		numbers = append(numbers, s.SerialNumber)
	}
	r.Outcomes++
	if o.Duplicate {
		r.Duplicates++
	}
	if r.Outcomes == 1 {
		p.answered++
		r.FirstOutcome, r.Status, r.Serials = now, o.Status, numbers
		return
	}
	r.Changed = r.Changed || r.Status != o.Status || fmt.Sprint(r.Serials) != fmt.Sprint(numbers)
}

// writer writes packets for the reader and the publisher of a connection.
type writer struct {
	mu   sync.Mutex // held while a packet is written
	conn net.Conn
}

func (w *writer) write(m packets.ControlPacket) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(silence))
	return m.Write(w.conn)
}
