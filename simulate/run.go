package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"sync"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

const (
	// together is how many devices connect, or leave, at the same time.
	together = 32
	// connectRetry is the pause between two tries to connect a device.
	connectRetry = 250 * time.Millisecond
	// remembered is how many answered events are kept over all devices, to be
	// compared with further answers; 16 bytes each.
	remembered = 1 << 17
	// inFlight is how many messages of a device are without a PUBACK at most, as is
	// usual among MQTT clients (20 in Mosquitto's). Each new connection sends all of
	// them again: with no bound, a broker that falls behind gets more and more of
	// the same.
	inFlight = 20
	// answersPoll is how often it is looked whether all is answered.
	answersPoll = 10 * time.Millisecond
	// quiet is how long there must be no answer before the last was the last: an
	// event that was processed twice has a second one.
	quiet = 150 * time.Millisecond
)

// run is one run of [Run].
type run struct {
	cfg       Config
	start     time.Time
	devices   []*device
	latencies histogram
	playing   time.Duration // when all devices were connected: the first message is due
}

// Run plays what cfg says and returns what came of it. It sends until Count or
// Duration is reached or ctx ends, and then waits for answers until there are
// all, or for Timeout. A broker that is not there is waited for until ctx ends,
// at the beginning as well as in the middle.
//
// The error is that of a wrong Config, or that of connecting when ctx ended
// before all devices were connected. That answers are missing is no error, but
// see [Summary.OK].
func Run(ctx context.Context, cfg Config) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	r := newRun(cfg.withDefaults())
	live := newLive(r)
	defer r.leave()
	if err := r.connect(ctx, live); err != nil {
		live.end()
		return Summary{}, err
	}
	r.playing = r.clock()
	stopLive := live.start()
	r.play(ctx)
	stopLive()
	return r.summary(), nil
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, start: time.Now()}
	record := cfg.Record
	if record != nil {
		var mu sync.Mutex // guards Record, which is promised one call at a time
		record = func(id string) {
			mu.Lock()
			defer mu.Unlock()
			cfg.Record(id)
		}
	}
	each := max(64, 1<<(bits.Len(uint(remembered/cfg.Devices))-1))
	for i := range cfg.Devices {
		name := cfg.Prefix + "-" + strconv.Itoa(i+1)
		d := &device{
			origin: seriald.Origin{Site: cfg.Site, Line: cfg.Line, Device: name},
			script: newScript(name, cfg),
			ledger: newLedger(min(each, 1<<13), cfg.mostUnanswered()),
			clock:  r.clock, latencies: &r.latencies, record: record, share: cfg.share(i),
			slots: make(chan struct{}, inFlight), receipts: make(chan published, inFlight),
			outages: outages{every: cfg.OfflineEvery, away: cfg.OfflineFor},
		}
		if cfg.Rate > 0 {
			d.interval = max(1, time.Duration(float64(cfg.Devices)/cfg.Rate*float64(time.Second)))
		}
		r.devices = append(r.devices, d)
	}
	return r
}

func (r *run) clock() time.Duration { return time.Since(r.start) }

// connect connects all devices.
func (r *run) connect(ctx context.Context, live *live) error {
	errs := make([]error, len(r.devices))
	r.all(func(i int, d *device) { errs[i] = d.connect(ctx, r.cfg.Broker, live) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// connect tries until it succeeds or ctx ends.
func (d *device) connect(ctx context.Context, broker ingest.Config, live *live) error {
	var last error
	for {
		if ctx.Err() != nil {
			if last == nil {
				return fmt.Errorf("connect to %s: %w", broker.URL, ctx.Err())
			}
			return errors.Join(last, ctx.Err())
		}
		conn, err := ingest.DialDevice(ctx, broker, d.origin, ingest.SessionKept, d.received)
		if err == nil {
			d.conn = conn
			return nil
		}
		if ctx.Err() == nil {
			last = err
			live.waiting(err)
		}
		select {
		case <-time.After(connectRetry):
		case <-ctx.Done():
		}
	}
}

// leave ends the devices' sessions at the broker.
func (r *run) leave() {
	r.all(func(_ int, d *device) {
		if d.conn != nil {
			d.conn.Forget()
		}
	})
}

// all calls f for each device, for some of them together.
func (r *run) all(f func(i int, d *device)) {
	var group sync.WaitGroup
	places := make(chan struct{}, together)
	for i, d := range r.devices {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			f(i, d)
		})
	}
	group.Wait()
}

// play sends, and waits for the answers.
func (r *run) play(ctx context.Context) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if r.cfg.Duration > 0 {
		sending, stop = context.WithTimeout(ctx, r.cfg.Duration)
		defer stop()
	}
	acknowledging, settled := context.WithCancel(context.WithoutCancel(ctx))
	defer settled()

	var senders, acknowledgers sync.WaitGroup
	for i, d := range r.devices {
		offset := d.interval * time.Duration(i) / time.Duration(len(r.devices))
		d.first = r.playing + offset
		if r.cfg.Duration > 0 && d.interval > 0 {
			// What is due later must not be sent because the end came late.
			d.share = min(d.share, int((max(0, r.cfg.Duration-offset)+d.interval-1)/d.interval))
		}
		senders.Go(func() { d.play(sending) })
		acknowledgers.Go(func() { d.acknowledge(acknowledging) })
	}
	senders.Wait()
	r.awaitAnswers()
	settled()
	acknowledgers.Wait()
}

// awaitAnswers returns when every message is answered, or none comes any more.
func (r *run) awaitAnswers() {
	tick := time.NewTicker(answersPoll)
	defer tick.Stop()
	for {
		t, now := r.totals(), r.clock()
		// What a device has under way while it is offline can be answered yet.
		if t.waiting == 0 && now-t.lastReceived > quiet && r.offline() == 0 || now-t.lastSent > r.cfg.Timeout {
			return
		}
		<-tick.C
	}
}

func (r *run) totals() totals {
	var t totals
	for _, d := range r.devices {
		d.ledger.sum(&t)
	}
	return t
}

// offline is how many devices have no connection.
func (r *run) offline() int {
	n := 0
	for _, d := range r.devices {
		if !d.conn.Connected() {
			n++
		}
	}
	return n
}
