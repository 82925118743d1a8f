package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// publication is an event that waits to be stored.
type publication struct {
	id      seriald.EventID
	subject string
	body    []byte
	stored  chan error // gets one value
}

// errStopped says that the service ends, and the event is stored or not.
var errStopped = errors.New("the service stops: send the event again, with its id")

// store has an event stored. Of those that come while others are being stored, all go
// together, in the order in which they came.
func (s *Sender) store(ctx context.Context, e *seriald.Event) error {
	p := &publication{e.ID, seriald.EventSubject(e.Origin.Site, e.Type, e.Key), e.Encode(), make(chan error, 1)}
	select {
	case s.publications <- p:
	case <-s.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.stored:
		return err
	case <-s.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish stores what comes, until ctx ends.
func (s *Sender) publish(ctx context.Context) {
	for {
		var batch []*publication
		select {
		case p := <-s.publications:
			batch = append(batch, p)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < stream.MaxBatch; {
			select {
			case p := <-s.publications:
				batch = append(batch, p)
			default:
				more = false
			}
		}
		s.publishBatch(ctx, batch)
	}
}

// publishBatch stores a batch and tells each of it what became of it.
func (s *Sender) publishBatch(ctx context.Context, batch []*publication) {
	var again []*publication
	for len(batch) > 0 {
		duplicates, err := s.conn.Publish(ctx, messages(batch, true))
		refused, isRefused := errors.AsType[*stream.RefusedError](err)
		done := len(batch)
		if isRefused {
			done = refused.Index
		}
		repeats := map[int]bool{}
		for _, i := range duplicates {
			repeats[i] = true
			again = append(again, batch[i])
		}
		for i, p := range batch[:done] {
			if !repeats[i] {
				p.tell(err, isRefused)
			}
		}
		if !isRefused {
			break
		}
		batch[done].stored <- fmt.Errorf("store event %s: %w", batch[done].id, err)
		batch = batch[done+1:]
	}
	// A repeat has to get to the inbox, which answers it: past the stream's filter.
	if len(again) > 0 {
		_, err := s.conn.Publish(ctx, messages(again, false))
		for _, p := range again {
			p.tell(err, false)
		}
	}
}

// tell says that p is stored, or why that is not certain. What stands before a message
// that was refused is stored.
func (p *publication) tell(err error, isRefused bool) {
	if err == nil || isRefused {
		p.stored <- nil
		return
	}
	p.stored <- fmt.Errorf("store event %s: %w", p.id, err)
}

func messages(batch []*publication, withIDs bool) []*nats.Msg {
	all := make([]*nats.Msg, len(batch))
	for i, p := range batch {
		id := ""
		if withIDs {
			id = string(p.id)
		}
		all[i] = stream.NewMessage(p.subject, id, p.body)
	}
	return all
}
