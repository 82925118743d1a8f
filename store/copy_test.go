package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// many is more than what is written by a statement.
const many = 2500

// changes are rows of every kind, with and without what may be NULL.
func changes(from, to int) *store.Changes {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	c := &store.Changes{}
	for i := from; i < to; i++ {
		id := seriald.ID{0: 1, 14: byte(i >> 8), 15: byte(i)}
		s := &seriald.Serial{
			ID: id, Number: fmt.Sprintf("S-%d", i), PartID: "PART-001", SiteID: "plant1", Source: seriald.SourceGenerated, Status: seriald.SerialActive,
			FormatID: "default", FormatVersion: 1, EventID: "e",
		}
		a := seriald.AuditEvent{ID: id, Type: seriald.AuditSerialGenerated, Status: seriald.AuditSuccess, PerformedBy: "reader", NewValues: []byte(`{"a":  "ü"}`)}
		if i%2 == 0 {
			s.TriggerID, s.WorkOrderID, s.LotNumber, s.OperationCode = id, "WO", "L", "OP"
			a.EventID, a.SerialID, a.SerialNumber, a.PartID, a.SiteID, a.DeviceTime, a.OldValues = "e", id, s.Number, "PART-001", "plant1", at, []byte(`[]`)
		}
		if i%5 == 0 {
			s.Source, s.Status, s.FormatID, s.FormatVersion, s.VendorName, s.ReceivedDate = seriald.SourceVendor, seriald.SerialPending, "", 0, "ACME", "2026-03-01"
		}
		c.Serials, c.Audit = append(c.Serials, s), append(c.Audit, a)
	}
	return c
}

// What is copied is what the statements write.
func TestCopiedRowsAreAsWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
	dump := func(size int) string {
		dsn := storetest.DSN(t, storetest.Fast)
		db := storetest.Open(t, dsn)
		if err := db.EnsureAuditMonths(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		for from := 0; from < many; from += size {
			b, _, err := db.Read(t.Context(), store.Refs{}, at)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Write(t.Context(), changes(from, min(many, from+size)), 500); err != nil {
				t.Fatal(err)
			}
		}
		conn := storetest.Conn(t, dsn)
		return storetest.Value[string](t, conn, `SELECT (SELECT string_agg(s::text, E'\n' ORDER BY id) FROM serials AS s)
			|| E'\n' || (SELECT string_agg(a::text, E'\n' ORDER BY id) FROM audit_events AS a WHERE performed_by = 'reader')`)
	}
	if diff := cmp.Diff(dump(500), dump(many)); diff != "" {
		t.Errorf("(-statements +copy)\n%.2000s", diff)
	}
}

// Among thousands of claims one that is held is lost, and the others are taken.
func TestOneOfManyClaimsIsHeld(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	take := func(rows ...store.ClaimRow) map[int]store.Holder {
		b, _, err := db.Read(t.Context(), store.Refs{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		lost, err := b.Claim(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Write(t.Context(), &store.Changes{}, 500); err != nil {
			t.Fatal(err)
		}
		return lost
	}
	all := func(prefix string) []store.ClaimRow {
		var rows []store.ClaimRow
		for i := range many {
			rows = append(rows, claimRow(fmt.Sprintf("%s-%d", prefix, i), "e"))
		}
		return rows
	}
	if lost := take(all("A")...); lost != nil {
		t.Errorf("%d of free ones are lost", len(lost))
	}
	holder := claimRow("B-7", "first")
	take(holder)
	lost := take(all("B")...)
	if len(lost) != 1 || lost[7].ClaimID != holder.ID {
		t.Errorf("lost %v, want the seventh, to %s", lost, holder.ID)
	}
	conn := storetest.Conn(t, dsn)
	if n := storetest.Value[int](t, conn, "SELECT count(*)::int FROM serial_uniqueness_checks"); n != 2*many {
		t.Errorf("%d claims, want %d", n, 2*many)
	}
}
