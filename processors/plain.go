package processors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// plainName is the durable of all events, where the server has no partitions.
	plainName = "processor-all"
	// processorLease is held by the one process that reads it.
	processorLease = "processor"
	// plainRetry is the wait before a consumer that can't be had is tried again.
	plainRetry = 200 * time.Millisecond
)

// plainReader reads all events as one partition. It must hold the lease.
//
// To go back to the first event that is not acknowledged it deletes the consumer
// and creates it again there: the servers it is for can't do it otherwise.
type plainReader struct {
	conn *stream.Conn
	log  *slog.Logger
	part *partition
	end  context.CancelFunc
	done chan struct{}
}

// consumePlain starts to read; every event in order goes to take, which may
// block.
func consumePlain(conn *stream.Conn, log *slog.Logger, take func(taken)) *plainReader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &plainReader{
		conn: conn, log: log, end: cancel, done: make(chan struct{}),
		part: &partition{name: plainName, take: take, now: time.Now, log: log},
	}
	go r.run(ctx)
	return r
}

// run reads one run after the other until ctx ends.
func (r *plainReader) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		if err := r.readRun(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("events can't be read, will try again", "consumer", plainName, "error", err)
			sleep(ctx, plainRetry)
		}
	}
}

// readRun reads until the run breaks, the consumer is gone or ctx ends.
func (r *plainReader) readRun(ctx context.Context) error {
	c, err := plainConsumer(ctx, r.conn)
	if err != nil {
		return err
	}
	broken := make(chan struct{}, 1)
	again := func() {
		select {
		case broken <- struct{}{}:
		default: // once is enough
		}
	}
	r.part.reset = func() error { again(); return nil }
	r.part.begin()
	cc, err := c.Consume(r.part.handle,
		jetstream.PullMaxMessages(maxBatch),
		jetstream.PullExpiry(pullExpiry),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if errors.Is(err, jetstream.ErrNoHeartbeat) {
				return
			}
			r.log.Debug("consume", "consumer", plainName, "error", err)
			if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrConsumerNotFound) {
				again() // removed while the connection was away
			}
		}))
	if err != nil {
		return err
	}
	select {
	case <-broken:
	case <-cc.Closed(): // the consumer was deleted
	case <-ctx.Done():
	}
	cc.Stop()
	<-cc.Closed() // no delivery is handled after this
	return nil
}

// stop ends the reading and waits until no take runs.
func (r *plainReader) stop() {
	r.end()
	<-r.done
}

// giveUp has nothing to do: whoever holds the lease reads.
func (*plainReader) giveUp() {}

// plainConsumer returns the consumer of all events as it is where the first event
// that is not acknowledged comes next, as the first of its deliveries.
func plainConsumer(ctx context.Context, conn *stream.Conn) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		return nil, err
	}
	c, err := s.Consumer(ctx, plainName)
	var floor uint64
	switch {
	case err == nil && c.CachedInfo().Delivered.Consumer == 0:
		return c, nil
	case err == nil:
		// Before it is deleted, or a process that ends in between would have all
		// events processed again. What is acknowledged after this comes again, as
		// a repeat.
		floor = c.CachedInfo().AckFloor.Stream
		if err := conn.NotePlain(ctx, floor); err != nil {
			return nil, err
		}
		if err := s.DeleteConsumer(ctx, plainName); err != nil {
			return nil, fmt.Errorf("delete consumer %s: %w", plainName, err)
		}
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		if _, floor, err = conn.Plain(ctx); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("look for consumer %s: %w", plainName, err)
	}
	// A stream that was restored may end before it.
	floor = min(floor, s.CachedInfo().State.LastSeq)
	c, err = s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       plainName,
		Description:   "All events, in order",
		FilterSubject: "machshop.event.>",
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   floor + 1,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxAckPending: 2 * maxBatch, // a batch that is written and one that is gathered
		MaxDeliver:    -1,
	})
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", plainName, err)
	}
	return c, nil
}

// partitionIfDone goes over to partitions when the server has them and all events
// that were read as one are processed. It must be called with the lease, while
// nobody reads. It can be called again after an error.
func partitionIfDone(ctx context.Context, conn *stream.Conn) (bool, error) {
	if partitioned, err := conn.Partitioned(ctx); err != nil || !partitioned {
		return false, err
	}
	if plain, _, err := conn.Plain(ctx); err != nil || !plain {
		return !plain, err
	}
	// From here on each new event is stored with its partition. So if nothing
	// waits, none without is left.
	c, err := plainConsumer(ctx, conn)
	if err != nil {
		return false, err
	}
	info := c.CachedInfo()
	if info.NumPending > 0 || info.NumAckPending > 0 {
		return false, nil
	}
	for n := range seriald.Partitions {
		cfg := partitionConfig(n)
		// What read it before the stream was read as one has other places.
		if err := conn.JS.DeleteConsumer(ctx, seriald.StreamEvents, cfg.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return false, fmt.Errorf("delete consumer %s: %w", cfg.Durable, err)
		}
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, info.Delivered.Stream+1
		if _, err := conn.JS.CreateConsumer(ctx, seriald.StreamEvents, cfg); err != nil {
			return false, fmt.Errorf("create consumer %s: %w", cfg.Durable, err)
		}
	}
	// Last: until then a process that starts reads all events as one.
	if err := conn.EndPlain(ctx); err != nil {
		return false, err
	}
	_ = conn.JS.DeleteConsumer(ctx, seriald.StreamEvents, plainName) // left, it keeps nothing but its place
	return true, nil
}
