package auth

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// How guessing is slowed down, for a user name and for an address each.
const (
	lockAfter  = 5                // failures
	lockFirst  = time.Minute      // then, and twice as long after each failure that follows
	lockMost   = 15 * time.Minute // at most
	lockForget = 30 * time.Minute // after the last failure: the longest lock, and as long again
	lockSize   = 10_000           // names and addresses that are remembered: 3 MB; the longest untouched goes first
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

// lockout counts failed logins. It is of this process: replicas count for
// themselves, and a start forgets.
type lockout struct {
	mu      sync.Mutex
	byKey   map[string]*list.Element
	touched *list.List // of *attempts, the latest first
	size    int
}

type attempts struct {
	key      string
	failures int
	failedAt time.Time // the last one
	until    time.Time // locked until then
}

func newLockout(size int) *lockout {
	return &lockout{byKey: map[string]*list.Element{}, touched: list.New(), size: size}
}

// lockKeys are what a login is counted by.
func lockKeys(user, client string) [2]string {
	if a, err := netip.ParseAddr(client); err == nil {
		a = a.Unmap().WithZone("")
		client = a.String()
		if a.Is6() { // a network of this size is one customer's
			p, _ := a.Prefix(64) // of 128
			client = p.String()
		}
	}
	return [2]string{"user " + user, "client " + client}
}

// locked refuses while one of keys is locked. The error is a *[LockedError].
func (l *lockout) locked(keys [2]string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.check(keys, now)
}

func (l *lockout) check(keys [2]string, now time.Time) error {
	var wait time.Duration
	for _, key := range keys {
		if e, ok := l.byKey[key]; ok {
			wait = max(wait, e.Value.(*attempts).until.Sub(now))
		}
	}
	if wait > 0 {
		return &LockedError{RetryAfter: wait}
	}
	return nil
}

// settle counts how a login went. Of those that run at once, the ones that end after
// the lock are refused whatever the password: many guesses in parallel are worth
// no more than one after the other.
func (l *lockout) settle(keys [2]string, success bool, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(keys, now); err != nil {
		return err
	}
	for _, key := range keys {
		if success {
			l.forget(key)
		} else {
			l.fail(key, now)
		}
	}
	return nil
}

func (l *lockout) forget(key string) {
	if e, ok := l.byKey[key]; ok {
		l.touched.Remove(e)
		delete(l.byKey, key)
	}
}

func (l *lockout) fail(key string, now time.Time) {
	e, ok := l.byKey[key]
	if !ok {
		if l.touched.Len() >= l.size {
			l.forget(l.touched.Back().Value.(*attempts).key)
		}
		e = l.touched.PushFront(&attempts{key: key})
		l.byKey[key] = e
	}
	l.touched.MoveToFront(e)
	a := e.Value.(*attempts)
	if now.Sub(a.failedAt) > lockForget {
		a.failures = 0
	}
	a.failures++
	a.failedAt = now
	if over := a.failures - lockAfter; over >= 0 {
		a.until = now.Add(min(lockFirst<<min(over, 8), lockMost))
	}
}
