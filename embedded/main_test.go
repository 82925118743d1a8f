package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// scenarioEnv makes the test binary run one scenario instead of the tests: some
// things can be seen only from another process (a killed parent, another user).
const scenarioEnv = "EMBEDDED_TEST_SCENARIO"

func TestMain(m *testing.M) {
	if name := os.Getenv(scenarioEnv); name != "" {
		if err := scenarios[name](os.Stdout, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stdout, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// scenarios are what a child process can do. Each prints lines for its parent.
var scenarios = map[string]func(out io.Writer, args []string) error{
	"hold postgres":   holdPostgres,
	"orphan postgres": orphanPostgres,
	"use postgres":    func(_ io.Writer, args []string) error { return usePostgres(context.Background(), args[0]) },
	"hold nats":       holdNATS,
	"use nats":        useNATS,
	"hold lock":       holdLock,
}

// binDir is where `make test` found the server programs; "" looks for them.
func binDir() string { return os.Getenv("EMBEDDED_PG_BIN") }

// hold waits until the parent kills us or closes our standard input.
func hold() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// process is a child that runs a scenario.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// startScenario runs a scenario in a child, as the user (nil: ours). The child
// is killed when the test ends.
func startScenario(t *testing.T, as *syscall.Credential, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(programFor(t, as), args...)
	cmd.Env = append(os.Environ(), scenarioEnv+"="+name, "HOME=/")
	cmd.Dir = "/"
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(p.kill)
	return p
}

// line returns the next line the child prints, "" at its end.
func (p *process) line() string {
	p.lines.Scan()
	return p.lines.Text()
}

// kill is kill -9; it returns when the child is gone. It is idempotent.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}

// programFor returns the test binary, or a copy where another user can run it:
// the go command builds it in a folder of its own.
func programFor(t *testing.T, as *syscall.Credential) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if as == nil {
		return exe
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(openDir(t), "embedded.test")
	if err := os.WriteFile(copied, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

// normalUser returns the user a test that needs one runs its child as: nobody
// when we are root, ourselves (nil) when we are a normal user already.
func normalUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	cred, err := credential(u)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

// openDir is a temporary directory every user can pass: t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ownedDir is an openDir that belongs to the user.
func ownedDir(t *testing.T, as *syscall.Credential) string {
	t.Helper()
	dir := openDir(t)
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// eventually waits for a condition in another process, which nothing announces.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not come to pass: %s", what)
		}
	}
}

// testLog is a logger into the test's output that also announces messages.
type testLog struct {
	slog.Handler
	said chan string // nil: nobody listens
}

func (l testLog) Handle(ctx context.Context, r slog.Record) error {
	if l.said != nil {
		select {
		case l.said <- r.Level.String() + " " + r.Message:
		default: // more than the test reads
		}
	}
	return l.Handler.Handle(ctx, r)
}

func newLog(t *testing.T, said chan string) *slog.Logger {
	t.Helper()
	return slog.New(testLog{slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}), said})
}

// wantError checks that the error is one line which holds every part.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %q, want it to say %q", err, part)
		}
	}
}

// ls lists a directory, for tests that look for what was left.
func ls(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
