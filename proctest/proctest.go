// Package proctest runs programs for tests: servers that a test starts, kills,
// suspends and starts again at the same address. None outlives its test.
package proctest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Buffer holds what somebody prints or logs while somebody else reads it.
type Buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write appends p; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written until now.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// FreePort returns a port of 127.0.0.1 that nothing listens on now.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatalf("%s is not a TCP address", l.Addr())
	}
	return addr.Port
}

// Binary returns the path of an installed program. A test that can't have it
// fails and says how to get it.
func Binary(tb testing.TB, name string) string {
	tb.Helper()
	path, err := find(name, "/usr/local/sbin", "/usr/sbin", "/sbin") // Debian's places for servers, not in every PATH
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// find looks in PATH, then in dirs.
func find(name string, dirs ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: run make deps", name)
}
