package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var (
	quiet  = slog.New(slog.DiscardHandler)
	secret = []byte("0123456789abcdef0123456789abcdef")
	cheap  = params{memory: 64, time: 1, threads: 1}
)

// table is a users table in memory, with their failed logins, that can be away.
type table struct {
	mu       sync.Mutex
	users    map[string]store.User
	failures map[string]store.LoginFailures
	away     bool
}

func (f *table) LoginFailures(_ context.Context, keys []string) ([]store.LoginFailures, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, time.Time{}, errAway
	}
	return f.failed(keys), time.Now(), nil
}

func (f *table) failed(keys []string) (known []store.LoginFailures) {
	for _, key := range keys {
		if of, ok := f.failures[key]; ok {
			known = append(known, of)
		}
	}
	return known
}

func (f *table) ChangeLoginFailures(_ context.Context, keys []string, _ time.Duration, change func([]store.LoginFailures, time.Time) []store.LoginFailures) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errAway
	}
	if f.failures == nil {
		f.failures = map[string]store.LoginFailures{}
	}
	for _, of := range change(f.failed(keys), time.Now()) {
		if f.failures[of.Key] = of; of.Failures == 0 {
			delete(f.failures, of.Key)
		}
	}
	return nil
}

func (f *table) put(u store.User) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == nil {
		f.users = map[string]store.User{}
	}
	f.users[u.Name] = u
}

func (f *table) setAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

var errAway = errors.New("connection refused")

func (f *table) Revocations(context.Context) ([]store.Revocation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, errAway
	}
	var all []store.Revocation
	for _, u := range f.users {
		if u.Disabled || !u.TokensRevokedAt.IsZero() {
			all = append(all, store.Revocation{User: u.Name, Disabled: u.Disabled, At: u.TokensRevokedAt})
		}
	}
	return all, nil
}

func (f *table) UserByName(_ context.Context, name string) (*store.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, errAway
	}
	u, ok := f.users[name]
	if !ok {
		return nil, store.ErrNotFound
	}
	return &u, nil
}

func (f *table) Rehash(_ context.Context, name, old, hash string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u := f.users[name]; u.PasswordHash == old {
		u.PasswordHash = hash
		f.users[name] = u
	}
	return nil
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for i, r := range Roles() {
		if got, err := ParseRole(string(r)); got != r || err != nil {
			t.Errorf("%s is read as %q, %v", r, got, err)
		}
		for j, needed := range Roles() {
			if got, want := r.Allows(needed), i <= j; got != want {
				t.Errorf("%s does what needs %s: %t, want %t", r, needed, got, want)
			}
		}
	}
	for _, none := range []Role{"", "Admin", "root"} {
		if none.Allows(Viewer) || Admin.Allows(none) || none.Allows(none) {
			t.Errorf("%q allows something, or is allowed", none)
		}
		if _, err := ParseRole(string(none)); err == nil {
			t.Errorf("%q is read as a role", none)
		}
	}
}

func TestUserNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ann": "ann", "Ann": "ann", "ann@plant.example": "ann@plant.example", "MÜLLER": "müller", "mu\u0308ller": "müller", "ａｎｎ": "ann",
		"": "", "ann b": "", "ann\n": "", "ann\x00": "", "\xff": "", "0123456789012345678901234567890123456789012345678901234567890123x": "",
	} {
		if got, err := ParseUserName(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", name, got, err, want)
		}
	}
}

// pass lets time pass in a synctest bubble, until all that was due then has happened.
func pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}
