package processors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/machshop/seriald/stream"
)

// intake is where what the partitions take waits to be gathered.
type intake struct {
	ctx   context.Context //nolint:containedctx // the life of the reading it is a part of
	items chan *item
	over  atomic.Bool // something was turned away
}

// newIntake returns an intake that is open until ctx ends.
func newIntake(ctx context.Context) *intake {
	return &intake{ctx: ctx, items: make(chan *item, 2*maxBatch)}
}

// take puts t in line; it may block. Once something was turned away, because ctx
// has ended, all that follows is: there may be room for it again, and what was
// turned away comes again only after it.
func (i *intake) take(t taken) {
	if i.over.Load() {
		return
	}
	select {
	case i.items <- decode(t):
	case <-i.ctx.Done():
		i.over.Store(true)
	}
}

// work is a batch between gathering and processing.
type work struct {
	items   []*item
	letters []letter // messages that are no events, in no order with the items
	units   int      // serials that the items ask for
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

// gather hands over what waits. While a batch is being processed the next one
// grows; when nothing is, a single event goes at once. Under load, when many wait
// together, it is the cost of a batch that limits the rate: then a batch waits a
// moment to become a good one.
func gather(ctx context.Context, in <-chan *item, out chan<- work) {
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
		if w.full() {
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
	if it.dead() {
		w.letters = append(w.letters, letter{it, it.refused})
		return
	}
	w.items = append(w.items, it)
	w.units += it.units()
}

// full reports whether no more may be added to w.
func (w *work) full() bool { return w.size() >= maxBatch || w.units >= maxUnits }
