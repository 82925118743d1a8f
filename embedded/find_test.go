package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fakeServer makes a folder with the two programs; version is what the server
// says it is, initdb is what the other does, in shell.
func fakeServer(t *testing.T, dir, version, initdb string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"postgres": "echo 'postgres (PostgreSQL) " + version + "'",
		"initdb":   initdb,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindPostgresInstalled(t *testing.T) {
	t.Parallel()
	dir, err := FindPostgres(binDir())
	if err != nil {
		t.Fatalf("these tests need PostgreSQL: %v", err)
	}
	if !hasServer(dir) {
		t.Errorf("%s lacks initdb or postgres", dir)
	}
	if again, err := FindPostgres(dir); err != nil || again != dir {
		t.Errorf("FindPostgres(%q) = %q, %v", dir, again, err)
	}
}

func TestFindPostgresInPath(t *testing.T) {
	root := openDir(t)
	installed := filepath.Join(root, "real")
	fakeServer(t, installed, "17.1", "")
	links := filepath.Join(root, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(installed, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", links)
	if got, err := FindPostgres(""); err != nil || got != installed {
		t.Errorf("behind a link: got %q, %v, want %q", got, err, installed)
	}

	// A wrapper without initdb beside it is passed over for an installation.
	if err := os.Remove(filepath.Join(installed, "initdb")); err != nil {
		t.Fatal(err)
	}
	if got, err := FindPostgres(""); err != nil {
		wantError(t, err, "PATH", "pg_config", "apt-get install postgresql", "make postgres", "DATABASE_URL")
	} else if got == installed || got == links {
		t.Errorf("without initdb: got %q", got)
	}
}

func TestFindPostgresSaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := FindPostgres(dir)
	wantError(t, err, dir, "initdb", "postgres", "EMBEDDED_PG_BIN")
	if !errors.Is(err, ErrNoPostgres) {
		t.Errorf("got %v, want ErrNoPostgres", err)
	}
}

func TestFolderVersionOrdersInstallations(t *testing.T) {
	t.Parallel()
	ascending := []string{
		"/usr/lib64/pgsql/bin",
		"/usr/lib/postgresql/9.6/bin",
		"/usr/libexec/postgresql12",
		"/usr/pgsql-13/bin",
		"/opt/homebrew/opt/postgresql@14/bin",
		"/Applications/Postgres.app/Contents/Versions/15/bin",
		"/usr/lib/postgresql/16/bin",
	}
	if !slices.IsSortedFunc(ascending, func(a, b string) int { return folderVersion(a) - folderVersion(b) }) {
		for _, d := range ascending {
			t.Log(d, folderVersion(d))
		}
		t.Error("not in order")
	}
}

func TestServerMajor(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
	} {
		if got, err := serverMajor([]byte(line)); err != nil || got != want {
			t.Errorf("serverMajor(%q) = %d, %v, want %d", line, got, err, want)
		}
	}
	_, err := serverMajor([]byte("mysqld\nVer 8\n"))
	wantError(t, err, "not a PostgreSQL")
}
