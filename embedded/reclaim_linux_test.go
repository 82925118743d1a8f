package embedded

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killHolder runs a scenario that prints the id of the server it holds, and
// kills it with -9. It returns that id.
func killHolder(t *testing.T, scenario, dir string) int {
	t.Helper()
	holder := startScenario(t, nil, scenario, dir)
	line := holder.line()
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(line)
	}
	if pids, _, err := serversOn(filepath.Join(dir, "cluster")); err != nil || !slices.Contains(pids, pid) {
		t.Fatalf("the processes of a running server: %v, %v", pids, err)
	}
	holder.kill()
	return pid
}

func wantKept(t *testing.T, p *Postgres) {
	t.Helper()
	if got, err := querySQL(t.Context(), p.DSN(), "SELECT n::text FROM kept"); err != nil || got != "42" {
		t.Errorf("got %q, %v, want what was committed before", got, err)
	}
}

func TestPostgresEndsWithAKilledParent(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	killHolder(t, "hold postgres", dir)
	eventually(t, "no process of the server is left", func() bool {
		pids, _, err := serversOn(filepath.Join(dir, "cluster"))
		return err == nil && len(pids) == 0
	})
	if _, err := os.Stat(filepath.Join(dir, "cluster", "postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was not an orderly shutdown: %v", err)
	}
	wantKept(t, startFast(t, dir))
}

func TestPostgresStopsAnOrphan(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := usePostgres(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	pid := killHolder(t, "orphan postgres", dir)
	if got, err := PostgresDSN(dir); err != nil {
		t.Errorf("the orphan runs: %q, %v", got, err)
	}
	// It is slow to stop: frozen, it does not even notice.
	signal := func(sig syscall.Signal) {
		if err := signalServer(pid, sig, filepath.Join(dir, "cluster")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { signal(syscall.SIGCONT) })

	// A start waits for it no longer than it may.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := StartPostgres(ctx, PostgresConfig{Dir: dir, BinDir: binDir()})
	wantError(t, err, "left behind", strconv.Itoa(pid), "deadline exceeded")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}

	said := make(chan string, 8)
	go func() {
		<-said // that it stops the orphan
		signal(syscall.SIGCONT)
	}()
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir(), Fast: true, Logger: newLog(t, said)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got, err := querySQL(t.Context(), p.DSN(), "SELECT count(*)::text FROM kept"); err != nil || got != "2" {
		t.Errorf("got %q rows, %v, want 2", got, err)
	}
}

// The process id in a file left behind may be anybody's: one that PostgreSQL
// would refuse to start beside, and that must not be harmed.
func TestPostgresSparesTheStrangerWithARecycledID(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := usePostgres(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	user, err := serverAccount(filepath.Join(dir, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command("cat")
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: user.cred} // whom PostgreSQL can signal
	stdin, err := stranger.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	lines := []string{strconv.Itoa(stranger.Process.Pid), filepath.Join(dir, "cluster"), "1700000000", "5432", "", loopback, "", "ready", ""}
	stale := filepath.Join(dir, "cluster", "postmaster.pid")
	if err := os.WriteFile(stale, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := user.own(stale); err != nil {
		t.Fatal(err)
	}
	_, err = PostgresDSN(dir)
	wantError(t, err, "no server runs")

	startFast(t, dir)
	// It ends by itself, at the end of its input, and not by a signal.
	if err := errors.Join(stdin.Close(), stranger.Wait()); err != nil {
		t.Errorf("the stranger was harmed: %v", err)
	}
}

func TestReclaimSignals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		postmaster int
		waited     time.Duration
		want       map[int]syscall.Signal
	}{
		"a server stops its children":      {7, 0, map[int]syscall.Signal{7: syscall.SIGINT}},
		"one that does not is pressed":     {7, reclaimPatience, map[int]syscall.Signal{7: syscall.SIGQUIT}},
		"children without a server quit":   {3, 0, map[int]syscall.Signal{7: syscall.SIGQUIT, 8: syscall.SIGQUIT}},
		"a server that starts has no file": {0, 0, map[int]syscall.Signal{7: syscall.SIGINT, 8: syscall.SIGINT}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := reclaimSignals([]int{7, 8}, tt.postmaster, tt.waited)
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for pid, sig := range tt.want {
				if got[pid] != sig {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestRunsOnReadsTheCommandLine(t *testing.T) {
	t.Parallel()
	argv := []byte("/usr/lib/postgresql/15/bin/postgres\x00-D\x00/data/cluster\x00-p\x005432\x00")
	for data, want := range map[string]bool{"/data/cluster": true, "/data": false, "/data/cluster2": false} {
		if got := runsOn(argv, data); got != want {
			t.Errorf("runsOn(%q) = %v", data, got)
		}
	}
}
