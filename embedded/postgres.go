package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stopPatience is how long a fast shutdown may take (it ends connections and
// writes a checkpoint) before the server is stopped at once, and how long that
// may take before it is killed. It leaves room within the usual 30 s of a
// service manager; a server stopped at once recovers from its log.
const stopPatience = 10 * time.Second

// PostgresConfig says where and how StartPostgres runs its server.
type PostgresConfig struct {
	// Dir holds everything: cluster/, password, postgres.log, socket/. It is
	// created if absent. Required. Running as root, where the server's user
	// cannot reach Dir, cluster/ and socket/ are under /var/lib/seriald and
	// Dir/cluster.location says where.
	Dir string
	// Port on 127.0.0.1 (EMBEDDED_PG_PORT); 0, the default, takes a free one,
	// another at each start.
	Port int
	// BinDir is where initdb and postgres are; "" looks for them, see FindPostgres.
	BinDir string
	// Fast gives up durability (fsync, synchronous_commit, full_page_writes) for
	// speed. For tests only: a power cut destroys such a cluster.
	Fast bool
	// Logger is told about the server's life: Debug for durations, Warn for what
	// had to be cleared up. nil discards. The server's own log is postgres.log.
	Logger *slog.Logger
}

// Postgres is a running PostgreSQL server, a child of this process that never
// outlives it (on Linux: the kernel ends it when this process is killed).
type Postgres struct {
	cluster *cluster
	port    int
	process *os.Process
	done    chan struct{}

	ready     atomic.Bool   // has accepted connections
	closing   chan struct{} // closed when Close begins
	closeOnce sync.Once
	closeErr  error // written in closeOnce
	err       error // written before done is closed
}

// StartPostgres starts a PostgreSQL server on cfg.Dir and returns when it
// accepts connections; the first time it makes the cluster with the role and
// the database "seriald". ctx bounds the start only, not the server's life.
//
// A server left behind on the same directory by a killed parent is stopped
// first. As root, which PostgreSQL refuses, the server runs as the owner of the
// cluster, else as postgres or nobody. Every error is one line that names what
// to change; they wrap ErrNoPostgres, ErrLocked or syscall.EADDRINUSE where
// these are the cause.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Dir == "" {
		return nil, errors.New("embedded postgres: no directory given")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := startPostgres(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded postgres: %w", err)
	}
	return p, nil
}

func startPostgres(ctx context.Context, cfg PostgresConfig) (_ *Postgres, err error) {
	began := time.Now()
	c, err := openCluster(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := reclaim(ctx, c.data(), c.log); err != nil {
		return nil, err
	}
	cold := !c.hasCluster()
	switch {
	case cold:
		err = c.create(ctx)
	case c.password == "":
		err = c.repairPassword(ctx)
	}
	if err != nil {
		return nil, err
	}
	prepared := time.Since(began)
	p, err := c.launch(ctx, cfg.Port)
	if err != nil {
		return nil, err
	}
	c.log.Debug("postgres started", "dir", c.dir, "port", p.port, "pid", p.process.Pid,
		"cold", cold, "prepare", prepared, "took", time.Since(began))
	return p, nil
}

// launch starts the server and waits until it is ready. It tries again where
// somebody takes the free port it was about to use, or a server of a parent
// killed this very moment still lets go of the cluster.
func (c *cluster) launch(ctx context.Context, port int) (*Postgres, error) {
	patience := time.NewTimer(reclaimPatience)
	defer patience.Stop()
	for {
		listen := port
		var err error
		if port == 0 {
			listen, err = freePort(loopback)
		} else {
			err = checkPort(loopback, port, "EMBEDDED_PG_PORT")
		}
		if err != nil {
			return nil, err
		}
		p, err := c.launchOn(ctx, listen)
		switch {
		case err == nil:
			return p, nil
		case errors.Is(err, errClusterBusy):
			if err := reclaim(ctx, c.data(), c.log); err != nil {
				return nil, err
			}
		case errors.Is(err, syscall.EADDRINUSE) && port == 0:
		default:
			return nil, err
		}
		select {
		case <-time.After(10 * pollInterval): // each try is a process
		case <-patience.C:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (c *cluster) launchOn(ctx context.Context, port int) (*Postgres, error) {
	log, err := openLog(c.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	args, err := c.serverArgs(port)
	if err != nil {
		return nil, err
	}
	cmd := program(c.bin, "postgres", "/", c.user.cred, args...)
	cmd.Stdout, cmd.Stderr = log.file, log.file
	cmd.SysProcAttr = procAttr(c.user.cred, syscall.SIGINT) // a fast shutdown when we are killed
	ended, err := startPinned(cmd)
	if err != nil {
		return nil, err
	}
	p := &Postgres{
		cluster: c, port: port, process: cmd.Process,
		done: make(chan struct{}), closing: make(chan struct{}),
	}
	go p.watch(cmd, ended, log.start)
	if err := p.awaitReady(ctx); err != nil {
		if stopErr := p.stop(); stopErr != nil {
			c.log.Warn("postgres does not stop", "pid", p.process.Pid, "error", stopErr)
		}
		return nil, err
	}
	return p, nil
}

// watch waits for the server's end and says why it came.
func (p *Postgres) watch(cmd *exec.Cmd, ended <-chan error, logStart int64) {
	err := <-ended
	select {
	case <-p.closing:
		// Asked for; how it ended is no news.
	default:
		p.err = serverEnd(p.cluster.logFile(), logStart, p.ready.Load(), err, p.port)
		p.cluster.log.Debug("postgres ended", "pid", cmd.Process.Pid, "error", p.err)
	}
	close(p.done)
}

// awaitReady waits for the server's own word for it, in postmaster.pid.
func (p *Postgres) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		file, err := readPostmasterFile(p.cluster.data())
		if err == nil && file.ready && file.pid == p.process.Pid {
			p.ready.Store(true)
			return nil
		}
		select {
		case <-p.done:
			return p.err
		case <-tick.C:
		case <-ctx.Done():
			close(p.closing)
			return fmt.Errorf("the server was not ready in time (see %s): %w", p.cluster.logFile(), context.Cause(ctx))
		}
	}
}

// DSN returns the URL of the database, for pgx and psql alike. It holds the
// password: do not log it.
func (p *Postgres) DSN() string { return dsn(p.cluster.password, p.port) }

// ClusterDir returns the folder of the cluster itself, which is elsewhere than
// PostgresConfig.Dir where root could not put it there.
func (p *Postgres) ClusterDir() string { return p.cluster.data() }

// Done is closed when the server process has ended, asked to or not.
func (p *Postgres) Done() <-chan struct{} { return p.done }

// Err says why the server ended without being asked to: nil before Done is
// closed and after Close.
func (p *Postgres) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Close stops the server and returns when it has ended: a fast shutdown, which
// cuts connections and leaves nothing to recover, and after 10 s an immediate
// one. It gives the directory up and is idempotent. A server that had ended by
// itself is an error, the one Err returns.
func (p *Postgres) Close() error {
	p.closeOnce.Do(func() {
		began := time.Now()
		close(p.closing)
		p.closeErr = p.stop()
		p.cluster.close()
		if p.closeErr == nil {
			p.closeErr = p.err
		}
		p.cluster.log.Debug("postgres stopped", "dir", p.cluster.dir, "took", time.Since(began), "error", p.closeErr)
	})
	return p.closeErr
}

// stop ends the server by ever ruder means, until it has ended.
func (p *Postgres) stop() error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if sig != syscall.SIGINT {
			p.cluster.log.Warn("postgres takes long to stop", "pid", p.process.Pid, "signal", sig.String())
		}
		if err := p.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the server: %w", err)
		}
		patience := time.NewTimer(stopPatience)
		select {
		case <-p.done:
			patience.Stop()
			return nil
		case <-patience.C:
		}
	}
	return fmt.Errorf("the server (process %d) does not end", p.process.Pid)
}

// PostgresDSN returns the URL of the database of a server that runs on dir,
// whichever process started it: it reads the server's own files. It is an error
// where none runs or where it does not accept connections yet.
func PostgresDSN(dir string) (string, error) {
	p, err := locate(dir)
	if err != nil {
		return "", fmt.Errorf("embedded postgres: %w", err)
	}
	none := fmt.Errorf("embedded postgres: no server runs on %s: start seriald with that data directory", p.dir)
	file, err := readPostmasterFile(p.data())
	if errors.Is(err, fs.ErrNotExist) {
		return "", none
	}
	if err != nil {
		return "", fmt.Errorf("embedded postgres: %w", err)
	}
	// The file may be left over from a power cut, so the process has the last word.
	pids, _, err := serversOn(p.data())
	if err != nil {
		return "", fmt.Errorf("embedded postgres: %w", err)
	}
	if !slices.Contains(pids, file.pid) {
		return "", none
	}
	if !file.ready {
		return "", fmt.Errorf("embedded postgres: the server on %s is starting or stopping", p.dir)
	}
	password, err := readPassword(p.passwordFile())
	if err != nil {
		return "", fmt.Errorf("embedded postgres: %w", err)
	}
	if password == "" {
		return "", fmt.Errorf("embedded postgres: %s is missing: restart seriald, which sets a new password", p.passwordFile())
	}
	return dsn(password, file.port), nil
}

func dsn(password string, port int) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(roleName, password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(port)),
		Path:     "/" + databaseName,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}
