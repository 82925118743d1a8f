package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nuid"
)

const (
	// leaseRenewEvery is how often a holder says that it is there; a renewal that
	// failed is tried again after leaseRetryEvery.
	leaseRenewEvery = 750 * time.Millisecond
	leaseRetryEvery = 100 * time.Millisecond
	// leaseLostAfter is when a holder that could not renew stops. It counts from
	// before the last renewal that succeeded was sent, and ends well before
	// leaseTakenAfter, which counts from after another process has read it: so
	// the clocks of machines are never compared, and may even run at somewhat
	// different speeds.
	leaseLostAfter = 4250 * time.Millisecond
	// leaseTakenAfter is how long a waiting process must see no renewal until it
	// takes over.
	leaseTakenAfter = 5 * time.Second
	// leaseLookEvery is how often a waiting process looks: how soon it notices
	// that the lease was released.
	leaseLookEvery = 200 * time.Millisecond
	// leaseCallTimeout bounds one call to the server.
	leaseCallTimeout = 1500 * time.Millisecond
)

// Lease is a right that one process has at a time, among all that use the same
// name on the same NATS. It works with every server that has JetStream's
// key-value store.
//
// The holder renews it. One that dies loses it 5 s later to a process that waits
// for it, one that ends in order at once. A holder that can't renew stops 4.25 s
// after the last renewal, before another can take over.
//
// What remains possible: a process that was stopped (SIGSTOP, a paused virtual
// machine) for longer finds out when it runs again, and until its context has
// ended, and f has looked at it, it may act beside the new holder. So what f does
// must be guarded in a way of its own, as MQTT's session takeover or the inbox do.
//
// The zero value is not usable; see [Conn.Lease].
type Lease struct {
	name  string
	self  holder
	store leaseStore
	log   *slog.Logger

	mu      sync.Mutex // guards until and otherAt
	until   time.Time  // when it is lost unless it is renewed; zero while it is not held
	otherAt time.Time  // when another was last seen to hold it; zero while it is held
}

// holder is the value of a lease's key.
type holder struct {
	Identity string `json:"identity,omitempty"`
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	Token    string `json:"token"` // of this Lease alone
}

func (h holder) String() string { return fmt.Sprintf("%s:%d", h.Host, h.PID) }

// leaseStore keeps leases: a key each, whose revision grows with each change. A
// change names the revision it replaces and fails with errRevision if that is no
// longer the last.
type leaseStore interface {
	// get reports revision 0 if nobody has the lease.
	get(ctx context.Context, name string) (value []byte, revision uint64, err error)
	put(ctx context.Context, name string, value []byte, replaces uint64) (revision uint64, err error)
	remove(ctx context.Context, name string, replaces uint64) error
}

var (
	errRevision  = errors.New("the lease was changed by another")
	errLeaseLost = errors.New("lease lost")
)

// Lease returns the lease of a name, of A-Z a-z 0-9 _ -. It is not held until
// [Lease.Hold] is called.
//
// identity, if not "", says that no other living process has the same one, as
// the lock on a data directory proves: then the lease of a predecessor that died
// is taken over at once.
func (c *Conn) Lease(name, identity string, log *slog.Logger) *Lease {
	return newLease(&leaseBucket{conn: c}, name, identity, log)
}

func newLease(store leaseStore, name, identity string, log *slog.Logger) *Lease {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	self := holder{Identity: identity, Host: host, PID: os.Getpid(), Token: nuid.Next()}
	return &Lease{name: name, self: self, store: store, log: log}
}

// Held reports whether the lease is held now.
func (l *Lease) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// Standby reports whether another process holds the lease, as far as could be
// seen within the last seconds.
func (l *Lease) Standby() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.otherAt.IsZero() && time.Since(l.otherAt) < leaseTakenAfter
}

// Hold waits until the lease is held and runs f. The context of f ends when the
// lease is lost or ctx ends. Hold waits for f to return; after a loss it begins
// again. Once ctx has ended, f may take its time to finish what it has begun: the
// lease is kept, and released when f returns.
//
// Hold returns what f returned unless the lease was lost, and nil if ctx ended.
// There must be no two calls at the same time.
func (l *Lease) Hold(ctx context.Context, f func(ctx context.Context) error) error {
	for ctx.Err() == nil {
		t, ok := l.acquire(ctx)
		if !ok {
			break
		}
		lost, err := l.serve(ctx, t, f)
		if !lost && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// term is the lease as it is held: its revision, and when the call that made it
// was begun.
type term struct {
	revision uint64
	began    time.Time
}

// acquire waits for the lease; false means that ctx ended.
func (l *Lease) acquire(ctx context.Context) (term, bool) {
	var seen uint64     // the other's revision,
	var since time.Time // read first at this time
	told := false
	for {
		value, revision, err := l.read(ctx)
		now := time.Now()
		other := holder{}
		_ = json.Unmarshal(value, &other) // what can't be read is another's, and not renewed
		free := revision == 0 || l.mine(other)
		if err == nil && !free {
			if revision != seen {
				seen, since = revision, now
			}
			l.note(time.Time{}, now)
			free = now.Sub(since) >= leaseTakenAfter
			if !told && !free {
				told = true
				l.log.Info("lease is held by another process, standing by", "lease", l.name, "holder", other)
			}
		}
		if err == nil && free {
			began := time.Now()
			if revision, err = l.write(ctx, revision); err == nil {
				l.log.Info("lease acquired", "lease", l.name)
				return term{revision, began}, true
			}
		}
		if err != nil && !errors.Is(err, errRevision) && ctx.Err() == nil {
			l.log.Debug("lease can't be looked at", "lease", l.name, "error", err)
		}
		select {
		case <-ctx.Done():
			return term{}, false
		case <-time.After(leaseLookEvery):
		}
	}
}

// mine reports whether h is this process, or one with its identity, which then
// must be dead.
func (l *Lease) mine(h holder) bool {
	return h.Token == l.self.Token || h.Identity != "" && h.Identity == l.self.Identity
}

// serve runs f while the lease is held.
func (l *Lease) serve(ctx context.Context, t term, f func(ctx context.Context) error) (lost bool, err error) {
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	// Apart from the renewals, which may hang: it ends f's context whatever they do.
	expiry := time.AfterFunc(time.Until(t.began.Add(leaseLostAfter)), func() { lose(errLeaseLost) })
	defer expiry.Stop()
	l.note(t.began.Add(leaseLostAfter), time.Time{})

	// Until f has returned, which may be some time after ctx has ended.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		if l.renewAll(renewing, t, expiry) {
			lose(errLeaseLost)
			l.note(time.Time{}, time.Time{})
		}
	}()
	defer func() {
		stop()
		<-renewed
		l.note(time.Time{}, time.Time{})
		if lost = errors.Is(context.Cause(held), errLeaseLost); lost {
			l.log.Warn("lease lost", "lease", l.name)
			return
		}
		l.release(context.WithoutCancel(ctx))
	}()
	return false, f(held)
}

// renewAll renews the lease until ctx ends; true means that it is lost.
func (l *Lease) renewAll(ctx context.Context, t term, expiry *time.Timer) (lost bool) {
	wait := time.Until(t.began.Add(leaseRenewEvery))
	for {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		began := time.Now()
		revision, err := l.write(ctx, t.revision)
		switch {
		case err == nil:
			// Stopped first: a term that has ended meanwhile can't be prolonged.
			if !expiry.Stop() {
				return true
			}
			t = term{revision, began}
			expiry.Reset(time.Until(began.Add(leaseLostAfter)))
			l.note(began.Add(leaseLostAfter), time.Time{})
			wait = time.Until(began.Add(leaseRenewEvery))
			continue
		case errors.Is(err, errRevision):
			// Either another has it, or the answer to a renewal of ours was lost.
			value, revision, err := l.read(ctx)
			var h holder
			if err == nil {
				_ = json.Unmarshal(value, &h) // what can't be read is not ours
				if revision == 0 || h.Token != l.self.Token {
					return true
				}
				// It counts from when the renewal that is known to have
				// succeeded was sent: the next one prolongs it.
				t.revision = revision
			}
		case ctx.Err() == nil:
			l.log.Debug("lease not renewed, will try again", "lease", l.name, "error", err)
		}
		if !time.Now().Before(t.began.Add(leaseLostAfter)) {
			return true
		}
		wait = leaseRetryEvery
	}
}

// release gives the lease up, if it is still ours. A renewal that was under way
// may come in between, or an answer get lost; when that happens again and again,
// the others have to wait.
func (l *Lease) release(ctx context.Context) {
	for range 3 {
		value, revision, err := l.read(ctx)
		if err != nil {
			continue
		}
		var h holder
		if json.Unmarshal(value, &h) != nil || h.Token != l.self.Token {
			return
		}
		call, cancel := context.WithTimeout(ctx, leaseCallTimeout)
		err = l.store.remove(call, l.name, revision)
		cancel()
		if err == nil {
			return
		}
	}
}

func (l *Lease) read(ctx context.Context) (value []byte, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseCallTimeout)
	defer cancel()
	return l.store.get(ctx, l.name)
}

func (l *Lease) write(ctx context.Context, replaces uint64) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseCallTimeout)
	defer cancel()
	value, err := json.Marshal(l.self)
	if err != nil {
		return 0, err
	}
	return l.store.put(ctx, l.name, value, replaces)
}

// note keeps what Held and Standby tell.
func (l *Lease) note(until, otherAt time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until, l.otherAt = until, otherAt
}
