package auth

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
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
		l, keys := newLockout(100), lockKeys("ann", "192.0.2.1")
		fail := func() {
			t.Helper()
			if err := l.settle(keys, false, time.Now()); err != nil {
				t.Fatalf("a failure is not counted: %v", err)
			}
		}
		for range lockAfter - 1 {
			fail()
			if err := l.locked(keys, time.Now()); err != nil {
				t.Fatalf("locked too early: %v", err)
			}
		}
		for _, minutes := range []int{1, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15, 15} {
			fail()
			lasts := time.Duration(minutes) * time.Minute
			if got := wait(l.locked(keys, time.Now())); got != lasts {
				t.Errorf("locked for %s, want %s", got, lasts)
			}
			// Neither name nor address helps alone.
			for _, other := range [][2]string{lockKeys("ann", "192.0.2.2"), lockKeys("bob", "192.0.2.1")} {
				if l.locked(other, time.Now()) == nil {
					t.Errorf("%v is not locked", other)
				}
			}
			if l.locked(lockKeys("bob", "192.0.2.2"), time.Now()) != nil {
				t.Error("another user elsewhere is locked")
			}
			// While it is locked, the right password is none, and nothing is counted.
			for _, success := range []bool{true, false} {
				if got := wait(l.settle(keys, success, time.Now())); got != lasts {
					t.Errorf("settled under the lock: %s", got)
				}
			}
			pass(lasts)
		}
		if err := l.settle(keys, true, time.Now()); err != nil {
			t.Fatal(err)
		}
		if len(l.byKey) != 0 || l.touched.Len() != 0 {
			t.Errorf("a success leaves %d", len(l.byKey))
		}
	})
}

func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, keys := newLockout(100), lockKeys("ann", "192.0.2.1")
		for range 3 {
			for range lockAfter - 1 {
				if err := l.settle(keys, false, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			pass(lockForget + 1)
		}
		if err := l.locked(keys, time.Now()); err != nil {
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

// Whatever comes, no more is remembered than there is room for, the list and the map
// hold the same, and a key that has failed last is held.
func TestLockoutIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const size = 6
		l, now := newLockout(size), time.Unix(0, 0)
		for range rapid.IntRange(1, 200).Draw(t, "logins") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "pause")) * time.Second)
			keys := lockKeys(fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "user")), fmt.Sprint("10.0.0.", rapid.IntRange(0, 20).Draw(t, "host")))
			success := rapid.Bool().Draw(t, "success")
			err := l.settle(keys, success, now)
			if wait(err) > lockMost {
				t.Fatalf("locked for %s", wait(err))
			}
			if len(l.byKey) != l.touched.Len() || len(l.byKey) > size {
				t.Fatalf("%d keys, %d in the list", len(l.byKey), l.touched.Len())
			}
			for _, key := range keys {
				if _, held := l.byKey[key]; err == nil && held == success {
					t.Fatalf("%s is held: %t, after success: %t", key, held, success)
				}
			}
		}
	})
}
