package proctest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *Program {
	t.Helper()
	port := FreePort(t)
	return Start(t, port, exec.Command(Binary(t, "mosquitto"), "-v", "-p", strconv.Itoa(port)))
}

func (p *Program) listens() bool {
	c, err := net.Dial("tcp", p.Address)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestProgramIsStartedAgain(t *testing.T) {
	t.Parallel()
	p := start(t)
	for name, end := range map[string]func(){"killed": p.Kill, "stopped": p.Stop, "running": nil} {
		before := p.cmd.Process.Pid
		if end != nil {
			end()
			if p.listens() {
				t.Errorf("%s, it listens", name)
			}
		}
		p.Restart()
		if !p.listens() || p.cmd.Process.Pid == before || syscall.Kill(before, 0) == nil {
			t.Errorf("started again when %s: it listens %t, as process %d after %d", name, p.listens(), p.cmd.Process.Pid, before)
		}
	}
}

func TestProgramIsSignalled(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(startTimeout); !strings.Contains(p.Output(), "Reloading config"); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it got no signal:\n%s", p.Output())
		}
	}
}

func TestProgramEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var p *Program
	t.Run("test", func(t *testing.T) { p = start(t) })
	if p.listens() {
		t.Error("it outlives its test")
	}
}

// A program that ends instead of listening fails the test at once, with what it
// printed.
func TestProgramThatDoesNotListen(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		what *exec.Cmd
		want string
	}{
		"ends": {exec.Command("sh", "-c", "echo no such disk >&2; exit 3"), "(exit status 3):\nno such disk"},
		"none": {exec.Command("/none"), "start /none"},
	} {
		p := &Program{Address: fmt.Sprintf("127.0.0.1:%d", FreePort(t)), what: tt.what}
		if err := p.start(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, tt.want)
		}
		p.Kill()
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "serverd")
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := find("serverd", "/none", dir); got != path || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, path)
	}
	if got, err := find("sh"); got == "" || err != nil {
		t.Errorf("in PATH: got %q, %v", got, err)
	}
	if _, err := find("serverd", "/none"); err == nil || !strings.Contains(err.Error(), "serverd is not installed: run make deps") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestBufferIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	var b Buffer
	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for range 100 {
				fmt.Fprintln(&b, "line")
				_ = b.String()
			}
		})
	}
	writing.Wait()
	if got, want := b.String(), strings.Repeat("line\n", 400); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}
