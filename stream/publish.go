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

// RefusedError says that a message can never be stored, whoever tries and how
// often: it is too large for the server. All before it are stored, it and all
// after it are not.
type RefusedError struct {
	Index int // of the message among those that were to be stored
	Err   error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("message %d is refused: %v", e.Index, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Publish stores msgs, which must be for one stream, in order. When it returns
// nil all of them are in the stream, and on disk as far as the server syncs.
// If one can never be stored the error is a *[RefusedError]. After any other
// error each of them may be there or not; publishing them again is safe for
// those with a message id.
//
// duplicates has the indexes of messages whose id the stream had seen within
// its window: they were there already and were not stored again. Beside a
// *RefusedError it has those before the refused one.
func (c *Conn) Publish(ctx context.Context, msgs []*nats.Msg) (duplicates []int, err error) {
	for first := 0; first < len(msgs); first += MaxBatch {
		chunk := msgs[first:min(first+MaxBatch, len(msgs))]
		dups, err := c.publishChunk(ctx, chunk)
		refused, isRefused := errors.AsType[*RefusedError](err)
		if err != nil && !isRefused {
			return nil, err
		}
		for _, d := range dups {
			duplicates = append(duplicates, first+d)
		}
		if isRefused {
			refused.Index += first
			return duplicates, refused
		}
	}
	return duplicates, nil
}

func (c *Conn) publishChunk(ctx context.Context, msgs []*nats.Msg) ([]int, error) {
	version := c.NATS.ConnectedServerVersion()
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ctx, release := c.connection.bound(ctx)
	defer release()
	if len(msgs) < minBatch || !c.atomic(version) {
		return c.publishEach(ctx, msgs)
	}
	err := c.publishAtomic(ctx, msgs)
	api, isAPI := errors.AsType[*jetstream.APIError](err)
	if !isAPI && !errors.Is(err, nats.ErrMaxPayload) {
		return nil, err
	}
	if isAPI && api.ErrorCode == jetstreamext.JSErrCodeBatchPublishNotEnabled {
		// A stream from before the server was upgraded: it is brought up to date
		// when a process starts.
		c.withoutAtomic.Store(&version)
	}
	// One message that is refused, or whose id was seen before, refuses the whole
	// batch: one by one, it turns out which.
	for _, m := range msgs {
		m.Header.Del(jetstreamext.BatchIDHeader)
		m.Header.Del(jetstreamext.BatchSeqHeader)
		m.Header.Del(jetstreamext.BatchCommitHeader)
	}
	return c.publishEach(ctx, msgs)
}

// atomic reports whether a server of a version takes atomic batches, as far as
// is known. It is asked each time: after a reconnection it may be another server.
func (c *Conn) atomic(version string) bool {
	without := c.withoutAtomic.Load()
	return atLeast(version, minorAtomic) && (without == nil || *without != version)
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
		if never(err) {
			return duplicates, &RefusedError{Index: i, Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		if ack.Duplicate {
			duplicates = append(duplicates, i)
		}
	}
	return duplicates, nil
}

// Error codes of a message that is too large for its stream.
const (
	codeMessageTooLarge jetstream.ErrorCode = 10054
	codeHeaderTooLarge  jetstream.ErrorCode = 10097
)

// never reports whether trying again is of no use.
func never(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode == codeMessageTooLarge || api.ErrorCode == codeHeaderTooLarge
	}
	return errors.Is(err, nats.ErrMaxPayload)
}
