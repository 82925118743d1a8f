package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// count adds a failure to each of keys.
func count(keys []string) func([]store.LoginFailures, time.Time) []store.LoginFailures {
	return func(known []store.LoginFailures, now time.Time) (after []store.LoginFailures) {
		for _, key := range keys {
			f := store.LoginFailures{Key: key, Failures: 1, FailedAt: now, LockedUntil: now.Add(time.Minute)}
			for _, k := range known {
				if k.Key == key {
					f.Failures += k.Failures
				}
			}
			after = append(after, f)
		}
		return after
	}
}

// Processes that count at once, keys in whatever order, count each failure, also the first
// of a key; and none waits for another in a circle.
func TestLoginFailuresAreCountedTogether(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	const processes, each = 4, 25
	var group sync.WaitGroup
	for p := range processes {
		db := storetest.Open(t, dsn)
		group.Go(func() {
			for i := range each {
				keys := []string{"user ann", fmt.Sprintf("client %d", i%3)}
				if p%2 == 1 {
					keys[0], keys[1] = keys[1], keys[0]
				}
				if err := db.ChangeLoginFailures(t.Context(), keys, time.Hour, count(keys)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	known, now, err := storetest.Open(t, dsn).LoginFailures(t.Context(), []string{"user ann", "client 0", "client 1", "client 2", "user bob"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range known {
		got[f.Key] = f.Failures
		if since := now.Sub(f.FailedAt); since < 0 || since > time.Minute || !f.LockedUntil.Equal(f.FailedAt.Add(time.Minute)) {
			t.Errorf("%+v at %s", f, now)
		}
	}
	want := map[string]int{"user ann": processes * each, "client 0": 9 * processes, "client 1": 8 * processes, "client 2": 8 * processes}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoginFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db, conn := storetest.Open(t, dsn), storetest.Conn(t, dsn)
	all := []string{"user ann", "user bob", "user old", "user locked"}
	if err := db.ChangeLoginFailures(t.Context(), all, time.Hour, count(all)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Exec(t.Context(), `UPDATE login_failures SET failed_at = now() - interval '2 hours',
		locked_until = CASE key WHEN 'user locked' THEN now() + interval '1 hour' ELSE now() - interval '90 minutes' END WHERE key IN ('user old', 'user locked')`)
	if err != nil {
		t.Fatal(err)
	}
	left := func() string {
		t.Helper()
		return storetest.Value[string](t, conn, "SELECT coalesce(string_agg(key, ', ' ORDER BY key), '') FROM login_failures")
	}
	// What is not returned stays; what is too old goes, if it is not locked.
	if err := db.ChangeLoginFailures(t.Context(), all[:1], time.Hour, func([]store.LoginFailures, time.Time) []store.LoginFailures { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "user ann, user bob, user locked" {
		t.Errorf("left: %s", got)
	}
	drop := func(known []store.LoginFailures, _ time.Time) []store.LoginFailures {
		known[0].Failures = 0
		return known
	}
	if err := db.ChangeLoginFailures(t.Context(), all[1:2], time.Hour, drop); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "user ann, user locked" {
		t.Errorf("left: %s", got)
	}
	if added, err := db.AddUser(t.Context(), &store.User{Name: "ann", Role: "viewer", PasswordHash: "x"}, "me"); !added || err != nil {
		t.Fatal(err)
	}
	if err := db.UnlockUser(t.Context(), "ann", "me"); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "user locked" {
		t.Errorf("left: %s", got)
	}
	if n := storetest.Value[int64](t, conn, `SELECT count(*) FROM audit_events WHERE new_values->>'change' = 'UNLOCKED' AND performed_by = 'me'`); n != 1 {
		t.Errorf("audited %d times", n)
	}
}
