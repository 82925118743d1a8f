package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// settings suit a small server that writes all the time, beside a daemon on the
// same machine. They are given on the command line, so the cluster's own
// postgresql.conf stays as initdb wrote it. Resident
// are 30 MB when idle and 190 MB with twenty busy connections, most of it shared_buffers.
var settings = []string{
	"max_connections=100",
	"shared_buffers=128MB",
	"autovacuum_work_mem=32MB", // times three workers
	"max_wal_size=4GB",         // 2 kB of log an event: few checkpoints, few full-page images
	"checkpoint_timeout=15min",
	"checkpoint_completion_target=0.9",
	"wal_compression=on",
	"random_page_cost=1.1", // a solid-state disk
	"jit=off",              // our statements are short and prepared
	"password_encryption=scram-sha-256",
	"timezone=UTC",
	"log_timezone=UTC",
	"log_line_prefix=%m [%p] %a ",
	"logging_collector=off", // standard error is postgres.log
	"log_checkpoints=off",
	"unix_socket_permissions=0700",
}

// fastSettings give up durability; see PostgresConfig.Fast.
var fastSettings = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}

// serverArgs is the server's command line. -D comes first and by itself: that
// is how a server of ours is known where its working directory cannot be seen.
func (c *cluster) serverArgs(port int) ([]string, error) {
	sockets, err := c.socketDir()
	if err != nil {
		return nil, err
	}
	args := []string{
		"-D", c.data(), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=" + loopback, "-c", "unix_socket_directories=" + sockets,
	}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	if c.fast {
		for _, s := range fastSettings {
			args = append(args, "-c", s)
		}
	}
	return args, nil
}

// maxSocketPath is the shortest limit of the systems we run on (macOS; Linux
// has 107 bytes).
const maxSocketPath = 103

// socketDir makes a directory for the server's Unix socket, so that it neither
// needs nor clutters a shared one. It returns "", which turns the socket off,
// where the path would be too long or would not stand in a list setting:
// everything goes over TCP anyway.
func (c *cluster) socketDir() (string, error) {
	dir := c.socket()
	if len(filepath.Join(dir, ".s.PGSQL.65535")) > maxSocketPath || strings.ContainsAny(dir, `,"' `) {
		c.log.Debug("postgres listens on no unix socket: the directory's path is too long or unusual", "dir", dir)
		return "", nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, c.user.own(dir)
}

// maxLogSize is where postgres.log is put aside, as postgres.log.1, at the next start.
const maxLogSize = 10 << 20

// serverLog is the file a server writes its log to, and where this run's part begins.
type serverLog struct {
	file  *os.File
	start int64
}

func openLog(path string) (*serverLog, error) {
	if st, err := os.Stat(path); err == nil && st.Size() > maxLogSize {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &serverLog{file: f, start: st.Size()}, nil
}

func (l *serverLog) Close() error { return l.file.Close() }

// errClusterBusy says that another server still has the cluster.
var errClusterBusy = errors.New("the cluster is still in use")

// serverEnd explains why the server ended, out of what it logged since start. A
// server that never got ready says it in its first fatal line; one that was up
// has logged the errors of its clients too, and only its last words count.
func serverEnd(path string, start int64, wasReady bool, exit error, port int) error {
	how := "exit status 0"
	if exit != nil {
		how = exit.Error()
	}
	said := strings.TrimSpace(readFrom(path, start))
	if wasReady {
		return fmt.Errorf("the server ended (%s): %s (see %s)", how, said[strings.LastIndexByte(said, '\n')+1:], path)
	}
	switch {
	case strings.Contains(said, "Address already in use"):
		return portInUse(loopback, port, "EMBEDDED_PG_PORT")
	case strings.Contains(said, `lock file "postmaster.pid" already exists`),
		strings.Contains(said, "pre-existing shared memory block"):
		return fmt.Errorf("%w: %s", errClusterBusy, oneLine([]byte(said)))
	}
	return fmt.Errorf("the server does not start (%s): %s (see %s)", how, oneLine([]byte(said)), path)
}

// readFrom returns what a log says from an offset on, its last 16 kB at most. It
// is for explanations: what cannot be read is left out.
func readFrom(path string, start int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return ""
	}
	b, _ := io.ReadAll(io.NewSectionReader(f, max(start, st.Size()-16<<10), 16<<10))
	return string(b)
}
