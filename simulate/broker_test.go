package simulate

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/machshop/seriald/ingest"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// broker is a Mosquitto of its own for a test.
type broker struct {
	tb     testing.TB
	port   int
	config string
	cmd    *exec.Cmd
}

// newBroker makes a broker that keeps sessions over a restart, and does not
// start it.
func newBroker(tb testing.TB) *broker {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	b := &broker{tb: tb, port: l.Addr().(*net.TCPAddr).Port, config: filepath.Join(tb.TempDir(), "mosquitto.conf")}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	// As root it would become a user who can't write to our directory.
	config := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest stderr\nset_tcp_nodelay true\n"+
		"persistence true\npersistence_location %s/\nmax_queued_messages 0\nmax_inflight_messages 0\n", b.port, filepath.Dir(b.config))
	if err := os.WriteFile(b.config, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.stop) // once: after the clients are gone, however often it is started
	return b
}

func startBroker(tb testing.TB) *broker {
	tb.Helper()
	b := newBroker(tb)
	b.start()
	return b
}

// start returns when the broker listens.
func (b *broker) start() {
	b.tb.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // where a normal user's PATH does not look
		if _, err := os.Stat(program); err != nil {
			b.tb.Fatal("mosquitto is not installed: make deps")
		}
	}
	b.cmd = exec.Command(program, "-c", b.config)
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		b.tb.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasSuffix(lines.Text(), " running") {
			go func() { // until it closes its end
				for lines.Scan() {
				}
			}()
			return
		}
	}
	b.tb.Fatalf("mosquitto does not start:\n%s", said.String())
}

// stop ends the broker, which writes down what it keeps, and returns when it is
// gone. It is idempotent.
func (b *broker) stop() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	exited := time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() })
	defer exited.Stop()
	var failed *exec.ExitError
	if err := b.cmd.Wait(); err != nil && !errors.As(err, &failed) {
		b.tb.Error(err)
	}
	b.cmd = nil
}

func (b *broker) url() string { return fmt.Sprintf("mqtt://127.0.0.1:%d", b.port) }

func (b *broker) ingest() ingest.Config { return ingest.Config{URL: b.url()} }
