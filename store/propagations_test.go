package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// step is one of a serial. The smaller n, the older it is.
func step(n int, s *seriald.Serial, operation string) *seriald.Propagation {
	return &seriald.Propagation{
		ID: seriald.ID{0: 6, 15: byte(n)}, SerialID: s.ID, Type: seriald.PassThrough, PropagationID: seriald.ID{0: 7, 15: byte(n)},
		OperationCode: operation, EventID: seriald.EventID(fmt.Sprintf("step-%d", n)),
	}
}

func TestPropagationsOfAPart(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	own, vendor, other := fullSerial(1, seriald.SourceGenerated), fullSerial(2, seriald.SourceVendor), fullSerial(3, seriald.SourceLate)
	other.PartID = "PART-003"
	sequence, quantity := 20, 3
	full := step(4, vendor, "OP-20")
	full.WorkCenterID, full.RoutingSequence, full.Quantity, full.Notes = "WC-7", &sequence, &quantity, "by hand"
	commit(t, db, noon, &store.Changes{
		Serials:      []*seriald.Serial{own, vendor, other},
		Propagations: []*seriald.Propagation{step(1, own, "OP-10"), step(2, other, "OP-10"), step(3, vendor, "OP-10"), full, step(5, own, "OP-20")},
	})
	for name, tt := range map[string]struct {
		filter store.PropagationFilter
		want   string
	}{
		"a part":            {store.PropagationFilter{PartID: "PART-001"}, "5 4 3 1"},
		"another":           {store.PropagationFilter{PartID: "PART-003"}, "2"},
		"an operation":      {store.PropagationFilter{PartID: "PART-001", OperationCode: "OP-20"}, "5 4"},
		"a type":            {store.PropagationFilter{PartID: "PART-001", OperationCode: "OP-10", Type: seriald.PassThrough}, "3 1"},
		"no such type":      {store.PropagationFilter{PartID: "PART-001", Type: "SPLIT"}, ""},
		"no such part":      {store.PropagationFilter{PartID: "none"}, ""},
		"no such operation": {store.PropagationFilter{PartID: "PART-003", OperationCode: "OP-20"}, ""},
	} {
		for _, limit := range []int{1, 2, 50} {
			var ids []string
			for before := (seriald.ID{}); ; {
				page, err := db.Propagations(t.Context(), &tt.filter, before, limit)
				if err != nil {
					t.Fatal(err)
				}
				for i := range page {
					ids = append(ids, fmt.Sprint(page[i].ID[15]))
				}
				if len(page) < limit {
					break
				}
				before = page[limit-1].ID
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("%s in pages of %d: %q, want %q", name, limit, got, tt.want)
			}
			if n, err := db.CountPropagations(t.Context(), &tt.filter, limit); n != min(limit, len(strings.Fields(tt.want))) || err != nil {
				t.Errorf("%s counted to %d: %d, %v", name, limit, n, err)
			}
		}
	}
	got, err := db.Propagations(t.Context(), &store.PropagationFilter{PartID: "PART-001"}, seriald.ID{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	bare := step(5, own, "OP-20")
	full.CreatedAt, bare.CreatedAt = noon, noon
	if diff := cmp.Diff([]store.PropagationRecord{{*bare, own.Number}, {*full, vendor.Number}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for part, want := range map[string]*store.PropagationStatistics{
		"PART-001": {Total: 4, ByType: map[seriald.PropagationType]int64{seriald.PassThrough: 4}, ByOperation: map[string]int64{"OP-10": 2, "OP-20": 2}},
		"none":     {ByType: map[seriald.PropagationType]int64{}, ByOperation: map[string]int64{}},
	} {
		counted, err := db.PropagationStatistics(t.Context(), part)
		if diff := cmp.Diff(want, counted); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", part, err, diff)
		}
	}
	if _, err := db.PropagationStatistics(t.Context(), "\x00"); !errors.Is(err, store.ErrBadData) {
		t.Errorf("statistics of a NUL: %v, want ErrBadData", err)
	}
}

// fillPropagations makes fifty thousand serials with a step each: half of them of one part.
var fillPropagations = []string{
	fill[:strings.LastIndex(fill, "100000")] + "50000) AS i",
	`INSERT INTO serial_propagations (id, serial_id, propagation_type, propagation_id, operation_code, event_id, created_at)
	SELECT ('01910000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'PASS_THROUGH',
		gen_random_uuid(), 'OP-' || i % 7, 'e', '2026-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, 50000) AS i`,
	"ANALYZE serials", "ANALYZE serial_propagations",
}

// A part that is rare is found by its serials, one that is not by the newest steps.
func TestPropagationsUseIndexes(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	for _, sql := range fillPropagations {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	id := [16]byte{0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 15: 10}
	testPlans(t, conn, map[string]planCase{
		"rare":                 {"propagation_list", []any{"PART-77", "", "", nil, 51}, []string{"serials_part_id", "serial_propagations_serial_id"}},
		"rare, at operation":   {"propagation_list", []any{"PART-77", "OP-3", "", nil, 51}, []string{"serials_part_id", "serial_propagations_serial_id"}},
		"hot":                  {"propagation_list", []any{"HOT", "", "", nil, 51}, []string{"serial_propagations_pkey", "_serials_pkey"}},
		"rare, counted":        {"propagation_count", []any{"PART-77", "", "", 10001}, []string{"serials_part_id", "serial_propagations_serial_id"}},
		"rare, statistics":     {"propagation_statistics", []any{"PART-77"}, []string{"serials_part_id", "serial_propagations_serial_id"}},
		"of a serial":          {"propagation_of_serial", []any{id, 1001}, []string{"serial_propagations_serial_id", "_serials_pkey"}},
		"its conflicts":        {"audit_conflicts_of_serial", []any{id, "N-10", 1001}, []string{"serial_uniqueness_checks_serial_number"}},
		"serials of a part":    {"serials_count", []any{"", "PART-77", "", "", "", "", "", "", nil, nil, nil, nil, 10001}, []string{"serials_part_id"}},
		"serials of a number":  {"serials_count", []any{"N-11", "", "", "", "", "", "", "", nil, nil, nil, nil, 10001}, []string{"serials_serial_number"}},
		"placeholders waiting": {"placeholders_pending_count", []any{"PART-77", "", "", 10001}, []string{"late_assignment_placeholders"}},
	}, "serial_propagations", "system_generated_serials", "vendor_serials")
}

// A serial that was made, went on, was asked for by another and is retired: all of it in
// order, and nothing of a serial that has the same number.
func TestSerialHistory(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	s, same := fullSerial(1, seriald.SourceGenerated), fullSerial(2, seriald.SourceVendor)
	same.Number = s.Number
	about := func(n int, of *seriald.Serial, kind seriald.AuditType) seriald.AuditEvent {
		return audited(n, func(a *seriald.AuditEvent) { a.SerialID, a.SerialNumber, a.Type = of.ID, of.Number, kind })
	}
	claim := siteClaim(s.Number, s.ID, string(s.EventID), s.PartID)
	hold(t, db, noon.Add(-time.Minute), claim)
	commit(t, db, noon, &store.Changes{
		Serials: []*seriald.Serial{s, same}, Audit: []seriald.AuditEvent{about(1, s, seriald.AuditSerialGenerated), about(2, same, seriald.AuditVendorReceived)},
	})
	commit(t, db, noon.Add(time.Minute), &store.Changes{
		Propagations: []*seriald.Propagation{step(1, s, "OP-10"), step(2, same, "OP-10")}, Audit: []seriald.AuditEvent{about(3, s, seriald.AuditPropagated)},
	})
	asking := asks(holderOf(&claim), "asking", "PART-002")
	challenge(t, db, noon.Add(2*time.Minute), asking)
	resolveByID(t, db, noon.Add(3*time.Minute), asking.ConflictID, map[seriald.ID]seriald.ID{asking.Challenger.ID: same.ID})
	commit(t, db, noon.Add(4*time.Minute), &store.Changes{Audit: []seriald.AuditEvent{about(4, s, seriald.AuditSerialRetired)}})

	tell := func(id seriald.ID) (lines []string) {
		t.Helper()
		h, err := db.SerialHistory(t.Context(), id)
		if err != nil || h.Truncated || h.Serial.ID != id {
			t.Fatalf("%+v, %v", h, err)
		}
		for _, e := range h.Entries {
			line := fmt.Sprintf("%.0f ", e.At.Sub(noon).Minutes())
			switch {
			case e.Audit != nil:
				line += string(e.Audit.Type)
			case e.Propagation != nil:
				line += e.Propagation.OperationCode + " " + e.Propagation.SerialNumber
			default:
				line += "conflict of " + e.Conflict.Holder.SerialID.String()[:2] + " with " + string(e.Conflict.Challengers[0].EventID)
			}
			lines = append(lines, line)
		}
		return lines
	}
	want := []string{"0 SERIAL_GENERATED", "1 PROPAGATED", "1 OP-10 S-001", "2 conflict of 01 with asking", "4 SERIAL_RETIRED"}
	if diff := cmp.Diff(want, tell(s.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = []string{"0 VENDOR_RECEIVED", "1 OP-10 S-001", "2 conflict of 01 with asking"} // which the resolution made
	if diff := cmp.Diff(want, tell(same.ID)); diff != "" {
		t.Errorf("of the challenger (-want +got):\n%s", diff)
	}
	if _, err := db.SerialHistory(t.Context(), newID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestSerialHistoryIsBounded(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	s := fullSerial(1, seriald.SourceGenerated)
	var all []seriald.AuditEvent
	for n := range 1003 {
		all = append(all, audited(n, func(a *seriald.AuditEvent) { a.SerialID, a.SerialNumber = s.ID, s.Number }))
	}
	commit(t, db, noon, &store.Changes{Serials: []*seriald.Serial{s}, Audit: all})
	h, err := db.SerialHistory(t.Context(), s.ID)
	if err != nil || !h.Truncated || len(h.Entries) != 1000 || h.Entries[0].Audit.ID != all[3].ID || h.Entries[999].Audit.ID != all[1002].ID {
		t.Errorf("%d entries, truncated %t, %v", len(h.Entries), h.Truncated, err)
	}
}
