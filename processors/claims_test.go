package processors

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// index is a model of the unique index of claims.
type index map[indexKey]store.ClaimRow

type indexKey struct {
	scope               seriald.Scope
	scopeKey, canonical string
}

func keyOf(c store.ClaimRow) indexKey { return indexKey{c.Scope, c.ScopeKey, c.Canonical} }

// claim is store.Batch.Claim: of two that ask for the same, the first wins.
func (x index) claim(rows []store.ClaimRow) map[int]store.Holder {
	lost := map[int]store.Holder{}
	for i, row := range rows {
		if h, held := x[keyOf(row)]; held {
			lost[i] = store.Holder{ClaimID: h.ID, SerialID: h.SerialID, PartID: h.PartID}
			continue
		}
		x[keyOf(row)] = row
	}
	return lost
}

// unclaim is store.Batch.Unclaim.
func (x index) unclaim(ids []seriald.ID) {
	for _, id := range ids {
		for k, row := range x {
			if row.ID == id {
				delete(x, k)
			}
		}
	}
}

// claiming is a batch whose claims are settled as processor.claim does it, with
// a model of the index and of the counters.
type claiming struct {
	st        *state
	index     index
	counters  map[store.Counter]int64
	decisions []*decision
	book      *claimBook
	pending   []store.ClaimRow
	rounds    int
}

func newClaiming(t *testing.T, taken index, decisions ...*decision) *claiming {
	t.Helper()
	c := &claiming{st: newState(claimCatalog()), index: taken, counters: map[store.Counter]int64{}, decisions: decisions}
	for i, d := range decisions {
		d.item.event.ID = seriald.EventID(fmt.Sprint("e", i+1))
		*d = *decide(d.item, c.st)
		if d.outcome.Status != seriald.StatusAccepted {
			t.Fatalf("event %d: got %+v", i+1, d.outcome)
		}
		for r := range d.runs {
			counter := d.runs[r].counter
			if err := d.runs[r].number(c.st, c.counters[counter]); err != nil {
				t.Fatal(err)
			}
			c.counters[counter] += int64(len(d.runs[r].serials))
		}
		d.claimAll(c.st)
		c.pending = append(c.pending, d.claims...)
	}
	c.book = newClaimBook(decisions, c.st)
	return c
}

// round claims what is pending; it returns the numbers of ours that lost, for
// renumber, and how many claims were lost.
func (c *claiming) round(mayRenumber bool) (renumber []numbered, lost int) {
	holders := c.index.claim(c.pending)
	renumber = c.book.settle(c.pending, holders, mayRenumber)
	return renumber, len(holders)
}

// next renumbers and ends the round.
func (c *claiming) next(renumber []numbered) {
	for _, n := range renumber {
		c.counters[n.run.counter]++
		if c.book.undone[n.owner] {
			continue
		}
		if err := n.run.numberOne(c.st, n.serial, c.counters[n.run.counter]-1); err != nil {
			c.book.undo(n.owner)
			n.owner.refuse(c.st, exhausted(n.run, err))
			continue
		}
		c.book.reclaim(n)
	}
	c.index.unclaim(c.book.giveBack)
	c.pending = c.book.retries()
	c.rounds++
}

func (c *claiming) settle(t *testing.T) {
	t.Helper()
	for len(c.pending) > 0 {
		renumber, _ := c.round(c.rounds < maxRenumber)
		c.next(renumber)
		if c.rounds > 2*maxRenumber {
			t.Fatal("the claims are never settled")
		}
	}
}

// claimCatalog has vendors' numbers and ours in common scopes.
func claimCatalog() *catalog {
	site, family, enterprise := seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise
	c := &seriald.Catalog{
		Sites: map[string]*seriald.Site{"plant1": {ID: "plant1", Location: testNow.Location()}},
		Parts: map[string]*seriald.Part{},
		Formats: map[string]*seriald.Format{
			"ours":  {ID: "ours", Pattern: "N{SEQ:1}", Start: 1, Increment: 1},
			"wide":  {ID: "wide", Pattern: "N{SEQ:1}", Start: 1, Increment: 2},
			"small": {ID: "small", Pattern: "N{SEQ:1}", Start: 8, Increment: 1},
		},
	}
	for _, p := range []*seriald.Part{
		{ID: "SITE", Type: "X", DefaultFormat: "ours", UniquenessScopes: []seriald.Scope{site}, VendorScopes: []seriald.Scope{site}},
		{ID: "FAMILY", Type: "X", DefaultFormat: "wide", UniquenessScopes: []seriald.Scope{family}, VendorScopes: []seriald.Scope{family}},
		{ID: "BOTH", Type: "X", DefaultFormat: "ours", UniquenessScopes: []seriald.Scope{site, family}, VendorScopes: []seriald.Scope{family, site}},
		{ID: "ALL", Type: "Y", DefaultFormat: "small", UniquenessScopes: []seriald.Scope{enterprise, family, site}, VendorScopes: []seriald.Scope{site, enterprise}},
	} {
		c.Parts[p.ID] = p
	}
	compiled, err := compile(c)
	if err != nil {
		panic(err)
	}
	return compiled
}

// receive is an event about a vendor's number, generate about n of ours.
func receive(part, number string) *decision {
	return &decision{item: newItem(seriald.TypeVendorSerialReceive,
		fmt.Sprintf(`{"partId":%q,"vendorName":"ACME","vendorSerialNumber":%q}`, part, number))}
}

func generate(part string, n int) *decision {
	return &decision{item: newItem(seriald.TypeSerialGenerate, fmt.Sprintf(`{"partId":%q,"quantity":%d}`, part, n))}
}

// outside is a claim that was there before, registered without a unit.
func outside(scope seriald.Scope, key, number string) index {
	row := store.ClaimRow{ID: seriald.ID{0: 0xff}, Claim: seriald.Claim{
		Scope: scope, ScopeKey: key, Canonical: number, Number: number, PartID: "OLD",
	}}
	return index{keyOf(row): row}
}

func claimIDs(rows []store.ClaimRow) []seriald.ID {
	var all []seriald.ID
	for _, r := range rows {
		all = append(all, r.ID)
	}
	return all
}

func TestLoserBecomesAConflict(t *testing.T) {
	t.Parallel()
	first, second := receive("BOTH", "N1"), receive("BOTH", "N1")
	c := newClaiming(t, index{}, first, second)
	winner, claims := first.serials[0].ID, claimIDs(second.claims)
	if renumber, lost := c.round(true); len(renumber) != 0 || lost != 2 {
		t.Errorf("got %d numbers to exchange and %d lost claims, want 0 and 2", len(renumber), lost)
	}
	want := &seriald.Conflict{
		SerialNumber: "N1", HolderID: winner, HolderPartID: "BOTH", Scopes: []seriald.Scope{seriald.ScopePartType, seriald.ScopeSite},
	}
	if diff := cmp.Diff(want, second.outcome.Conflict); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(claims, c.book.giveBack); diff != "" {
		t.Errorf("given back (-want +got):\n%s", diff)
	}
	c.next(nil)
	if len(c.pending) != 0 || first.outcome.Status != seriald.StatusAccepted || second.outcome.Status != seriald.StatusConflict {
		t.Errorf("got %v pending, %s and %s", c.pending, first.outcome.Status, second.outcome.Status)
	}
}

func TestConflictWithARegisteredNumberNamesItsPart(t *testing.T) {
	t.Parallel()
	d := receive("SITE", "N1")
	newClaiming(t, outside(seriald.ScopeSite, "plant1", "N1"), d).settle(t)
	want := &seriald.Conflict{SerialNumber: "N1", HolderPartID: "OLD", Scopes: []seriald.Scope{seriald.ScopeSite}}
	if diff := cmp.Diff(want, d.outcome.Conflict); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Who loses one claim gives back the others, and who had lost to him gets them.
func TestWhoLostToALoserTriesAgain(t *testing.T) {
	t.Parallel()
	// BOTH claims its family first, then the site, where it loses.
	loser, next, last := receive("BOTH", "N1"), receive("FAMILY", "N1"), receive("FAMILY", "N1")
	c := newClaiming(t, outside(seriald.ScopeSite, "plant1", "N1"), loser, next, last)
	wants := claimIDs(next.claims)
	renumber, _ := c.round(true)
	c.next(renumber)
	if got := claimIDs(c.pending)[:1]; !cmp.Equal(got, wants) {
		t.Errorf("got %v to be tried again, want %v first", got, wants)
	}
	c.settle(t)
	if loser.outcome.Conflict == nil || loser.outcome.Conflict.HolderPartID != "OLD" {
		t.Errorf("the loser: got %+v", loser.outcome)
	}
	if next.outcome.Status != seriald.StatusAccepted {
		t.Errorf("the next: got %+v, want it accepted", next.outcome)
	}
	if got := last.outcome.Conflict; got == nil || got.HolderID != next.serials[0].ID {
		t.Errorf("the last: got %+v, want a conflict with the next", last.outcome)
	}
}

// Who waits may yet lose, so that who loses to him waits as well.
func TestWhoLostToOneThatWaitsTriesAgain(t *testing.T) {
	t.Parallel()
	loser, winner, waiting, last := receive("BOTH", "N1"), receive("SITE", "N1"), receive("ALL", "N1"), receive("ALL", "N1")
	c := newClaiming(t, outside(seriald.ScopePartType, "X", "N1"), loser, winner, waiting, last)
	c.settle(t)
	if winner.outcome.Status != seriald.StatusAccepted {
		t.Errorf("who waited first: got %+v, want it accepted", winner.outcome)
	}
	want := &seriald.Conflict{
		SerialNumber: "N1", HolderID: winner.serials[0].ID, HolderPartID: "SITE", Scopes: []seriald.Scope{seriald.ScopeSite},
	}
	for name, d := range map[string]*decision{"who waited next": waiting, "who waited for him": last} {
		if diff := cmp.Diff(want, d.outcome.Conflict); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// One that waits for a loser's claim and loses another itself does not try again.
func TestALoserTriesNothingAgain(t *testing.T) {
	t.Parallel()
	first, second := receive("BOTH", "N1"), receive("BOTH", "N1")
	c := newClaiming(t, outside(seriald.ScopeSite, "plant1", "N1"), first, second)
	c.settle(t)
	for i, d := range []*decision{first, second} {
		if got := d.outcome.Conflict; got == nil || got.HolderPartID != "OLD" {
			t.Errorf("event %d: got %+v, want a conflict with the registered number", i+1, d.outcome)
		}
	}
	if c.rounds != 1 || len(c.index) != 1 {
		t.Errorf("got %d rounds and the claims %v, want one round and nothing claimed", c.rounds, c.index)
	}
}

func TestNumberOfOursThatIsTakenIsExchanged(t *testing.T) {
	t.Parallel()
	d := generate("BOTH", 2)
	c := newClaiming(t, outside(seriald.ScopeSite, "plant1", "N1"), d)
	old := claimIDs(d.claims[:2])
	renumber, lost := c.round(true)
	if lost != 1 || len(renumber) != 1 || renumber[0].serial != d.serials[0] || renumber[0].owner != d || renumber[0].run != &d.runs[0] {
		t.Fatalf("got %+v, want the first serial only", renumber)
	}
	c.next(renumber)
	if diff := cmp.Diff(old, c.book.giveBack); diff != "" {
		t.Errorf("given back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(claimIDs(d.claims[2:]), claimIDs(c.pending)); diff != "" {
		t.Errorf("to be tried (-want +got):\n%s", diff)
	}
	c.settle(t)
	if d.serials[0].Number != "N3" || d.serials[1].Number != "N2" || d.outcome.Status != seriald.StatusAccepted {
		t.Errorf("got %s, %s and %+v, want N3 and N2", d.serials[0].Number, d.serials[1].Number, d.outcome)
	}
}

// A number that is taken in two scopes is exchanged once.
func TestNumberOfOursIsExchangedOnce(t *testing.T) {
	t.Parallel()
	taken := outside(seriald.ScopeSite, "plant1", "N1")
	for k, row := range outside(seriald.ScopePartType, "X", "N1") {
		row.ID = seriald.ID{0: 0xfe}
		taken[k] = row
	}
	d := generate("BOTH", 1)
	c := newClaiming(t, taken, d)
	if renumber, lost := c.round(true); lost != 2 || len(renumber) != 1 {
		t.Errorf("got %d to exchange of %d lost, want 1 of 2", len(renumber), lost)
	}
}

// A vendor's number that a number of ours stood in the way of only until it was
// exchanged is not taken.
func TestWhoLostToAnExchangedNumberTriesAgain(t *testing.T) {
	t.Parallel()
	ours, vendors := generate("BOTH", 1), receive("FAMILY", "N1")
	c := newClaiming(t, outside(seriald.ScopeSite, "plant1", "N1"), ours, vendors)
	c.settle(t)
	if ours.serials[0].Number != "N2" {
		t.Errorf("ours: got %s, want N2", ours.serials[0].Number)
	}
	if vendors.outcome.Status != seriald.StatusAccepted {
		t.Errorf("the vendor's: got %+v of %+v, want it accepted", vendors.outcome, vendors.outcome.Conflict)
	}
}

// And so it is if there was no other number of ours.
func TestWhoLostToAnExhaustedNumberTriesAgain(t *testing.T) {
	t.Parallel()
	ours, vendors := generate("ALL", 2), receive("SITE", "N9") // N8 and N9, the last
	taken := outside(seriald.ScopeEnterprise, "", "N9")
	c := newClaiming(t, taken, ours, vendors)
	c.settle(t)
	if ours.outcome.Code != seriald.CodeSequenceExhausted {
		t.Errorf("ours: got %+v, want it exhausted", ours.outcome)
	}
	if vendors.outcome.Status != seriald.StatusAccepted || len(c.index) != 2 {
		t.Errorf("the vendor's: got %+v, claims %v, want it accepted and nothing else", vendors.outcome, c.index)
	}
}

// After too many exchanges a number of ours is a conflict like any other.
func TestNumberOfOursBecomesAConflictInTheEnd(t *testing.T) {
	t.Parallel()
	d := generate("BOTH", 2)
	c := newClaiming(t, outside(seriald.ScopeSite, "plant1", "N2"), d)
	all := claimIDs(d.claims)
	renumber, _ := c.round(false)
	if len(renumber) != 0 || d.outcome.Status != seriald.StatusConflict || d.outcome.Conflict.SerialNumber != "N2" {
		t.Errorf("got %v to exchange, %+v, want a conflict about N2", renumber, d.outcome)
	}
	if diff := cmp.Diff(all, c.book.giveBack); diff != "" {
		t.Errorf("given back (-want +got):\n%s", diff)
	}
}

// Whatever a batch asks for: who is accepted has all claims, who is not has
// none, and who is told of a conflict is told the truth.
func TestClaimsAreSettled(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{"SITE", "FAMILY", "BOTH", "ALL"})
	scopes := rapid.SampledFrom([]seriald.Scope{seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise})
	rapid.Check(t, func(rt *rapid.T) {
		number := func(label string) string {
			return fmt.Sprint("N", rapid.SampledFrom([]int{1, 2, 3, 8}).Draw(rt, label))
		}
		taken := index{}
		for i := range rapid.IntRange(0, 4).Draw(rt, "taken before") {
			scope := scopes.Draw(rt, "scope")
			key := map[seriald.Scope]string{seriald.ScopeSite: "plant1", seriald.ScopePartType: "X"}[scope]
			for k, row := range outside(scope, key, number("taken number")) {
				row.ID = seriald.ID{0: 0xff, 1: byte(i)}
				taken[k] = row
			}
		}
		before := len(taken)
		var decisions []*decision
		for range rapid.IntRange(1, 6).Draw(rt, "events") {
			if rapid.Bool().Draw(rt, "ours") {
				decisions = append(decisions, generate(parts.Draw(rt, "part"), rapid.IntRange(1, 2).Draw(rt, "quantity")))
			} else {
				decisions = append(decisions, receive(parts.Draw(rt, "part"), number("number")))
			}
		}
		c, ok := tryClaiming(t, taken, decisions...)
		if !ok {
			rt.Skip("a sequence is exhausted before anything is claimed")
		}
		c.settle(t)

		held := 0
		for i, d := range decisions {
			switch d.outcome.Status {
			case seriald.StatusAccepted:
				for _, s := range d.serials {
					for _, want := range claimRows(s, c.st) {
						held++
						if got := c.index[keyOf(want)]; got.SerialID != s.ID || got.EventID != d.item.event.ID {
							rt.Errorf("event %d: accepted %s, whose claim in %s is held by %+v", i+1, s.Number, want.Scope, got)
						}
					}
				}
			case seriald.StatusConflict:
				for _, row := range d.conflicts {
					got, isHeld := c.index[keyOf(store.ClaimRow{Claim: row.Claim})]
					if !isHeld {
						rt.Errorf("event %d: %s is said to be taken in %s, and is free", i+1, row.Number, row.Scope)
					} else if len(d.conflicts) == 1 && (got.SerialID != d.outcome.Conflict.HolderID || got.PartID != d.outcome.Conflict.HolderPartID) {
						rt.Errorf("event %d: %v of %s is said to hold %s, and %+v does", i+1, d.outcome.Conflict.HolderID, d.outcome.Conflict.HolderPartID, row.Number, got)
					}
				}
			default:
				if d.outcome.Code != seriald.CodeSequenceExhausted {
					rt.Errorf("event %d: got %+v", i+1, d.outcome)
				}
			}
		}
		if len(c.index) != before+held {
			rt.Errorf("%d claims are held, want %d of before and %d of what was accepted: %v", len(c.index), before, held, c.index)
		}
	})
}

// tryClaiming is newClaiming for a batch whose sequences may be too short.
func tryClaiming(t *testing.T, taken index, decisions ...*decision) (c *claiming, ok bool) {
	t.Helper()
	need := map[string]int64{}
	st := newState(claimCatalog())
	for _, d := range decisions {
		for _, r := range decide(d.item, st).runs {
			need[r.format.ID] += int64(len(r.serials))
			if err := r.numberOne(st, r.serials[0], need[r.format.ID]-1); errors.Is(err, pattern.ErrExhausted) {
				return nil, false
			}
		}
	}
	return newClaiming(t, taken, decisions...), true
}
