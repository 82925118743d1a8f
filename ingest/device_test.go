package ingest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/machshop/seriald"
)

// publishedTo returns a device that is connected to b and has published messages,
// with their receipts and what b got.
func publishedTo(t *testing.T, b *fakeBroker, messages ...string) (*Device, []Receipt, []*packets.PublishPacket) {
	t.Helper()
	dialed := make(chan *Device, 1)
	go func() {
		d, err := DialDevice(context.Background(), testConfig(b.url()), seriald.Origin{Site: "s", Line: "l", Device: "d"}, SessionKept, func([]byte) {})
		if err != nil {
			t.Error(err)
		}
		dialed <- d
	}()
	b.accept()
	got := make(chan []*packets.PublishPacket, 1)
	go func() { got <- b.publishes(len(messages)) }() // and the subscription
	d := <-dialed
	if d == nil {
		t.FailNow()
	}
	t.Cleanup(d.Close)
	var receipts []Receipt
	for _, m := range messages {
		receipts = append(receipts, d.Publish(seriald.TypeSerialGenerate, []byte(m)))
	}
	return d, receipts, <-got
}

func TestDeviceStaysAwayAndSendsAgain(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	d, receipts, got := publishedTo(t, b, "1", "2")
	const away = 300 * time.Millisecond
	b.puback(got[0].MessageID)
	if err := receipts[0].Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.Resent() != 0 {
		t.Errorf("%d messages were sent again without an outage", d.Resent())
	}

	left := time.Now()
	d.CutFor(away)
	if d.Connected() {
		t.Error("is connected still")
	}
	third := d.Publish(seriald.TypeSerialGenerate, []byte("3"))
	b.accept()
	if took := time.Since(left); took < away {
		t.Errorf("came back after %s, want %s", took, away)
	}
	for i, p := range b.publishes(2) {
		if want := []string{"2", "3"}[i]; string(p.Payload) != want || !p.Dup {
			t.Errorf("got %s, DUP %v, want %s with DUP", p.Payload, p.Dup, want)
		}
		b.puback(p.MessageID)
	}
	for _, r := range []Receipt{receipts[1], third} {
		if err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if d.Resent() != 2 {
		t.Errorf("%d messages were sent again, want 2", d.Resent())
	}
}

// A device that was closed while it was away must not come back: the session that
// it forgot would be there again.
func TestDeviceThatWasClosedStaysAway(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	d, _, _ := publishedTo(t, b, "1")
	const away = 300 * time.Millisecond
	d.CutFor(away)
	d.Close()
	listener, ok := b.listener.(*net.TCPListener)
	if !ok {
		t.Fatal("not a TCP listener")
	}
	if err := listener.SetDeadline(time.Now().Add(3 * away)); err != nil {
		t.Fatal(err)
	}
	if c, err := b.listener.Accept(); err == nil {
		_ = c.Close()
		t.Error("a closed device connects")
	}
}

func TestDeviceThatIsDeafSendsAgain(t *testing.T) {
	t.Parallel()
	b := newFakeBroker(t)
	d, _, _ := publishedTo(t, b, "1")
	d.Deafen()
	r := d.Publish(seriald.TypeSerialGenerate, []byte("2"))
	b.puback(b.publishes(1)[0].MessageID)
	// The far end has closed only when all it said was read.
	b.drop()
	b.accept()
	for i, p := range b.publishes(2) {
		if want := []string{"1", "2"}[i]; string(p.Payload) != want || !p.Dup {
			t.Errorf("got %s, DUP %v, want %s with DUP", p.Payload, p.Dup, want)
		}
		b.puback(p.MessageID)
	}
	if err := r.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
