package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/machshop/seriald/store"
)

const (
	// revocationPoll is how often revocations are read: a token may be good for as
	// long after it was revoked.
	revocationPoll = time.Second
	// revocationTimeout ends a reading that hangs.
	revocationTimeout = 5 * time.Second
	// revocationStale is how long what was read last counts while the store is away.
	// Then no token of this installation passes: it might be revoked.
	revocationStale = 30 * time.Second
)

// RevocationStore is where revocations are read: the store.
type RevocationStore interface {
	Revocations(ctx context.Context) ([]store.Revocation, error)
}

// revocations are those of all users, as they were read last.
type revocations struct {
	store RevocationStore
	log   *slog.Logger
	last  atomic.Pointer[revocationsRead] // nil until the first reading
}

type revocationsRead struct {
	at     time.Time
	byUser map[string]store.Revocation
}

// run reads until ctx ends.
func (r *revocations) run(ctx context.Context) {
	tick := time.NewTicker(revocationPoll)
	defer tick.Stop()
	away := false
	for {
		err := r.read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			r.log.Warn("revoked tokens can't be read; what is known counts on", "error", err, "until", time.Now().Add(revocationStale).UTC())
		case err == nil && away:
			r.log.Info("revoked tokens are read again")
		}
		away = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *revocations) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	// Of the time before the question: the answer may be no newer.
	at := time.Now()
	all, err := r.store.Revocations(ctx)
	if err != nil {
		return err
	}
	byUser := make(map[string]store.Revocation, len(all))
	for _, one := range all {
		byUser[one.User] = one
	}
	r.last.Store(&revocationsRead{at: at, byUser: byUser})
	return nil
}

// check refuses a token that was revoked. local says that it was signed with the
// secret of this installation: it is refused as well when revocations have not
// been read for too long; the provider's tokens are the provider's to revoke.
func (r *revocations) check(user string, issued time.Time, local bool) error {
	last := r.last.Load()
	if local && (last == nil || time.Since(last.at) > revocationStale) {
		return fmt.Errorf("%w: the database that knows which tokens are revoked does not answer", ErrUnavailable)
	}
	if last == nil {
		return nil
	}
	switch revoked, ok := last.byUser[user]; {
	case !ok:
		return nil
	case revoked.Disabled:
		return fmt.Errorf("%w: the user is disabled", ErrUnauthorized)
	case !revoked.At.IsZero() && !issued.After(revoked.At):
		return fmt.Errorf("%w: the token was revoked: sign in again", ErrUnauthorized)
	}
	return nil
}
