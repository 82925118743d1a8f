package simulate

import (
	"context"
	"encoding/json"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

// offlinePoll is how often a device that lost its connection looks whether it is
// back; the connection takes longer than that to come back by itself.
const offlinePoll = 50 * time.Millisecond

// device plays one device. Its play and acknowledge methods run in a goroutine
// each, received in one of the client's.
type device struct {
	origin    seriald.Origin
	script    script
	ledger    *ledger
	conn      *ingest.Device
	clock     func() time.Duration // since the run's start
	latencies *histogram
	record    func(id string) // nil: nobody asks
	outages   outages

	share    int           // how many messages
	events   uint32        // how many events were sent; play's
	first    time.Duration // when the first is due
	interval time.Duration // between two; 0: flat out
	slots    chan struct{} // one is taken for each message without a PUBACK
	slot     bool          // one is taken for the next message; play's
	receipts chan published
}

// published is a message on its way to the broker.
type published struct {
	n       uint32
	counts  bool // Record is told of it
	receipt ingest.Receipt
}

// play sends until the device has sent its share or ctx ends.
func (d *device) play(ctx context.Context) {
	defer close(d.receipts)
	timer := time.NewTimer(0)
	defer timer.Stop()
	d.plan(d.first)
	for k := 0; k < d.share && d.wait(ctx, timer, k); k++ {
		leaves := d.leaves() && k+1 < d.share // or there is nothing to come back for
		if leaves {
			d.conn.Deafen()
		}
		d.send(k)
		if leaves {
			d.loseConnection(ctx, timer)
		}
	}
}

// wait returns true when message k may be sent, false when ctx has ended.
func (d *device) wait(ctx context.Context, timer *time.Timer, k int) bool {
	for ctx.Err() == nil {
		var pause time.Duration
		switch offline := !d.conn.Connected(); {
		case offline:
			pause = offlinePoll
			// What was not sent meanwhile is not made up for: behind a broker that
			// comes back is a service that does, and a real device would not send
			// faster either.
			d.first += offlinePoll
			d.plan(d.clock())
		case !d.ledger.room():
			select {
			case <-d.ledger.freed:
			case <-ctx.Done():
			}
			continue
		case !d.slot:
			timer.Reset(offlinePoll)
			select {
			case d.slots <- struct{}{}:
				d.slot = true
			case <-timer.C: // it may be offline by now
			case <-ctx.Done():
			}
			continue
		case d.interval == 0:
			return true
		default:
			// From the start, not from the message before: a slow moment is made up
			// for.
			pause = d.first + time.Duration(k)*d.interval - d.clock()
			if pause <= 0 {
				return true
			}
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return false
}

// send publishes message k.
func (d *device) send(k int) {
	n, again := d.script.repeat(k, d.events, d.ledger.reach())
	// Noted before it is sent: the answer may be quicker than this goroutine.
	if again = again && d.ledger.again(n, d.script.flaw(n), d.clock()); !again {
		n = d.ledger.begin(d.script.flaw(d.events), d.clock())
		d.events = n + 1
	}
	t, payload := d.script.event(n)
	// An error in the receipt does not mean that the message is not sent: the
	// client keeps what it took. The ledger finds out.
	d.receipts <- published{n, d.record != nil && !again && d.script.flaw(n) == nil, d.conn.Publish(t, payload)}
	d.slot = false
}

// acknowledge gives slots back and tells Record of what the broker acknowledged.
// When ctx has ended it waits for nothing that is not acknowledged yet.
func (d *device) acknowledge(ctx context.Context) {
	for p := range d.receipts {
		select {
		case <-p.receipt.Done():
		default:
			select {
			case <-p.receipt.Done():
			case <-ctx.Done():
				continue
			}
		}
		<-d.slots
		if p.counts && p.receipt.Wait(context.WithoutCancel(ctx)) == nil && d.ledger.record(p.n) {
			d.record(d.script.id(p.n))
		}
	}
}

// received takes an outcome down. The client calls it for one after the other.
func (d *device) received(outcome []byte) {
	now := d.clock()
	var a answer
	if err := json.Unmarshal(outcome, &a); err != nil {
		d.ledger.unreadable(now)
		return
	}
	if a.EventID == "" {
		d.ledger.refused(&a, now)
		return
	}
	n, ok := d.script.number(a.EventID)
	if !ok {
		d.ledger.unreadable(now)
		return
	}
	r := d.ledger.note(n, &a, d.script.flaw(n), now)
	if r.first {
		d.latencies.add(r.latency)
	}
	if r.record && d.record != nil {
		d.record(a.EventID)
	}
}
