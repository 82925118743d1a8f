package processors

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func mustExec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// differences are what a comparison of claims and serials tells.
func differences(t *testing.T, db *store.DB, dry bool) []string {
	t.Helper()
	all := []string{}
	if _, err := Resync(t.Context(), db, dry, func(d Difference) {
		all = append(all, fmt.Sprintf("%s %s %s mended %v", d.Kind, d.Claim.Number, d.Claim.Scope, d.Mended))
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func TestResync(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn, p := storetest.Conn(t, dsn), newProcessor(t, dsn)
	receive := func(number string) *item {
		return floorItem("receive-"+number, seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":%q}`, number)
	}
	outcomes := mustAll(t, p,
		receive("V-1"), receive("V-2"), receive("V-3"), receive("V-4"), receive("V-5"), receive("V-6"),
		floorItem("reject", seriald.TypeVendorSerialReject, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-3","rejectionReason":"bent"}`),
		floorItem("challenge", seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-4"}`),
		floorItem("resolve", seriald.TypeConflictResolve, `{"partId":"PART-002","serialNumber":"V-4","conflictResolution":"RETIRE","resolutionReason":"scrap"}`),
		floorItem("generate", seriald.TypeSerialGenerate, `{"partId":"PART-001","quantity":3}`),
		floorItem("register", seriald.TypeUniquenessRegister, `{"partId":"PART-001","serialNumber":"R-1"}`),
	)
	for i := range outcomes {
		if want := "accepted"; i != 7 && said(&outcomes[i]) != want {
			t.Fatalf("%+v", outcomes[i])
		}
	}
	if diff := cmp.Diff([]string{}, differences(t, p.db, true)); diff != "" {
		t.Fatalf("what the service made differs (-want +got):\n%s", diff)
	}

	// What a restore of one table, or a hand in it, may leave.
	made := outcomes[9].Serials
	mustExec(t, conn, `DELETE FROM serial_uniqueness_checks WHERE serial_number = 'V-1'`)
	mustExec(t, conn, `DELETE FROM serial_uniqueness_checks WHERE serial_id = $1 AND scope = 'SITE'`, [16]byte(made[0].ID))
	mustExec(t, conn, `UPDATE serial_uniqueness_checks SET serial_id = $1 WHERE serial_number = 'V-2'`, [16]byte(made[0].ID)) // another's
	mustExec(t, conn, `UPDATE serial_uniqueness_checks SET status = 'CLAIMED' WHERE serial_number = 'V-3'`)
	mustExec(t, conn, `DELETE FROM serials WHERE serial_number = 'V-5'`)
	mustExec(t, conn, `UPDATE serials SET part_id = 'LOST' WHERE serial_number = 'V-6'`)
	n := made[0].SerialNumber
	found := []string{"missing V-1 VENDOR", "missing " + n + " SITE", "no part V-6 ", "stale V-3 VENDOR", "stale V-5 VENDOR", "taken V-2 VENDOR"}
	want := func(mended ...string) []string {
		all := []string{}
		for _, f := range found {
			all = append(all, fmt.Sprintf("%s mended %v", f, slices.ContainsFunc(mended, func(kind string) bool { return strings.HasPrefix(f, kind) })))
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(want(), differences(t, p.db, true)); diff != "" {
		t.Errorf("dry (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want("missing", "stale"), differences(t, p.db, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	found = []string{"no part V-6 ", "taken V-2 VENDOR"}
	if diff := cmp.Diff(want(), differences(t, p.db, false)); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
	if n := storetest.Value[int64](t, conn, `SELECT count(*) FROM audit_events WHERE performed_by = 'seriald uniqueness resync'`); n != 4 {
		t.Errorf("%d audit events, want one for each of 4 that were mended", n)
	}
	// It holds again what it is to hold.
	if o := mustAll(t, p, floorItem("again", seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-1"}`))[0]; said(&o) != "conflict DUPLICATE_SERIAL" {
		t.Errorf("%+v", o)
	}
}

// A policy that is changed is claimed by what there is, in the database too.
func TestPolicyChangeIsClaimed(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn, p := storetest.Conn(t, dsn), newProcessor(t, dsn)
	put := func(id, part, scopes, letters string) seriald.Outcome {
		return mustAll(t, p, floorItem(id, seriald.TypePartPut, `{"partId":%q,"partType":%q,"vendorScopes":%s,"numberRule":{"case":%q}}`, part, part, scopes, letters))[0]
	}
	put("a", "A", `["VENDOR"]`, "exact")
	put("b", "B", `["VENDOR"]`, "exact")
	receive := func(id, part, number string) seriald.Outcome {
		return mustAll(t, p, floorItem(id, seriald.TypeVendorSerialReceive, `{"partId":%q,"vendorName":"ACME","vendorSerialNumber":%q}`, part, number))[0]
	}
	receive("1", "A", "X-1")
	receive("2", "A", "x-2")
	receive("3", "B", "X-1")
	retired := receive("4", "A", "X-4")
	mustAll(t, p, floorItem("accept", seriald.TypeVendorSerialAccept, `{"vendorSerialId":%q}`, retired.Serials[0].ID),
		floorItem("retire", seriald.TypeSerialRetire, `{"serialId":%q,"reason":"worn"}`, retired.Serials[0].ID))
	claims := func(part string) string {
		return storetest.Value[string](t, conn, `
			SELECT COALESCE(string_agg(scope || ' ' || canonical_number, ', ' ORDER BY scope, canonical_number), '')
			FROM serial_uniqueness_checks WHERE part_id = $1 AND status = 'CLAIMED'`, part)
	}
	if o := put("a2", "A", `["VENDOR","ENTERPRISE"]`, "fold"); said(&o) != "accepted" {
		t.Fatalf("%+v", o)
	}
	if got, want := claims("A"), "ENTERPRISE x-1, ENTERPRISE x-2, ENTERPRISE x-4, VENDOR X-1, VENDOR X-4, VENDOR x-1, VENDOR x-2, VENDOR x-4"; got != want {
		t.Errorf("A holds %s, want %s", got, want)
	}
	before := claims("B")
	if o := put("b2", "B", `["ENTERPRISE"]`, "fold"); said(&o) != "rejected INVALID_STATE" || !strings.Contains(o.Message, `numbers would meet (1)`) || !strings.Contains(o.Message, `"X-1" in ENTERPRISE`) {
		t.Errorf("%+v", o)
	}
	if got := claims("B"); got != before {
		t.Errorf("B holds %s, and held %s", got, before)
	}
	if o := receive("5", "B", "X-2"); said(&o) != "accepted" { // by the policy that is still there
		t.Errorf("%+v", o)
	}
}
