package processors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

const (
	// recorderName is the durable consumer of the dead letter stream. All
	// processes share it: a letter goes to one of them.
	recorderName = "deadletters"
	// recorderBytes bounds the letters that are in memory, beside one of the
	// longest that the server takes.
	recorderBytes = 8 << 20
	// recorderWait is how long letters gather. Nobody waits for them but people.
	recorderWait = time.Second
	// recorderAckWait is when letters that were fetched and not recorded come
	// again.
	recorderAckWait = 30 * time.Second
	// recordTimeout bounds one statement, on a connection that may be dead.
	recordTimeout = 20 * time.Second
)

// recorder moves dead letters from their stream into the database, where people
// look at them.
type recorder struct {
	conn     *stream.Conn
	db       deadLetters
	log      *slog.Logger
	recorded *prometheus.CounterVec
}

// deadLetters is what the recorder asks of the store.
type deadLetters interface {
	RecordDeadLetters(ctx context.Context, letters []store.DeadLetter) (reasons []string, err error)
}

// run records letters until ctx ends and those it has fetched are recorded, or
// settle ends. A letter is acknowledged when it is committed.
func (r *recorder) run(ctx, settle context.Context) {
	var consumer jetstream.Consumer
	down := false
	for wait := 50 * time.Millisecond; ctx.Err() == nil; {
		var msgs []jetstream.Msg
		var err error
		if consumer == nil {
			consumer, err = r.consumer(ctx)
		} else {
			msgs, err = r.fetch(ctx, consumer)
		}
		// What came before an error is there all the same.
		if len(msgs) > 0 && !r.record(settle, msgs) {
			return
		}
		if err == nil {
			if down {
				down = false
				r.log.Info("dead letters are read again")
			}
			wait = 50 * time.Millisecond
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if !down {
			down = true
			r.log.Warn("dead letters can't be read, they wait in their stream", "error", err)
		}
		consumer = nil // it may be gone with its stream
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, maxBackoff)
	}
}

func (r *recorder) consumer(ctx context.Context) (jetstream.Consumer, error) {
	return r.conn.JS.CreateOrUpdateConsumer(ctx, seriald.StreamDeadLetters, jetstream.ConsumerConfig{
		Durable: recorderName, Description: "Dead letters on their way into the database",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: recorderAckWait, MaxAckPending: 4 * maxBatch, MaxDeliver: -1,
	})
}

// fetch returns what comes within recorderWait, at most a batch.
func (r *recorder) fetch(ctx context.Context, consumer jetstream.Consumer) ([]jetstream.Msg, error) {
	bound, cancel := context.WithTimeout(ctx, recorderWait)
	defer cancel()
	// A request for fewer bytes than a message has would never be answered.
	most := max(recorderBytes, 2*int(r.conn.NATS.MaxPayload()))
	batch, err := consumer.Fetch(maxBatch, jetstream.FetchContext(bound), jetstream.FetchMaxBytes(most))
	if err != nil {
		return nil, err
	}
	var msgs []jetstream.Msg
	for m := range batch.Messages() {
		msgs = append(msgs, m)
	}
	if err := batch.Error(); err != nil && bound.Err() == nil {
		return msgs, err
	}
	return msgs, nil
}

// record stores letters and acknowledges them; false means that ctx ended first
// and they come again.
func (r *recorder) record(ctx context.Context, msgs []jetstream.Msg) bool {
	letters := make([]store.DeadLetter, len(msgs))
	for i, m := range msgs {
		meta, err := m.Metadata()
		if err != nil {
			r.log.Error("dead letter without metadata", "error", err)
			meta = &jetstream.MsgMetadata{}
		}
		letters[i] = readLetter(m.Subject(), m.Headers(), m.Data(), meta)
	}
	if !r.store(ctx, letters) {
		return false
	}
	for _, m := range msgs {
		_ = m.Ack() // one that is lost brings a letter that is there already
	}
	return true
}

// store tries until letters are committed or ctx ends. A letter that the database
// refuses is stored without its texts; the others are not kept waiting.
func (r *recorder) store(ctx context.Context, letters []store.DeadLetter) bool {
	down := false
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		bound, cancel := context.WithTimeout(ctx, recordTimeout)
		reasons, err := r.db.RecordDeadLetters(bound, letters)
		cancel()
		switch {
		case err == nil:
			if down {
				r.log.Info("dead letters are recorded again")
			}
			for _, reason := range reasons {
				r.recorded.WithLabelValues(reasonLabel(reason)).Inc()
			}
			return true
		case errors.Is(err, store.ErrBadData) && len(letters) > 1:
			half := len(letters) / 2
			return r.store(ctx, letters[:half]) && r.store(ctx, letters[half:])
		case errors.Is(err, store.ErrBadData):
			return r.storeBare(ctx, &letters[0], err)
		}
		if ctx.Err() != nil {
			return false
		}
		if !down {
			down = true
			r.log.Warn("dead letters not recorded, they wait in their stream", "error", err)
		}
		if !sleep(ctx, wait) {
			return false
		}
	}
}

// storeBare stores what any row can hold of a letter: its bytes.
func (r *recorder) storeBare(ctx context.Context, l *store.DeadLetter, cause error) bool {
	if l.Reason == reasonOther {
		// It was bare already. The stream keeps it as it came.
		r.log.Error("dead letter can't be recorded, it stays in its stream only", "letter_id", l.ID, "error", cause)
		return true
	}
	r.log.Warn("dead letter recorded without its headers, which the database refuses", "letter_id", l.ID, "error", cause)
	return r.store(ctx, []store.DeadLetter{{
		ID: l.ID, Reason: reasonOther, Detail: "the database refused the headers of this letter; its stream has them",
		Payload: l.Payload, Size: l.Size, ReceivedAt: l.ReceivedAt,
	}})
}
