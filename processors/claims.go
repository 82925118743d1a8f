package processors

import (
	"context"
	"slices"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// maxRenumber is how often a number of ours that is taken is replaced by
// another. The counter jumps twice as far each time, so that a block of a
// million registered numbers is passed.
const maxRenumber = 20

// counters are where the values of formats come from.
type counters interface {
	TakeCounters(ctx context.Context, takes map[store.Counter]int64) (first map[store.Counter]int64, err error)
}

// claims is the judge of uniqueness, as [store.Batch] has it.
type claims interface {
	Claim(ctx context.Context, rows []store.ClaimRow) (lost map[int]store.Holder, err error)
	Unclaim(ctx context.Context, ids []seriald.ID) error
	Release(ctx context.Context, serials []*seriald.Serial) error
	Give(ctx context.Context, rows []store.GiveRow) error
	Adopt(ctx context.Context, rows []store.Adoption) error
	Reclaim(ctx context.Context, partID string, eventID seriald.EventID, of func(*store.NumberHolder) []seriald.Claim, most int) (
		first []store.Collision, collisions int, err error)
	Undecide(ctx context.Context) error
}

// numbering gives decisions their numbers and claims, and learns what they have to be
// decided again by.
type numbering struct {
	counters counters
	claims   claims
	metrics  *metrics
	known    *facts
	taken    map[store.Counter]*values64 // for this batch, however often it is decided
}

// values64 are the ordinals that were taken from a counter.
type values64 struct {
	spans []span
	at    int // the span that the next comes from
	used  int64
	left  int64 // of all spans
}

type span struct{ first, n int64 }

// next returns an ordinal; there must be one left.
func (v *values64) next() int64 {
	for v.used == v.spans[v.at].n {
		v.at, v.used = v.at+1, 0
	}
	v.used++
	v.left--
	return v.spans[v.at].first + v.used - 1
}

func (v *values64) add(s span) {
	v.spans = append(v.spans, s)
	v.left += s.n
}

// rewind makes all ordinals available again.
func (v *values64) rewind() {
	v.at, v.used, v.left = 0, 0, 0
	for _, s := range v.spans {
		v.left += s.n
	}
}

// decide decides a batch: it applies the rules, numbers and claims what they ask for,
// and does so again as long as something turns out differently than they assumed. An
// event has all its claims or none, and who comes first has them: a decision never
// rests on one that did not come about.
func (n *numbering) decide(ctx context.Context, items []*item, st *state, found *store.Found) ([]*decision, error) {
	for {
		st.world = newWorld(found, n.known)
		decisions := decideAll(items, st, n.known)
		learned, err := n.settle(ctx, decisions, st)
		if err != nil {
			return nil, err
		}
		if !learned {
			return decisions, nil
		}
		if err := n.claims.Undecide(ctx); err != nil {
			return nil, err
		}
	}
}

// settle numbers and claims. learned says that it met a fact that was not known: then
// what it did has to be taken back, and decided again.
func (n *numbering) settle(ctx context.Context, decisions []*decision, st *state) (learned bool, err error) {
	if learned, err = n.number(ctx, decisions); learned || err != nil {
		return learned, err
	}
	if released := st.world.released; len(released) > 0 {
		if err := n.claims.Release(ctx, released); err != nil {
			return false, err
		}
	}
	if given := st.world.given; len(given) > 0 {
		if err := n.claims.Give(ctx, given); err != nil {
			return false, err
		}
	}
	if learned, err = n.claimAll(ctx, decisions, st); learned || err != nil {
		return learned, err
	}
	for _, d := range decisions {
		if d.policy != nil {
			return n.reclaim(ctx, d) // alone in its batch
		}
	}
	if adopted := st.world.adopted; len(adopted) > 0 {
		return false, n.claims.Adopt(ctx, adopted)
	}
	return false, nil
}

// claimAll takes the claims that decisions ask for.
func (n *numbering) claimAll(ctx context.Context, decisions []*decision, st *state) (learned bool, err error) {
	size := 0
	for _, d := range decisions {
		size += len(d.claims)
		for _, r := range d.runs {
			size += len(r.serials) * len(r.part.UniquenessScopes)
		}
	}
	// Numbers of ours come last: of equal claims the first has it, and nobody asked
	// for just these numbers.
	pending := make([]store.ClaimRow, 0, size)
	for _, d := range decisions {
		pending = append(pending, d.claims...)
	}
	for _, d := range decisions {
		for _, r := range d.runs {
			for _, s := range r.serials {
				pending = appendClaims(pending, s, st)
			}
		}
	}
	var ours map[seriald.ID]numbered
	for round := 0; len(pending) > 0; round++ {
		lost, err := n.claims.Claim(ctx, pending)
		if err != nil {
			return false, err
		}
		if len(lost) == 0 {
			return false, nil
		}
		if ours == nil {
			ours = numberedOf(decisions)
		}
		again := n.judge(pending, lost, ours, round)
		if again == nil {
			return true, nil
		}
		if pending, learned, err = n.renumber(ctx, again, pending, lost, st, round); learned || err != nil {
			return learned, err
		}
	}
	return false, nil
}

// numbered is a serial of ours with what its number was made from.
type numbered struct {
	serial *seriald.Serial
	run    *run
	item   *item
}

func numberedOf(decisions []*decision) map[seriald.ID]numbered {
	all := map[seriald.ID]numbered{}
	for _, d := range decisions {
		for _, r := range d.runs {
			for _, s := range r.serials {
				all[s.ID] = numbered{s, r, d.item}
			}
		}
	}
	return all
}

// judge returns the serials of ours that need another number, or nil if a number that
// was asked for is taken, which it notes. When numbers of ours were replaced often
// enough, that one is taken becomes the fate of their event.
func (n *numbering) judge(pending []store.ClaimRow, lost map[int]store.Holder, ours map[seriald.ID]numbered, round int) []numbered {
	var again []numbered
	learned := false
	seen := map[seriald.ID]bool{}
	for i, row := range pending {
		holder, isLost := lost[i]
		if !isLost {
			continue
		}
		s, isOurs := ours[row.SerialID]
		switch {
		case !isOurs:
			n.known.held[keyOfClaim(&row.Claim)], learned = holder, true
		case round >= maxRenumber:
			if n.known.fates[s.item] == nil {
				n.known.fates[s.item] = &takenError{lost: []store.ClaimRow{row}, holder: holder}
			}
			learned = true
		case !seen[row.SerialID]:
			seen[row.SerialID] = true
			again = append(again, s)
		}
	}
	if learned {
		return nil
	}
	return again
}

// number takes what all decisions need from the counters, in one statement, and makes
// the numbers. That one can't be made is the fate of its event.
func (n *numbering) number(ctx context.Context, decisions []*decision) (learned bool, err error) {
	for _, v := range n.taken {
		v.rewind()
	}
	needs := map[store.Counter]int64{}
	for _, d := range decisions {
		for _, r := range d.runs {
			needs[r.counter] += int64(len(r.serials))
		}
	}
	takes := map[store.Counter]int64{}
	for counter, need := range needs {
		if n.taken[counter] == nil {
			n.taken[counter] = &values64{}
		}
		if missing := need - n.taken[counter].left; missing > 0 {
			takes[counter] = missing
		}
	}
	if len(takes) > 0 {
		first, err := n.counters.TakeCounters(ctx, takes)
		if err != nil {
			return false, err
		}
		for counter, take := range takes {
			n.taken[counter].add(span{first[counter], take})
		}
	}
	for _, d := range decisions {
		if err := n.numberAll(d); err != nil {
			n.known.fates[d.item], learned = err, true
		}
	}
	return learned, nil
}

// numberAll makes the numbers of one decision. If one can't be made, the next has the
// ordinals that are left.
func (n *numbering) numberAll(d *decision) error {
	before := make([]values64, len(d.runs))
	for i, r := range d.runs {
		from, last := n.taken[r.counter], int64(0)
		before[i] = *from
		for _, s := range r.serials {
			last = from.next()
			if err := r.numberOne(s, last); err != nil {
				for i, r := range slices.Backward(d.runs[:i+1]) {
					*n.taken[r.counter] = before[i]
				}
				return err
			}
		}
		if n.metrics != nil {
			n.metrics.counter(r, last+1)
		}
	}
	return nil
}

// renumber gives each of serials the last value of a block of its counter; the
// blocks double with each round. It gives back what they have of pending, and returns
// the claims of their new numbers.
func (n *numbering) renumber(ctx context.Context, serials []numbered, pending []store.ClaimRow, lost map[int]store.Holder,
	st *state, round int,
) (next []store.ClaimRow, learned bool, err error) {
	jump := int64(1) << round
	takes, again := map[store.Counter]int64{}, map[seriald.ID]bool{}
	for _, s := range serials {
		takes[s.run.counter] += jump
		again[s.serial.ID] = true
	}
	var giveBack []seriald.ID
	for i, row := range pending {
		if _, isLost := lost[i]; !isLost && again[row.SerialID] {
			giveBack = append(giveBack, row.ID)
		}
	}
	if len(giveBack) > 0 {
		if err := n.claims.Unclaim(ctx, giveBack); err != nil {
			return nil, false, err
		}
	}
	first, err := n.counters.TakeCounters(ctx, takes)
	if err != nil {
		return nil, false, err
	}
	for _, s := range serials {
		first[s.run.counter] += jump
		if err := s.run.numberOne(s.serial, first[s.run.counter]-1); err != nil {
			n.known.fates[s.item], learned = err, true
			continue
		}
		next = appendClaims(next, s.serial, st)
	}
	return next, learned, nil
}
