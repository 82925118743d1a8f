package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPostgresLeavesNoHalfCluster(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		initdb string
		want   string
	}{
		"initdb fails":     {`mkdir "$2"; echo "initdb: error: no space left"; exit 1`, "no space left"},
		"initdb is slow":   {`mkdir "$2"; sleep 1000`, "deadline exceeded"},
		"no database made": {`mkdir "$2"`, "broken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := openDir(t)
			bin := filepath.Join(root, "bin")
			fakeServer(t, bin, "15.1", tt.initdb)
			// A server that does nothing but tell its version fails on the database.
			postgres := "#!/bin/sh\ncase $1 in --version) echo 'postgres (PostgreSQL) 15.1';; *) echo 'FATAL:  broken'; exit 1;; esac\n"
			if err := os.WriteFile(filepath.Join(bin, "postgres"), []byte(postgres), 0o755); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			dir := filepath.Join(root, "data")
			_, err := StartPostgres(ctx, PostgresConfig{Dir: dir, BinDir: bin, Logger: newLog(t, nil)})
			wantError(t, err, tt.want)
			for _, left := range ls(t, dir) {
				if left == "cluster" || strings.HasPrefix(left, "initdb-") {
					t.Errorf("left behind: %s", left)
				}
			}
		})
	}
}

func TestPostgresSweepsWhatAKilledStartLeft(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "initdb-123", "cluster"), 0o700); err != nil {
		t.Fatal(err)
	}
	startFast(t, dir)
	if names := ls(t, dir); slices.Contains(names, "initdb-123") {
		t.Errorf("left: %v", names)
	}
}

func TestPostgresOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := os.Mkdir(filepath.Join(dir, "cluster"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cluster", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir()})
	wantError(t, err, dir, "made by PostgreSQL 9", "install PostgreSQL 9", "pg_upgrade")
}

func TestPostgresTooOld(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	bin := filepath.Join(root, "bin")
	fakeServer(t, bin, "9.6.24", "")
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: filepath.Join(root, "data"), BinDir: bin})
	wantError(t, err, "PostgreSQL 13 or later", "9 in "+bin, "EMBEDDED_PG_BIN")
}

func TestChooseServerTakesTheClustersVersion(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	newer, older := filepath.Join(root, "17"), filepath.Join(root, "16")
	fakeServer(t, newer, "17.2", "")
	fakeServer(t, older, "16.6", "")
	data := filepath.Join(root, "data", "cluster")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("16\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user, err := serverAccount(data)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(data)
	c := &cluster{place: place{dir: dir, base: dir}, user: user, log: newLog(t, nil)}
	if err := c.chooseServer(t.Context(), []string{newer, older}); err != nil {
		t.Fatal(err)
	}
	if c.bin != older {
		t.Errorf("got %s, want %s", c.bin, older)
	}
}

func TestPostgresNeedsAWritableDirectory(t *testing.T) {
	t.Parallel()
	as := normalUser(t)
	dir := openDir(t)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	child := startScenario(t, as, "use postgres", filepath.Join(dir, "data"))
	wantError(t, errors.New(child.line()), "embedded postgres", dir, "permission denied")
	if more := child.line(); more != "" {
		t.Errorf("a second line: %q", more)
	}
}

// As root the cluster goes where its user can reach it; a normal user reaches
// his own directory.
func TestPostgresInAClosedDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data") // below a folder with mode 0700
	p := startFast(t, dir)
	base := filepath.Dir(p.ClusterDir())
	elsewhere := base != dir
	if want := os.Geteuid() == 0; elsewhere != want {
		t.Fatalf("the cluster is in %s", base)
	}
	if elsewhere {
		t.Cleanup(func() { os.RemoveAll(base) })
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := startFast(t, dir)
	if got, err := PostgresDSN(dir); err != nil || got != again.DSN() || again.ClusterDir() != p.ClusterDir() {
		t.Fatalf("not found again: %q, %v", got, err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if !elsewhere {
		return
	}

	// Whoever deletes the cluster gets an empty one, in the same place.
	if err := os.RemoveAll(base); err != nil {
		t.Fatal(err)
	}
	if err := usePostgres(t.Context(), dir); err != nil {
		t.Fatalf("after the cluster was deleted: %v", err)
	}

	// Whoever deletes the data directory gets a new database, not an old one
	// without its password; the old one is kept.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := usePostgres(t.Context(), dir); err != nil {
		t.Fatalf("after the directory was deleted: %v", err)
	}
	aside, err := filepath.Glob(base + ".orphan-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside: %v, %v", aside, err)
	}
	if err := os.RemoveAll(aside[0]); err != nil {
		t.Error(err)
	}
}

func TestSocketDirNeedsAShortPath(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	long := filepath.Join(root, strings.Repeat("x", 100))
	for _, dir := range []string{root, long, filepath.Join(root, "a,b")} {
		if err := makeDir(dir); err != nil {
			t.Fatal(err)
		}
		c := &cluster{place: place{dir: dir, base: dir}, log: newLog(t, nil)}
		got, err := c.socketDir()
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if dir == root {
			want = filepath.Join(root, "socket")
		}
		if got != want {
			t.Errorf("in %s: got %q, want %q", dir, got, want)
		}
	}
}

func TestOpenLogPutsALargeOneAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	for _, size := range []int64{maxLogSize, maxLogSize + 1} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		l, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		want := size
		if size > maxLogSize {
			want = 0
		}
		if l.start != want {
			t.Errorf("of %d bytes: starts at %d, want %d", size, l.start, want)
		}
	}
	if _, err := os.Stat(path + ".1"); err != nil {
		t.Error(err)
	}
}

func TestServerEndTellsTheCause(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	log := "2026-01-01 00:00:00.000 UTC [7]  LOG:  starting\n" +
		"2026-01-01 00:00:00.000 UTC [7]  FATAL:  could not map anonymous shared memory\n" +
		"2026-01-01 00:00:00.000 UTC [7]  LOG:  database system is shut down\n"
	if err := os.WriteFile(path, []byte("FATAL:  of an earlier run\n"+log), 0o600); err != nil {
		t.Fatal(err)
	}
	start := int64(len("FATAL:  of an earlier run\n"))
	wantError(t, serverEnd(path, start, false, errors.New("exit status 1"), 1), "exit status 1", "could not map", path)
	wantError(t, serverEnd(path, start, true, nil, 1), "exit status 0", "is shut down", path)
	wantError(t, serverEnd(path+".none", 0, true, nil, 1), "exit status 0")
}
