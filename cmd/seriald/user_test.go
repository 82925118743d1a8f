package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/store/storetest"
)

// userCall runs seriald user with args and returns what it prints and its error.
func userCall(t *testing.T, dsn, stdin string, args ...string) (string, error) {
	t.Helper()
	var c struct {
		User userCommand `cmd:""`
	}
	parser, err := kong.New(&c, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(append([]string{"user"}, args...))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	set := defaultSettings()
	set.DatabaseURL = secret(dsn)
	command.BindTo(t.Context(), (*context.Context)(nil))
	err = command.Run(&session{settings: set, stdin: strings.NewReader(stdin), stdout: &out, stderr: &out})
	return out.String(), err
}

func TestUserCommands(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct horse battery\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := []byte("0123456789abcdef")
	login := func(name, password string) error {
		i, err := auth.NewIssuer(key, time.Hour, db, auth.NewHasher(), newLogger(defaultSettings(), t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = i.Login(t.Context(), name, password, "")
		return err
	}
	for _, step := range []struct {
		stdin string
		args  []string
		says  string
		fails bool
	}{
		{"", []string{"list"}, "NAME", false},
		{"", []string{"add", "Ann", "--role", "operator", "--password-file", file}, "user ann added with role operator", false},
		{"", []string{"add", "ann", "--role", "admin", "--password-file", file}, "seriald user passwd", true},
		{"hunter2\n", []string{"add", "bob", "--role", "viewer"}, "at least 12 characters", true},
		{"", []string{"add", "bob", "--role", "viewer"}, "too short", true},
		{"correct horse staple", []string{"add", "bob", "--role", "viewer"}, "user bob added", false},
		{"", []string{"add", "carl", "--role", "root", "--password-file", file}, "admin", true},
		{"", []string{"add", "carl", "--password-file", file}, "--role", true},
		{"", []string{"add", "carl", "--role", "viewer", "--password-file", file + "x"}, "--password-file", true},
		{"", []string{"add", "c arl", "--role", "viewer", "--password-file", file}, "not a user name", true},
		{"a third password\n", []string{"passwd", "bob"}, "user bob has a new password", false},
		{"a third password\n", []string{"passwd", "carl"}, "seriald user list", true},
		{"", []string{"role", "bob", "--role", "supervisor"}, "has role supervisor", false},
		{"", []string{"revoke", "bob"}, "sign in again", false},
		{"", []string{"disable", "ann"}, "is disabled", false},
		{"", []string{"unlock", "Ann"}, "user ann may sign in", false},
		{"", []string{"unlock", "carl"}, "there is no user carl", true},
		{"", []string{"disable", "carl"}, "there is no user carl", true},
		{"", []string{"list"}, "disabled", false},
	} {
		out, err := userCall(t, dsn, step.stdin, step.args...)
		if err != nil {
			out += err.Error()
		}
		if (err != nil) != step.fails || !strings.Contains(out, step.says) {
			t.Errorf("user %s: %q, %v; want %q", strings.Join(step.args, " "), out, err, step.says)
		}
	}
	for _, tt := range []struct {
		name, password string
		want           bool
	}{
		{"ann", "correct horse battery", false},
		{"bob", "correct horse staple", false},
		{"bob", "a third password", true},
	} {
		if err := login(tt.name, tt.password); (err == nil) != tt.want {
			t.Errorf("login of %s with %q: %v", tt.name, tt.password, err)
		}
	}
	if _, err := userCall(t, dsn, "", "enable", "ann"); err != nil {
		t.Error(err)
	}
	if err := login("ann", "correct horse battery"); err != nil {
		t.Errorf("login of one who is enabled again: %v", err)
	}
	out, err := userCall(t, dsn, "", "list", "--json")
	var users []map[string]any
	if json.Unmarshal([]byte(out), &users) != nil || err != nil || len(users) != 2 || users[1]["role"] != "supervisor" || strings.Contains(out, "argon2") {
		t.Errorf("list --json: %v\n%s", err, out)
	}
	by := storetest.Value[string](t, storetest.Conn(t, dsn), `SELECT string_agg(DISTINCT performed_by, ',') FROM audit_events WHERE new_values->>'kind' = 'user'`)
	if by != operator() || !strings.HasPrefix(by, "os:") && by != "seriald user" {
		t.Errorf("performed by %q", by)
	}
}
