package processors

import (
	"context"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// letter is a message that becomes a dead letter, with the answer to its sender.
type letter struct {
	item      *item
	rejection *seriald.Rejection
}

// messages are what has to be published for a batch before it is acknowledged.
type messages struct {
	results []*nats.Msg
	// fresh serial events can't have been published before; those of repeats
	// probably were, and a single one that the server remembers would refuse an
	// atomic batch.
	fresh, again []*nats.Msg
}

// publish stores the outcomes and serial events of a batch, each in its stream
// at the same time. After an error it can be called again: ids are derived, so
// that nothing counts twice.
func publish(ctx context.Context, conn *stream.Conn, m *messages) error {
	var group errgroup.Group
	group.Go(func() error {
		_, err := conn.Publish(ctx, m.results)
		return err
	})
	group.Go(func() error {
		if _, err := conn.Publish(ctx, m.fresh); err != nil {
			return err
		}
		for i := range m.again {
			if _, err := conn.Publish(ctx, m.again[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// encodeReplies makes the messages of a batch: serial events of at most size
// serials, and none with a body longer than most bytes, or it could never be
// published.
func encodeReplies(replies []reply, size, most int) *messages {
	m := &messages{results: make([]*nats.Msg, 0, len(replies)), fresh: make([]*nats.Msg, 0, len(replies))}
	for i := range replies {
		r := &replies[i]
		origin := r.item.event.Origin
		id := string(r.outcome.EventID) + ".result"
		if r.repeat {
			id += "." + newID().String()
		}
		if origin.Device != "" {
			body := seriald.EncodeResult(id, r.body, origin, r.outcome.ProcessedAt)
			if over := len(body) - most; over > 0 {
				shortened := r.outcome
				shortened.Duplicate = r.repeat
				body = seriald.EncodeResult(id, shortened.EncodeWithin(len(r.body)-over), origin, r.outcome.ProcessedAt)
			}
			m.results = append(m.results, stream.NewMessage(seriald.ResultSubject(origin), "", body))
		}
		for _, e := range seriald.SerialEvents(&r.outcome, origin, r.partID, r.announcements, size, most) {
			msg := stream.NewMessage(e.Subject, e.ID, e.Body)
			if r.repeat {
				m.again = append(m.again, msg)
			} else {
				m.fresh = append(m.fresh, msg)
			}
		}
	}
	return m
}

// bury stores a message that can't be processed as it came, with where it came
// from, and tells its device. It can be called again after an error, and after a
// crash: the letter has the same id.
func bury(ctx context.Context, conn *stream.Conn, source *nats.Msg, l letter, o seriald.Origin, id seriald.EventID) error {
	stored := l.item.stored
	dead := conn.DeadLetter(stream.Letter{
		ID: letterID(seriald.StreamEvents, l.item.sequence, stored), Rejection: l.rejection, Origin: source.Subject,
		EventID: id, Body: source.Data, ReceivedAt: stored,
	})
	if _, err := conn.Publish(ctx, []*nats.Msg{dead}); err != nil {
		return err
	}
	if o.Device == "" {
		return nil
	}
	_, err := conn.Publish(ctx, []*nats.Msg{stream.Refusal(id, l.rejection, o, stored)})
	return err
}
