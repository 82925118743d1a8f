package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
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
