package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// begin opens a batch that has read refs.
func begin(t *testing.T, db *store.DB, refs store.Refs, at time.Time) (*store.Batch, *store.Found) {
	t.Helper()
	b, found, err := db.Read(t.Context(), refs, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Rollback)
	return b, found
}

// siteClaim is a claim on a number at plant1, of a serial, or of an event if that is zero.
func siteClaim(number string, serial seriald.ID, event, part string) store.ClaimRow {
	return store.ClaimRow{ID: newID(), EventID: seriald.EventID(event), Claim: seriald.Claim{
		Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: number, Number: number, SerialID: serial, PartID: part,
	}}
}

// hold claims rows in a batch of their own; all have to be had.
func hold(t *testing.T, db *store.DB, at time.Time, rows ...store.ClaimRow) {
	t.Helper()
	b, _ := begin(t, db, store.Refs{}, at)
	if lost, err := b.Claim(t.Context(), rows); err != nil || len(lost) > 0 {
		t.Fatalf("claim: %v, %v", lost, err)
	}
	if err := b.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
}

func holderOf(c *store.ClaimRow) store.Holder {
	return store.Holder{ClaimID: c.ID, SerialID: c.SerialID, PartID: c.PartID, EventID: c.EventID, Number: c.Number}
}

// asks is a challenger of a holder's number, for a bought part.
func asks(h store.Holder, event, part string) store.ChallengerRow {
	return store.ChallengerRow{ConflictID: newID(), Holder: h, Canonical: h.Number, Challenger: store.Challenger{
		ID: newID(), EventID: seriald.EventID(event), EventType: seriald.TypeVendorSerialReceive, PerformedBy: "scanner", PartID: part, Number: h.Number,
		Scopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType},
		Serial: &seriald.Serial{
			Number: h.Number, PartID: part, SiteID: "plant1", Source: seriald.SourceVendor, VendorName: "ACME", ReceivedDate: "2026-03-01", WorkOrderID: "WO",
			LotNumber: "LOT", OperationCode: "OP", Line: "line1", Device: "reader", Attributes: []byte(`{"cell": "B7"}`), TriggerID: seriald.ID{0: 2},
		},
		PlaceholderID: seriald.ID{0: 5},
	}}
}

func challenge(t *testing.T, db *store.DB, at time.Time, rows ...store.ChallengerRow) {
	t.Helper()
	commit(t, db, at, asked(rows...))
}

// asked are challengers with what each of them asked for.
func asked(rows ...store.ChallengerRow) *store.Changes {
	c := &store.Changes{Challengers: rows}
	for i := range rows {
		r := &rows[i]
		c.Conflicts = append(c.Conflicts, store.ConflictRow{ID: newID(), ChallengerID: r.ID, EventID: r.EventID, Claim: seriald.Claim{
			Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: r.Canonical, Number: r.Number, PartID: r.PartID,
		}})
	}
	return c
}

// resolveByID ends a conflict in a batch of its own.
func resolveByID(t *testing.T, db *store.DB, at time.Time, id seriald.ID, serials map[seriald.ID]seriald.ID) {
	t.Helper()
	b, found := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{IDs: []seriald.ID{id}}}, at)
	if len(found.Conflicts) != 1 || found.Conflicts[0].Resolution != "" {
		t.Fatalf("conflict %s: %+v", id, found.Conflicts)
	}
	if err := b.Write(t.Context(), &store.Changes{Resolution: resolutionOf(id, serials)}, 500); err != nil {
		t.Fatal(err)
	}
}

func resolutionOf(id seriald.ID, serials map[seriald.ID]seriald.ID) *store.ConflictResolution {
	return &store.ConflictResolution{ConflictID: id, Resolution: seriald.ResolveKeep, Reason: "seen", PerformedBy: "boss", EventID: "end", Serials: serials}
}

// asConflict is what is read of a conflict that row opened.
func asConflict(row *store.ChallengerRow, at time.Time) *store.Conflict {
	c := &store.Conflict{ID: row.ConflictID, Holder: row.Holder, Canonical: row.Canonical, CreatedAt: at, Challengers: []store.Challenger{row.Challenger}}
	c.Holder.ClaimID = seriald.ID{}
	if !c.Holder.SerialID.IsZero() {
		c.Holder.EventID = ""
	}
	c.Challengers[0].CreatedAt = at
	return c
}

// A conflict is read as it was written, by its id and by its number, open or resolved.
func TestConflictIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	serial := fullSerial(1, seriald.SourceGenerated)
	placeholder := waiting(1, "LOT")
	commit(t, db, noon, &store.Changes{Serials: []*seriald.Serial{serial}, Placeholders: []*seriald.Placeholder{placeholder}})
	held, registered := siteClaim(serial.Number, serial.ID, "made", "PART-001"), siteClaim("R-1", seriald.ID{}, "reg", "PART-001")
	hold(t, db, noon, held, registered)
	bySerial, byEvent := asks(holderOf(&held), "c1", "PART-002"), asks(holderOf(&registered), "c2", "PART-003")
	bySerial.PlaceholderID, byEvent.Serial, byEvent.PlaceholderID = placeholder.ID, nil, seriald.ID{}
	at := noon.Add(time.Minute)
	challenge(t, db, at, bySerial, byEvent)

	want := []*store.Conflict{asConflict(&bySerial, at), asConflict(&byEvent, at)}
	byID := cmpopts.SortSlices(func(a, b *store.Conflict) bool { return a.ID.String() < b.ID.String() })
	for name, refs := range map[string]store.ConflictRefs{
		"ids":     {IDs: []seriald.ID{bySerial.ConflictID, byEvent.ConflictID, newID()}},
		"numbers": {Canonical: []string{serial.Number, "R-1", "other"}},
		"both":    {IDs: []seriald.ID{byEvent.ConflictID}, Canonical: []string{serial.Number, "R-1"}},
	} {
		b, found := begin(t, db, store.Refs{Conflicts: refs}, noon)
		if diff := cmp.Diff(want, found.Conflicts, byID); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", name, diff)
		}
		// What it is about is read, and locked, with it.
		if len(found.Serials) != 1 || found.Serials[0].ID != serial.ID || len(found.Placeholders) != 1 || found.Placeholders[0].ID != placeholder.ID {
			t.Errorf("by %s: serials %v, placeholders %v", name, found.Serials, found.Placeholders)
		}
		b.Rollback()
	}
	if _, found := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{"other"}}}, noon); found.Conflicts != nil {
		t.Errorf("of another number: %v", found.Conflicts)
	}

	made := newID()
	end := noon.Add(time.Hour)
	resolveByID(t, db, end, bySerial.ConflictID, map[seriald.ID]seriald.ID{bySerial.ID: made})
	c := want[0]
	c.Resolution, c.Reason, c.ResolvedBy, c.ResolvedEvent, c.ResolvedAt = seriald.ResolveKeep, "seen", "boss", "end", end
	c.Challengers[0].SerialID = made
	if got, err := db.ConflictsOfNumber(t.Context(), serial.Number, "PART-002"); err != nil || !cmp.Equal([]*store.Conflict{c}, got) {
		t.Errorf("resolved: %v (-want +got):\n%s", err, cmp.Diff([]*store.Conflict{c}, got))
	}
	conn := storetest.Conn(t, dsn)
	if got := storetest.Value[string](t, conn, "SELECT string_agg(serial_number || ' ' || status || ' ' || COALESCE(resolved_at::text, ''), ', ' ORDER BY serial_number) FROM serial_uniqueness_checks WHERE conflict_id IS NOT NULL"); got != "R-1 CONFLICT , S-001 RESOLVED 2026-03-02 13:00:00+00" {
		t.Errorf("the claims that were asked for are %s", got)
	}
	// Of a resolved one nothing is locked, nor read of those who asked.
	b, found := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{serial.Number}}}, noon)
	c.Challengers = nil
	if diff := cmp.Diff([]*store.Conflict{c}, found.Conflicts); diff != "" || len(found.Serials)+len(found.Placeholders) > 0 {
		t.Errorf("resolved, locked: %v %v (-want +got):\n%s", found.Serials, found.Placeholders, diff)
	}
	b.Rollback()
}

// Who comes later joins the conflict that is open; after it was resolved there is a new one.
func TestChallengersJoinTheOpenConflict(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	held, other := siteClaim("S-1", newID(), "made", "PART-001"), siteClaim("S-2", newID(), "made", "PART-001")
	hold(t, db, noon, held, other)
	first, second, third := asks(holderOf(&held), "1", "PART-002"), asks(holderOf(&held), "2", "PART-002"), asks(holderOf(&held), "3", "PART-002")
	challenge(t, db, noon, first, second, asks(holderOf(&other), "x", "PART-002")) // of one batch
	challenge(t, db, noon.Add(time.Second), third)
	conflictIs := func(open int, want ...string) {
		t.Helper()
		all, err := db.ConflictsOfNumber(t.Context(), "S-1", "PART-001")
		if err != nil || len(all) != open+1 {
			t.Fatalf("%d conflicts, %v", len(all), err)
		}
		var got []string
		for _, h := range all[open].Challengers {
			got = append(got, string(h.EventID))
		}
		if !slices.Equal(got, want) || all[open].Resolution != "" {
			t.Errorf("%s with challengers %v, want %v", all[open].Resolution, got, want)
		}
	}
	conflictIs(0, "1", "2", "3")
	resolveByID(t, db, noon.Add(time.Minute), first.ConflictID, nil)
	challenge(t, db, noon.Add(time.Hour), asks(holderOf(&held), "4", "PART-002"))
	conflictIs(1, "4")
}

// Processes that open the conflicts about the same numbers at the same time, in opposite
// orders, open one each, and none has to run again.
func TestConflictIsOpenedOnce(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	const rounds, numbers, processes = 8, 100, 4
	for round := range rounds {
		var held []store.ClaimRow
		for n := range numbers {
			held = append(held, siteClaim(fmt.Sprintf("%d-%03d", round, n), newID(), "made", "PART-001"))
		}
		hold(t, db, noon, held...)
		var wg sync.WaitGroup
		for p := range processes {
			wg.Go(func() {
				var rows []store.ChallengerRow
				for n := range held {
					rows = append(rows, asks(holderOf(&held[n]), fmt.Sprintf("%d-%d", p, n), "PART-002"))
				}
				if p%2 == 1 {
					slices.Reverse(rows)
				}
				batch, _, err := db.Read(context.Background(), store.Refs{}, noon)
				if err == nil {
					err = batch.Write(context.Background(), asked(rows...), 500)
				}
				if err != nil {
					t.Errorf("round %d, process %d: %v", round, p, err)
				}
			})
		}
		wg.Wait()
	}
	conn := storetest.Conn(t, dsn)
	if got := storetest.Value[string](t, conn, `SELECT count(DISTINCT c.id) || ' ' || count(DISTINCT c.holder) || ' ' || min(n) || ' ' || max(n)
		FROM serial_conflicts AS c, LATERAL (SELECT count(*) AS n FROM serial_conflict_challengers AS h WHERE h.conflict_id = c.id) AS q`); got != "800 800 4 4" {
		t.Errorf("conflicts, holders, fewest and most challengers: %s", got)
	}
}

// Who has read a conflict to resolve it decides about all that asked: one that comes
// meanwhile waits, and is decided again.
func TestResolutionLocksOutLateChallengers(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	held := siteClaim("S-1", newID(), "made", "PART-001")
	hold(t, db, noon, held)
	first := asks(holderOf(&held), "1", "PART-002")
	challenge(t, db, noon, first)

	resolver, _ := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{"S-1"}}}, noon)
	late, _ := begin(t, db, store.Refs{}, noon)
	told := make(chan error, 1)
	go func() {
		told <- late.Write(context.Background(), asked(asks(holderOf(&held), "late", "PART-002")), 500)
	}()
	conn := storetest.Conn(t, dsn)
	waitFor(t, "the late one to wait", func() bool {
		return storetest.Value[bool](t, conn, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')")
	})
	if err := resolver.Write(t.Context(), &store.Changes{Resolution: resolutionOf(first.ConflictID, nil)}, 500); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, store.ErrRepeat) {
		t.Errorf("the late one got %v, want ErrRepeat", err)
	}
	all, err := db.ConflictsOfNumber(t.Context(), "S-1", "PART-001")
	if err != nil || len(all) != 1 || len(all[0].Challengers) != 1 || all[0].Resolution == "" {
		t.Errorf("%+v, %v", all, err)
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for ctx, tick := t.Context(), time.NewTicker(5*time.Millisecond); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v", what, ctx.Err())
		}
	}
}

// Resolutions and challengers of the same numbers in opposite orders: nobody is told more
// than to run again, and then it goes through.
func TestResolutionsAndChallengersInOppositeOrders(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	const rounds = 15
	a, b := siteClaim("A", newID(), "made", "PART-001"), siteClaim("B", newID(), "made", "PART-001")
	hold(t, db, noon, a, b)
	ctx := context.Background()
	again := func(what string, run func() error) {
		for range 50 {
			err := run()
			if err == nil {
				return
			}
			if !errors.Is(err, store.ErrRepeat) {
				t.Errorf("%s: %v", what, err)
				return
			}
		}
		t.Errorf("%s never came through", what)
	}
	var wg sync.WaitGroup
	for p, order := range [][]*store.ClaimRow{{&a, &b}, {&b, &a}} {
		wg.Go(func() {
			for n := range rounds {
				again("challengers", func() error {
					batch, _, err := db.Read(ctx, store.Refs{}, noon)
					if err != nil {
						return err
					}
					event := fmt.Sprintf("%d-%d", p, n)
					return batch.Write(ctx, asked(asks(holderOf(order[0]), event, "PART-002"), asks(holderOf(order[1]), event, "PART-002")), 500)
				})
			}
		})
		wg.Go(func() {
			for range rounds {
				again("resolution", func() error {
					batch, found, err := db.Read(ctx, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{order[0].Canonical, order[1].Canonical}}}, noon)
					if err != nil {
						return err
					}
					defer batch.Rollback()
					for _, c := range found.Conflicts {
						if c.Resolution == "" {
							return batch.Write(ctx, &store.Changes{Resolution: resolutionOf(c.ID, nil)}, 500)
						}
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	conn := storetest.Conn(t, dsn)
	if got := storetest.Value[string](t, conn, `SELECT count(*) || ' ' || count(DISTINCT (event_id, serial_number))
		FROM serial_conflict_challengers`); got != fmt.Sprintf("%d %d", 4*rounds, 4*rounds) {
		t.Errorf("challengers, and different ones: %s", got)
	}
}
