package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// newIssuer is an issuer that hashes cheaply.
func newIssuer(t *testing.T, users LoginStore) *Issuer {
	t.Helper()
	i, err := NewIssuer(secret, time.Hour, users, newHasher(cheap), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func hashed(t *testing.T, p params) string {
	t.Helper()
	hash, err := newHasher(p).Hash(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestLogin(t *testing.T) {
	t.Parallel()
	users := &table{}
	hash := hashed(t, cheap)
	users.put(store.User{Name: "ann", Role: "supervisor", PasswordHash: hash, ReadAt: time.Now()})
	users.put(store.User{Name: "bob", Role: "viewer", PasswordHash: hash, Disabled: true})
	users.put(store.User{Name: "old", Role: "viewer", PasswordHash: "plain"})
	i := newIssuer(t, users)
	for name, tt := range map[string]struct {
		user, password string
		err            error
	}{
		"right":         {"ann", good, nil},
		"other case":    {"Ann", good, nil},
		"wrong":         {"ann", good + "!", errLogin},
		"empty":         {"ann", "", errLogin},
		"nobody":        {"carl", good, errLogin},
		"no user name":  {"", good, errLogin},
		"injection":     {"ann' OR '1'='1", good, errLogin},
		"disabled":      {"bob", good, errLogin},
		"hash unread":   {"old", good, errHash},
		"long password": {"ann", strings.Repeat("x", 1<<20), errLogin},
	} {
		token, expires, err := i.Login(t.Context(), tt.user, tt.password, "test "+name)
		if !errors.Is(err, tt.err) || (token == "") == (tt.err == nil) || expires.IsZero() != (tt.err != nil) {
			t.Errorf("%s: %q until %s, %v; want %v", name, token, expires, err, tt.err)
		}
		if err != nil {
			continue
		}
		p, err := fresh(t, Config{Secret: secret}, users).Verify(t.Context(), token)
		if err != nil || p.Subject != "ann" || p.Role != Supervisor || p.ID == "" || !p.Expires.Equal(expires) {
			t.Errorf("%s: the token is of %+v, %v", name, p, err)
		}
	}
	users.setAway(true)
	for range 2 * lockAfter {
		if _, _, err := i.Login(t.Context(), "ann", good, "away"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("store away: %v", err)
		}
	}
}

func TestLoginLocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := &table{}
		users.put(store.User{Name: "ann", Role: "viewer", PasswordHash: hashed(t, cheap), ReadAt: time.Now()})
		i := newIssuer(t, users)
		login := func(user, password, client string) error {
			_, _, err := i.Login(t.Context(), user, password, client)
			return err
		}
		for _, user := range []string{"ann", "nobody"} { // no difference
			for n := range lockAfter {
				if err := login(user, "wrong", user+"'s"); !errors.Is(err, ErrUnauthorized) {
					t.Errorf("%s, failure %d: %v", user, n, err)
				}
			}
			if err := login(user, good, "elsewhere"); wait(err) != lockFirst {
				t.Errorf("%s after %d failures: %v", user, lockAfter, err)
			}
		}
		pass(lockFirst)
		if err := login("ann", good, "ann's"); err != nil {
			t.Errorf("after the lock: %v", err)
		}
		if err := errors.Join(login("ann", "wrong", "ann's"), login("ann", good, "ann's")); wait(err) != 0 {
			t.Errorf("a success does not reset: %v", err)
		}
	})
}

// Many guesses at once are worth no more than a few one after the other.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := &table{}
		users.put(store.User{Name: "ann", PasswordHash: hashed(t, cheap)})
		i := newIssuer(t, users)
		var told atomic.Int64
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, _, err := i.Login(t.Context(), "ann", "wrong", "client"); wait(err) == 0 {
					told.Add(1)
				}
			})
		}
		wg.Wait()
		if n := told.Load(); n != lockAfter {
			t.Errorf("%d of 50 guesses are answered, want %d", n, lockAfter)
		}
	})
}

func TestLoginUpgradesParameters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hash     string
		password string
		upgraded bool
	}{
		"older":                              {hashed(t, params{memory: 32, time: 1, threads: 1}), good, true},
		"newer than ours, after a downgrade": {hashed(t, params{memory: 128, time: 1, threads: 1}), good, true},
		"the same":                           {hashed(t, cheap), good, false},
		"of a short password":                {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password", true},
	} {
		users := &table{}
		users.put(store.User{Name: "ann", Role: "viewer", PasswordHash: tt.hash})
		i := newIssuer(t, users)
		for range 2 {
			if _, _, err := i.Login(t.Context(), "ann", tt.password, "c"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		u, _ := users.UserByName(t.Context(), "ann")
		if p, _, _, err := parsePHC(u.PasswordHash); (u.PasswordHash != tt.hash) != tt.upgraded || p != cheap || err != nil {
			t.Errorf("%s: the hash is %s", name, u.PasswordHash)
		}
	}
}

func TestIssuerNeeds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		secret   []byte
		lifetime time.Duration
		says     string
	}{
		"no secret":   {nil, time.Hour, "JWT_SECRET"},
		"no lifetime": {secret, 0, "JWT_EXPIRATION"},
	} {
		if _, err := NewIssuer(tt.secret, tt.lifetime, &table{}, newHasher(cheap), quiet); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// With the real store: the first user signs in with the password that was printed, once
// revoked has to do so again, and the new token passes though not a moment went by.
func TestAdminSignsInAndIsRevoked(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.Open(t, storetest.DSN(t, storetest.Fast)), context.Background()
	var passwords atomic.Pointer[string]
	var wg sync.WaitGroup
	for range 3 { // replicas
		wg.Go(func() {
			password, err := EnsureAdmin(ctx, db, quiet)
			if err != nil {
				t.Error(err)
			}
			if password != "" && passwords.Swap(&password) != nil {
				t.Error("two passwords")
			}
		})
	}
	wg.Wait()
	if passwords.Load() == nil {
		t.Fatal("no password")
	}
	password := *passwords.Load()
	if CheckPassword(password) != nil {
		t.Errorf("the password is %q", password)
	}
	i, err := NewIssuer(secret, time.Hour, db, NewHasher(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(Config{Secret: secret}, db, quiet)
	if err != nil {
		t.Fatal(err)
	}
	login := func() string {
		t.Helper()
		token, _, err := i.Login(ctx, FirstUser, password, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	verify := func(token string) error {
		t.Helper()
		if err := v.revoked.read(ctx); err != nil {
			t.Fatal(err)
		}
		p, err := v.Verify(ctx, token)
		if err == nil && (p.Subject != FirstUser || p.Role != Admin) {
			t.Errorf("the token is of %+v", p)
		}
		return err
	}
	token := login()
	for name, revoke := range map[string]func() error{
		"revoked": func() error { return db.RevokeTokens(ctx, FirstUser, "test") },
		"another role": func() error {
			return errors.Join(db.SetRole(ctx, FirstUser, "viewer", "test"), db.SetRole(ctx, FirstUser, "admin", "test"))
		},
		"disabled": func() error {
			return errors.Join(db.DisableUser(ctx, FirstUser, "test"), db.EnableUser(ctx, FirstUser, "test"))
		},
	} {
		if err := verify(token); err != nil {
			t.Errorf("before it is %s: %v", name, err)
		}
		if err := revoke(); err != nil {
			t.Fatal(err)
		}
		if err := verify(token); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
		token = login()
	}
	if err := verify(token); err != nil {
		t.Error(err)
	}
	if again, err := EnsureAdmin(ctx, db, quiet); again != "" || err != nil {
		t.Errorf("a second first user: %q, %v", again, err)
	}
}
