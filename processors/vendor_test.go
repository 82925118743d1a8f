package processors

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

func TestVendorSerialReceive(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data string
		want seriald.Serial // without what all have in common
	}{
		"as it is": {
			`{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"AB1"}`,
			seriald.Serial{Number: "AB1", PartID: "BOUGHT", VendorName: "ACME"},
		},
		"with all that is known": {
			`{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"AB1","receivedDate":"2026-03-01T08:00:00+01:00",` +
				`"workOrderId":"WO-7","lotNumber":"L1","operationCode":"OP-010"}`,
			seriald.Serial{
				Number: "AB1", PartID: "BOUGHT", VendorName: "ACME", ReceivedDate: "2026-03-01", WorkOrderID: "WO-7", LotNumber: "L1", OperationCode: "OP-010",
			},
		},
		"trimmed": {
			`{"partId":"BOUGHT","vendorName":" ACME\t","vendorSerialNumber":"\tAB1\r\n"}`,
			seriald.Serial{Number: "AB1", PartID: "BOUGHT", VendorName: "ACME"},
		},
		"trimmed before it is measured": {
			`{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"    AB1234    "}`,
			seriald.Serial{Number: "AB1234", PartID: "BOUGHT", VendorName: "ACME"},
		},
		"of a part without a rule": {
			`{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"any/thing 3"}`,
			seriald.Serial{Number: "any/thing 3", PartID: "MADE", VendorName: "ACME"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t))
			d := decideOne(t, newItem(seriald.TypeVendorSerialReceive, tc.data), st).numbered(t, st)
			if len(d.serials) != 1 || d.runs != nil {
				t.Fatalf("got %d serials and runs %v, want one serial, and no number of ours", len(d.serials), d.runs)
			}
			want := tc.want
			want.ID, want.SiteID, want.Source, want.Status = d.serials[0].ID, "plant1", seriald.SourceVendor, seriald.SerialPending
			want.EventID, want.CreatedAt, want.Line, want.Device = "e1", testNow, "line1", "reader1"
			if diff := cmp.Diff(&want, d.serials[0]); diff != "" || want.ID.IsZero() {
				t.Errorf("serial (-want +got):\n%s", diff)
			}
			wantOutcome := seriald.Outcome{
				EventID: "e1", Status: seriald.StatusAccepted, Serials: []seriald.SerialRef{want.Ref()}, ProcessedAt: testNow,
			}
			if diff := cmp.Diff(wantOutcome, d.outcome); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			wantAnnouncements := []seriald.Announcement{{
				Event: seriald.EventReceived, Count: 1, WorkOrderID: want.WorkOrderID, LotNumber: want.LotNumber, OperationCode: want.OperationCode,
			}}
			if diff := cmp.Diff(wantAnnouncements, d.announcements); diff != "" {
				t.Errorf("announcements (-want +got):\n%s", diff)
			}
			wantAudit := []record{{
				seriald.AuditVendorReceived, seriald.AuditSuccess, want.Number, `{"status":"PENDING","vendorName":"ACME","request":` + tc.data + `}`,
			}}
			if diff := cmp.Diff(wantAudit, records(t, st, d)); diff != "" {
				t.Errorf("audit (-want +got):\n%s", diff)
			}
			if d.audit[0].SerialID != want.ID {
				t.Errorf("the audit is of serial %v, want %v", d.audit[0].SerialID, want.ID)
			}
		})
	}
}

// A vendor's number is claimed where the part says for vendors' numbers.
func TestVendorSerialClaims(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t))
	d := decideOne(t, newItem(seriald.TypeVendorSerialReceive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"AB1"}`), st)
	type claimed struct {
		scope     seriald.Scope
		key, text string
	}
	var got []claimed
	for _, c := range d.claims {
		if c.ID.IsZero() || c.EventID != "e1" || c.SerialID != d.serials[0].ID {
			t.Errorf("got claim %+v", c)
		}
		got = append(got, claimed{c.Scope, c.ScopeKey, c.Canonical})
	}
	want := []claimed{{seriald.ScopeVendor, "acme\x1fBOUGHT", "AB1"}, {seriald.ScopeSite, "plant1", "AB1"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(claimed{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
