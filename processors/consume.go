package processors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// readerGroup is the priority group whose pinned client reads a partition.
	readerGroup = "processors"
	// ackWait is when an event that was delivered and not acknowledged comes
	// again. It bounds how long what a killed process had under way waits if
	// nothing new comes to show that the partition has a new reader. A reader
	// that is just slow passes over what it has.
	ackWait = 5 * time.Second
	// pinnedTTL is when a reader that has gone away or hangs loses its
	// partitions: the server does not look at its connection. A reader that
	// stops in order gives them up itself. pullExpiry is how often a reader says
	// that it is there, several times in pinnedTTL.
	pinnedTTL  = 3 * time.Second
	pullExpiry = time.Second
	// resetPatience is how long a reset partition may deliver what was under way
	// before the reset, until another one is asked for.
	resetPatience = 2 * time.Second
	// apiTimeout bounds a call to the server about a consumer.
	apiTimeout = 5 * time.Second
)

// consumerName is the durable of a partition.
func consumerName(partition int) string { return fmt.Sprintf("processor-%02d", partition) }

// consumers creates or finds the durable consumers, one per partition. All
// processes read all of them; the server pins each to one process at a time.
func consumers(ctx context.Context, conn *stream.Conn) ([]jetstream.Consumer, error) {
	all := make([]jetstream.Consumer, seriald.Partitions)
	for n := range all {
		cfg := partitionConfig(n)
		// Where it began can't be changed any more.
		switch c, err := conn.JS.Consumer(ctx, seriald.StreamEvents, cfg.Durable); {
		case err == nil:
			cfg.DeliverPolicy, cfg.OptStartSeq = c.CachedInfo().Config.DeliverPolicy, c.CachedInfo().Config.OptStartSeq
		case !errors.Is(err, jetstream.ErrConsumerNotFound):
			return nil, fmt.Errorf("look for consumer %s: %w", cfg.Durable, err)
		}
		c, err := conn.JS.CreateOrUpdateConsumer(ctx, seriald.StreamEvents, cfg)
		if err != nil {
			return nil, fmt.Errorf("create consumer %s: %w", cfg.Durable, err)
		}
		all[n] = c
	}
	return all, nil
}

func partitionConfig(n int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       consumerName(n),
		Description:   "Events of one partition, in order",
		FilterSubject: fmt.Sprintf("machshop.event.%d.>", n),
		// Each for itself. One for all up to it would count consumer
		// sequences: an acknowledgement from before a reset would have the
		// server ignore all that follow, until the sequences are as high again.
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  2 * maxBatch, // a batch that is written and one that is gathered
		MaxDeliver:     -1,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{readerGroup},
		PinnedTTL:      pinnedTTL,
	}
}

// taken is a message that a partition has taken.
type taken struct {
	msg      jetstream.Msg
	from     *partition
	sequence uint64    // in the stream
	stored   time.Time // when the stream took it
}

// settle acknowledges t. It lets go of it first: an acknowledgement can get lost,
// with the server or while it goes back, and what then comes again must be taken.
func (t taken) settle() {
	t.from.mu.Lock()
	delete(t.from.working, t.sequence)
	t.from.mu.Unlock()
	_ = t.msg.Ack()
}

// partition reads one partition in order.
//
// The order of redelivery is not promised, and what another reader had under way
// comes again only after ackWait, behind newer events. So a partition takes only
// an unbroken run of deliveries. Where the run breaks (another reader had it
// before, a delivery was lost with a connection, something comes again) it has
// the server go back to the first event that is not acknowledged, and begins a
// new run there. What this process has taken it keeps until it is settled, and
// so passes over when it comes again. What comes again after that, or was
// processed by another, is a repeat, for the inbox to answer: nothing is
// acknowledged for its sequence alone, which another event has if the stream was
// restored.
type partition struct {
	name  string
	reset func() error // sends the consumer back to its acknowledgement floor
	take  func(taken)
	now   func() time.Time
	log   *slog.Logger

	pin     string    // the pin under which the run is read
	next    uint64    // the consumer sequence that continues the run
	resetAt time.Time // when a new run was asked for that has not begun; else zero

	mu      sync.Mutex          // guards working
	working map[uint64]struct{} // the stream sequences that were taken and are not settled
}

// begin notes that the next delivery that counts is the first of a run.
func (p *partition) begin() { p.next, p.resetAt = 1, time.Time{} }

// handle takes a delivery or sends the consumer back. It is called for one
// delivery after the other.
func (p *partition) handle(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		p.log.Error("message without metadata", "consumer", p.name, "error", err)
		return
	}
	if pin := msg.Headers().Get("Nats-Pin-Id"); pin != p.pin {
		p.pin = pin
		p.begin()
	}
	sequence := meta.Sequence.Consumer
	if !p.resetAt.IsZero() {
		if sequence != 1 {
			if p.now().Sub(p.resetAt) > resetPatience {
				p.restart()
			}
			return
		}
		p.resetAt = time.Time{}
	}
	if sequence != p.next {
		p.restart()
		return
	}
	p.next++
	if p.hold(meta.Sequence.Stream) {
		p.take(taken{msg: msg, from: p, sequence: meta.Sequence.Stream, stored: meta.Timestamp})
	}
}

// hold notes that an event is being worked on; it reports false if it was already.
func (p *partition) hold(sequence uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, held := p.working[sequence]; held {
		return false
	}
	if p.working == nil {
		p.working = map[uint64]struct{}{}
	}
	p.working[sequence] = struct{}{}
	return true
}

func (p *partition) restart() {
	p.resetAt = p.now()
	if err := p.reset(); err != nil {
		p.log.Warn("partition not reset, will try again", "consumer", p.name, "error", err)
		return
	}
	p.next = 1
}

// giveUp lets another reader have the partition at once, if this one has it.
func (p *partition) giveUp(ctx context.Context, conn *stream.Conn) error {
	s, err := conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		return err
	}
	c, err := s.Consumer(ctx, p.name)
	if err != nil {
		return err
	}
	for _, g := range c.CachedInfo().PriorityGroups {
		if g.Group == readerGroup && g.PinnedClientID == p.pin && p.pin != "" {
			return s.UnpinConsumer(ctx, p.name, readerGroup)
		}
	}
	return nil
}

// reader reads all partitions.
type reader struct {
	conn       *stream.Conn
	log        *slog.Logger
	partitions []*partition
	running    []jetstream.ConsumeContext
}

// consume starts to read all partitions; every event in order goes to take,
// which may block.
func consume(conn *stream.Conn, all []jetstream.Consumer, log *slog.Logger,
	take func(taken),
) (*reader, error) {
	r := &reader{conn: conn, log: log}
	for n, c := range all {
		p := &partition{name: consumerName(n), take: take, now: time.Now, log: log}
		p.reset = func() error {
			ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
			defer cancel()
			_, err := conn.JS.ResetConsumer(ctx, seriald.StreamEvents, p.name)
			return err
		}
		if i := c.CachedInfo(); i.NumAckPending > 0 && !pinned(i) {
			// Left by a process that ended; the next delivery may be long off.
			if err := p.reset(); err != nil {
				log.Warn("partition not reset, what was under way comes later", "consumer", p.name, "error", err)
			}
		}
		cc, err := c.Consume(p.handle,
			jetstream.PullPriorityGroup(readerGroup),
			jetstream.PullMaxMessages(maxBatch),
			jetstream.PullExpiry(pullExpiry),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
				// Missed heartbeats and changes of the pin are the library's to
				// handle, and happen whenever a process comes or goes.
				if !errors.Is(err, jetstream.ErrNoHeartbeat) && !errors.Is(err, jetstream.ErrPinIDMismatch) {
					log.Debug("consume", "consumer", p.name, "error", err)
				}
			}))
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("consume %s: %w", p.name, err)
		}
		r.partitions, r.running = append(r.partitions, p), append(r.running, cc)
	}
	return r, nil
}

// pinned reports whether some process reads the partition.
func pinned(i *jetstream.ConsumerInfo) bool {
	for _, g := range i.PriorityGroups {
		if g.Group == readerGroup && g.PinnedClientID != "" {
			return true
		}
	}
	return false
}

// stop ends the reading and waits until no take runs.
func (r *reader) stop() {
	for _, c := range r.running {
		c.Stop()
	}
	for _, c := range r.running {
		<-c.Closed()
	}
}

// giveUp lets other readers have the partitions at once. Failing that they get
// them when the pins have expired.
func (r *reader) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	for _, p := range r.partitions {
		if err := p.giveUp(ctx, r.conn); err != nil {
			r.log.Debug("partition not given up, its pin expires", "consumer", p.name, "error", err)
			return
		}
	}
}
