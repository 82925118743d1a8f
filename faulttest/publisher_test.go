package faulttest

import (
	"bufio"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

// broker is one connection of a device, played packet by packet.
type broker struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// accept takes the device's next connection and its subscription.
func accept(t *testing.T, l net.Listener) *broker {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	b := &broker{t: t, conn: c, r: bufio.NewReader(c)}
	if m, ok := b.read().(*packets.ConnectPacket); !ok || m.CleanSession {
		t.Fatalf("got %v, want a CONNECT to a kept session", m)
	}
	b.write(packets.NewControlPacket(packets.Connack))
	s, ok := b.read().(*packets.SubscribePacket)
	if !ok {
		t.Fatal("no SUBSCRIBE")
	}
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID, ack.ReturnCodes = s.MessageID, []byte{1}
	b.write(ack)
	return b
}

func (b *broker) read() packets.ControlPacket {
	b.t.Helper()
	_ = b.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		m, err := packets.ReadPacket(b.r)
		if err != nil {
			b.t.Fatal(err)
		}
		if _, ping := m.(*packets.PingreqPacket); !ping {
			return m
		}
	}
}

func (b *broker) write(m packets.ControlPacket) {
	b.t.Helper()
	if err := m.Write(b.conn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) published() *packets.PublishPacket {
	b.t.Helper()
	m, ok := b.read().(*packets.PublishPacket)
	if !ok {
		b.t.Fatal("no PUBLISH")
	}
	return m
}

func (b *broker) acknowledge(m *packets.PublishPacket) {
	b.t.Helper()
	a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	a.MessageID = m.MessageID
	b.write(a)
}

// What has no PUBACK comes again on the next connection, in order, marked DUP,
// under the same packet id; what has one does not. Only a PUBACK makes a record
// say so, and outcomes are counted and acknowledged.
func TestPublisherResumes(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := NewPublisher(PublisherConfig{
		Address: l.Addr().String(), Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"},
		PartID: "PART-F01", Rate: 500, Window: 4,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	defer running.Wait()
	defer cancel()

	b := accept(t, l)
	var first []*packets.PublishPacket
	for range 4 { // the window
		first = append(first, b.published())
	}
	p.StopSending()
	b.acknowledge(first[0])
	b.acknowledge(first[2])
	for deadline := time.Now().Add(patience); !p.Records()[2].Acked; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the PUBACK is not noted")
		}
	}
	_ = b.conn.Close()

	b = accept(t, l)
	for _, want := range []*packets.PublishPacket{first[1], first[3]} {
		got := b.published()
		if !got.Dup || got.MessageID != want.MessageID || string(got.Payload) != string(want.Payload) {
			t.Errorf("got %v, want %v again with DUP", got, want)
		}
	}
	for i, payload := range []string{
		`{"eventId":"d1-000002","status":"accepted","serials":[{"serialNumber":"A1"}]}`,
		`{"eventId":"d1-000002","status":"accepted","duplicate":true,"serials":[{"serialNumber":"A1"}]}`,
		`{"eventId":"d1-000004","status":"accepted","serials":[{"serialNumber":"A2"}]}`,
		`{"eventId":"d1-000004","status":"accepted","duplicate":true,"serials":[{"serialNumber":"A3"}]}`,
	} {
		m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		m.Qos, m.MessageID, m.TopicName, m.Payload = 1, uint16(i+1), "machshop/plant1/line1/d1/result", []byte(payload)
		b.write(m)
		if a, ok := b.read().(*packets.PubackPacket); !ok || a.MessageID != m.MessageID {
			t.Fatalf("got %v, want a PUBACK of %d", a, m.MessageID)
		}
	}
	type short struct {
		Acked                bool
		Outcomes, Duplicates int
		Serials              []string
		Changed              bool
	}
	var got []short
	for _, r := range p.Records() {
		got = append(got, short{r.Acked, r.Outcomes, r.Duplicates, r.Serials, r.Changed})
	}
	want := []short{{Acked: true}, {false, 2, 1, []string{"A1"}, false}, {Acked: true}, {false, 2, 1, []string{"A2"}, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if n := p.Answered(); n != 2 {
		t.Errorf("%d answered, want 2", n)
	}
	began := p.Records()[1].SentAt
	if first, ok := p.AnsweredSince(began); !ok || !first.Equal(p.Records()[3].FirstOutcome) {
		t.Errorf("since the second event: %v, %v, want the fourth's outcome", first, ok)
	}
	if _, ok := p.AnsweredSince(p.Records()[3].SentAt); ok {
		t.Error("since the last event: an outcome, want none")
	}
	if p.Settled() {
		t.Error("settled, without PUBACKs")
	}
}

// A broker that says nothing is left for another connection.
func TestPublisherNoticesSilence(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := NewPublisher(PublisherConfig{Address: l.Addr().String(), Origin: seriald.Origin{Site: "s", Line: "l", Device: "d"}, Rate: 1, Window: 1})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	defer running.Wait()
	defer cancel()
	accept(t, l)
	accept(t, l)
}
