package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// holdPostgres starts a server on args[0], durable, writes a row, and holds.
func holdPostgres(out io.Writer, args []string) error {
	ctx := context.Background()
	p, err := StartPostgres(ctx, PostgresConfig{Dir: args[0], BinDir: binDir()})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := execSQL(ctx, p.DSN(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)"); err != nil {
		return err
	}
	fmt.Fprintln(out, p.process.Pid)
	return hold()
}

// orphanPostgres starts a server that does not end with its parent, as one does
// where the kernel has no parent-death signal.
func orphanPostgres(out io.Writer, args []string) error {
	ctx := context.Background()
	c, err := openCluster(ctx, PostgresConfig{Dir: args[0], BinDir: binDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	port, err := freePort(loopback)
	if err != nil {
		return err
	}
	arguments, err := c.serverArgs(port)
	if err != nil {
		return err
	}
	cmd := program(c.bin, "postgres", "/", c.user.cred, arguments...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user.cred, Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &Postgres{cluster: c, process: cmd.Process}
	if err := p.awaitReady(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, cmd.Process.Pid)
	return hold()
}

// usePostgres starts a server on dir, cold and warm, and checks what a user
// relies on.
func usePostgres(ctx context.Context, dir string) error {
	for _, want := range []int{1, 2} { // rows, after this start's
		p, err := StartPostgres(ctx, PostgresConfig{Dir: dir, BinDir: binDir(), Fast: true})
		if err != nil {
			return err
		}
		err = execSQL(ctx, p.DSN(), "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
		if err != nil {
			return err
		}
		if got, err := querySQL(ctx, p.DSN(), "SELECT count(*)::text FROM kept"); err != nil || got != fmt.Sprint(want) {
			return fmt.Errorf("%s rows, want %d: %w", got, want, err)
		}
		if got, err := PostgresDSN(dir); err != nil || got != p.DSN() {
			return fmt.Errorf("PostgresDSN is not the DSN: %w", err)
		}
		if err := p.Close(); err != nil {
			return err
		}
	}
	return nil
}

func execSQL(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func querySQL(ctx context.Context, dsn, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	var s string
	err = conn.QueryRow(ctx, sql).Scan(&s)
	return s, errors.Join(err, conn.Close(ctx))
}

// startFast starts a server without durability, closed when the test ends.
func startFast(t *testing.T, dir string) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir(), Fast: true, Logger: newLog(t, nil)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() }) // idempotent; a test that cares checks it
	return p
}

func TestPostgresStartsColdAndWarm(t *testing.T) {
	t.Parallel()
	if err := usePostgres(t.Context(), openDir(t)); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresStartsAsNormalUser(t *testing.T) {
	t.Parallel()
	as := normalUser(t)
	dir := ownedDir(t, as)
	child := startScenario(t, as, "use postgres", dir)
	if got := child.line(); got != "" {
		t.Error(got)
	}
	if err := child.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	// Afterwards root takes it over, as the user it belongs to.
	p := startFast(t, dir)
	if got, err := querySQL(t.Context(), p.DSN(), "SELECT count(*)::text FROM kept"); err != nil || got != "2" {
		t.Errorf("got %q rows, %v, want 2", got, err)
	}
}

func TestPostgresIsPrivateAndSensible(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir(), Logger: newLog(t, nil)}) // as in production
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()

	for _, name := range []string{"password", "postgres.log"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner, _ := ownerOf(filepath.Join(dir, name)); st.Mode().Perm() != 0o600 || int(owner.Uid) != os.Geteuid() {
			t.Errorf("%s: mode %v, owner %d; want 0600 and ours", name, st.Mode().Perm(), owner.Uid)
		}
	}
	u, err := url.Parse(p.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if u.Hostname() != loopback || u.Path != "/seriald" || u.User.Username() != "seriald" {
		t.Errorf("DSN is %s", u.Redacted())
	}
	u.User = url.UserPassword("seriald", "wrong")
	err = execSQL(t.Context(), u.String(), "SELECT 1")
	if err == nil || !strings.Contains(err.Error(), "28P01") { // invalid_password
		t.Errorf("a wrong password gives %v", err)
	}
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"listen_addresses": loopback, "server_encoding": "UTF8", "TimeZone": "UTC",
		"password_encryption": "scram-sha-256", "max_connections": "100", "shared_buffers": "128MB",
		"unix_socket_directories": filepath.Join(dir, "socket"), "wal_level": "replica",
	} {
		if got, err := querySQL(t.Context(), p.DSN(), "SELECT current_setting('"+name+"')"); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
	if got, err := querySQL(t.Context(), p.DSN(), "SELECT datcollate FROM pg_database WHERE datname = current_database()"); err != nil || got != "C" {
		t.Errorf("collation is %q, %v, want C", got, err)
	}
}

func TestPostgresCloseIsFinal(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	_, err := PostgresDSN(dir)
	wantError(t, err, dir, "no server runs")
	p := startFast(t, dir)

	_, err = StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir()})
	wantError(t, err, dir, fmt.Sprintf("in use by process %d", os.Getpid()))
	if !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if p.Err() != nil {
		t.Error(p.Err())
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-p.Done()
	if p.Err() != nil {
		t.Error(p.Err())
	}
	_, err = PostgresDSN(dir)
	wantError(t, err, dir, "no server runs")
}

func TestPostgresPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := openDir(t)
	port := l.Addr().(*net.TCPAddr).Port
	_, err = StartPostgres(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir(), Port: port, Fast: true})
	wantError(t, err, "EMBEDDED_PG_PORT", fmt.Sprint(port), "in use")
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want EADDRINUSE", err)
	}
	// The same, as the server says it.
	c, err := openCluster(t.Context(), PostgresConfig{Dir: dir, BinDir: binDir(), Logger: newLog(t, nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_, err = c.launchOn(t.Context(), port)
	wantError(t, err, "EMBEDDED_PG_PORT", fmt.Sprint(port), "in use")
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want EADDRINUSE", err)
	}
}

func TestPostgresNeedsADirectory(t *testing.T) {
	t.Parallel()
	_, err := StartPostgres(t.Context(), PostgresConfig{})
	wantError(t, err, "no directory")
}

func TestPostgresReportsItsEnd(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	p := startFast(t, dir)
	if err := p.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	wantError(t, p.Err(), "killed", "postgres.log")
	wantError(t, p.Close(), "killed")

	// The next start finds a stale postmaster.pid, perhaps children too.
	p = startFast(t, dir)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestPostgresReplacesAMissingPassword(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := usePostgres(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	p := startFast(t, dir)
	if got, err := querySQL(t.Context(), p.DSN(), "SELECT count(*)::text FROM kept"); err != nil || got != "2" {
		t.Errorf("got %q rows, %v, want 2", got, err)
	}
}
