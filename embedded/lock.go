package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
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
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
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

const (
	// namelessWait is how long a lock may have no name in its file: its holder has
	// just taken it; or has given it up while a process of its own was starting,
	// which has a copy until it runs its program.
	namelessWait = time.Second
	namelessPoll = 5 * time.Millisecond
)

// flock locks f, or says who has it.
func flock(f *os.File) error {
	for deadline := time.Now().Add(namelessWait); ; time.Sleep(namelessPoll) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		held, _ := io.ReadAll(io.NewSectionReader(f, 0, 32))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(held))); err == nil {
			return fmt.Errorf("%w by process %d (%s)", ErrLocked, pid, f.Name())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w by another process (%s)", ErrLocked, f.Name())
		}
	}
}

// Identity names a data directory, as no other has it, to one process at a time:
// who holds it knows that whoever had it before is dead. The name is kept in
// dir/NAME.identity. ok is false if another process holds it, or the directory
// can't be used. The caller must Unlock it.
func Identity(dir, name string) (identity string, lock *DirLock, ok bool) {
	if err := makeDir(dir); err != nil {
		return "", nil, false
	}
	lock, err := lockFile(filepath.Join(dir, name+".lock"))
	if err != nil {
		return "", nil, false
	}
	path := filepath.Join(dir, name+".identity")
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		b = []byte(rand.Text())
		if err := writeDurably(path, b, 0o644); err != nil {
			_ = lock.Unlock() // it was of no use
			return "", nil, false
		}
	}
	return string(b), lock, true
}
