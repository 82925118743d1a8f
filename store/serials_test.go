package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// noon is when batches of these tests are, unless they say otherwise.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// commit writes c as one batch at a time.
func commit(t *testing.T, db *store.DB, at time.Time, c *store.Changes) {
	t.Helper()
	b, _, err := db.Read(t.Context(), store.Refs{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Write(t.Context(), c, 500); err != nil {
		t.Fatal(err)
	}
}

// fullSerial has every field of its source set. The smaller n, the older it is.
func fullSerial(n int, source seriald.Source) *seriald.Serial {
	s := &seriald.Serial{
		ID: seriald.ID{0: 1, 14: byte(n >> 8), 15: byte(n)}, Number: fmt.Sprintf("S-%03d", n), PartID: "PART-001", SiteID: "plant1", Source: source,
		Status: seriald.SerialActive, FormatID: "default", FormatVersion: 3, TriggerID: seriald.ID{0: 2, 15: byte(n)},
		WorkOrderID: "WO", LotNumber: "LOT", OperationCode: "OP", Line: "line1", Device: "reader", Attributes: []byte(`{"cell": "B7", "torque": 12.5}`),
		EventID: seriald.EventID(fmt.Sprintf("event-%d", n)), CreatedAt: noon,
	}
	if source == seriald.SourceVendor {
		s.Status, s.FormatID, s.FormatVersion = seriald.SerialAccepted, "", 0
		s.VendorName, s.ReceivedDate, s.InternalSerialID = "ACME", "2026-03-01", seriald.ID{0: 3, 14: byte(n >> 8), 15: byte(n)}
	}
	return s
}

func TestSerialIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	retired := fullSerial(3, seriald.SourceLate)
	retired.Status, retired.RetirementReason, retired.FormatID, retired.FormatVersion = seriald.SerialRetired, "scrapped", "", 0
	rejected := fullSerial(4, seriald.SourceVendor)
	rejected.Status, rejected.RejectionReason, rejected.InternalSerialID = seriald.SerialRejected, "rust", seriald.ID{}
	bare := &seriald.Serial{
		ID: newID(), Number: "bare", PartID: "PART-001", SiteID: "plant1", Source: seriald.SourceGenerated, Status: seriald.SerialActive,
		FormatID: "default", FormatVersion: 1, EventID: "e", CreatedAt: noon,
	}
	all := []*seriald.Serial{fullSerial(1, seriald.SourceGenerated), fullSerial(2, seriald.SourceVendor), retired, rejected, bare}
	commit(t, db, noon, &store.Changes{Serials: all})
	for _, want := range all {
		got, err := db.Serial(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&store.SerialRecord{Serial: *want, UpdatedAt: noon}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Number, diff)
		}
	}
	if _, err := db.Serial(t.Context(), newID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestSerialsAreFiltered(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	var all []*seriald.Serial
	for n, change := range []func(s *seriald.Serial){
		func(s *seriald.Serial) { s.Number = "other" },
		func(s *seriald.Serial) { s.PartID = "PART-003" },
		func(s *seriald.Serial) { s.Status = seriald.SerialRetired },
		func(s *seriald.Serial) { s.WorkOrderID = "WO-9" },
		func(s *seriald.Serial) { s.LotNumber, s.Attributes = "LOT-9", nil },
		func(s *seriald.Serial) { s.OperationCode, s.Device = "OP-9", "press" },
		func(s *seriald.Serial) { s.Attributes = []byte(`{"cell": 7, "wet": true}`) },
		func(s *seriald.Serial) { s.Attributes = []byte(`{"cell": "7"}`) },
	} {
		s := fullSerial(n, seriald.SourceGenerated)
		change(s)
		all = append(all, s)
	}
	commit(t, db, noon, &store.Changes{Serials: all})
	vendor := fullSerial(8, seriald.SourceVendor)
	commit(t, db, noon.Add(time.Hour), &store.Changes{Serials: []*seriald.Serial{vendor}})
	for name, tt := range map[string]struct {
		filter store.SerialFilter
		before int // 0: from the newest
		limit  int
		want   string
	}{
		"all, newest first":    {store.SerialFilter{}, 0, 50, "8 7 6 5 4 3 2 1 0"},
		"a page":               {store.SerialFilter{}, 0, 2, "8 7"},
		"the next":             {store.SerialFilter{}, 7, 2, "6 5"},
		"the last":             {store.SerialFilter{}, 1, 2, "0"},
		"a number":             {store.SerialFilter{Number: "other"}, 0, 50, "0"},
		"a part":               {store.SerialFilter{PartID: "PART-003"}, 0, 50, "1"},
		"a status":             {store.SerialFilter{Status: seriald.SerialRetired}, 0, 50, "2"},
		"a vendor's status":    {store.SerialFilter{Status: seriald.SerialAccepted}, 0, 50, "8"},
		"a work order":         {store.SerialFilter{WorkOrderID: "WO-9"}, 0, 50, "3"},
		"a lot":                {store.SerialFilter{LotNumber: "LOT-9"}, 0, 50, "4"},
		"an operation":         {store.SerialFilter{OperationCode: "OP-9"}, 0, 50, "5"},
		"a device":             {store.SerialFilter{Device: "press"}, 0, 50, "5"},
		"a number attribute":   {store.SerialFilter{Attributes: []string{`{"cell": 7.0}`}}, 0, 50, "6"},
		"either":               {store.SerialFilter{Attributes: []string{`{"cell": 7}`, `{"cell": "7"}`}}, 0, 50, "7 6"},
		"two attributes":       {store.SerialFilter{Attributes: []string{`{"cell": 7, "wet": true}`}}, 0, 50, "6"},
		"no such attribute":    {store.SerialFilter{Attributes: []string{`{"cell": 7, "wet": false}`}}, 0, 50, ""},
		"a source":             {store.SerialFilter{Source: seriald.SourceVendor}, 0, 50, "8"},
		"a vendor in any case": {store.SerialFilter{VendorName: "acme"}, 0, 50, "8"},
		"since":                {store.SerialFilter{From: noon.Add(time.Hour)}, 0, 50, "8"},
		"until":                {store.SerialFilter{To: noon.Add(time.Hour)}, 0, 2, "7 6"},
		"all of it":            {store.SerialFilter{PartID: "PART-001", WorkOrderID: "WO", Device: "reader"}, 4, 50, "2 0"},
		"nothing":              {store.SerialFilter{PartID: "PART-003", WorkOrderID: "WO-9"}, 0, 50, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before seriald.ID
			if tt.before > 0 {
				before = fullSerial(tt.before, seriald.SourceGenerated).ID
			}
			got, err := db.Serials(t.Context(), &tt.filter, before, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i := range got {
				names = append(names, fmt.Sprint(got[i].ID[15]))
			}
			if strings.Join(names, " ") != tt.want {
				t.Errorf("got %q, want %q", strings.Join(names, " "), tt.want)
			}
		})
	}
	got, err := db.Serials(t.Context(), &store.SerialFilter{Source: seriald.SourceVendor}, seriald.ID{}, 1)
	if diff := cmp.Diff([]store.SerialRecord{{Serial: *withTime(vendor, noon.Add(time.Hour)), UpdatedAt: noon.Add(time.Hour)}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func withTime(s *seriald.Serial, at time.Time) *seriald.Serial {
	made := *s
	made.CreatedAt = at
	return &made
}

// A value that the database can't hold is the asker's fault; a list that takes too long
// is no fault of the database.
func TestSerialsFailures(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	if _, err := db.Serials(t.Context(), &store.SerialFilter{Attributes: []string{`{"a": 1e999999}`}}, seriald.ID{}, 1); !errors.Is(err, store.ErrBadData) {
		t.Errorf("a number out of bounds: %v, want ErrBadData", err)
	}
	conn := storetest.Conn(t, dsn)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE serials"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Serials(t.Context(), &store.SerialFilter{}, seriald.ID{}, 1); !errors.Is(err, store.ErrTooBroad) {
		t.Errorf("behind a lock: %v, want ErrTooBroad", err)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Serials(t.Context(), &store.SerialFilter{}, seriald.ID{}, 1); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// fill makes a hundred thousand serials: half of them of one part; and of all a few
// hundredths each of what is looked for.
const fill = `INSERT INTO serials (id, serial_number, part_id, site_id, source, status, format_id, work_order_id, lot_number, operation_code,
		vendor_name, device, attributes, event_id, created_at)
	SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'N-' || i, CASE WHEN i % 2 = 0 THEN 'HOT' ELSE 'PART-' || i % 500 END,
		'plant1', CASE WHEN i % 4 = 3 THEN 'VENDOR' ELSE 'SYSTEM_GENERATED' END,
		CASE WHEN i % 4 = 3 THEN CASE WHEN i % 1000 = 3 THEN 'PENDING' ELSE 'ACCEPTED' END WHEN i % 1000 = 1 THEN 'RETIRED' ELSE 'ACTIVE' END,
		'default', 'WO-' || i / 50, 'LOT-' || i / 100, 'OP-' || i % 5, CASE WHEN i % 4 = 3 THEN 'ACME' END, 'device-' || i % 20,
		jsonb_build_object('torque', i % 1000, 'cell', 'C-' || i % 700), 'e', '2026-01-01'::timestamptz + i * interval '1 minute'
	FROM generate_series(1, 100000) AS i`

// Each filter that promises an index is answered by it, among a hundred thousand
// serials; what is not asked for is no part of the plan.
func TestSerialsListUsesItsIndexes(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn, db := storetest.Conn(t, dsn), storetest.Open(t, dsn)
	for _, sql := range []string{fill, "SET default_statistics_target = 1000", "ANALYZE serials"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	at := func(minutes int) time.Time { return time.Date(2026, 1, 1, 0, minutes, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		filter store.SerialFilter
		want   string // an index, or what of it
		not    string
	}{
		"nothing":           {store.SerialFilter{}, "system_generated_serials_pkey", "Seq Scan on system_generated"},
		"a number":          {store.SerialFilter{Number: "N-777"}, "system_generated_serials_serial_number", "_pkey"},
		"a part":            {store.SerialFilter{PartID: "PART-77"}, "system_generated_serials_part_id", "_pkey"},
		"a part, often":     {store.SerialFilter{PartID: "HOT"}, "system_generated_serials_part_id", "_pkey"}, // and no vendor's serial is of it
		"a vendor's status": {store.SerialFilter{Status: seriald.SerialPending}, "vendor_serials_", "system_generated"},
		"a work order":      {store.SerialFilter{WorkOrderID: "WO-77"}, "system_generated_serials_work_order_id", "_pkey"},
		"a lot":             {store.SerialFilter{LotNumber: "LOT-77"}, "system_generated_serials_lot_number", "_pkey"},
		"an attribute":      {store.SerialFilter{Attributes: []string{`{"torque": 77}`, `{"torque": "77"}`}}, "system_generated_serials_attributes", "_pkey"},
		"attributes":        {store.SerialFilter{Attributes: []string{`{"torque": 77, "cell": "C-77"}`}}, "system_generated_serials_attributes", "_pkey"},
		"vendor, of a part": {store.SerialFilter{Source: seriald.SourceVendor, PartID: "PART-103", Status: seriald.SerialPending}, "vendor_serials_part_", "system_generated"},
		"generated, a time": {store.SerialFilter{Source: seriald.SourceGenerated, PartID: "PART-77", From: at(50000), To: at(60000)}, "system_generated_serials_", "vendor"},
	} {
		// As the method has it planned: for its parameters.
		plan := ""
		for sql, args := range store.SerialsList(&tt.filter, 51) {
			plan += explain(t, conn, sql, args) + "\n"
		}
		if !strings.Contains(plan, tt.want) || strings.Contains(plan, tt.not) {
			t.Errorf("%s: want %s, without %s, in\n%s", name, tt.want, tt.not, plan)
		}
		for range 8 { // a server that is free to would change its plan after five
			if _, err := db.Serials(t.Context(), &tt.filter, seriald.ID{}, 51); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// explain returns the plan of a statement for args, and how long it took.
func explain(t *testing.T, conn *pgx.Conn, sql string, args []any) string {
	t.Helper()
	rows, err := conn.Query(context.Background(), "EXPLAIN (ANALYZE, COSTS off) "+sql, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// planCase is one of the store's statements, by its file, and what its plan has to name.
type planCase struct {
	file string
	args []any
	want []string
}

// testPlans checks the plan of each case: it names what the case wants, and reads none of
// the tables whole.
func testPlans(t *testing.T, conn *pgx.Conn, cases map[string]planCase, tables ...string) {
	t.Helper()
	for name, tt := range cases {
		sql, err := os.ReadFile("sql/" + tt.file + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		plan := explain(t, conn, string(sql), tt.args)
		for _, want := range tt.want {
			if !strings.Contains(plan, want) {
				t.Errorf("%s: want %s in\n%s", name, want, plan)
			}
		}
		for _, table := range tables {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("%s reads all of %s:\n%s", name, table, plan)
			}
		}
	}
}
