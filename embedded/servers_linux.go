package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// serversOn lists the PostgreSQL processes that work on the data directory:
// every one of them has it as working directory, and only they. Where the
// kernel hides another user's working directory (root in a container without
// CAP_SYS_PTRACE), a postmaster is known by the -D of its command line, and
// certain is false if a child of some server could not be told apart.
func serversOn(data string) (pids []int, certain bool, err error) {
	want, err := os.Stat(data)
	if err != nil {
		return nil, false, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false, err
	}
	certain = true
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		proc := filepath.Join("/proc", e.Name())
		comm, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil || !isServerName(strings.TrimSpace(string(comm))) {
			continue
		}
		cwd, err := os.Stat(filepath.Join(proc, "cwd"))
		switch {
		case err == nil:
			if os.SameFile(cwd, want) {
				pids = append(pids, pid)
			}
		case os.IsPermission(err):
			argv, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
			if runsOn(argv, data) {
				pids = append(pids, pid)
			} else if bytes.HasPrefix(argv, []byte("postgres:")) {
				certain = false
			}
		}
		// Any other error is a process that ended meanwhile, or a zombie.
	}
	return pids, certain, nil
}

// isServerName takes the name the kernel keeps, cut at 15 bytes and not changed
// by the titles PostgreSQL gives its processes.
func isServerName(comm string) bool { return comm == "postgres" || comm == "postmaster" }

// runsOn reports whether the command line, arguments ended by NUL, has -D data.
func runsOn(argv []byte, data string) bool {
	return bytes.Contains(argv, []byte("\x00-D\x00"+data+"\x00"))
}
