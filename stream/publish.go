package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/machshop/seriald"
)

const (
	// MaxBatch is the most messages in one atomic batch. Beyond it nothing is
	// gained, and the server allows 1000.
	MaxBatch = 500
	// minBatch is where an atomic batch begins to pay: it costs as much as some
	// eight plain publishes, whatever its size (BenchmarkPublish).
	minBatch = 8
	// publishTimeout bounds the wait for the confirmation of one batch.
	publishTimeout = 10 * time.Second
)

// NewMessage returns a message that carries a CloudEvent. id is its Nats-Msg-Id;
// "" leaves it out of the duplicate filter.
func NewMessage(subject, id string, body []byte) *nats.Msg {
	header := nats.Header{"content-type": contentType}
	if id != "" {
		header[jetstream.MsgIDHeader] = []string{id}
	}
	return &nats.Msg{Subject: subject, Header: header, Data: body}
}

// contentType is shared by the headers of all messages and never changed.
var contentType = []string{seriald.ContentType}

// Publish stores msgs, which must be for one stream, in order. When it returns
// nil all of them are in the stream, and on disk as far as the server syncs.
// After an error any of them may be there or not; publishing them again is safe
// for those with a message id.
//
// duplicates has the indexes of messages whose id the stream had seen within
// its window: they were there already and were not stored again.
func (c *Conn) Publish(ctx context.Context, msgs []*nats.Msg) (duplicates []int, err error) {
	for first := 0; first < len(msgs); first += MaxBatch {
		chunk := msgs[first:min(first+MaxBatch, len(msgs))]
		dups, err := c.publishChunk(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, d := range dups {
			duplicates = append(duplicates, first+d)
		}
	}
	return duplicates, nil
}

func (c *Conn) publishChunk(ctx context.Context, msgs []*nats.Msg) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if len(msgs) < minBatch {
		return c.publishEach(ctx, msgs)
	}
	err := c.publishAtomic(ctx, msgs)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstreamext.JSErrCodeBatchPublishDuplicateMsgID {
		// One id that was seen before refuses the whole batch: one by one, the
		// server tells which.
		for _, m := range msgs {
			m.Header.Del(jetstreamext.BatchIDHeader)
			m.Header.Del(jetstreamext.BatchSeqHeader)
			m.Header.Del(jetstreamext.BatchCommitHeader)
		}
		return c.publishEach(ctx, msgs)
	}
	return nil, err
}

func (c *Conn) publishAtomic(ctx context.Context, msgs []*nats.Msg) error {
	// No confirmation is waited for but the last: the batch is there as a whole
	// or not at all.
	batch, err := jetstreamext.NewBatchPublisher(c.JS, jetstreamext.BatchFlowControl{AckFirst: false})
	if err != nil {
		return fmt.Errorf("publish batch: %w", err)
	}
	for _, m := range msgs[:len(msgs)-1] {
		if err := batch.AddMsg(m); err != nil {
			return fmt.Errorf("publish batch: %w", err)
		}
	}
	if _, err := batch.CommitMsg(ctx, msgs[len(msgs)-1]); err != nil {
		return fmt.Errorf("publish batch: %w", err)
	}
	return nil
}

// publishEach stores msgs one after the other, each confirmed before the next is
// sent: what follows a refused message must not overtake it.
func (c *Conn) publishEach(ctx context.Context, msgs []*nats.Msg) (duplicates []int, err error) {
	for i, m := range msgs {
		ack, err := c.JS.PublishMsg(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		if ack.Duplicate {
			duplicates = append(duplicates, i)
		}
	}
	return duplicates, nil
}
