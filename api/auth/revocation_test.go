package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/machshop/seriald/store"
)

// running is a verifier of the local secret whose Run runs until the test ends.
func running(t *testing.T, users *table) *Verifier {
	t.Helper()
	v, err := NewVerifier(Config{Secret: secret}, users, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- v.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestRevokedTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := &table{}
		v := running(t, users)
		at := time.Now().Add(time.Second)
		token := func(user string, iat any) string {
			return sign(t, jwt.SigningMethodHS256, "", secret, jwt.MapClaims{"sub": user, "iat": iat})
		}
		early, same, late := seconds(at.Add(-time.Microsecond)), seconds(at), seconds(at.Add(time.Microsecond))
		pass(2 * time.Second)
		for _, user := range []string{"ann", "bob"} {
			if _, err := v.Verify(t.Context(), token(user, early)); err != nil {
				t.Errorf("%s before: %v", user, err)
			}
		}
		users.put(store.User{Name: "ann", TokensRevokedAt: at})
		users.put(store.User{Name: "bob", Disabled: true})
		pass(revocationPoll)
		for name, tt := range map[string]struct {
			user string
			iat  any
			err  error
		}{
			"issued before":     {"ann", early, ErrUnauthorized},
			"issued right then": {"ann", same, ErrUnauthorized},
			"issued after":      {"ann", late, nil},
			"issued who knows":  {"ann", nil, ErrUnauthorized},
			"disabled":          {"bob", late, ErrUnauthorized},
			"nobody we know":    {"cli", early, nil},
		} {
			if _, err := v.Verify(t.Context(), token(tt.user, tt.iat)); !errors.Is(err, tt.err) {
				t.Errorf("%s: %v, want %v", name, err, tt.err)
			}
		}
		users.put(store.User{Name: "bob"})
		pass(revocationPoll)
		if _, err := v.Verify(t.Context(), token("bob", late)); err != nil {
			t.Errorf("enabled again: %v", err)
		}
	})
}

// While the store is away, what was known counts for a while; then nobody's token of
// ours passes, and a provider's does.
func TestRevocationsCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := &table{}
		users.put(store.User{Name: "bob", Disabled: true})
		v := running(t, users)
		verify := func(user string) error {
			_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, "", secret, jwt.MapClaims{"sub": user}))
			return err
		}
		pass(10*revocationPoll + time.Millisecond)
		users.setAway(true)
		pass(revocationStale - revocationPoll)
		if err := errors.Join(verify("ann")); err != nil {
			t.Errorf("away for a while: %v", err)
		}
		if err := verify("bob"); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("revoked, away for a while: %v", err)
		}
		pass(2 * revocationPoll)
		for _, user := range []string{"ann", "bob"} {
			if err := verify(user); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s, away too long: %v", user, err)
			}
		}
		now := time.Now()
		if err := v.revoked.check("ann", now, false); err != nil {
			t.Errorf("a provider's, away too long: %v", err)
		}
		if err := v.revoked.check("bob", now, false); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("a provider's of one who was disabled: %v", err)
		}
		users.setAway(false)
		pass(revocationPoll)
		if err := verify("ann"); err != nil {
			t.Errorf("back again: %v", err)
		}
	})
}
