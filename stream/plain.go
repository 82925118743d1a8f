package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
)

// plainKey is a key in the bucket of the leases. It is there while the event
// stream may hold events without a partition, because an old server stored them,
// that were not processed. Its value is the stream sequence up to which they
// certainly were.
const plainKey = "events-plain-processed-to"

// firstPartition is the consumer that is there once partitions were read.
const firstPartition = "processor-00"

// markPlain notes that the event stream is not partitioned. It refuses one that
// was: who reads partitions has got to different places in them.
func (c *Conn) markPlain(ctx context.Context, version string) error {
	noted, _, err := c.plainNote(ctx)
	if err != nil || noted {
		return err
	}
	s, err := c.JS.Stream(ctx, seriald.StreamEvents)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return c.NotePlain(ctx, 0)
	case err != nil:
		return fmt.Errorf("provision %s: %w", seriald.StreamEvents, err)
	}
	partitioned := s.CachedInfo().Config.SubjectTransform != nil
	if !partitioned { // a server before 2.10 does not tell
		_, err = s.Consumer(ctx, firstPartition)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("provision %s: %w", seriald.StreamEvents, err)
		}
		partitioned = err == nil
	}
	if partitioned {
		return fmt.Errorf("stream %s was partitioned by a newer NATS server, server %s can't read it in order: "+
			"go back to 2.%d or later, or remove the stream when all its events are processed", seriald.StreamEvents, version, minorPartitioned)
	}
	return c.NotePlain(ctx, 0)
}

// Plain reports whether all events have to be read as one, in the order of the
// stream: a server before 2.14 has no partitions, and what it stored has to be
// processed before partitions can be read. processed is the stream sequence up to
// which that was noted to be so.
func (c *Conn) Plain(ctx context.Context) (plain bool, processed uint64, err error) {
	noted, processed, err := c.plainNote(ctx)
	return noted || !c.partitions(), processed, err
}

func (c *Conn) plainNote(ctx context.Context) (noted bool, processed uint64, err error) {
	kv, err := c.JS.KeyValue(ctx, leasesBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("read %s: %w", leasesBucket, err)
	}
	e, err := kv.Get(ctx, plainKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("read %s: %w", plainKey, err)
	}
	if processed, err = strconv.ParseUint(string(e.Value()), 10, 64); err != nil {
		return false, 0, fmt.Errorf("read %s: %w", plainKey, err)
	}
	return true, processed, nil
}

// NotePlain notes that all events are read as one, and that those up to a stream
// sequence are processed.
func (c *Conn) NotePlain(ctx context.Context, processed uint64) error {
	kv, err := (&leaseBucket{conn: c}).open(ctx)
	if err != nil {
		return err
	}
	if _, err := kv.Put(ctx, plainKey, []byte(strconv.FormatUint(processed, 10))); err != nil {
		return fmt.Errorf("write %s: %w", plainKey, err)
	}
	return nil
}

// EndPlain notes that no event without a partition waits any more.
func (c *Conn) EndPlain(ctx context.Context) error {
	kv, err := (&leaseBucket{conn: c}).open(ctx)
	if err != nil {
		return err
	}
	if err := kv.Delete(ctx, plainKey); err != nil {
		return fmt.Errorf("remove %s: %w", plainKey, err)
	}
	return nil
}

// Partitioned reports whether the stream stores every new event with its
// partition, and the server can have them read in partitions.
func (c *Conn) Partitioned(ctx context.Context) (bool, error) {
	s, err := c.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", seriald.StreamEvents, err)
	}
	return c.partitions() && s.CachedInfo().Config.SubjectTransform != nil, nil
}
