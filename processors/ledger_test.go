package processors

import (
	"context"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// ledger is a model of what judges and counts in the database: the unique index of
// claims, as one transaction sees it, and the counters.
type ledger struct {
	claims map[claimKey]store.ClaimRow
	taken  map[store.Counter]int64
	begun  map[claimKey]store.ClaimRow // what Undecide goes back to
	rounds int                         // calls of Claim
	undone int                         // calls of Undecide
}

func newLedger(claims ...store.ClaimRow) *ledger {
	l := &ledger{claims: map[claimKey]store.ClaimRow{}, taken: map[store.Counter]int64{}}
	for _, c := range claims {
		l.claims[keyOfClaim(&c.Claim)] = c
	}
	l.begun = maps.Clone(l.claims)
	return l
}

func (l *ledger) TakeCounters(_ context.Context, takes map[store.Counter]int64) (map[store.Counter]int64, error) {
	first := map[store.Counter]int64{}
	for counter, n := range takes {
		first[counter] = l.taken[counter]
		l.taken[counter] += n
	}
	return first, nil
}

// Claim gives what two ask for to the first.
func (l *ledger) Claim(_ context.Context, rows []store.ClaimRow) (map[int]store.Holder, error) {
	l.rounds++
	lost := map[int]store.Holder{}
	for i, row := range rows {
		key := keyOfClaim(&row.Claim)
		if h, held := l.claims[key]; held {
			lost[i] = store.Holder{ClaimID: h.ID, SerialID: h.SerialID, PartID: h.PartID, EventID: h.EventID, Number: h.Number}
			continue
		}
		l.claims[key] = row
	}
	return lost, nil
}

func (l *ledger) Unclaim(_ context.Context, ids []seriald.ID) error {
	drop := map[seriald.ID]bool{}
	for _, id := range ids {
		drop[id] = true
	}
	maps.DeleteFunc(l.claims, func(_ claimKey, row store.ClaimRow) bool { return drop[row.ID] })
	return nil
}

func (l *ledger) Release(_ context.Context, serials []*seriald.Serial) error {
	l.release(serials)
	return nil
}

func (l *ledger) release(serials []*seriald.Serial) {
	for _, s := range serials {
		maps.DeleteFunc(l.claims, func(_ claimKey, row store.ClaimRow) bool { return row.SerialID == s.ID })
	}
}

func (l *ledger) Give(_ context.Context, rows []store.GiveRow) error {
	for _, r := range rows {
		key := keyOfClaim(&r.Claim)
		if c, held := l.claims[key]; held && c.SerialID == r.Holder.SerialID && (!c.SerialID.IsZero() || c.EventID == r.Holder.EventID) {
			delete(l.claims, key)
		}
	}
	return nil
}

func (l *ledger) Adopt(_ context.Context, rows []store.Adoption) error {
	for _, r := range rows {
		before := maps.Clone(l.claims)
		for key, c := range before {
			if c.SerialID.IsZero() && c.EventID == r.EventID && c.Number == r.Registered {
				c.SerialID, c.Number = r.SerialID, r.Number
				l.claims[key] = c
			}
		}
		if maps.EqualFunc(before, l.claims, func(a, b store.ClaimRow) bool { return a.SerialID == b.SerialID }) {
			return store.ErrRepeat
		}
	}
	return nil
}

func (l *ledger) Undecide(context.Context) error {
	l.claims = maps.Clone(l.begun)
	l.undone++
	return nil
}

// commit makes what was claimed final, but for what is given up at the end.
func (l *ledger) commit(w *world) {
	l.release(w.releasedMade)
	l.begun = maps.Clone(l.claims)
}

// decided decides items as one batch, numbers and claims included.
func decided(tb testing.TB, st *state, l *ledger, items ...*item) []*decision {
	tb.Helper()
	n := &numbering{counters: l, claims: l, known: newFacts(), taken: map[store.Counter]*values64{}}
	all, err := n.decide(tb.Context(), items, st, &store.Found{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range all {
		d.finish(st)
	}
	return all
}

// decideOne decides one event by what st knows, without its numbers.
func decideOne(tb testing.TB, it *item, st *state) *decision {
	tb.Helper()
	if st.world == nil {
		st.world = newWorld(&store.Found{}, newFacts())
	}
	d, err := decide(it, st, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// knows makes st know serials and placeholders as if they had been read.
func (st *state) knows(serials []*seriald.Serial, placeholders ...*seriald.Placeholder) *state {
	st.world = newWorld(&store.Found{Serials: serials, Placeholders: placeholders}, newFacts())
	return st
}

// number gives the serials of r the numbers of ordinals from first on.
func (r *run) number(first int64) error {
	for i, s := range r.serials {
		if err := r.numberOne(s, first+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// numbered gives d its numbers, as the processor does with counters that begin.
func (d *decision) numbered(t *testing.T, st *state) *decision {
	t.Helper()
	taken := map[store.Counter]int64{}
	for _, r := range d.runs {
		if err := r.number(taken[r.counter]); err != nil {
			t.Fatal(err)
		}
		taken[r.counter] += int64(len(r.serials))
	}
	d.finish(st)
	return d
}

func TestOrdinalsAreUsedAgainWhenABatchIsDecidedAgain(t *testing.T) {
	t.Parallel()
	v := &values64{}
	v.add(span{5, 2})
	v.add(span{20, 3})
	take := func(n int) (all []int64) {
		for range n {
			all = append(all, v.next())
		}
		return all
	}
	if diff := cmp.Diff([]int64{5, 6, 20, 21}, take(4)); diff != "" || v.left != 1 {
		t.Errorf("%d left, (-want +got):\n%s", v.left, diff)
	}
	v.rewind()
	if diff := cmp.Diff([]int64{5, 6, 20, 21, 22}, take(5)); diff != "" || v.left != 0 {
		t.Errorf("%d left, (-want +got):\n%s", v.left, diff)
	}
}
