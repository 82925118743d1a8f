package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked is what Lock, StartPostgres and StartNATS wrap when another process
// holds the directory.
var ErrLocked = errors.New("in use")

// DirLock is an exclusive claim on a directory. The kernel drops it when the
// process ends, however it ends, so a lock file left behind is never in the way.
type DirLock struct {
	file *os.File // nil once unlocked
}

// Lock claims dir for this process through an flock on dir/seriald.lock,
// creating dir where it is absent. It does not wait: a directory that another
// process holds is an error that wraps ErrLocked and names the directory and
// the process id of the holder.
//
// flock counts per open file: a second Lock in the same process is refused too.
func Lock(dir string) (*DirLock, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := makeDir(abs); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	l, err := lockFile(filepath.Join(abs, "seriald.lock"))
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", abs, err)
	}
	return l, nil
}

// Unlock gives the directory up. The file stays: removing it would let two
// processes hold locks on two files of the same name. Unlock is idempotent and
// nil-safe.
func (l *DirLock) Unlock() error {
	if l == nil || l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	// Emptied first, so that nobody reads a holder that is gone.
	_ = f.Truncate(0)
	return f.Close()
}

// lockFile takes an flock on path and writes our process id into it.
func lockFile(path string) (*DirLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// The holder writes its id just after locking; an empty file is that moment.
		held, _ := io.ReadAll(io.LimitReader(f, 32))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(held))); err == nil {
			return nil, fmt.Errorf("%w by process %d (%s)", ErrLocked, pid, path)
		}
		return nil, fmt.Errorf("%w by another process (%s)", ErrLocked, path)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &DirLock{file: f}, nil
}
