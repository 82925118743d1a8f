package processors

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// claimCatalog has vendors' numbers and ours in common scopes.
func claimCatalog() *catalog {
	site, family, enterprise := seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise
	c := &seriald.Catalog{
		Sites: map[string]*seriald.Site{"plant1": {ID: "plant1", Location: testNow.Location()}},
		Parts: map[string]*seriald.Part{},
		Formats: map[string]*seriald.Format{
			"ours":  {ID: "ours", Active: true, Pattern: "N{SEQ:1}", Start: 1, Increment: 1},
			"wide":  {ID: "wide", Active: true, Pattern: "N{SEQ:1}", Start: 1, Increment: 2},
			"small": {ID: "small", Active: true, Pattern: "N{SEQ:1}", Start: 8, Increment: 1},
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
func receive(part, number string) *item {
	return newItem(seriald.TypeVendorSerialReceive, fmt.Sprintf(`{"partId":%q,"vendorName":"ACME","vendorSerialNumber":%q}`, part, number))
}

func generate(part string, n int) *item {
	return newItem(seriald.TypeSerialGenerate, fmt.Sprintf(`{"partId":%q,"quantity":%d}`, part, n))
}

// outside is a claim that was there before, registered without a unit.
func outside(scope seriald.Scope, key, number string) store.ClaimRow {
	return store.ClaimRow{ID: seriald.ID{0: 0xff, 1: scope[0], 2: number[1]}, Claim: seriald.Claim{
		Scope: scope, ScopeKey: key, Canonical: number, Number: number, PartID: "OLD",
	}}
}

// claiming decides events of the catalog of claims as a batch.
func claiming(t *testing.T, l *ledger, items ...*item) []*decision {
	t.Helper()
	for i, it := range items {
		it.event.ID = seriald.EventID(fmt.Sprint("e", i+1))
	}
	return decided(t, newState(claimCatalog()), l, items...)
}

func wantConflict(t *testing.T, d *decision, want *seriald.Conflict) {
	t.Helper()
	if d.outcome.Status != seriald.StatusConflict {
		t.Errorf("got %+v, want a conflict", d.outcome)
	}
	if diff := cmp.Diff(want, d.outcome.Conflict); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func wantAccepted(t *testing.T, d *decision) {
	t.Helper()
	if d.outcome.Status != seriald.StatusAccepted {
		t.Errorf("got %+v of %+v, want it accepted", d.outcome, d.outcome.Conflict)
	}
}

// Of two in a batch that ask for the same the first has it; the index is not asked.
func TestTheFirstHasIt(t *testing.T) {
	t.Parallel()
	l := newLedger()
	ds := claiming(t, l, receive("BOTH", "N1"), receive("BOTH", "N1"))
	wantAccepted(t, ds[0])
	wantConflict(t, ds[1], &seriald.Conflict{
		SerialNumber: "N1", HolderID: ds[0].serials[0].ID, HolderPartID: "BOTH", Scopes: []seriald.Scope{seriald.ScopePartType, seriald.ScopeSite},
	})
	if l.rounds != 1 || l.undone != 0 || len(l.claims) != 2 {
		t.Errorf("%d rounds, undone %d times, %d claims", l.rounds, l.undone, len(l.claims))
	}
}

func TestConflictWithARegisteredNumberNamesItsPart(t *testing.T) {
	t.Parallel()
	ds := claiming(t, newLedger(outside(seriald.ScopeSite, "plant1", "N1")), receive("SITE", "N1"))
	wantConflict(t, ds[0], &seriald.Conflict{SerialNumber: "N1", HolderPartID: "OLD", Scopes: []seriald.Scope{seriald.ScopeSite}})
}

// Who turns out to lose was never there: who had lost to him is judged anew.
func TestWhoLostToALoserIsJudgedAnew(t *testing.T) {
	t.Parallel()
	l := newLedger(outside(seriald.ScopeSite, "plant1", "N1"))
	ds := claiming(t, l, receive("BOTH", "N1"), receive("FAMILY", "N1"), receive("FAMILY", "N1"))
	wantConflict(t, ds[0], &seriald.Conflict{SerialNumber: "N1", HolderPartID: "OLD", Scopes: []seriald.Scope{seriald.ScopeSite}})
	wantAccepted(t, ds[1])
	wantConflict(t, ds[2], &seriald.Conflict{
		SerialNumber: "N1", HolderID: ds[1].serials[0].ID, HolderPartID: "FAMILY", Scopes: []seriald.Scope{seriald.ScopePartType},
	})
	if len(l.claims) != 2 || l.undone != 1 {
		t.Errorf("undone %d times, claims %v", l.undone, l.claims)
	}
}

func TestNumberOfOursThatIsTakenIsExchanged(t *testing.T) {
	t.Parallel()
	l := newLedger(outside(seriald.ScopeSite, "plant1", "N1"))
	d := claiming(t, l, generate("BOTH", 2))[0]
	wantAccepted(t, d)
	if diff := cmp.Diff([]string{"N3", "N2"}, numbers(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(l.claims) != 5 || l.undone != 0 {
		t.Errorf("undone %d times, claims %v, want those of N2 and N3 and the old one", l.undone, l.claims)
	}
}

// A number that is taken in two scopes is exchanged once.
func TestNumberOfOursIsExchangedOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(outside(seriald.ScopeSite, "plant1", "N1"), outside(seriald.ScopePartType, "X", "N1"))
	d := claiming(t, l, generate("BOTH", 1))[0]
	if diff := cmp.Diff([]string{"N2"}, numbers(d)); diff != "" || l.rounds != 2 {
		t.Errorf("%d rounds, (-want +got):\n%s", l.rounds, diff)
	}
}

// Nobody asked for a particular number of ours: it gives way to one that was asked
// for, also to a later one.
func TestNumberOfOursGivesWay(t *testing.T) {
	t.Parallel()
	ds := claiming(t, newLedger(), generate("BOTH", 1), receive("FAMILY", "N1"))
	wantAccepted(t, ds[1])
	if diff := cmp.Diff([]string{"N2"}, numbers(ds[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An event without a number it could have is refused, and holds nothing.
func TestExhaustedNumbersHoldNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(outside(seriald.ScopeEnterprise, "", "N9"))
	ds := claiming(t, l, generate("ALL", 2), receive("SITE", "N8")) // N8 and N9 are the last
	if ds[0].outcome.Code != seriald.CodeSequenceExhausted {
		t.Errorf("ours: got %+v, want it exhausted", ds[0].outcome)
	}
	wantAccepted(t, ds[1])
	if len(l.claims) != 2 {
		t.Errorf("claims %v, want the old one and that of the vendor's", l.claims)
	}
}

// What is left of a counter when an event is refused goes to the next.
func TestNumbersOfARefusedEventGoToTheNext(t *testing.T) {
	t.Parallel()
	ds := claiming(t, newLedger(), generate("ALL", 3), generate("ALL", 2))
	if ds[0].outcome.Code != seriald.CodeSequenceExhausted {
		t.Errorf("the first: got %+v, want it exhausted", ds[0].outcome)
	}
	if diff := cmp.Diff([]string{"N8", "N9"}, numbers(ds[1])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// After too many exchanges a number of ours is a conflict like any other.
func TestNumberOfOursBecomesAConflictInTheEnd(t *testing.T) {
	t.Parallel()
	st := newState(claimCatalog())
	d := decideOne(t, generate("BOTH", 1), st)
	s := d.runs[0].serials[0]
	s.Number = "N1"
	rows := appendClaims(nil, s, st)
	n := &numbering{known: newFacts()}
	holder := store.Holder{PartID: "OLD"}
	lost := map[int]store.Holder{1: holder}
	ours := numberedOf([]*decision{d})
	if again := n.judge(rows, lost, ours, maxRenumber-1); len(again) != 1 || again[0].serial != s {
		t.Errorf("got %+v, want it exchanged once more", again)
	}
	if again := n.judge(rows, lost, ours, maxRenumber); again != nil {
		t.Errorf("got %+v to exchange", again)
	}
	after, err := decide(d.item, st, n.known.fates[d.item])
	if err != nil {
		t.Fatal(err)
	}
	wantConflict(t, after, &seriald.Conflict{SerialNumber: "N1", HolderPartID: "OLD", Scopes: []seriald.Scope{seriald.ScopePartType}})
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
		var before []store.ClaimRow
		for range rapid.IntRange(0, 4).Draw(rt, "taken before") {
			scope := scopes.Draw(rt, "scope")
			key := map[seriald.Scope]string{seriald.ScopeSite: "plant1", seriald.ScopePartType: "X"}[scope]
			before = append(before, outside(scope, key, number("taken number")))
		}
		l := newLedger(before...)
		held := len(l.claims)
		var items []*item
		for range rapid.IntRange(1, 6).Draw(rt, "events") {
			if rapid.Bool().Draw(rt, "ours") {
				items = append(items, generate(parts.Draw(rt, "part"), rapid.IntRange(1, 2).Draw(rt, "quantity")))
			} else {
				items = append(items, receive(parts.Draw(rt, "part"), number("number")))
			}
		}
		st := newState(claimCatalog())
		for i, d := range claiming(t, l, items...) {
			switch d.outcome.Status {
			case seriald.StatusAccepted:
				for _, s := range d.serials {
					for _, want := range appendClaims(nil, s, st) {
						held++
						if got := l.claims[keyOfClaim(&want.Claim)]; got.SerialID != s.ID || got.EventID != d.item.event.ID {
							rt.Errorf("event %d: accepted %s, whose claim in %s is held by %+v", i+1, s.Number, want.Scope, got)
						}
					}
				}
			case seriald.StatusConflict:
				for _, row := range d.conflicts {
					got, isHeld := l.claims[keyOfClaim(&row.Claim)]
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
		if len(l.claims) != held {
			rt.Errorf("%d claims are held, want %d: %v", len(l.claims), held, l.claims)
		}
	})
}
