package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

const userHash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"

// userAudit is what the audit trail says of users, oldest first.
func userAudit(t *testing.T, dsn string) []string {
	t.Helper()
	all := storetest.Value[string](t, storetest.Conn(t, dsn), `SELECT COALESCE(string_agg(performed_by || ' ' || (new_values->>'change') || ' ' || (new_values->>'id') || ' '
			|| COALESCE(old_values->>'role', '-') || '>' || (new_values->>'role') || ' '
			|| COALESCE(old_values->>'disabled', '-') || '>' || (new_values->>'disabled'), E'\n' ORDER BY id), '')
		FROM audit_events WHERE event_type = 'CONFIG_CHANGED' AND new_values->>'kind' = 'user'`)
	return strings.Split(all, "\n")
}

func TestUserChanges(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db, ctx := storetest.Open(t, dsn), context.Background()
	for round, want := range []bool{true, false} {
		if added, err := db.AddUser(ctx, &store.User{Name: "ann", PasswordHash: userHash, Role: "operator"}, "test"); added != want || err != nil {
			t.Fatalf("adding %d: %t, %v", round, added, err)
		}
	}
	read := func() store.User {
		t.Helper()
		u, err := db.UserByName(ctx, "ann")
		if err != nil {
			t.Fatal(err)
		}
		return *u
	}
	want := store.User{Name: "ann", PasswordHash: userHash, Role: "operator"}
	times := cmpopts.IgnoreFields(store.User{}, "TokensRevokedAt", "CreatedAt", "UpdatedAt", "ReadAt")
	for _, step := range []struct {
		name    string
		do      func() error
		after   func()
		revokes bool
	}{
		{"nothing", func() error { return nil }, func() {}, false},
		{"password", func() error { return db.SetPassword(ctx, "ann", "other", "test") }, func() { want.PasswordHash = "other" }, true},
		{"rehash", func() error { return db.Rehash(ctx, "ann", "other", "newer") }, func() { want.PasswordHash = "newer" }, false},
		{"rehash, outrun", func() error { return db.Rehash(ctx, "ann", "other", "oldest") }, func() {}, false},
		{"role", func() error { return db.SetRole(ctx, "ann", "viewer", "test") }, func() { want.Role = "viewer" }, true},
		{"role again", func() error { return db.SetRole(ctx, "ann", "viewer", "test") }, func() {}, false},
		{"disable", func() error { return db.DisableUser(ctx, "ann", "test") }, func() { want.Disabled = true }, true},
		{"disable again", func() error { return db.DisableUser(ctx, "ann", "test") }, func() {}, false},
		{"enable", func() error { return db.EnableUser(ctx, "ann", "test") }, func() { want.Disabled = false }, false},
		{"enable again", func() error { return db.EnableUser(ctx, "ann", "test") }, func() {}, false},
		{"revoke", func() error { return db.RevokeTokens(ctx, "ann", "test") }, func() {}, true},
	} {
		before := read()
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		step.after()
		got := read()
		if !got.ReadAt.After(got.TokensRevokedAt) {
			t.Errorf("%s: read at %s, tokens revoked at %s", step.name, got.ReadAt, got.TokensRevokedAt)
		}
		if diff := cmp.Diff(want, got, times); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if got.TokensRevokedAt.After(before.TokensRevokedAt) != step.revokes {
			t.Errorf("%s: tokens revoked at %s, were at %s", step.name, got.TokensRevokedAt, before.TokensRevokedAt)
		}
	}
	if diff := cmp.Diff([]string{
		"test ADDED ann ->operator ->false", "test PASSWORD_SET ann operator>operator false>false", "test ROLE_SET ann operator>viewer false>false",
		"test DISABLED ann viewer>viewer false>true", "test ENABLED ann viewer>viewer true>false", "test TOKENS_REVOKED ann viewer>viewer false>false",
	}, userAudit(t, dsn)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	leaked := storetest.Value[int](t, storetest.Conn(t, dsn), `SELECT count(*)::int FROM audit_events
		WHERE new_values::text ~ 'argon2|other|newer' OR old_values::text ~ 'argon2|other|newer'`)
	if leaked != 0 {
		t.Errorf("%d audit events hold a hash", leaked)
	}
}

func TestUsersThatAreNotThere(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.Open(t, storetest.DSN(t, storetest.Fast)), context.Background()
	for name, do := range map[string]func() error{
		"read":     func() error { _, err := db.UserByName(ctx, "bob"); return err },
		"password": func() error { return db.SetPassword(ctx, "bob", "h", "test") },
		"role":     func() error { return db.SetRole(ctx, "bob", "viewer", "test") },
		"disable":  func() error { return db.DisableUser(ctx, "bob", "test") },
		"enable":   func() error { return db.EnableUser(ctx, "bob", "test") },
		"revoke":   func() error { return db.RevokeTokens(ctx, "bob", "test") },
	} {
		if err := do(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := db.AddUser(ctx, &store.User{Name: "bob", PasswordHash: "h", Role: "root"}, "test"); !errors.Is(err, store.ErrBadData) {
		t.Errorf("a role that is none: %v", err)
	}
}

func TestRevocations(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.Open(t, storetest.DSN(t, storetest.Fast)), context.Background()
	for _, name := range []string{"carl", "ann", "bob"} {
		if _, err := db.AddUser(ctx, &store.User{Name: name, PasswordHash: "h", Role: "viewer"}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := db.Revocations(ctx); len(all) != 0 || err != nil {
		t.Errorf("nothing is revoked, but %v, %v", all, err)
	}
	start := time.Now()
	if err := errors.Join(db.DisableUser(ctx, "bob", "test"), db.RevokeTokens(ctx, "ann", "test")); err != nil {
		t.Fatal(err)
	}
	all, err := db.Revocations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sorted := cmpopts.SortSlices(func(a, b store.Revocation) bool { return a.User < b.User })
	near := cmpopts.EquateApproxTime(time.Minute)
	if diff := cmp.Diff([]store.Revocation{{User: "ann", At: start}, {User: "bob", Disabled: true, At: start}}, all, sorted, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	users, err := db.Users(ctx)
	if err != nil || len(users) != 3 || users[0].Name != "ann" || users[2].Name != "carl" {
		t.Errorf("users %v, %v", users, err)
	}
}

// Replicas that start at once make one first user.
func TestFirstUserIsOne(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			added, err := db.AddFirstUser(context.Background(), &store.User{Name: "admin", PasswordHash: "h", Role: "admin"}, "seed")
			if err != nil {
				t.Error(err)
			}
			if added {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("%d say that they added the first user", n)
	}
	if added, err := db.AddFirstUser(context.Background(), &store.User{Name: "other", PasswordHash: "h", Role: "admin"}, "seed"); added || err != nil {
		t.Errorf("a second first user: %t, %v", added, err)
	}
	if audit := userAudit(t, dsn); len(audit) != 1 {
		t.Errorf("audit: %v", audit)
	}
}

// Who reads a user while the password is being changed gets the new one, and a time
// after the revocation: a token of the old one can't be newer than that.
func TestReadingWaitsForAChange(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db, conn, ctx := storetest.Open(t, dsn), storetest.Conn(t, dsn), context.Background()
	if _, err := db.AddUser(ctx, &store.User{Name: "ann", PasswordHash: "old", Role: "viewer"}, "test"); err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "UPDATE users SET password_hash = 'new', tokens_revoked_at = clock_timestamp() WHERE name = 'ann'"); err != nil {
		t.Fatal(err)
	}
	read := make(chan *store.User, 1)
	go func() {
		u, err := db.UserByName(ctx, "ann")
		if err != nil {
			t.Error(err)
		}
		read <- u
	}()
	watch := storetest.Conn(t, dsn)
	for deadline := time.Now().Add(time.Minute); storetest.Value[int](t, watch, `SELECT count(*)::int FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM users%'`) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the reading does not wait")
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if u := <-read; u == nil || u.PasswordHash != "new" || !u.ReadAt.After(u.TokensRevokedAt) {
		t.Errorf("read %+v", u)
	}
}
