package simulate

import (
	"context"
	"time"
)

// maxLinger is how long after a message its connection is lost at most. At the
// lower end the message is not out yet, at the upper end the broker has it and
// its PUBACK was lost.
const maxLinger = 2 * time.Millisecond

// outage is one loss of a device's connection.
type outage struct {
	after  time.Duration // the return from the one before, or the start
	linger time.Duration // from a message to the cut
	away   time.Duration
}

// outage returns outage i of a device that has one about every every and stays
// away for about away. The first ones of many devices are spread over the whole
// of every.
func (s *script) outage(i int, every, away time.Duration) outage {
	h := scramble(scramble(^s.seed) + uint64(i))
	draw := func() float64 { // from 0 to below 1
		h = scramble(h)
		return float64(h>>11) / (1 << 53)
	}
	o := outage{after: time.Duration(float64(every) * draw())}
	if i > 0 {
		connected := every - away
		o.after = connected*3/4 + time.Duration(float64(connected)*draw()/2)
	}
	o.linger = time.Duration(float64(maxLinger) * draw())
	o.away = away/2 + time.Duration(float64(away)*draw())
	return o
}

// outages is when a device loses its connection; play's.
type outages struct {
	every, away time.Duration // every 0: never
	next        outage
	due         time.Duration
	count       int // how many there were
}

// plan sets the next outage, for a device that was offline until now: counted
// from an earlier time it could come with each message, while the client stays
// away for longer than it was told.
func (d *device) plan(now time.Duration) {
	o := &d.outages
	o.next = d.script.outage(o.count, o.every, o.away)
	o.due = now + o.next.after
}

// leaves reports whether an outage is due.
func (d *device) leaves() bool { return d.outages.every > 0 && d.clock() >= d.outages.due }

// loseConnection begins an outage of a device that is deaf already, right behind
// a message: so its PUBACK is lost, or the message itself.
func (d *device) loseConnection(ctx context.Context, timer *time.Timer) {
	o := &d.outages
	timer.Reset(o.next.linger)
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	d.conn.CutFor(o.next.away)
	o.count++
	d.plan(d.clock())
}
