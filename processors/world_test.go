package processors

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// contents are what w knows, line by line.
func (w *world) contents() []string {
	var lines []string
	for id, s := range w.serials {
		lines = append(lines, fmt.Sprint("serial ", id, *s, w.made[id]))
	}
	for number, all := range w.numbers {
		for i, s := range all {
			lines = append(lines, fmt.Sprint("number ", number, i, s.ID))
		}
	}
	for id, p := range w.placeholders {
		lines = append(lines, fmt.Sprint("placeholder ", id, *p, w.made[id]))
	}
	for part, all := range w.pending {
		for i, p := range all {
			lines = append(lines, fmt.Sprint("pending ", part, i, p.ID))
		}
	}
	for key, holder := range w.held {
		lines = append(lines, fmt.Sprint("held ", key, holderKey(holder.SerialID, holder.EventID)))
	}
	for event, heir := range w.heirs {
		lines = append(lines, fmt.Sprint("heir ", event, heir.SerialID))
	}
	for event := range w.registered {
		lines = append(lines, fmt.Sprint("registered ", event))
	}
	for i, g := range w.given {
		lines = append(lines, fmt.Sprint("given ", i, keyOfClaim(&g.Claim), holderKey(g.Holder.SerialID, g.Holder.EventID)))
	}
	for i, a := range w.adopted {
		lines = append(lines, fmt.Sprint("adopted ", i, a))
	}
	for key := range w.freed {
		lines = append(lines, fmt.Sprint("freed ", key))
	}
	for of, all := range map[string][]*seriald.Serial{"changed": w.changedSerials, "released": w.released, "released, made": w.releasedMade} {
		for i, s := range all {
			lines = append(lines, fmt.Sprint(of, i, s.ID))
		}
	}
	for i, p := range w.changedPlaceholders {
		lines = append(lines, fmt.Sprint("changed placeholder ", i, p.ID))
	}
	lines = append(lines, fmt.Sprint("runs ", len(w.runs), " made ", len(w.made)))
	slices.Sort(lines)
	return lines
}

// Whatever an event changes before it is refused is taken back, and nothing of those
// in front of it.
func TestWorldGoesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		st := newState(claimCatalog())
		found := &store.Found{
			Serials: []*seriald.Serial{
				{ID: seriald.ID{1}, Number: "N1", PartID: "BOTH", SiteID: "plant1", Source: seriald.SourceVendor, Status: seriald.SerialPending},
				{ID: seriald.ID{2}, Number: "N2", PartID: "BOTH", SiteID: "plant1", Source: seriald.SourceGenerated, Status: seriald.SerialActive},
			},
			Placeholders: []*seriald.Placeholder{{ID: seriald.ID{3}, PartID: "BOTH", Status: seriald.PlaceholderPending}},
		}
		found.Claims = claim.Of(found.Serials[0], st.catalog.Parts["BOTH"])
		known := newFacts()
		for _, scope := range []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType} { // two that were registered before
			row := outside(scope, map[seriald.Scope]string{seriald.ScopeSite: "plant1", seriald.ScopePartType: "X"}[scope], "N3")
			known.held[keyOfClaim(&row.Claim)] = store.Holder{PartID: "BOTH", EventID: seriald.EventID("r" + scope), Number: "N3"}
		}
		st.world = newWorld(found, known)
		w := st.world
		released := map[seriald.ID]bool{}
		change := func() {
			ids := slices.SortedFunc(maps.Keys(w.serials), func(a, b seriald.ID) int { return slices.Compare(a[:], b[:]) })
			s := w.serials[rapid.SampledFrom(ids).Draw(rt, "serial")]
			switch rapid.SampledFrom([]string{"add", "set", "release", "wait", "settle", "run", "register", "give"}).Draw(rt, "change") {
			case "add":
				// What the unique index has to judge after the batch is not to be had.
				made := &seriald.Serial{ID: st.newID(), Number: rapid.StringMatching(`N[1-5]`).Draw(rt, "number"), PartID: "BOTH", SiteID: "plant1", Status: seriald.SerialActive}
				if _, _, _, err := w.addSerial(made, st); err != nil {
					rt.Log(err)
				}
			case "set":
				w.setSerial(s, func() { s.Status = seriald.SerialRetired })
			case "release":
				if !released[s.ID] { // a rule releases a PENDING one, and leaves it REJECTED
					released[s.ID] = true
					w.change(func() { delete(released, s.ID) })
					w.release(s, st)
				}
			case "wait":
				w.addPlaceholder(&seriald.Placeholder{ID: st.newID(), PartID: "BOTH", Status: seriald.PlaceholderPending})
			case "settle":
				for _, p := range w.waiting("BOTH", "", "", 1) {
					w.setPlaceholder(p, func() { p.Status = seriald.PlaceholderFailed })
				}
			case "run":
				w.addRun(&run{})
			case "register":
				number := &seriald.Serial{Number: rapid.StringMatching(`N[1-5]`).Draw(rt, "number"), PartID: "BOTH", SiteID: "plant1"}
				by := store.Holder{PartID: "BOTH", EventID: seriald.EventID(st.newID().String()), Number: number.Number}
				if _, _, _, err := w.addRegistration(appendClaims(nil, number, st), by); err != nil {
					rt.Log(err)
				}
			case "give":
				w.give(appendClaims(nil, s, st), holderOf(s))
			}
		}
		for range rapid.IntRange(0, 6).Draw(rt, "changes in front") {
			change()
		}
		w.keep()
		want := w.contents()
		for range rapid.IntRange(1, 6).Draw(rt, "changes") {
			change()
		}
		w.back()
		// A number that nobody has any more may leave its empty list.
		if diff := cmp.Diff(want, w.contents()); diff != "" {
			rt.Fatalf("(-before +after):\n%s", diff)
		}
	})
}
