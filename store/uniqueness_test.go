package store_test

import (
	"context"
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

func TestHolders(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	a, r, gone := siteClaim("A", newID(), "made", "PART-001"), siteClaim("R", seriald.ID{}, "reg", "PART-002"), siteClaim("G", newID(), "made", "PART-001")
	folded := siteClaim("sn-1", newID(), "made", "PART-003")
	folded.Number = "SN-1"
	hold(t, db, noon, a, r, gone, folded)
	b, _ := begin(t, db, store.Refs{}, noon)
	if err := b.Release(t.Context(), []*seriald.Serial{{ID: gone.SerialID, Number: "G"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
	challenge(t, db, noon, asks(holderOf(&a), "1", "PART-002")) // holds nothing
	elsewhere, family := a.Claim, a.Claim
	elsewhere.ScopeKey, family.Scope = "plant2", seriald.ScopePartType
	byA, byR, byFolded := holderOf(&a), holderOf(&r), holderOf(&folded)
	got, err := db.Holders(t.Context(), []seriald.Claim{
		elsewhere, r.Claim, family, a.Claim, gone.Claim, folded.Claim, a.Claim, siteClaim("SN-1", seriald.ID{}, "", "").Claim,
	})
	if diff := cmp.Diff([]*store.Holder{nil, &byR, nil, &byA, nil, &byFolded, &byA, nil}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := db.Holders(t.Context(), nil); len(got) > 0 || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

// The pages of both lists have each conflict once, also those of one time and of one part,
// and what comes between two pages is no part of what was behind.
func TestConflictsAreListedInPages(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	const all = 12
	rows := make([]store.ClaimRow, all)
	for n := range rows {
		part := []string{"PART-001", "PART-002"}[n%2]
		rows[n] = siteClaim(fmt.Sprintf("S-%02d", n), newID(), "made", part)
	}
	hold(t, db, noon, rows...)
	var ids []seriald.ID
	for n := range rows {
		asker := []string{"PART-003", "PART-001"}[n/6]
		row := asks(holderOf(&rows[n]), fmt.Sprint(n), asker)
		row.ConflictID = seriald.ID{0: 1, 15: byte(n)}
		challenge(t, db, noon.Add(time.Duration(n/4)*time.Microsecond), row) // four of each time
		ids = append(ids, row.ConflictID)
	}
	type list = func(context.Context, string, store.ConflictsAfter, int) ([]*store.Conflict, error)
	read := func(of list, history bool, part string, limit int, between func(seen int)) string {
		t.Helper()
		var got []string
		for after := (store.ConflictsAfter{}); ; {
			page, err := of(t.Context(), part, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page {
				got = append(got, fmt.Sprint(c.ID[15]))
				if after = (store.ConflictsAfter{At: c.CreatedAt, ID: c.ID}); history {
					after.At = c.ResolvedAt
				}
				if len(c.Challengers) != 1 {
					t.Errorf("%s has %d challengers", c.ID, len(c.Challengers))
				}
			}
			if len(page) < limit {
				return strings.Join(got, " ")
			}
			if between != nil {
				between(len(got))
			}
		}
	}
	for limit := 1; limit <= all+1; limit++ {
		for part, want := range map[string]string{"": "0 1 2 3 4 5 6 7 8 9 10 11", "PART-001": "0 2 4 6 7 8 9 10 11", "PART-002": "1 3 5 7 9 11", "PART-003": "0 1 2 3 4 5", "none": ""} {
			if got := read(db.PendingConflicts, false, part, limit, nil); got != want {
				t.Errorf("pending of %q by %d: %s, want %s", part, limit, got, want)
			}
		}
	}
	if got := read(db.ConflictHistory, true, "", 5, nil); got != "" {
		t.Errorf("history of none: %s", got)
	}
	// What is resolved while a list is read: it is left out if it was not read yet.
	end := noon.Add(time.Hour)
	got := read(db.PendingConflicts, false, "", 4, func(seen int) {
		if seen == 4 {
			for _, n := range []int{1, 3, 5, 7, 9, 11} {
				resolveByID(t, db, end.Add(time.Duration(n/6)*time.Microsecond), ids[n], nil)
			}
		}
	})
	if want := "0 1 2 3 4 6 8 10"; got != want {
		t.Errorf("pending, some resolved meanwhile: %s, want %s", got, want)
	}
	for limit := 1; limit <= 7; limit++ {
		for part, want := range map[string]string{"": "11 9 7 5 3 1", "PART-001": "11 9 7", "PART-002": "11 9 7 5 3 1", "PART-003": "5 3 1"} {
			if got := read(db.ConflictHistory, true, part, limit, nil); got != want {
				t.Errorf("history of %q by %d: %s, want %s", part, limit, got, want)
			}
		}
	}
	got = read(db.ConflictHistory, true, "", 2, func(seen int) {
		if seen == 2 {
			resolveByID(t, db, end.Add(time.Hour), ids[0], nil) // comes in front
		}
	})
	if want := "11 9 7 5 3 1"; got != want {
		t.Errorf("history, one resolved meanwhile: %s, want %s", got, want)
	}
	if got, want := read(db.ConflictHistory, true, "", 1, nil), "0 11 9 7 5 3 1"; got != want {
		t.Errorf("history after it: %s, want %s", got, want)
	}
}

// A number that a thousand ask for is read with the first hundred of them.
func TestChallengersAreBounded(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	a, b := siteClaim("A", newID(), "made", "PART-001"), siteClaim("B", newID(), "made", "PART-001")
	hold(t, db, noon, a, b)
	var rows []store.ChallengerRow
	for n := range 250 {
		row := asks(holderOf(&a), fmt.Sprintf("%03d", n), "PART-002")
		row.ID = seriald.ID{0: 1, 15: byte(n)}
		rows = append(rows, row)
	}
	challenge(t, db, noon.Add(time.Second), rows[150:]...)
	challenge(t, db, noon, rows[:150]...) // were before
	challenge(t, db, noon.Add(time.Minute), asks(holderOf(&b), "b", "PART-002"))
	got, err := db.PendingConflicts(t.Context(), "", store.ConflictsAfter{}, 10)
	if err != nil || len(got) != 2 || len(got[0].Challengers) != 100 || len(got[1].Challengers) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	for n, h := range got[0].Challengers {
		if h.ID != rows[n].ID {
			t.Fatalf("challenger %d is %s", n, h.EventID)
		}
	}
	if _, found := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{"A"}}}, noon); len(found.Conflicts) != 1 || len(found.Conflicts[0].Challengers) != 250 {
		t.Errorf("who resolves it reads %d conflicts", len(found.Conflicts))
	}
}

func TestConflictsOfNumber(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	a, b := siteClaim("A", newID(), "made", "PART-001"), siteClaim("B", newID(), "made", "PART-001")
	hold(t, db, noon, a, b)
	first, second := asks(holderOf(&a), "1", "PART-002"), asks(holderOf(&a), "2", "PART-003")
	challenge(t, db, noon, first, asks(holderOf(&b), "b", "PART-002"))
	resolveByID(t, db, noon.Add(time.Minute), first.ConflictID, nil)
	challenge(t, db, noon.Add(time.Hour), second)
	for part, want := range map[string][]seriald.ID{
		"PART-001": {first.ConflictID, second.ConflictID}, "PART-002": {first.ConflictID}, "PART-003": {second.ConflictID}, "": nil,
	} {
		found, err := db.ConflictsOfNumber(t.Context(), "A", part)
		var got []seriald.ID
		for _, c := range found {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("of %q: %v (-want +got):\n%s", part, err, diff)
		}
	}
}

func TestChecksOfNumber(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	a, other := siteClaim("A", newID(), "made", "PART-001"), siteClaim("B", newID(), "made", "PART-001")
	family := a
	family.ID, family.Scope, family.ScopeKey = newID(), seriald.ScopePartType, "WIDGET"
	hold(t, db, noon, a, family, other)
	first := asks(holderOf(&a), "asked", "PART-001")
	challenge(t, db, noon.Add(time.Minute), first)
	end := noon.Add(time.Hour)
	resolveByID(t, db, end, first.ConflictID, nil)
	b, _ := begin(t, db, store.Refs{}, end)
	if err := b.Give(t.Context(), []store.GiveRow{{Claim: a.Claim, Holder: holderOf(&a)}}); err != nil {
		t.Fatal(err)
	}
	heir := siteClaim("A", seriald.ID{}, "reg", "PART-001")
	if lost, err := b.Claim(t.Context(), []store.ClaimRow{heir, siteClaim("A2", newID(), "x", "PART-001")}); err != nil || len(lost) > 0 {
		t.Fatalf("%v, %v", lost, err)
	}
	if err := b.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
	again := asks(holderOf(&heir), "again", "PART-001")
	challenge(t, db, end.Add(time.Minute), again)
	check := func(id seriald.ID, scope seriald.Scope, key string, serial seriald.ID, status store.CheckStatus, event string, at, resolved time.Time) store.Check {
		return store.Check{
			ID: id, Scope: scope, ScopeKey: key, Number: "A", SerialID: serial, PartID: "PART-001", Status: status, EventID: seriald.EventID(event), CreatedAt: at, ResolvedAt: resolved,
		}
	}
	want := []store.Check{
		check(a.ID, seriald.ScopeSite, "plant1", a.SerialID, store.CheckReleased, "made", noon, end),
		check(family.ID, seriald.ScopePartType, "WIDGET", a.SerialID, store.CheckClaimed, "made", noon, time.Time{}),
		check(seriald.ID{}, seriald.ScopeSite, "plant1", seriald.ID{}, store.CheckResolved, "asked", noon.Add(time.Minute), end),
		check(heir.ID, seriald.ScopeSite, "plant1", seriald.ID{}, store.CheckClaimed, "reg", end, time.Time{}),
		check(seriald.ID{}, seriald.ScopeSite, "plant1", seriald.ID{}, store.CheckConflict, "again", end.Add(time.Minute), time.Time{}),
	}
	read := func(number, part string, limit int) []store.Check {
		t.Helper()
		got, err := db.ChecksOfNumber(t.Context(), number, part, limit)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i].Status == store.CheckConflict || got[i].Status == store.CheckResolved {
				got[i].ID = seriald.ID{} // that of a row
			}
		}
		return got
	}
	if diff := cmp.Diff(want, read("A", "PART-001", 10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], read("A", "PART-001", 2)); diff != "" {
		t.Errorf("the first two (-want +got):\n%s", diff)
	}
	if got := append(read("A", "PART-002", 10), read("C", "PART-001", 10)...); len(got) > 0 {
		t.Errorf("of others: %v", got)
	}
}

func TestUniquenessStatistics(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	a, b, r, other := siteClaim("A", newID(), "made", "PART-001"), siteClaim("B", newID(), "made", "PART-001"), siteClaim("R", seriald.ID{}, "reg", "PART-001"), siteClaim("O", newID(), "made", "PART-002")
	family, inFamily := a, r // a second claim of the same
	family.ID, family.Scope = newID(), seriald.ScopePartType
	inFamily.ID, inFamily.Scope = newID(), seriald.ScopePartType
	hold(t, db, noon, a, b, r, other, family, inFamily)
	want := func(part string, want store.UniquenessStatistics) {
		t.Helper()
		if got, err := db.UniquenessStatistics(t.Context(), part); got != want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", part, got, err, want)
		}
	}
	want("PART-001", store.UniquenessStatistics{Unique: 3})
	first := asks(holderOf(&a), "1", "PART-002")
	challenge(t, db, noon, first, asks(holderOf(&r), "2", "PART-002"))
	want("PART-001", store.UniquenessStatistics{Unique: 3, WithConflicts: 2})
	want("PART-002", store.UniquenessStatistics{Unique: 1}) // it asked
	resolveByID(t, db, noon, first.ConflictID, nil)
	challenge(t, db, noon, asks(holderOf(&a), "3", "PART-002"))
	want("PART-001", store.UniquenessStatistics{Unique: 3, WithConflicts: 2, ConflictsEnded: 1})
	want("none", store.UniquenessStatistics{})

	conn := storetest.Conn(t, dsn)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE serial_conflicts"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.UniquenessStatistics(t.Context(), "PART-001"); !errors.Is(err, store.ErrTooBroad) {
		t.Errorf("behind a lock: %v, want ErrTooBroad", err)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	want("PART-002", store.UniquenessStatistics{Unique: 1})
}

func TestCatalogVersion(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	before, err := db.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := db.CatalogVersion(t.Context()); got != before.Version || err != nil {
		t.Errorf("version %d, %v, want %d", got, err, before.Version)
	}
	if _, err := storetest.Conn(t, dsn).Exec(t.Context(), "UPDATE parts SET part_type = 'X' WHERE id = 'PART-001'"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.CatalogVersion(t.Context()); got <= before.Version || err != nil {
		t.Errorf("version %d, %v after %d", got, err, before.Version)
	}
}

// Each read tells a database that is away from a value that no row can have.
func TestUniquenessReadsFail(t *testing.T) {
	t.Parallel()
	away, there := storetest.Open(t, "postgres://x:y@127.0.0.1:1/none"), storetest.Open(t, storetest.DSN(t, storetest.Fast))
	const bad = "\x00"
	for name, read := range map[string]func(ctx context.Context, db *store.DB) error{
		"holders": func(ctx context.Context, db *store.DB) error {
			_, err := db.Holders(ctx, []seriald.Claim{{Canonical: bad}})
			return err
		},
		"pending": func(ctx context.Context, db *store.DB) error {
			_, err := db.PendingConflicts(ctx, bad, store.ConflictsAfter{}, 1)
			return err
		},
		"history": func(ctx context.Context, db *store.DB) error {
			_, err := db.ConflictHistory(ctx, bad, store.ConflictsAfter{}, 1)
			return err
		},
		"of a number": func(ctx context.Context, db *store.DB) error {
			_, err := db.ConflictsOfNumber(ctx, bad, "PART-001")
			return err
		},
		"checks": func(ctx context.Context, db *store.DB) error {
			_, err := db.ChecksOfNumber(ctx, bad, "PART-001", 1)
			return err
		},
		"statistics": func(ctx context.Context, db *store.DB) error {
			_, err := db.UniquenessStatistics(ctx, bad)
			return err
		},
	} {
		if err := read(t.Context(), away); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s, away: %v, want ErrUnavailable", name, err)
		}
		if err := read(t.Context(), there); !errors.Is(err, store.ErrBadData) {
			t.Errorf("%s of a NUL: %v, want ErrBadData", name, err)
		}
	}
	if _, err := away.CatalogVersion(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("version, away: %v, want ErrUnavailable", err)
	}
}

// fillConflicts makes forty thousand claims, and a conflict about each second: of ten one is
// open, and of a thousand one was asked for by RARE.
var fillConflicts = []string{
	`INSERT INTO serial_uniqueness_checks (id, scope, scope_key, canonical_number, serial_number, serial_id, part_id, status, event_id, created_at)
	SELECT gen_random_uuid(), 'SITE', 'plant1', 'N-' || i, 'N-' || i, ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'PART-' || i % 200, 'CLAIMED', 'e', '2026-01-01'
	FROM generate_series(1, 40000) AS i`,
	`INSERT INTO serial_conflicts (id, status, holder, holder_serial_id, holder_part_id, serial_number, canonical_number, created_at, resolution, resolved_at)
	SELECT ('01910000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, CASE WHEN i % 10 = 0 THEN 'OPEN' ELSE 'RESOLVED' END, i::text,
		('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'PART-' || i % 200, 'N-' || i, 'N-' || i, '2026-01-01'::timestamptz + i * interval '1 second',
		CASE WHEN i % 10 <> 0 THEN 'KEEP' END, CASE WHEN i % 10 <> 0 THEN '2026-02-01'::timestamptz + i * interval '1 second' END
	FROM generate_series(1, 20000) AS i`,
	`INSERT INTO serial_conflict_challengers (id, conflict_id, event_id, event_type, performed_by, part_id, serial_number, scopes, created_at)
	SELECT gen_random_uuid(), c.id, 'e', 'vendor_serial_receive', 'p', CASE WHEN c.holder::int % 1000 < 2 AND n = 1 THEN 'RARE' ELSE 'PART-' || c.holder::int % 77 END, c.serial_number, '{SITE}', c.created_at
	FROM serial_conflicts AS c, generate_series(1, 3) AS n`,
	"ANALYZE serial_uniqueness_checks", "ANALYZE serial_conflicts", "ANALYZE serial_conflict_challengers",
}

// Among forty thousand claims and twenty thousand conflicts none is looked for row by row.
func TestUniquenessReadsUseIndexes(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	for _, sql := range fillConflicts {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	at, id := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC), [16]byte{1, 0x91}
	ids := [][16]byte{{0x01, 0x91, 0, 0, 0, 0, 0x70, 0, 0x80, 15: 10}}
	var never *time.Time
	testPlans(t, conn, map[string]planCase{
		"holders":              {"claims_held", []any{[]string{"SITE", "SITE"}, []string{"plant1", "plant1"}, []string{"N-7", "X"}}, []string{"serial_uniqueness_checks_scope"}},
		"pending":              {"conflicts_pending", []any{"", never, id, 51}, []string{"serial_conflicts_pending"}},
		"pending, a page":      {"conflicts_pending", []any{"", &at, id, 51}, []string{"serial_conflicts_pending", "created_at, id) > "}},
		"pending of a part":    {"conflicts_pending", []any{"PART-10", never, id, 51}, []string{"serial_conflicts"}},
		"pending, rare":        {"conflicts_pending", []any{"RARE", never, id, 51}, []string{"serial_conflicts"}},
		"history":              {"conflicts_history", []any{"", never, id, 51}, []string{"serial_conflicts_resolved_at"}},
		"history, a page":      {"conflicts_history", []any{"", &at, id, 51}, []string{"serial_conflicts_resolved_at"}},
		"history of a part":    {"conflicts_history", []any{"PART-11", never, id, 51}, []string{"serial_conflicts"}},
		"history, rare":        {"conflicts_history", []any{"RARE", never, id, 51}, []string{"serial_conflicts"}},
		"conflicts of number":  {"conflicts_of_number", []any{"N-7", "PART-7"}, []string{"serial_conflicts_canonical_number"}},
		"their challengers":    {"challengers_of", []any{ids, 100}, []string{"challengers_conflict_id"}},
		"checks":               {"checks_of_number", []any{"N-7", "PART-7", 500}, []string{"serial_uniqueness_checks_serial_number"}},
		"statistics":           {"uniqueness_statistics", []any{"PART-7"}, []string{"serial_uniqueness_checks_part_id", "serial_conflicts_holder_part_id"}},
		"conflicts, locked":    {"conflicts_lock", []any{ids, []string{"N-7"}}, []string{"serial_conflicts_pkey", "serial_conflicts_canonical_number"}},
		"challengers, locked":  {"challengers_read", []any{ids, []string{"N-10"}}, []string{"serial_conflicts_canonical_number", "challengers_conflict_id"}},
		"serials, locked":      {"conflict_holders_lock", []any{ids, []string{"N-10"}}, []string{"serial_conflicts_canonical_number"}},
		"placeholders, locked": {"conflict_placeholders_lock", []any{ids, []string{"N-10"}}, []string{"serial_conflicts_canonical_number", "challengers_conflict_id"}},
	}, "serial_uniqueness_checks", "serial_conflicts", "serial_conflict_challengers")
}
