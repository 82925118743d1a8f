package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// holds returns who holds numbers at plant1: the serial, or the event.
func holds(t *testing.T, db *store.DB, numbers ...string) (by []string) {
	t.Helper()
	var claims []seriald.Claim
	for _, n := range numbers {
		claims = append(claims, siteClaim(n, seriald.ID{}, "", "").Claim)
	}
	found, err := db.Holders(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range found {
		switch {
		case h == nil:
			by = append(by, "nobody")
		case h.SerialID.IsZero():
			by = append(by, string(h.EventID))
		default:
			by = append(by, h.SerialID.String())
		}
	}
	return by
}

// A claim is given up by who has it, and nobody else's.
func TestGive(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	one, two := newID(), newID()
	a, b, r, q := siteClaim("A", one, "made", "PART-001"), siteClaim("B", two, "made", "PART-001"), siteClaim("R", seriald.ID{}, "reg", "PART-001"), siteClaim("Q", seriald.ID{}, "reg2", "PART-001")
	hold(t, db, noon, a, b, r, q)
	batch, _ := begin(t, db, store.Refs{}, noon.Add(time.Minute))
	give := func(c, of *store.ClaimRow) store.GiveRow { return store.GiveRow{Claim: c.Claim, Holder: holderOf(of)} }
	if err := batch.Give(t.Context(), []store.GiveRow{give(&a, &a), give(&b, &a), give(&r, &r), give(&q, &r), give(&b, &q), give(&r, &q)}); err != nil {
		t.Fatal(err)
	}
	// In the same batch they can be claimed anew.
	heir := siteClaim("A", newID(), "late", "PART-002")
	if lost, err := batch.Claim(t.Context(), []store.ClaimRow{heir, siteClaim("R", two, "late", "PART-002"), siteClaim("B", newID(), "late", "PART-002")}); err != nil || len(lost) != 1 || lost[2].SerialID != two {
		t.Errorf("claimed anew: lost %v, %v", lost, err)
	}
	if err := batch.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
	if got, want := holds(t, db, "A", "B", "R", "Q"), []string{heir.SerialID.String(), two.String(), two.String(), "reg2"}; !slices.Equal(got, want) {
		t.Errorf("held by %v, want %v", got, want)
	}
	conn := storetest.Conn(t, dsn)
	if got := storetest.Value[string](t, conn, "SELECT string_agg(serial_number || ' ' || event_id || ' ' || resolved_at, ', ' ORDER BY serial_number) FROM serial_uniqueness_checks WHERE status = 'RELEASED'"); got != "A made 2026-03-02 12:01:00+00, R reg 2026-03-02 12:01:00+00" {
		t.Errorf("given up: %s", got)
	}
}

// What was registered goes to the first serial that takes it over, in all its scopes, with
// the conflict about it. Who comes too late is told to look again.
func TestAdopt(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	r, other := siteClaim("r-1", seriald.ID{}, "reg", "PART-001"), siteClaim("R-2", seriald.ID{}, "reg2", "PART-001")
	family, elsewhere := r, r // the second by another event
	family.ID, family.Scope, family.ScopeKey = newID(), seriald.ScopePartType, "WIDGET"
	elsewhere.ID, elsewhere.ScopeKey, elsewhere.EventID = newID(), "plant2", "reg3"
	hold(t, db, noon, r, family, elsewhere, other)
	challenge(t, db, noon, asks(holderOf(&r), "1", "PART-002"))
	serial := newID()
	adopt := func(b *store.Batch, event, number string, serial seriald.ID) error {
		return b.Adopt(t.Context(), []store.Adoption{{EventID: seriald.EventID(event), Registered: number, SerialID: serial, Number: "R-1"}})
	}
	for name, row := range map[string][2]string{"an unknown event": {"gone", "r-1"}, "another number": {"reg", "R-2"}} {
		b, _ := begin(t, db, store.Refs{}, noon)
		if err := adopt(b, row[0], row[1], serial); !errors.Is(err, store.ErrRepeat) {
			t.Errorf("%s: %v, want ErrRepeat", name, err)
		}
		b.Rollback()
	}
	first, _ := begin(t, db, store.Refs{}, noon)
	if err := adopt(first, "reg", "r-1", serial); err != nil {
		t.Fatal(err)
	}
	late, _ := begin(t, db, store.Refs{}, noon)
	told := make(chan error, 1)
	go func() { told <- adopt(late, "reg", "r-1", newID()) }() // waits for the first
	if err := first.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, store.ErrRepeat) {
		t.Errorf("the late one got %v, want ErrRepeat", err)
	}
	late.Rollback()

	claims := []seriald.Claim{r.Claim, family.Claim, elsewhere.Claim, other.Claim}
	holder := &store.Holder{ClaimID: r.ID, SerialID: serial, PartID: "PART-001", EventID: "reg", Number: "R-1"}
	inFamily := *holder
	inFamily.ClaimID = family.ID
	there, stays := holderOf(&elsewhere), holderOf(&other)
	want := []*store.Holder{holder, &inFamily, &there, &stays}
	if got, err := db.Holders(t.Context(), claims); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, got))
	}
	all, err := db.ConflictsOfNumber(t.Context(), "r-1", "PART-001")
	if err != nil || len(all) != 1 || all[0].Holder.SerialID != serial || all[0].Holder.EventID != "" || all[0].Resolution != "" {
		t.Errorf("the conflict: %+v, %v", all, err)
	}
	// Who asks next joins it, under the new holder; who still means the old one can't.
	challenge(t, db, noon, asks(*holder, "2", "PART-002"))
	if all, err := db.ConflictsOfNumber(t.Context(), "r-1", "PART-001"); err != nil || len(all) != 1 || len(all[0].Challengers) != 2 {
		t.Errorf("joined: %+v, %v", all, err)
	}
}

// Who has lost a number to a holder that gives it up before the conflict is opened is
// decided again: no conflict is opened with one that holds nothing.
func TestConflictIsNotOpenedWithAFormerHolder(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	held := siteClaim("S-1", newID(), "made", "PART-001")
	hold(t, db, noon, held)
	first := asks(holderOf(&held), "1", "PART-002")
	challenge(t, db, noon, first)

	late, _ := begin(t, db, store.Refs{}, noon)
	lost, err := late.Claim(t.Context(), []store.ClaimRow{siteClaim("S-1", newID(), "late", "PART-002")})
	if err != nil || lost[0].SerialID != held.SerialID {
		t.Fatalf("lost %v, %v", lost, err)
	}
	resolver, _ := begin(t, db, store.Refs{Conflicts: store.ConflictRefs{Canonical: []string{"S-1"}}}, noon)
	if err := resolver.Give(t.Context(), []store.GiveRow{{Claim: held.Claim, Holder: holderOf(&held)}}); err != nil {
		t.Fatal(err)
	}
	heir := siteClaim("S-1", newID(), "1", "PART-002")
	if lost, err := resolver.Claim(t.Context(), []store.ClaimRow{heir}); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	if err := resolver.Write(t.Context(), &store.Changes{Resolution: resolutionOf(first.ConflictID, nil)}, 500); err != nil {
		t.Fatal(err)
	}
	if err := late.Write(t.Context(), asked(asks(lost[0], "late", "PART-002")), 500); !errors.Is(err, store.ErrRepeat) {
		t.Errorf("the late one got %v, want ErrRepeat", err)
	}
	if all, err := db.ConflictsOfNumber(t.Context(), "S-1", "PART-001"); err != nil || len(all) != 1 {
		t.Errorf("%d conflicts, %v", len(all), err)
	}
}

// A serial that takes over two registrations, each with a conflict, has one conflict then.
func TestConflictsOfWhatIsTakenOverTogetherAreOne(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	one, other := siteClaim("R-1", seriald.ID{}, "reg1", "PART-001"), siteClaim("R-2", seriald.ID{}, "reg2", "PART-001")
	hold(t, db, noon, one, other)
	challenge(t, db, noon, asks(holderOf(&one), "1", "PART-002"))
	challenge(t, db, noon, asks(holderOf(&other), "2", "PART-002"))
	b, _ := begin(t, db, store.Refs{}, noon)
	serial := newID()
	if err := b.Adopt(t.Context(), []store.Adoption{{EventID: "reg1", Registered: "R-1", SerialID: serial, Number: "R"}, {EventID: "reg2", Registered: "R-2", SerialID: serial, Number: "R"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(t.Context(), &store.Changes{}, 500); err != nil {
		t.Fatal(err)
	}
	all, err := db.PendingConflicts(t.Context(), "PART-001", store.ConflictsAfter{}, 10)
	if err != nil || len(all) != 1 || all[0].Holder.SerialID != serial || len(all[0].Challengers) != 2 {
		t.Errorf("%d conflicts, %+v, %v", len(all), all, err)
	}
}
