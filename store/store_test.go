package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func newID() seriald.ID { return seriald.ID(uuid.Must(uuid.NewV7())) }

// Every statement is understood by the schema that the migrations make.
func TestStatementsPrepare(t *testing.T) {
	t.Parallel()
	conn := storetest.Conn(t, storetest.DSN(t, storetest.Fast))
	files, err := filepath.Glob("sql/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no statements: %v", err)
	}
	for _, f := range files {
		sql, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Prepare(context.Background(), f, string(sql)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// What the deployment guide's section "Create Indexes" lists is there, each with
// the column it is named for first.
func TestIndexesOfTheGuide(t *testing.T) {
	t.Parallel()
	conn := storetest.Conn(t, storetest.DSN(t, storetest.Fast))
	for _, index := range []string{
		"vendor_serials(part_id", "vendor_serials(serial_number)", "vendor_serials(status)", "vendor_serials(created_at",
		"system_generated_serials(part_id", "system_generated_serials(serial_number)", "system_generated_serials(created_at",
		"late_assignment_placeholders(part_id)", "late_assignment_placeholders(status)", "late_assignment_placeholders(created_at",
		"serial_propagations(serial_id)", "serial_propagations(parent_serial_id)", "serial_propagations(child_serial_id)",
		"serial_uniqueness_checks(serial_number)", "serial_uniqueness_checks(part_id)", "serial_uniqueness_checks(scope",
		"serial_uniqueness_checks(status)", "audit_events(serial_number)", "audit_events(event_type)", "audit_events(performed_at",
		"audit_events(performed_by)",
	} {
		table, column, _ := strings.Cut(index, "(")
		name := "idx_" + table + "_" + strings.TrimSuffix(column, ")")
		def := storetest.Value[string](t, conn, "SELECT COALESCE(max(indexdef), '') FROM pg_indexes WHERE indexname = $1", name)
		if !strings.Contains(def, table) || !strings.Contains(def, "("+column) {
			t.Errorf("%s is %q", name, def)
		}
	}
	for name, columns := range map[string]string{
		"idx_vendor_serials_part_status": "(part_id, status)", "idx_audit_events_type_time": "(event_type, performed_at DESC)",
	} {
		if def := storetest.Value[string](t, conn, "SELECT COALESCE(max(indexdef), '') FROM pg_indexes WHERE indexname = $1", name); !strings.Contains(def, columns) {
			t.Errorf("%s is %q", name, def)
		}
	}
}

func TestMigrationsUpDownUp(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	schema := func() string {
		return storetest.Value[string](t, conn, `SELECT COALESCE(string_agg(c.relname || ' ' || c.relkind::text || (SELECT COALESCE(string_agg(' ' || attname, '' ORDER BY attname), '')
				FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), ', ' ORDER BY c.relname), '')
			FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE n.nspname = 'public' AND c.relname NOT LIKE 'schema_migrations%' AND c.relname NOT LIKE 'audit_events_2%'`)
	}
	before := schema()
	m, err := migrations.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	if changed, err := m.Up(); changed || err != nil {
		t.Errorf("up on a current schema: %t, %v", changed, err)
	}
	if changed, err := m.Down(0); !changed || err != nil {
		t.Fatalf("down: %t, %v", changed, err)
	}
	if left := schema(); left != "" {
		t.Errorf("left after down: %s", left)
	}
	if changed, err := m.Up(); !changed || err != nil {
		t.Fatalf("up again: %t, %v", changed, err)
	}
	if after := schema(); after != before {
		t.Errorf("schema after down and up:\n%s\nwas\n%s", after, before)
	}
	if v, dirty, err := m.Version(); v != migrations.Latest() || dirty || err != nil {
		t.Errorf("version %d, dirty %t, %v", v, dirty, err)
	}
}

// A replica that migrates at the same time waits, and finds nothing to do.
func TestMigrationsTakeTurns(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	m, err := migrations.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Down(0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := migrations.Open(ctx, dsn); err == nil || !strings.Contains(err.Error(), "another process is migrating") {
		t.Errorf("second migrator: %v", err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			other, err := migrations.Open(context.Background(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			if changed, err := other.Up(); changed || err != nil {
				t.Errorf("replica: %t, %v", changed, err)
			}
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := m.Up(); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// 64 takers, some of which die with what they took: no value is given twice.
func TestCountersAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	a, b := store.Counter{FormatID: "default", Period: "2026-11-23"}, store.Counter{FormatID: "default", Scope: "plant1", Period: "2026"}
	var mu sync.Mutex
	given := map[string]bool{}
	var wg sync.WaitGroup
	for worker := range 64 {
		wg.Go(func() {
			for n := range 20 {
				takes := map[store.Counter]int64{a: int64(1 + (worker+n)%7), b: 3}
				first, err := db.TakeCounters(context.Background(), takes)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for c, count := range takes {
					for i := range count {
						name := fmt.Sprint(c, first[c]+i)
						if given[name] {
							t.Errorf("%s was given twice", name)
						}
						given[name] = true
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func claimRow(number, event string) store.ClaimRow {
	return store.ClaimRow{ID: newID(), EventID: seriald.EventID(event), Claim: seriald.Claim{
		Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: number, Number: number, SerialID: newID(), PartID: "PART-001",
	}}
}

func TestClaimFirstWinsAndLosersLearnTheHolder(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	ctx := context.Background()
	tx, _, err := db.Read(ctx, store.Refs{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rows := []store.ClaimRow{claimRow("B", "1"), claimRow("A", "2"), claimRow("B", "3"), claimRow("C", "4")}
	lost, err := tx.Claim(ctx, rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 1 || lost[2].ClaimID != rows[0].ID || lost[2].SerialID != rows[0].SerialID || lost[2].PartID != "PART-001" {
		t.Errorf("lost %+v, want the third to the first", lost)
	}
	if err := tx.Unclaim(ctx, []seriald.ID{rows[0].ID}); err != nil {
		t.Fatal(err)
	}
	if lost, err := tx.Claim(ctx, rows[2:3]); err != nil || len(lost) != 0 {
		t.Errorf("after the first gave back: %v, %v", lost, err)
	}
	tx.Rollback()
	tx.Rollback() // does nothing
}

// Two batches that claim overlapping sets in opposite orders: one waits for the
// other, and neither is a deadlock's victim.
func TestClaimsInOppositeOrdersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	ctx := context.Background()
	for round := range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for _, backwards := range []bool{false, true} {
			wg.Go(func() {
				tx, _, err := db.Read(ctx, store.Refs{}, time.Now())
				if err != nil {
					t.Error(err)
					return
				}
				var rows []store.ClaimRow
				for i := range 200 {
					n := i
					if backwards {
						n = 199 - i
					}
					rows = append(rows, claimRow(fmt.Sprintf("%d-%03d", round, n), fmt.Sprint(i)))
				}
				lost, err := tx.Claim(ctx, rows)
				if err != nil {
					t.Errorf("claim: %v", err)
					tx.Rollback()
					return
				}
				if err := tx.Write(ctx, &store.Changes{}, 500); err != nil {
					t.Error(err)
				}
				mu.Lock()
				won += len(rows) - len(lost)
				mu.Unlock()
			})
		}
		wg.Wait()
		if won != 200 {
			t.Fatalf("%d claims were won, want 200", won)
		}
	}
}

func inboxRow(id string) store.InboxRow {
	return store.InboxRow{
		EventID: seriald.EventID(id), Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "s", Line: "l", Device: "d"},
		Status: seriald.StatusAccepted, Outcome: `{"eventId":"` + id + `"}`,
	}
}

// Of two processes with the same event the slower one is told to run its batch
// again, and leaves nothing behind.
func TestSameEventInTwoProcesses(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	ctx := context.Background()
	refs := store.Refs{EventIDs: []string{"e"}}
	slow, found, err := db.Read(ctx, refs, time.Now())
	if err != nil || len(found.Inbox) != 0 {
		t.Fatalf("inbox %v, %v", found.Inbox, err)
	}
	fast, _, err := db.Read(ctx, refs, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := fast.Write(ctx, &store.Changes{Inbox: []store.InboxRow{inboxRow("e")}}, 500); err != nil {
		t.Fatal(err)
	}
	changes := &store.Changes{
		Inbox: []store.InboxRow{inboxRow("other"), inboxRow("e")},
		Audit: []seriald.AuditEvent{{ID: newID(), Type: seriald.AuditEventIgnored, Status: seriald.AuditSuccess, EventID: "e", PerformedBy: "x"}},
	}
	if err := slow.Write(ctx, changes, 500); !errors.Is(err, store.ErrRepeat) {
		t.Fatalf("the slower one got %v, want ErrRepeat", err)
	}
	again, found, err := db.Read(ctx, refs, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Rollback()
	if string(found.Inbox["e"].Outcome) != `{"eventId":"e"}` {
		t.Errorf("inbox %v", found.Inbox)
	}
	conn := storetest.Conn(t, dsn)
	if n := storetest.Value[int](t, conn, "SELECT count(*)::int FROM audit_events WHERE event_id = 'e'"); n != 0 {
		t.Errorf("%d audit events of the undone batch", n)
	}
	if _, err := db.EventOutcome(ctx, "other"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("outcome of the undone event: %v", err)
	}
}

func TestFailuresAreTranslated(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	ctx := context.Background()
	t.Run("refused data", func(t *testing.T) {
		t.Parallel()
		db := storetest.Open(t, dsn)
		tx, _, err := db.Read(ctx, store.Refs{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		row := inboxRow("bad")
		row.Outcome = "not json"
		if err := tx.Write(ctx, &store.Changes{Inbox: []store.InboxRow{row}}, 500); !errors.Is(err, store.ErrBadData) {
			t.Errorf("got %v, want ErrBadData", err)
		}
	})
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		db := storetest.Open(t, "postgres://x:y@127.0.0.1:1/none")
		if _, _, err := db.Read(ctx, store.Refs{}, time.Now()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if err := db.Ping(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("ping: %v", err)
		}
	})
	t.Run("no schema", func(t *testing.T) {
		t.Parallel()
		empty := storetest.DSN(t, storetest.Fast)
		m, err := migrations.Open(ctx, empty)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Down(0); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		db := storetest.Open(t, empty)
		if _, _, err := db.Read(ctx, store.Refs{}, time.Now()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable: it is no fault of the events", err)
		}
	})
}

func TestAuditMonthsAreMadeOnceByMany(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	at := time.Date(2031, 12, 15, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := db.EnsureAuditMonths(context.Background(), at); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	conn := storetest.Conn(t, dsn)
	months := storetest.Value[string](t, conn, `SELECT string_agg(c.relname, ' ' ORDER BY c.relname)
		FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'audit_events'::regclass AND c.relname > 'audit_events_2031' AND c.relname < 'audit_events_d'`)
	if months != "audit_events_203112 audit_events_203201 audit_events_203202 audit_events_203203" {
		t.Errorf("months %s", months)
	}
}

func TestSeedIsAddedOnce(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast) // has the seed
	db := storetest.Open(t, dsn)
	conn := storetest.Conn(t, dsn)
	if n := storetest.Value[int](t, conn, "SELECT count(*)::int FROM audit_events WHERE event_type = 'CONFIG_CHANGED'"); n < 8 {
		t.Errorf("%d audit events of the seed", n)
	}
	added, err := db.Seed(context.Background(), true)
	if added != 0 || err != nil {
		t.Errorf("seeding again added %d, %v", added, err)
	}
	c, err := db.Catalog(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c.GTINs["09506000134352"] != c.Parts["PART-001"] || c.Sites["plant1"] == nil || c.Parts["PART-001"] == nil || c.Formats["default"] == nil || len(c.Triggers["PART-001"]) != 1 {
		t.Errorf("catalog %+v", c)
	}
}

func TestCatalogVersionRisesWithEachChange(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	version := func() int64 { return storetest.Value[int64](t, conn, "SELECT version FROM catalog_version") }
	for _, sql := range []string{
		"UPDATE sites SET name = 'x'", "UPDATE parts SET name = 'x'", "UPDATE serial_formats SET name = 'x'",
		"DELETE FROM serial_assignment_triggers WHERE part_id = 'PART-003'",
	} {
		before := version()
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
		if version() == before {
			t.Errorf("the version did not rise with %s", sql)
		}
	}
}

func TestConfigListsAllProblems(t *testing.T) {
	t.Parallel()
	err := store.Config{URL: "://", PoolSize: 1, IdleTimeout: 0, StatementCacheSize: -1}.Validate()
	for _, name := range []string{"DATABASE_URL", "DB_POOL_SIZE", "DB_IDLE_TIMEOUT", "DB_STATEMENT_CACHE_SIZE"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
	if err := storetest.Config("postgres://x/y").Validate(); err != nil {
		t.Error(err)
	}
	if got := (store.Config{URL: "postgres://u:secret@h:5/d"}).Redacted(); strings.Contains(got, "secret") {
		t.Errorf("redacted: %s", got)
	}
}

// More claims than one statement takes: the first of two equal ones still wins,
// wherever the cut is, and all losers learn the holder.
func TestClaimsInSeveralStatements(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	ctx := context.Background()
	tx, _, err := db.Read(ctx, store.Refs{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	const numbers = 7001
	var rows []store.ClaimRow
	for i := range 3 * numbers { // each number three times
		rows = append(rows, claimRow(fmt.Sprintf("%05d", i%numbers), fmt.Sprint(i)))
	}
	lost, err := tx.Claim(ctx, rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 2*numbers {
		t.Errorf("%d lost, want %d", len(lost), 2*numbers)
	}
	for i, holder := range lost {
		if i < numbers || holder.ClaimID != rows[i%numbers].ID {
			t.Fatalf("claim %d lost to %s, want to %s", i, holder.ClaimID, rows[i%numbers].ID)
		}
	}
}

// The lock tells who judged by master data that is no more.
func TestCatalogLock(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	b, found, err := db.Read(t.Context(), store.Refs{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	if err := b.LockCatalog(t.Context(), found.CatalogVersion); err != nil {
		t.Error(err)
	}
	if err := b.LockCatalog(t.Context(), found.CatalogVersion-1); !errors.Is(err, store.ErrRepeat) {
		t.Errorf("got %v, want ErrRepeat", err)
	}
}

// A version is raised by what changes the numbers, also where somebody changes the
// table, and each is kept.
func TestFormatVersions(t *testing.T) {
	t.Parallel()
	conn := storetest.Conn(t, storetest.DSN(t, storetest.Fast))
	for _, step := range []struct {
		sql     string
		version int
	}{
		{"UPDATE serial_formats SET name = 'x' WHERE id = 'default'", 1},
		{"UPDATE serial_formats SET pattern = 'X{SEQ:6}' WHERE id = 'default'", 2},
		{"UPDATE serial_formats SET pattern = 'X{SEQ:6}', version = 9 WHERE id = 'default'", 2},
		{"UPDATE serial_formats SET counter_scope = 'SITE', version = 9 WHERE id = 'default'", 3},
	} {
		if _, err := conn.Exec(t.Context(), step.sql); err != nil {
			t.Fatal(err)
		}
		if got := storetest.Value[int](t, conn, "SELECT version FROM serial_formats WHERE id = 'default'"); got != step.version {
			t.Errorf("%s: version %d, want %d", step.sql, got, step.version)
		}
	}
	if got := storetest.Value[int](t, conn, "SELECT count(*)::int FROM serial_format_versions WHERE format_id = 'default'"); got != 3 {
		t.Errorf("%d versions are kept, want 3", got)
	}
	if got := storetest.Value[int](t, conn, "SELECT count(DISTINCT permutation_key)::int FROM serial_formats"); got != storetest.Value[int](t, conn, "SELECT count(*)::int FROM serial_formats") {
		t.Errorf("%d keys", got)
	}
}

func TestFormatUse(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	for _, take := range []struct {
		scope string
		n     int64
	}{{"", 7}, {"plant1", 3}, {"", 5}} {
		if _, err := db.TakeCounters(t.Context(), map[store.Counter]int64{{FormatID: "default", Scope: take.scope}: take.n}); err != nil {
			t.Fatal(err)
		}
	}
	u, err := db.FormatUse(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	if u.ID != "default" || u.Version != 1 || !u.Active || u.Pattern != "TST-{YYYY}{MM}{DD}-{SEQ:6}" || u.Reset != seriald.ResetDaily || u.Most != 12 || u.Taken != 15 || u.Key != nil {
		t.Errorf("%+v", u)
	}
	if _, err := db.FormatUse(t.Context(), "gone"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
