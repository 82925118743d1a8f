package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/machshop/seriald"
)

// fakeBroker is the far end of one connection at a time, to see and say exactly
// what a broker would.
type fakeBroker struct {
	tb       testing.TB
	listener net.Listener
	conn     net.Conn
}

func newFakeBroker(tb testing.TB) *fakeBroker {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	b := &fakeBroker{tb: tb, listener: l}
	tb.Cleanup(func() {
		_ = l.Close()
		b.drop()
	})
	return b
}

func (b *fakeBroker) url() string { return "mqtt://" + b.listener.Addr().String() }

// accept takes the next connection and answers its CONNECT.
func (b *fakeBroker) accept() {
	b.tb.Helper()
	var err error
	if b.conn, err = b.listener.Accept(); err != nil {
		b.tb.Fatal(err)
	}
	_ = b.conn.SetDeadline(time.Now().Add(patience))
	if _, ok := b.read().(*packets.ConnectPacket); !ok {
		b.tb.Fatal("not a CONNECT first")
	}
	b.send(packets.NewControlPacket(packets.Connack))
}

func (b *fakeBroker) drop() {
	if b.conn != nil {
		_ = b.conn.Close()
	}
}

func (b *fakeBroker) read() packets.ControlPacket {
	b.tb.Helper()
	p, err := packets.ReadPacket(b.conn)
	if err != nil {
		b.tb.Fatalf("read: %v", err)
	}
	return p
}

func (b *fakeBroker) send(p packets.ControlPacket) {
	b.tb.Helper()
	if err := p.Write(b.conn); err != nil {
		b.tb.Fatalf("write: %v", err)
	}
}

// publishes reads n publications and returns them; it answers what else comes.
func (b *fakeBroker) publishes(n int) (got []*packets.PublishPacket) {
	b.tb.Helper()
	for len(got) < n {
		switch p := b.read().(type) {
		case *packets.PublishPacket:
			got = append(got, p)
		case *packets.SubscribePacket:
			ack, ok := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			if !ok {
				b.tb.Fatal("not a SUBACK")
			}
			ack.MessageID, ack.ReturnCodes = p.MessageID, []byte{1}
			b.send(ack)
		}
	}
	return got
}

func (b *fakeBroker) puback(id uint16) {
	b.tb.Helper()
	ack, ok := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	if !ok {
		b.tb.Fatal("not a PUBACK")
	}
	ack.MessageID = id
	b.send(ack)
}

func done(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// What was not acknowledged when the connection ended is sent again in order,
// and counts as acknowledged only when the broker says so. The library's own
// tokens are completed as soon as the next connection begins.
func TestPublisherCountsPubacksOnly(t *testing.T) {
	t.Parallel()
	const n = 40
	broker := newFakeBroker(t)
	p := newPublisher(testOptions(testConfig(broker.url()), "p"))
	p.Connect()
	defer p.Disconnect(disconnectWait)
	broker.accept()
	waitFor(t, "connected", p.IsConnectionOpen)
	acknowledged := make([]<-chan struct{}, n)
	var err error
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range n {
			if acknowledged[i], err = p.publish("t", fmt.Appendf(nil, "%d", i)); err != nil {
				return
			}
		}
	}()
	first := broker.publishes(n)
	<-published
	if err != nil {
		t.Fatal(err)
	}
	broker.puback(first[0].MessageID)
	waitFor(t, "first acknowledged", func() bool { return done(acknowledged[0]) })
	broker.drop()

	broker.accept()
	var order []string
	again := broker.publishes(n - 1)
	for i, m := range again {
		order = append(order, string(m.Payload))
		if !m.Dup || m.MessageID != first[i+1].MessageID {
			t.Errorf("message %d comes again with DUP %t and id %d, was %d", i+1, m.Dup, m.MessageID, first[i+1].MessageID)
		}
	}
	if !slices.IsSortedFunc(order, func(a, b string) int { return len(a)*1000 - len(b)*1000 + compare(a, b) }) {
		t.Errorf("they come again in the order %v", order)
	}
	for i, c := range acknowledged[1:] {
		if done(c) {
			t.Fatalf("message %d counts as acknowledged; the broker has said nothing", i+1)
		}
	}
	for _, m := range again {
		broker.puback(m.MessageID)
	}
	for i, c := range acknowledged {
		waitFor(t, fmt.Sprintf("message %d acknowledged", i), func() bool { return done(c) })
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A device that is cut off sends what was under way again by itself.
func TestDeviceCut(t *testing.T) {
	t.Parallel()
	broker := newFakeBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialled := make(chan *Device, 1)
	go func() {
		d, err := DialDevice(ctx, testConfig(broker.url()), seriald.Origin{Site: "s", Line: "l", Device: "d"}, SessionKept, func([]byte) {})
		if err != nil {
			t.Error(err)
		}
		dialled <- d
	}()
	broker.accept()
	received := make(chan *packets.PublishPacket, 1)
	go func() { received <- broker.publishes(1)[0] }()
	d := <-dialled
	defer d.Close()
	r := d.Publish(seriald.TypeSerialGenerate, []byte("{}"))
	if m := <-received; m.Dup {
		t.Error("DUP on the first sending")
	}
	d.Cut()
	short, stop := context.WithCancel(ctx)
	stop()
	if err := r.Wait(short); !errors.Is(err, context.Canceled) {
		t.Errorf("wait without a PUBACK: %v", err)
	}
	broker.accept()
	m := broker.publishes(1)[0]
	if !m.Dup {
		t.Error("no DUP on the second sending")
	}
	broker.puback(m.MessageID)
	if err := r.Wait(ctx); err != nil {
		t.Error(err)
	}
}
