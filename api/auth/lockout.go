package auth

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/machshop/seriald/store"
)

// How guessing is slowed down, for a user name and for an address each.
const (
	lockAfter  = 5                // failures
	lockFirst  = time.Minute      // then, and twice as long after each failure that follows
	lockMost   = 15 * time.Minute // at most
	lockForget = 30 * time.Minute // after the last failure: the longest lock, and as long again
)

// LockedError refuses a login without looking at the password: there were too many
// wrong ones for this user name or from this address.
type LockedError struct {
	RetryAfter time.Duration // more than 0
}

// Error implements [error].
func (e *LockedError) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %s", e.RetryAfter.Round(time.Second))
}

// FailureStore is where failed logins are counted, for all processes: the store.
type FailureStore interface {
	LoginFailures(ctx context.Context, keys []string) (known []store.LoginFailures, now time.Time, err error)
	ChangeLoginFailures(ctx context.Context, keys []string, forget time.Duration,
		change func(known []store.LoginFailures, now time.Time) []store.LoginFailures) error
}

// lockKeys are what a login is counted by.
func lockKeys(user, client string) []string {
	if a, err := netip.ParseAddr(client); err == nil {
		a = a.Unmap().WithZone("")
		client = a.String()
		if a.Is6() { // a network of this size is one customer's
			p, _ := a.Prefix(64) // of 128
			client = p.String()
		}
	}
	return []string{store.UserKey(user), "client " + client}
}

// checkLocks refuses while one of those that are known is locked. The error is a
// *[LockedError].
func checkLocks(known []store.LoginFailures, now time.Time) error {
	var wait time.Duration
	for _, f := range known {
		wait = max(wait, f.LockedUntil.Sub(now))
	}
	if wait > 0 {
		return &LockedError{RetryAfter: wait}
	}
	return nil
}

// settle returns what is known of keys after a login, by what is known of them. Of
// logins that run at once, the ones that end after the lock are refused whatever the
// password: many guesses in parallel are worth no more than one after the other.
func settle(keys []string, success bool, known []store.LoginFailures, now time.Time) ([]store.LoginFailures, error) {
	if err := checkLocks(known, now); err != nil {
		return nil, err
	}
	if success {
		gone := make([]store.LoginFailures, len(known))
		for i, f := range known {
			gone[i].Key = f.Key
		}
		return gone, nil
	}
	after := make([]store.LoginFailures, len(keys))
	for i, key := range keys {
		after[i] = store.LoginFailures{Key: key, LockedUntil: now}
		for _, f := range known {
			if f.Key == key && now.Sub(f.FailedAt) <= lockForget {
				after[i].Failures = f.Failures
			}
		}
		after[i].Failures++
		after[i].FailedAt = now
		if over := after[i].Failures - lockAfter; over >= 0 {
			after[i].LockedUntil = now.Add(min(lockFirst<<min(over, 8), lockMost))
		}
	}
	return after, nil
}
