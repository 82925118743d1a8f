package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// reclaimPatience is how long an orphaned server may take for an orderly (fast)
// shutdown before it is told to stop at once. Crash recovery makes both safe.
const reclaimPatience = 15 * time.Second

// pollInterval paces the waits for a process that is not our child or has no
// other way of telling: short beside a start of 50 ms, long beside a look at /proc.
const pollInterval = 5 * time.Millisecond

// postmasterFile is what a server writes into its data directory
// (postmaster.pid: one value a line).
type postmasterFile struct {
	pid   int
	port  int
	ready bool // accepts connections
}

// readPostmasterFile reads data/postmaster.pid; fs.ErrNotExist says that no
// server runs and the last one was shut down in order.
func readPostmasterFile(data string) (postmasterFile, error) {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return postmasterFile{}, err
	}
	lines := strings.Split(string(b), "\n")
	line := func(i int) string {
		if i < len(lines) {
			return strings.TrimSpace(lines[i])
		}
		return ""
	}
	var p postmasterFile
	p.pid, _ = strconv.Atoi(line(0)) // a half-written file reads as pid 0, not ready
	p.port, _ = strconv.Atoi(line(3))
	p.ready = line(7) == "ready"
	return p, nil
}

// reclaim stops the server that still works on the data directory although its
// parent is gone, and returns when none of its processes is left or ctx ends.
// The caller holds the lock on the directory, so no living seriald owns it.
//
// A process counts only if it is a PostgreSQL working in that very directory:
// a process id in a file left behind may be anybody's by now. Such a file is
// removed when its id is taken, because PostgreSQL would take the stranger for
// a server and refuse to start.
func reclaim(ctx context.Context, data string, log *slog.Logger) error {
	began := time.Now()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	signalled := make(map[int]syscall.Signal)
	for {
		file, err := readPostmasterFile(data)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// Looked for without a file too: a server makes it a moment after it
		// starts and removes it a moment before it ends, holding its port.
		pids, certain, err := serversOn(data)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // no cluster yet
		}
		if err != nil {
			return fmt.Errorf("look for processes on %s: %w", data, err)
		}
		if len(pids) == 0 {
			return dropStaleFile(data, file.pid, certain, log)
		}
		for pid, sig := range reclaimSignals(pids, file.pid, time.Since(began)) {
			if signalled[pid] == sig {
				continue
			}
			signalled[pid] = sig
			log.Warn("stopping a postgres left behind by a killed parent", "pid", pid, "signal", sig.String(), "data", data)
			if err := signalServer(pid, sig, data); err != nil {
				return fmt.Errorf("a PostgreSQL (process %d) left behind on %s cannot be stopped: %w", pid, data, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("a PostgreSQL (process %d) left behind on %s does not stop: %w", pids[0], data, context.Cause(ctx))
		}
	}
}

// reclaimSignals says which signal each of the processes gets. The postmaster
// stops its own children; children that have lost it are told to quit
// themselves, since a server must not start beside them. Without a file
// (postmaster is 0) it is a server that just starts or just ends.
func reclaimSignals(pids []int, postmaster int, waited time.Duration) map[int]syscall.Signal {
	targets, sig := pids, syscall.SIGINT // fast shutdown
	if slices.Contains(pids, postmaster) {
		targets = []int{postmaster}
	} else if postmaster != 0 {
		sig = syscall.SIGQUIT
	}
	if waited >= reclaimPatience {
		sig = syscall.SIGQUIT // immediate shutdown
	}
	signals := make(map[int]syscall.Signal, len(targets))
	for _, pid := range targets {
		signals[pid] = sig
	}
	return signals
}

// signalServer signals pid only if it still is a server on data.
func signalServer(pid int, sig syscall.Signal, data string) error {
	p, err := os.FindProcess(pid) // holds on to this process, not to its number
	if err != nil {
		return nil // gone
	}
	defer p.Release()
	pids, _, err := serversOn(data)
	if err != nil || !slices.Contains(pids, pid) {
		return err
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// dropStaleFile removes data/postmaster.pid when its process id belongs to a
// stranger or a zombie by now. Where it belongs to nobody, PostgreSQL clears it
// up itself.
func dropStaleFile(data string, pid int, certain bool, log *slog.Logger) error {
	if pid <= 1 || !certain || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	log.Warn("removing a stale postmaster.pid whose process id belongs to another program now", "pid", pid, "data", data)
	err := os.Remove(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
