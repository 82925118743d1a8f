package auth

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/store"
)

func wait(err error) time.Duration {
	if locked, ok := errors.AsType[*LockedError](err); ok {
		return locked.RetryAfter
	}
	return 0
}

func TestLockDoubles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := &table{}
		i, keys := newIssuer(t, users), lockKeys("ann", "192.0.2.1")
		fail := func() {
			t.Helper()
			if err := i.settle(t.Context(), keys, false); err != nil {
				t.Fatalf("a failure is not counted: %v", err)
			}
		}
		for range lockAfter - 1 {
			fail()
			if err := i.locked(t.Context(), keys); err != nil {
				t.Fatalf("locked too early: %v", err)
			}
		}
		for _, minutes := range []int{1, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15, 15} {
			fail()
			lasts := time.Duration(minutes) * time.Minute
			if got := wait(i.locked(t.Context(), keys)); got != lasts {
				t.Errorf("locked for %s, want %s", got, lasts)
			}
			// Neither name nor address helps alone.
			for _, other := range [][]string{lockKeys("ann", "192.0.2.2"), lockKeys("bob", "192.0.2.1")} {
				if i.locked(t.Context(), other) == nil {
					t.Errorf("%v is not locked", other)
				}
			}
			if i.locked(t.Context(), lockKeys("bob", "192.0.2.2")) != nil {
				t.Error("another user elsewhere is locked")
			}
			// While it is locked, the right password is none, and nothing is counted.
			for _, success := range []bool{true, false} {
				if got := wait(i.settle(t.Context(), keys, success)); got != lasts {
					t.Errorf("settled under the lock: %s", got)
				}
			}
			pass(lasts)
		}
		if err := i.settle(t.Context(), keys, true); err != nil {
			t.Fatal(err)
		}
		if len(users.failures) != 0 {
			t.Errorf("a success leaves %v", users.failures)
		}
	})
}

func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, keys := newIssuer(t, &table{}), lockKeys("ann", "192.0.2.1")
		for range 3 {
			for range lockAfter - 1 {
				if err := i.settle(t.Context(), keys, false); err != nil {
					t.Fatal(err)
				}
			}
			pass(lockForget + 1)
		}
		if err := i.locked(t.Context(), keys); err != nil {
			t.Error(err)
		}
	})
}

func TestLockKeys(t *testing.T) {
	t.Parallel()
	for client, want := range map[string]string{
		"192.0.2.1": "client 192.0.2.1", "::ffff:192.0.2.1": "client 192.0.2.1", "2001:db8:1:2:3:4:5:6": "client 2001:db8:1:2::/64",
		"fe80::1%eth0": "client fe80::/64", "": "client ", "unix": "client unix",
	} {
		if got := lockKeys("", client)[1]; got != want {
			t.Errorf("%q is %q, want %q", client, got, want)
		}
	}
}

// Whatever comes: nothing is counted, and nobody let in, under a lock; none lasts longer
// than the longest; and who gets in has nothing left.
func TestSettle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		known, now := map[string]store.LoginFailures{}, time.Unix(0, 0)
		for range rapid.IntRange(1, 100).Draw(t, "logins") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "pause")) * time.Second)
			keys := lockKeys(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "user")), fmt.Sprint("10.0.0.", rapid.IntRange(0, 3).Draw(t, "host")))
			var before []store.LoginFailures
			for _, key := range keys {
				if f, ok := known[key]; ok {
					before = append(before, f)
				}
			}
			locked := slices.ContainsFunc(before, func(f store.LoginFailures) bool { return f.LockedUntil.After(now) })
			success := rapid.Bool().Draw(t, "success")
			after, err := settle(keys, success, before, now)
			if (err != nil) != locked || locked && len(after) > 0 || wait(err) > lockMost {
				t.Fatalf("%+v: %v, and %+v", before, err, after)
			}
			for _, f := range after {
				over := f.Failures >= lockAfter
				if success != (f.Failures == 0) || !success && (over != f.LockedUntil.After(now) || !f.FailedAt.Equal(now)) {
					t.Fatalf("after %+v, success %t: %+v", before, success, f)
				}
				known[f.Key] = f
				if f.Failures == 0 {
					delete(known, f.Key)
				}
			}
			for _, key := range keys {
				if _, held := known[key]; err == nil && held == success {
					t.Fatalf("%s is held: %t, after success: %t", key, held, success)
				}
			}
		}
	})
}
