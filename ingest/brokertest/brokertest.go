// Package brokertest starts a real Mosquitto for tests, with the settings that
// deploy/mosquitto.conf recommends.
package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds the start on a loaded machine.
const startTimeout = 15 * time.Second

// Broker is a Mosquitto on a port of its own, with persistence.
type Broker struct {
	// URL of the broker; it stays the same when the broker is started again.
	URL string

	tb   testing.TB
	conf string
	addr string
	mu   sync.Mutex // guards cmd
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// Start starts a broker that ends with the test.
func Start(tb testing.TB) *Broker {
	tb.Helper()
	dir, err := os.MkdirTemp("", "seriald-mosquitto-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := FreePort(tb)
	b := &Broker{
		tb: tb, addr: fmt.Sprintf("127.0.0.1:%d", port), conf: filepath.Join(dir, "mosquitto.conf"),
		URL: fmt.Sprintf("mqtt://127.0.0.1:%d", port),
	}
	conf := fmt.Sprintf(`listener %d 127.0.0.1
allow_anonymous true
persistence true
persistence_location %s/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 2000
set_tcp_nodelay true
log_type error
`, port, dir)
	if os.Geteuid() == 0 {
		conf += "user root\n" // else it drops to a user who can't write to dir
	}
	if err := os.WriteFile(b.conf, []byte(conf), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Kill)
	b.Restart()
	return b
}

// Restart starts the broker after Kill, on the same port with what it had saved.
func (b *Broker) Restart() {
	b.tb.Helper()
	path, err := binary()
	if err != nil {
		b.tb.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cmd = exec.CommandContext(context.Background(), path, "-c", b.conf)
	b.cmd.Stderr, b.cmd.Stdout = &b.log, &b.log
	if err := b.cmd.Start(); err != nil {
		b.tb.Fatalf("start mosquitto: %v", err)
	}
	deadline := time.Now().Add(startTimeout)
	for {
		c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", b.addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			b.tb.Fatalf("mosquitto does not listen: %v\n%s", err, b.log.String())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// Kill ends the broker at once.
func (b *Broker) Kill() { b.end(os.Kill) }

// Stop has the broker save what it has and end.
func (b *Broker) Stop() { b.end(os.Interrupt) }

func (b *Broker) end(s os.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(s)
	_ = b.cmd.Wait() // how it ended is what was asked for
	b.cmd = nil
}

func binary() (string, error) {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path, nil
	}
	const sbin = "/usr/sbin/mosquitto" // Debian's place, not in every PATH
	if _, err := os.Stat(sbin); err != nil {
		return "", fmt.Errorf("mosquitto is not installed: run make deps")
	}
	return sbin, nil
}

// FreePort returns a port that nothing listens on now.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatal("not a TCP address: " + strings.TrimSpace(l.Addr().String()))
	}
	return addr.Port
}
