package store_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// audited is an audit event with all that it may have. The smaller n, the older it is.
func audited(n int, change func(a *seriald.AuditEvent)) seriald.AuditEvent {
	a := seriald.AuditEvent{
		ID: seriald.ID{0: 1, 6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}, Type: seriald.AuditSerialGenerated, Status: seriald.AuditSuccess,
		EventID: "event", SerialID: seriald.ID{0: 2, 15: byte(n)}, SerialNumber: fmt.Sprintf("S-%d", n), PartID: "PART-001", SiteID: "plant1",
		PerformedBy: "/plant1/line1/reader", DeviceTime: noon.Add(-time.Hour),
		OldValues: []byte(`{"b": 1,  "a": 1.0}`), NewValues: []byte(`{"request": {"x": "é <>"}, "x": 1, "x": 2}`),
	}
	if change != nil {
		change(&a)
	}
	return a
}

// emptied is a database without the seed's audit events.
func emptied(t *testing.T) (db *store.DB, conn *pgx.Conn) {
	t.Helper()
	dsn := storetest.DSN(t, storetest.Fast)
	conn = storetest.Conn(t, dsn)
	if _, err := conn.Exec(t.Context(), "TRUNCATE audit_events"); err != nil {
		t.Fatal(err)
	}
	return storetest.Open(t, dsn), conn
}

func record(a seriald.AuditEvent, at time.Time) store.AuditRecord {
	return store.AuditRecord{
		ID: a.ID, Type: a.Type, Status: a.Status, EventID: a.EventID, SerialID: a.SerialID, SerialNumber: a.SerialNumber, PartID: a.PartID, SiteID: a.SiteID,
		PerformedBy: a.PerformedBy, PerformedAt: at, DeviceTime: a.DeviceTime, OldValues: a.OldValues, NewValues: a.NewValues,
	}
}

func TestAuditIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	db, _ := emptied(t)
	bare := seriald.AuditEvent{ID: seriald.ID{0: 9}, Type: seriald.AuditConfigChanged, Status: seriald.AuditSuccess, PerformedBy: "seed"}
	full := audited(1, nil)
	commit(t, db, noon, &store.Changes{Audit: []seriald.AuditEvent{full, bare}})
	got, err := db.AuditEvents(t.Context(), &store.AuditFilter{}, store.AuditPlace{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.AuditRecord{record(bare, noon), record(full, noon)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAuditIsFiltered(t *testing.T) {
	t.Parallel()
	db, _ := emptied(t)
	serial := fullSerial(2, seriald.SourceGenerated)
	var all []seriald.AuditEvent
	for n, change := range []func(a *seriald.AuditEvent){
		nil,
		func(a *seriald.AuditEvent) { a.PartID = "PART-003" },
		func(a *seriald.AuditEvent) { a.SerialID, a.SerialNumber = serial.ID, serial.Number },
		func(a *seriald.AuditEvent) { a.SerialNumber = serial.Number }, // of another part
		func(a *seriald.AuditEvent) { a.Type = seriald.AuditVendorReceived },
		func(a *seriald.AuditEvent) { a.Status = seriald.AuditFailed },
		func(a *seriald.AuditEvent) { a.PerformedBy = "anna" },
		func(a *seriald.AuditEvent) { a.SiteID = "plant2" },
		func(a *seriald.AuditEvent) { a.EventID = "known" },
		func(a *seriald.AuditEvent) { a.EventID = "forgotten" },
	} {
		all = append(all, audited(n, change))
	}
	known := store.InboxRow{EventID: "known", Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "s", Line: "l", Device: "d"}, Status: seriald.StatusAccepted, Outcome: "{}"}
	// Two months apart, with the newest first in one: a page may end in either.
	commit(t, db, noon.AddDate(0, -2, 0), &store.Changes{Audit: all[:3]})
	commit(t, db, noon, &store.Changes{Audit: all[3:], Serials: []*seriald.Serial{serial}, Inbox: []store.InboxRow{known}})
	for name, tt := range map[string]struct {
		filter store.AuditFilter
		want   string
	}{
		"all":                  {store.AuditFilter{}, "9 8 7 6 5 4 3 2 1 0"},
		"a part":               {store.AuditFilter{PartID: "PART-003"}, "1"},
		"a number":             {store.AuditFilter{SerialNumber: serial.Number}, "3 2"},
		"a serial":             {store.AuditFilter{SerialID: serial.ID}, "2"},
		"a serial by both":     {store.AuditFilter{SerialID: serial.ID, SerialNumber: "S-4"}, ""},
		"a serial of no table": {store.AuditFilter{SerialID: seriald.ID{0: 2, 15: 4}}, "4"},
		"a type":               {store.AuditFilter{Type: seriald.AuditVendorReceived}, "4"},
		"a status":             {store.AuditFilter{Status: seriald.AuditFailed}, "5"},
		"a person":             {store.AuditFilter{PerformedBy: "anna"}, "6"},
		"a site":               {store.AuditFilter{SiteID: "plant2"}, "7"},
		"an event":             {store.AuditFilter{EventID: "known"}, "8"},
		"an event, elsewhen":   {store.AuditFilter{EventID: "known", To: noon}, ""},
		"a forgotten event":    {store.AuditFilter{EventID: "forgotten"}, "9"},
		"since":                {store.AuditFilter{From: noon}, "9 8 7 6 5 4 3"},
		"until":                {store.AuditFilter{To: noon}, "2 1 0"},
		"all of it":            {store.AuditFilter{PartID: "PART-001", Type: seriald.AuditSerialGenerated, Status: seriald.AuditSuccess, PerformedBy: "/plant1/line1/reader", From: noon, SiteID: "plant1"}, "9 8 3"},
		"injected":             {store.AuditFilter{PartID: "' OR '1'='1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, limit := range []int{1, 2, 3, 50} {
				if got := auditIDs(t, db, &tt.filter, limit); got != tt.want {
					t.Errorf("in pages of %d: %q, want %q", limit, got, tt.want)
				}
			}
			words := len(strings.Fields(tt.want))
			for _, most := range []int{1, 2, 7, 8, 50} {
				if n, err := db.CountAudit(t.Context(), &tt.filter, most); n != min(most, words) || err != nil {
					t.Errorf("counted to %d: %d, %v", most, n, err)
				}
			}
			var exported []string
			if err := db.ExportAudit(t.Context(), &tt.filter, func(r *store.AuditRecord) error {
				exported = append([]string{fmt.Sprint(r.ID[15])}, exported...)
				return nil
			}); err != nil || strings.Join(exported, " ") != tt.want {
				t.Errorf("exported %v, %v, want %q from the last", exported, err, tt.want)
			}
			if s, err := db.AuditStatistics(t.Context(), &tt.filter); err != nil || s.Total != int64(words) {
				t.Errorf("statistics %+v, %v", s, err)
			}
		})
	}
}

// auditIDs reads what f means, page by page.
func auditIDs(t *testing.T, db *store.DB, f *store.AuditFilter, limit int) string {
	t.Helper()
	var ids []string
	for after := (store.AuditPlace{}); ; {
		page, err := db.AuditEvents(t.Context(), f, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page {
			ids = append(ids, fmt.Sprint(page[i].ID[15]))
		}
		if len(page) < limit {
			return strings.Join(ids, " ")
		}
		after = store.AuditPlace{PerformedAt: page[limit-1].PerformedAt, ID: page[limit-1].ID}
	}
}

// What is added while somebody turns the pages neither comes in between nor twice.
func TestAuditPagesAreStable(t *testing.T) {
	t.Parallel()
	db, _ := emptied(t)
	commit(t, db, noon, &store.Changes{Audit: []seriald.AuditEvent{audited(1, nil), audited(2, nil), audited(3, nil)}})
	first, err := db.AuditEvents(t.Context(), &store.AuditFilter{}, store.AuditPlace{}, 2)
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	commit(t, db, noon.Add(time.Second), &store.Changes{Audit: []seriald.AuditEvent{audited(4, nil), audited(5, nil)}})
	rest, err := db.AuditEvents(t.Context(), &store.AuditFilter{}, store.AuditPlace{PerformedAt: first[1].PerformedAt, ID: first[1].ID}, 5)
	if err != nil || len(rest) != 1 || rest[0].ID[15] != 1 {
		t.Errorf("%v, %v", rest, err)
	}
}

func TestAuditStatistics(t *testing.T) {
	t.Parallel()
	db, _ := emptied(t)
	failed := audited(3, func(a *seriald.AuditEvent) {
		a.Type, a.Status, a.PartID = seriald.AuditEventRefused, seriald.AuditFailed, "PART-003"
	})
	commit(t, db, time.Date(2026, 3, 1, 23, 59, 59, 999_999_000, time.UTC), &store.Changes{Audit: []seriald.AuditEvent{audited(1, nil)}})
	commit(t, db, noon, &store.Changes{Audit: []seriald.AuditEvent{audited(2, nil), failed}})
	for _, tt := range []struct {
		filter store.AuditFilter
		want   store.AuditStatistics
	}{
		{store.AuditFilter{}, store.AuditStatistics{
			Total: 3, ByType: map[seriald.AuditType]int64{seriald.AuditSerialGenerated: 2, seriald.AuditEventRefused: 1},
			ByStatus: map[seriald.AuditStatus]int64{seriald.AuditSuccess: 2, seriald.AuditFailed: 1}, ByDay: map[string]int64{"2026-03-01": 1, "2026-03-02": 2},
		}},
		{store.AuditFilter{PartID: "PART-001", From: noon}, store.AuditStatistics{
			Total: 1, ByType: map[seriald.AuditType]int64{seriald.AuditSerialGenerated: 1},
			ByStatus: map[seriald.AuditStatus]int64{seriald.AuditSuccess: 1}, ByDay: map[string]int64{"2026-03-02": 1},
		}},
		{store.AuditFilter{PartID: "none"}, store.AuditStatistics{ByType: map[seriald.AuditType]int64{}, ByStatus: map[seriald.AuditStatus]int64{}, ByDay: map[string]int64{}}},
	} {
		got, err := db.AuditStatistics(t.Context(), &tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.filter, diff)
		}
	}
}

// An export has all of many pages, months and days once, in order; what is added meanwhile
// does not keep it from ending, and nothing is locked while it is looked at.
func TestExportAudit(t *testing.T) {
	t.Parallel()
	db, conn := emptied(t)
	if err := db.ExportAudit(t.Context(), &store.AuditFilter{}, func(*store.AuditRecord) error { return errors.New("there is none") }); err != nil {
		t.Error(err)
	}
	// Three months, a minute apart; and more of one instant than a page has.
	for _, sql := range []string{
		`INSERT INTO audit_events (id, event_type, status, performed_by, performed_at)
		SELECT gen_random_uuid(), 'X', 'SUCCESS', 'p', '2026-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, 120000, 40) AS i`,
		`INSERT INTO audit_events (id, event_type, status, performed_by, performed_at)
		SELECT gen_random_uuid(), 'X', 'SUCCESS', 'p', '2026-02-02' FROM generate_series(1, 1200)`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var before store.AuditRecord
	n := 0
	err := db.ExportAudit(t.Context(), &store.AuditFilter{}, func(r *store.AuditRecord) error {
		n++
		if n%100 == 0 {
			commit(t, db, noon.AddDate(1, 0, n), &store.Changes{Audit: []seriald.AuditEvent{audited(n, nil)}})
		}
		if c := before.PerformedAt.Compare(r.PerformedAt); c > 0 || c == 0 && before.ID.String() >= r.ID.String() {
			t.Fatalf("%v %s comes after %v %s", r.PerformedAt, r.ID, before.PerformedAt, before.ID)
		}
		before = *r
		return nil
	})
	if n != 4200 || err != nil {
		t.Errorf("exported %d, %v", n, err)
	}
	stop := errors.New("the client went away")
	if err := db.ExportAudit(t.Context(), &store.AuditFilter{}, func(*store.AuditRecord) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want %v", err, stop)
	}
}

func TestAuditReadsFail(t *testing.T) {
	t.Parallel()
	away, there := storetest.Open(t, "postgres://x:y@127.0.0.1:1/none"), storetest.Open(t, storetest.DSN(t, storetest.Fast))
	for name, filter := range map[string]store.AuditFilter{"a part": {PartID: "\x00"}, "an event": {EventID: "\x00"}} {
		for what, read := range map[string]func(db *store.DB) error{
			"list": func(db *store.DB) error {
				_, err := db.AuditEvents(t.Context(), &filter, store.AuditPlace{}, 1)
				return err
			},
			"count":      func(db *store.DB) error { _, err := db.CountAudit(t.Context(), &filter, 1); return err },
			"statistics": func(db *store.DB) error { _, err := db.AuditStatistics(t.Context(), &filter); return err },
			"export":     func(db *store.DB) error { return db.ExportAudit(t.Context(), &filter, nil) },
		} {
			if err := read(away); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s of %s, away: %v, want ErrUnavailable", what, name, err)
			}
			if err := read(there); !errors.Is(err, store.ErrBadData) {
				t.Errorf("%s of %s with a NUL: %v, want ErrBadData", what, name, err)
			}
		}
	}
}

// fillAudit makes a hundred thousand audit events in ten months of 2025, as they are made:
// most of them of serials made at a few lines, every hundredth of something else.
var fillAudit = []string{
	`DO $$ BEGIN FOR m IN 1..10 LOOP
		EXECUTE format('CREATE TABLE audit_events_2025%s PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)', lpad(m::text, 2, '0'),
			make_date(2025, m, 1), make_date(2025, m + 1, 1));
	END LOOP; END $$`,
	`INSERT INTO audit_events (id, event_type, status, event_id, serial_id, serial_number, part_id, site_id, performed_by, performed_at)
	SELECT ('01940000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
		CASE WHEN i % 1000 = 0 THEN 'EVENT_REFUSED' WHEN i % 100 = 0 THEN 'VENDOR_RECEIVED' ELSE 'SERIAL_GENERATED' END,
		CASE WHEN i % 1000 = 0 THEN 'FAILED' ELSE 'SUCCESS' END, 'e-' || i, ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'N-' || i,
		CASE WHEN i % 2 = 0 THEN 'HOT' WHEN i < 2000 THEN 'OLD' ELSE 'PART-' || i % 500 END, 'plant1',
		CASE WHEN i % 2000 = 7 THEN 'anna' ELSE '/plant1/line1/d' || i % 5 END, '2025-01-01'::timestamptz + i / 50 * interval '210 minutes'
	FROM generate_series(1, 100000) AS i`,
	"ANALYZE audit_events",
}

// Each filter is answered by its index, one partition for each month of the time that is
// asked for.
func TestAuditReadsUseIndexes(t *testing.T) {
	t.Parallel()
	_, conn := emptied(t)
	for _, sql := range fillAudit {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	day := func(month, day int) any { return time.Date(2025, time.Month(month), day, 0, 0, 0, 0, time.UTC) }
	args := func(change func(a []any)) []any {
		a := []any{"", "", "", "", "", "", nil, "", nil, nil}
		change(a)
		return a
	}
	for name, tt := range map[string]struct {
		change func(a []any)
		want   string // the index
		not    string
	}{
		"nothing":      {func([]any) {}, "_pkey", "Sort Method"},
		"a part":       {func(a []any) { a[0] = "PART-77" }, "_part_id_performed_at_idx", "_pkey on"},
		"an old part":  {func(a []any) { a[0] = "OLD" }, "_part_id_performed_at_idx", "_pkey on"},
		"a hot part":   {func(a []any) { a[0] = "HOT" }, "_pkey", "Sort Method"},
		"a number":     {func(a []any) { a[1] = "N-777" }, "_serial_number_idx", "_pkey on"},
		"a type":       {func(a []any) { a[2] = "VENDOR_RECEIVED" }, "_event_type_", "_pkey on"},
		"a person":     {func(a []any) { a[3] = "anna" }, "_performed_by_idx", "_pkey on"},
		"a status":     {func(a []any) { a[4] = "FAILED" }, "_performed_at_id_idx", "_pkey on"},
		"a time":       {func(a []any) { a[8], a[9] = day(3, 1), day(4, 1) }, "audit_events_202503_pkey", "audit_events_202504"},
		"part in time": {func(a []any) { a[0], a[8], a[9] = "PART-77", day(3, 1), day(4, 1) }, "audit_events_202503_part_id", "audit_events_202504"},
	} {
		for _, file := range []string{"audit_list", "audit_export"} {
			sql, err := os.ReadFile("sql/" + file + ".sql")
			if err != nil {
				t.Fatal(err)
			}
			for _, after := range []any{nil, day(3, 2)} {
				plan := of2025(explain(t, conn, string(sql), append(args(tt.change), after, [16]byte{}, 51)))
				if !strings.Contains(plan, tt.want) || strings.Contains(plan, tt.not) || strings.Contains(plan, "Seq Scan on audit_events_2025") {
					t.Errorf("%s, %s after %v: want %s, without %s, in\n%s", file, name, after, tt.want, tt.not, plan)
				}
			}
		}
	}
	for file, args := range map[string][]any{
		"audit_span": nil, "audit_keys": {[16]byte{}, "e"}, "audit_count": append(args(func(a []any) { a[0] = "PART-77" }), 10001),
		"audit_statistics": args(func(a []any) { a[0] = "PART-77" }),
	} {
		sql, err := os.ReadFile("sql/" + file + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if plan := explain(t, conn, string(sql), args); strings.Contains(plan, "Seq Scan on audit_events_2025") || strings.Contains(plan, "Seq Scan on processed_events") {
			t.Errorf("%s reads all of a table:\n%s", file, plan)
		}
	}
}

// of2025 are the lines of a plan that are about the months of [fillAudit], or a sort: what
// is empty may be read in any way.
func of2025(plan string) string {
	lines := strings.Split(plan, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return !strings.Contains(line, "audit_events_2025") && !strings.Contains(line, "Sort Method")
	}), "\n")
}
