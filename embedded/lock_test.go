package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func holdLock(out io.Writer, args []string) error {
	l, err := Lock(args[0])
	if err != nil {
		return err
	}
	defer l.Unlock()
	fmt.Fprintln(out, "locked")
	return hold()
}

func TestLockIsExclusive(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b") // made by Lock
	l, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir)
	wantError(t, err, dir, fmt.Sprintf("process %d", os.Getpid()))
	if !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	for range 2 {
		if err := l.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	l, err = Lock(dir)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestLockNamesTheHolderAndEndsWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := startScenario(t, nil, "hold lock", dir)
	if got := holder.line(); got != "locked" {
		t.Fatal(got)
	}
	_, err := Lock(dir)
	wantError(t, err, dir, fmt.Sprintf("process %d", holder.cmd.Process.Pid))

	holder.kill()
	l, err := Lock(dir)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestLockNeedsADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Lock(file)
	wantError(t, err, file, "not a directory")
}

// An identity belongs to the directory, and to one process at a time.
//
// Not parallel: a process that another test forks has our lock for an instant.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	first, lock, ok := Identity(dir, "bridge")
	if !ok || first == "" {
		t.Fatalf("identity %q, %t", first, ok)
	}
	if other, _, ok := Identity(dir, "bridge"); ok {
		t.Errorf("a second one gets %q", other)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, lock, ok := Identity(dir, "bridge")
	if !ok || again != first {
		t.Errorf("afterwards it is %q, %t, want %q", again, ok, first)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	elsewhere, lock, ok := Identity(t.TempDir(), "bridge")
	if !ok || elsewhere == first {
		t.Errorf("another directory has %q", elsewhere)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// A lock without a name is one that was just taken, or given up while a process
// starts that has a copy of it: it is waited for, and not for ever.
func TestLockWithoutAName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copied, err := os.OpenFile(filepath.Join(dir, "seriald.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(copied.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v, want ErrLocked", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = copied.Close() })
	l, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}
