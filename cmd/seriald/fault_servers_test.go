package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/storetest"
)

// buildNATSServer builds the nats-server program for a test and its subtests.
func buildNATSServer(tb testing.TB) string {
	tb.Helper()
	bin := filepath.Join(tb.TempDir(), "nats-server")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		tb.Fatalf("build nats-server: %v\n%s", err, out)
	}
	return bin
}

// newNATSServer starts the nats-server program, which syncs each message as the
// embedded one does.
func newNATSServer(tb testing.TB, bin string) *proctest.Program {
	tb.Helper()
	dir, port := tb.TempDir(), proctest.FreePort(tb)
	conf := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: 127.0.0.1:%d\njetstream { store_dir: %q, sync_interval: always }\n", port, filepath.Join(dir, "js"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return proctest.Start(tb, port, exec.Command(bin, "-c", conf))
}

// asListener makes the test binary be a broker: the embedded server's MQTT
// listener in a process of its own, on the directory that is its value and on
// the port that is its argument.
const asListener = "SERIALD_TEST_AS_LISTENER"

// newListener starts such a broker. It has synced what it acknowledges, which
// Mosquitto has not.
func newListener(tb testing.TB) *proctest.Program {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	port := proctest.FreePort(tb)
	cmd := exec.Command(exe, strconv.Itoa(port))
	cmd.Env = []string{asListener + "=" + tb.TempDir()}
	return proctest.Start(tb, port, cmd)
}

// runListener is that program.
func runListener(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	port, err := strconv.Atoi(os.Args[1])
	if err == nil {
		var n *embedded.NATS
		n, err = embedded.StartNATS(embedded.NATSConfig{Dir: dir, Port: -1, MQTTPort: port})
		if err == nil {
			<-ctx.Done()
			n.Close()
			return exitOK
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return exitFailure
}

// postgresServer is a PostgreSQL of a test's own, which syncs, with the demo plant.
type postgresServer struct {
	tb       testing.TB
	cfg      embedded.PostgresConfig
	postgres *embedded.Postgres
}

func newPostgresServer(tb testing.TB) *postgresServer {
	tb.Helper()
	// Not TB.TempDir: the server may run as another user, who must get there.
	dir, err := os.MkdirTemp("", "seriald-fault-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	d := &postgresServer{tb: tb, cfg: embedded.PostgresConfig{
		Dir: filepath.Join(dir, "postgres"), Port: proctest.FreePort(tb), BinDir: os.Getenv("EMBEDDED_PG_BIN"),
	}}
	tb.Cleanup(func() { _ = d.postgres.Close() })
	d.start()
	if _, err := prepareDatabase(context.Background(), storetest.Config(d.postgres.DSN()), slog.New(slog.DiscardHandler)); err != nil {
		tb.Fatal(err)
	}
	return d
}

// start starts the program, again if it was killed.
func (d *postgresServer) start() {
	d.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if d.postgres, err = embedded.StartPostgres(ctx, d.cfg); err != nil {
		d.tb.Fatal(err)
	}
}

// kill ends the postmaster and all its children at once.
func (d *postgresServer) kill() {
	d.tb.Helper()
	all := suspendTree(d.tb, d.postmaster())
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-d.postgres.Done()
	_ = d.postgres.Close() // says that it was killed
}

func (d *postgresServer) postmaster() int {
	d.tb.Helper()
	b, err := os.ReadFile(filepath.Join(d.postgres.ClusterDir(), "postmaster.pid"))
	if err != nil {
		d.tb.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		d.tb.Fatal(err)
	}
	return pid
}

// dsnAt returns dsn with another host and port.
func dsnAt(tb testing.TB, dsn, address string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	u.Host = address
	return u.String()
}

// suspendTree stops a process and all its descendants (SIGSTOP), parents before
// their children so that none is born behind its back, waits until all of their
// threads have stopped, and returns them.
func suspendTree(tb testing.TB, pid int) []int {
	tb.Helper()
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		if err := syscall.Kill(all[i], syscall.SIGSTOP); err != nil && i == 0 {
			tb.Fatal(err)
		}
		awaitStopped(tb, all[i])
		all = append(all, children(tb, all[i])...)
	}
	return all
}

func resumeAll(pids []int) {
	for _, pid := range slices.Backward(pids) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// awaitStopped waits until every thread of a process stands still: one that
// syncs a file when the signal comes does so first.
func awaitStopped(tb testing.TB, pid int) {
	tb.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", pid))
		if err != nil {
			tb.Fatal(err)
		}
		moving := slices.ContainsFunc(tasks, func(stat string) bool {
			state, _ := processStat(stat)
			return state != "T" && state != "Z" && state != "X" && state != ""
		})
		if !moving {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("process %d does not stop", pid)
		}
	}
}

func children(tb testing.TB, parent int) []int {
	tb.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		tb.Fatal(err)
	}
	var pids []int
	for _, stat := range stats {
		if _, ppid := processStat(stat); ppid == parent {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				tb.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// processStat reads a state ("T" is stopped) and the parent from a file as
// /proc/1/stat; "" and 0 if the process has gone.
func processStat(file string) (state string, ppid int) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", 0
	}
	// The name before it may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return "", 0
	}
	ppid, _ = strconv.Atoi(string(fields[1]))
	return string(fields[0]), ppid
}
