package processors

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

const (
	// defaultSettle bounds how long a stopping runner tries to finish the
	// batches it has begun; what it can't finish comes again.
	defaultSettle = 15 * time.Second
	// purgeEvery is how often processed events are removed from the stream.
	purgeEvery = time.Minute
	maxBackoff = 2 * time.Second
)

// Runner processes events. Its one method is Run.
type Runner struct {
	conn      *stream.Conn
	log       *slog.Logger
	cfg       Config
	metrics   *metrics
	processor *processor
	running   atomic.Bool
	settle    time.Duration
}

// New returns a Runner that reads from conn and writes to db. It starts nothing.
func New(cfg Config, conn *stream.Conn, db *store.DB, log *slog.Logger, reg prometheus.Registerer) *Runner {
	m := newMetrics(reg)
	return &Runner{
		conn: conn, log: log, cfg: cfg, metrics: m, settle: defaultSettle,
		processor: &processor{db: db, cfg: cfg, now: time.Now, log: log, metrics: m},
	}
}

// Ready reports whether events are being read.
func (r *Runner) Ready() bool { return r.running.Load() }

// work is a batch between gathering and processing.
type work struct {
	items   []*item
	letters []letter // messages that are no events, in no order with the items
}

// done is a batch between commit and acknowledgement.
type done struct {
	messages *messages
	letters  []letter
	taken    []taken // to acknowledge
}

// Run processes events until ctx ends, then finishes the batches it has begun
// and returns nil. It waits for NATS and the database as long as they are away.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.conn.Ready(ctx, r.log); err != nil {
		return nil // ctx ended before there was anything to settle
	}
	all, err := r.consumers(ctx)
	if err != nil {
		return nil // ctx ended
	}
	in := make(chan *item, 2*maxBatch)
	events, err := consume(r.conn, all, r.log, func(t taken) {
		select {
		case in <- decode(t):
		case <-ctx.Done():
		}
	})
	if err != nil {
		return err
	}
	// Given up last, when all that was taken is settled: the next reader then
	// begins behind it.
	defer events.giveUp()
	defer events.stop()

	// What has begun is finished after ctx has ended, within bounds.
	settle, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(r.settle, cancel) })()

	batches, finished := make(chan work), make(chan done, 1)
	var group errgroup.Group
	group.Go(func() error { defer close(batches); r.gather(ctx, in, batches); return nil })
	group.Go(func() error { defer close(finished); r.processAll(settle, batches, finished); return nil })
	group.Go(func() error { r.publishAll(settle, finished); return nil })
	group.Go(func() error { r.purgeAll(ctx, all); return nil })
	r.running.Store(true)
	defer r.running.Store(false)
	r.log.Info("processing events", "partitions", len(all))
	return group.Wait()
}

func (r *Runner) consumers(ctx context.Context) ([]jetstream.Consumer, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		all, err := consumers(ctx, r.conn)
		if err == nil {
			return all, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.log.Warn("waiting for nats", "error", err)
		if !sleep(ctx, wait) {
			return nil, ctx.Err()
		}
	}
}

// gather hands over what waits. While a batch is being processed the next one
// grows; when nothing is, a single event goes at once. Under load, when many wait
// together, it is the cost of a batch that limits the rate: then a batch waits a
// moment to become a good one.
func (r *Runner) gather(ctx context.Context, in <-chan *item, out chan<- work) {
	var linger stream.Linger
	for {
		var w work
		select {
		case it := <-in:
			w.add(it)
		case <-ctx.Done():
			return
		}
		if !fill(ctx, &w, &linger, in, out) {
			return
		}
		linger.Note(w.size(), time.Now())
	}
}

// fill adds to w what comes until it is handed over; false means that ctx ended.
func fill(ctx context.Context, w *work, linger *stream.Linger, in <-chan *item, out chan<- work) bool {
	var lingered <-chan time.Time
	waited := false
	for {
		more, offer := in, out
		if w.size() >= maxBatch {
			more = nil
		}
		select {
		case it := <-more: // what is there goes along, before the batch is offered
			w.add(it)
			continue
		default:
		}
		if wait := linger.For(w.size()); wait > 0 && !waited {
			if lingered == nil {
				lingered = time.After(wait)
			}
			select {
			case it := <-more:
				w.add(it)
				continue
			case <-lingered:
				waited = true
			case <-ctx.Done():
				return false
			}
		}
		select {
		case it := <-more:
			w.add(it)
		case offer <- *w:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

func (w *work) size() int { return len(w.items) + len(w.letters) }

func (w *work) add(it *item) {
	if it.event == nil {
		w.letters = append(w.letters, letter{it, it.refused})
		return
	}
	w.items = append(w.items, it)
}

// processAll runs batches through the database, each as long as it takes. Once
// one could not be finished nothing more is: what follows must not overtake it.
func (r *Runner) processAll(ctx context.Context, in <-chan work, out chan<- done) {
	for w := range in {
		d := done{letters: w.letters, messages: &messages{}, taken: w.taken()}
		if len(w.items) > 0 {
			replies, letters, ok := r.processUntilDone(ctx, w.items)
			if !ok {
				for range in { // the rest comes again
				}
				return
			}
			d.letters = append(d.letters, letters...)
			d.messages = encodeReplies(replies, r.cfg.SerialBatchSize)
		}
		out <- d
	}
}

// taken returns all that is in w.
func (w *work) taken() []taken {
	all := make([]taken, 0, w.size())
	for _, it := range w.items {
		all = append(all, it.taken)
	}
	for _, l := range w.letters {
		all = append(all, l.item.taken)
	}
	return all
}

// processUntilDone runs one batch until it is committed or ctx ends. Events that
// can't be processed come back as letters; their neighbours go through.
func (r *Runner) processUntilDone(ctx context.Context, items []*item) (replies []reply, letters []letter, ok bool) {
	down := false
	for wait := 20 * time.Millisecond; ; {
		replies, err := r.processor.process(ctx, items)
		switch {
		case err == nil:
			if down {
				r.log.Info("database is back")
			}
			for i := range replies {
				if replies[i].repeat {
					r.metrics.repeats.Inc()
				}
			}
			return replies, nil, true
		case ctx.Err() != nil:
			return nil, nil, false
		case errors.Is(err, store.ErrRepeat):
			r.metrics.retries.WithLabelValues(retryRepeat).Inc()
			r.log.Debug("batch is run again", "error", err)
			continue
		case errors.Is(err, store.ErrBadData):
			return r.split(ctx, items, err)
		}
		r.metrics.retries.WithLabelValues(retryUnavailable).Inc()
		if !down {
			down = true
			r.log.Warn("database unavailable, events wait in the stream", "error", err)
		}
		if !sleep(ctx, wait) {
			return nil, nil, false
		}
		wait = min(2*wait, maxBackoff)
	}
}

// split processes the halves of a batch that the database or the rules choke
// on, one after the other, down to the culprit.
func (r *Runner) split(ctx context.Context, items []*item, cause error) ([]reply, []letter, bool) {
	r.metrics.retries.WithLabelValues(retrySplit).Inc()
	if len(items) == 1 {
		r.log.Error("event can't be processed, becomes a dead letter", "event_id", items[0].event.ID, "error", cause)
		return nil, []letter{{items[0], seriald.Reject(seriald.CodeProcessingFailed, "", "the event could not be processed; it is kept as a dead letter")}}, true
	}
	half := len(items) / 2
	replies, letters, ok := r.processUntilDone(ctx, items[:half])
	if !ok {
		return nil, nil, false
	}
	moreReplies, moreLetters, ok := r.processUntilDone(ctx, items[half:])
	return append(replies, moreReplies...), append(letters, moreLetters...), ok
}

// publishAll publishes and acknowledges what was committed.
func (r *Runner) publishAll(ctx context.Context, in <-chan done) {
	for d := range in {
		if !r.publishUntilDone(ctx, &d) {
			for range in { // the rest comes again
			}
			return
		}
		for _, t := range d.taken {
			t.settle()
		}
	}
}

func (r *Runner) publishUntilDone(ctx context.Context, d *done) bool {
	down := false
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		err := r.publishOnce(ctx, d)
		if err == nil {
			if down {
				r.log.Info("outcomes are published again")
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.metrics.retries.WithLabelValues(retryPublish).Inc()
		if !down {
			down = true
			r.log.Warn("outcomes can't be published, events wait", "error", err)
		}
		if !sleep(ctx, wait) {
			return false
		}
	}
}

func (r *Runner) publishOnce(ctx context.Context, d *done) error {
	for len(d.letters) > 0 {
		l := d.letters[0]
		source := &nats.Msg{Subject: l.item.msg.Subject(), Data: l.item.msg.Data()}
		var o seriald.Origin
		var id seriald.EventID
		if e := l.item.event; e != nil {
			o, id = e.Origin, e.ID
		}
		if err := bury(ctx, r.conn, source, l.rejection, o, id, time.Now()); err != nil {
			return err
		}
		r.metrics.deadLetters.WithLabelValues(string(l.rejection.Code)).Inc()
		d.letters = d.letters[1:]
	}
	return publish(ctx, r.conn, d.messages)
}

// purgeAll removes processed events from the stream, as long as ctx lasts.
func (r *Runner) purgeAll(ctx context.Context, all []jetstream.Consumer) {
	for sleep(ctx, purgeEvery) {
		if err := r.conn.Purge(ctx, all, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("processed events not purged, will try again", "error", err)
		}
	}
}

// sleep waits for d; it reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
