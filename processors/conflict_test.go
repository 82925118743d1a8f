package processors

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// A serial that took a registration over, or a placeholder whose event joined the
// conflict, while that was read is not there: it is read again.
func TestConflictThatChangedWhileItWasReadIsResolvedLater(t *testing.T) {
	t.Parallel()
	made := &seriald.Serial{Number: "N1", PartID: "MADE", SiteID: "plant1", Source: seriald.SourceLate}
	for name, c := range map[string]*store.Conflict{
		"the holder":    {Holder: store.Holder{SerialID: seriald.ID{1}, PartID: "MADE", Number: "N1"}},
		"a placeholder": {Holder: store.Holder{EventID: "r1", PartID: "MADE", Number: "N1"}, Challengers: []store.Challenger{{PartID: "MADE", Serial: made, PlaceholderID: seriald.ID{2}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.ID = seriald.ID{3}
			st := newState(testCatalog(t))
			found := &store.Found{Conflicts: []*store.Conflict{c}}
			st.world = newWorld(found, newFacts())
			it := newItem(seriald.TypeConflictResolve, `{"conflictId":"`+c.ID.String()+`","conflictResolution":"RETIRE","resolutionReason":"sorted out"}`)
			if all := decideAll([]*item{it}, st, newFacts()); len(all) > 0 {
				t.Errorf("got %+v, want it decided later", all[0].outcome)
			}
		})
	}
}

// What becomes of each serial is audited under its part, with the conflict.
func TestResolutionIsAudited(t *testing.T) {
	t.Parallel()
	type audited struct {
		Type         seriald.AuditType
		Part, Before string
		After        string
	}
	const id = `"conflictId":"03000000-0000-0000-0000-000000000000"`
	for how, want := range map[seriald.Resolution][]audited{
		seriald.ResolveKeep: {
			{seriald.AuditConflictResolved, "PLAIN", `{"status":"ACTIVE"}`, `{"status":"ACTIVE",` + id + `,"resolution":"KEEP","reason":"sorted out","request":$}`},
		},
		seriald.ResolveRetire: {
			{seriald.AuditConflictResolved, "PLAIN", `{"status":"ACTIVE"}`, `{"status":"RETIRED",` + id + `,"resolution":"RETIRE","reason":"sorted out","request":$}`},
			{seriald.AuditSerialRetired, "PLAIN", ``, `{"status":"RETIRED",` + id + `,"reason":"sorted out"}`},
			{seriald.AuditVendorReceived, "MADE", ``, `{"status":"PENDING","vendorName":"ACME"}`},
		},
		seriald.ResolveInvalid: {
			{seriald.AuditConflictResolved, "PLAIN", `{"status":"ACTIVE"}`, `{"status":"INVALID",` + id + `,"resolution":"MARK_INVALID","reason":"sorted out","request":$}`},
			{seriald.AuditConflictResolved, "MADE", ``, `{"status":"INVALID",` + id + `,"resolution":"MARK_INVALID"}`},
		},
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t))
			holder := &seriald.Serial{ID: seriald.ID{1}, Number: "N1", PartID: "PLAIN", SiteID: "plant1", Source: seriald.SourceGenerated, Status: seriald.SerialActive}
			asked := &seriald.Serial{Number: "N1", PartID: "MADE", SiteID: "plant1", Source: seriald.SourceVendor, VendorName: "ACME"}
			st.world = newWorld(&store.Found{Serials: []*seriald.Serial{holder}, Conflicts: []*store.Conflict{{
				ID: seriald.ID{3}, Holder: store.Holder{SerialID: holder.ID, PartID: "PLAIN", Number: "N1"},
				Challengers: []store.Challenger{{ID: seriald.ID{4}, PartID: "MADE", Serial: asked}},
			}}}, newFacts())
			request := `{` + id + `,"conflictResolution":"` + string(how) + `","resolutionReason":" sorted out "}`
			d := decideOne(t, newItem(seriald.TypeConflictResolve, request), st)
			var got []audited
			for i, a := range d.audit {
				if a.Status != seriald.AuditSuccess || a.SerialNumber != "N1" || a.EventID != "e1" || a.SerialID.IsZero() {
					t.Errorf("audit event %d is %+v", i, a)
				}
				got = append(got, audited{a.Type, a.PartID, string(a.OldValues), strings.Replace(string(a.NewValues), request, "$", 1)})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r := d.resolution; r.ConflictID != (seriald.ID{3}) || r.Resolution != how || r.Reason != "sorted out" || r.PerformedBy != "/plant1/line1/reader1" || r.EventID != "e1" {
				t.Errorf("got %+v", r)
			}
		})
	}
}
