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
	recorder  *recorder
	running   atomic.Bool
	lease     atomic.Pointer[stream.Lease] // nil while the partitions are read
	settle    time.Duration
	limit     time.Duration // of one run of a batch, beside what its serials take
}

// New returns a Runner that reads from conn and writes to db; claims, which may be nil, is
// told what to forget. It starts nothing.
func New(cfg Config, conn *stream.Conn, db *store.DB, claims Cache, log *slog.Logger, reg prometheus.Registerer) *Runner {
	m := newMetrics(reg)
	return &Runner{
		conn: conn, log: log, cfg: cfg, metrics: m, settle: defaultSettle, limit: runTimeout,
		processor: &processor{db: db, cfg: cfg, cache: claims, now: time.Now, log: log, metrics: m},
		recorder:  &recorder{conn: conn, db: db, log: log, recorded: m.deadLetters},
	}
}

// Ready reports whether events are being read, by this process or, where one
// does it for all, by another.
func (r *Runner) Ready() bool { return r.running.Load() || r.Standby() }

// Standby reports whether another process reads the events and this one waits
// to take over: with a NATS server before 2.14.
func (r *Runner) Standby() bool {
	lease := r.lease.Load()
	return lease != nil && lease.Standby()
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
		return nil //nolint:nilerr // ctx ended before there was anything to settle
	}
	plain, ok := r.plain(ctx)
	if ok && plain {
		lease := r.conn.Lease(processorLease, "", r.log)
		r.lease.Store(lease)
		err := lease.Hold(ctx, r.runPlain)
		r.lease.Store(nil)
		if !errors.Is(err, errPartitioned) {
			return err
		}
		r.log.Info("all events from before the server was upgraded are processed: partitions are read from now on")
	}
	all, err := r.consumers(ctx)
	if err != nil {
		return nil //nolint:nilerr // ctx ended
	}
	return r.read(ctx, all, func(take func(taken)) (source, error) {
		return consume(r.conn, all, r.log, take)
	})
}

// plain reports whether all events are to be read as one; it waits until it
// knows. ok is false if ctx ended.
func (r *Runner) plain(ctx context.Context) (plain, ok bool) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		plain, _, err := r.conn.Plain(ctx)
		if err == nil {
			return plain, true
		}
		r.log.Warn("waiting for nats", "error", err)
		if !sleep(ctx, wait) {
			return false, false
		}
	}
}

// errPartitioned says that the partitions are to be read from now on.
var errPartitioned = errors.New("the event stream is partitioned")

// runPlain reads all events as one while the lease is held.
func (r *Runner) runPlain(ctx context.Context) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		partitioned, err := partitionIfDone(ctx, r.conn)
		if partitioned {
			return errPartitioned
		}
		var c jetstream.Consumer
		if err == nil {
			c, err = plainConsumer(ctx, r.conn)
		}
		if err == nil {
			return r.read(ctx, []jetstream.Consumer{c}, func(take func(taken)) (source, error) {
				return consumePlain(r.conn, r.log, take), nil
			})
		}
		r.log.Warn("waiting for nats", "error", err)
		if !sleep(ctx, wait) {
			return nil // it ended, or the lease is lost
		}
	}
}

// source is where events come from: until stop, which waits for the last one.
// giveUp then lets another process read them at once.
type source interface {
	stop()
	giveUp()
}

// read processes what comes from all until ctx ends.
func (r *Runner) read(ctx context.Context, all []jetstream.Consumer,
	open func(take func(taken)) (source, error),
) error {
	arrivals := newIntake(ctx)
	events, err := open(arrivals.take)
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
	group.Go(func() error { defer close(batches); gather(ctx, arrivals.items, batches); return nil })
	group.Go(func() error { defer close(finished); r.processAll(settle, batches, finished); return nil })
	group.Go(func() error { r.publishAll(settle, finished); return nil })
	group.Go(func() error { r.purgeAll(ctx, all); return nil })
	group.Go(func() error { r.measureAll(ctx); return nil })
	group.Go(func() error { r.recorder.run(ctx, settle); return nil })
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

// bound is how long one run of w's items through the database may take: what
// takes longer hangs on a dead connection.
func (r *Runner) bound(items []*item) time.Duration {
	units := 0
	for _, it := range items {
		units += it.units()
	}
	return r.limit + time.Duration(units)*unitTimeout
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
			d.messages = encodeReplies(replies, r.cfg.SerialBatchSize, r.conn.MaxBody())
		}
		out <- d
	}
}

// processUntilDone runs a batch, in as many transactions as it takes, until it is
// committed or ctx ends. Events that can't be processed come back as letters; their
// neighbours go through.
func (r *Runner) processUntilDone(ctx context.Context, items []*item) (replies []reply, letters []letter, ok bool) {
	for len(items) > 0 {
		some, refused, rest, ok := r.processFirst(ctx, items)
		if !ok {
			return nil, nil, false
		}
		replies, letters, items = append(replies, some...), append(letters, refused...), rest
	}
	return replies, letters, true
}

// processFirst runs the first transaction of a batch until it is committed or ctx
// ends; rest is what is not in it.
func (r *Runner) processFirst(ctx context.Context, items []*item) (replies []reply, letters []letter, rest []*item, ok bool) {
	down, allowed := false, r.bound(items)
	for wait := 20 * time.Millisecond; ; {
		limited, cancel := context.WithTimeout(ctx, allowed)
		replies, rest, err := r.processor.process(limited, items)
		if limited.Err() != nil {
			// Perhaps it is not dead but slow, or triggers make more serials than
			// the events say: what never got enough time would never end.
			allowed = max(allowed, min(2*allowed, runTimeout+maxUnits*unitTimeout))
		}
		cancel()
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
			return replies, nil, rest, true
		case ctx.Err() != nil:
			return nil, nil, nil, false
		case errors.Is(err, store.ErrRepeat):
			r.metrics.retries.WithLabelValues(retryRepeat).Inc()
			r.log.Debug("batch is run again", "error", err)
			continue
		case errors.Is(err, store.ErrBadData):
			replies, letters, ok = r.split(ctx, items, err)
			return replies, letters, nil, ok
		}
		r.metrics.retries.WithLabelValues(retryUnavailable).Inc()
		if !down {
			down = true
			r.log.Warn("database unavailable, events wait in the stream", "error", err)
		}
		if !sleep(ctx, wait) {
			return nil, nil, nil, false
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
			id = e.ID
			if !l.item.isStatus() { // who tells its status waits for no answer
				o = e.Origin
			}
		}
		if err := bury(ctx, r.conn, source, l, o, id); err != nil {
			return err
		}
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
