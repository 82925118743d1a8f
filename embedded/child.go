package embedded

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// program prepares one of PostgreSQL's programs to run as user in dir. It gets
// a small environment of our choice: our secrets do not belong in it, and PG*
// or LC_* variables of the caller would change what it does.
func program(bin, name, dir string, user *syscall.Credential, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C", "LANG=C", "TZ=UTC", "PGTZ=UTC", "HOME=/"}
	for _, key := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(key); ok {
			cmd.Env = append(cmd.Env, key+"="+v)
		}
	}
	cmd.SysProcAttr = procAttr(user, syscall.SIGKILL)
	return cmd
}

// startPinned starts cmd from a goroutine that keeps its operating system
// thread until the child has ended: the child's parent-death signal would
// otherwise go off when the Go runtime retires the thread. The channel gets what
// cmd.Wait returned.
func startPinned(cmd *exec.Cmd) (<-chan error, error) {
	started := make(chan error, 1)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

// runToEnd runs cmd and returns what it printed. When ctx ends first, the
// program and everything it started are killed.
func runToEnd(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := startPinned(cmd)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-ended:
		return out.Bytes(), err
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		// Waited for, so that its pipes are closed and out is complete.
		if err := <-ended; err == nil {
			return out.Bytes(), nil // it was quicker
		}
		return out.Bytes(), context.Cause(ctx)
	}
}

// oneLine reduces a program's output to the line that says what went wrong: the
// first that names an error, else the last one.
func oneLine(out []byte) string {
	last := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		for _, mark := range []string{"FATAL: ", "PANIC: ", "ERROR: ", "error: "} {
			if _, after, ok := strings.Cut(line, mark); ok {
				return strings.TrimSpace(after)
			}
		}
		last = line
	}
	return last
}
