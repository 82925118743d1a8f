package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The role that owns everything, and the database it finds.
const (
	roleName     = "seriald"
	databaseName = "seriald"
)

// cluster is a place together with the programs and the user that work on it.
type cluster struct {
	place
	bin      string // folder of initdb and postgres
	user     account
	password string
	fast     bool
	log      *slog.Logger
	locks    []*DirLock
}

// openCluster finds and claims everything a server needs: directory, programs,
// user, password. What it returns holds locks; close gives them up.
func openCluster(ctx context.Context, cfg PostgresConfig) (_ *cluster, err error) {
	dirs, err := postgresDirs(cfg.BinDir)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	c := &cluster{fast: cfg.Fast, log: cfg.Logger}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	// Locked before the pointer is looked at, so that it is written by one.
	own := place{dir: dir, base: dir}
	if err := c.lock(own); err != nil {
		return nil, err
	}
	if c.place, err = locate(dir); err != nil {
		return nil, err
	}
	if _, statErr := os.Stat(c.base); errors.Is(statErr, fs.ErrNotExist) {
		c.log.Warn("the database is gone from where it was placed; starting with an empty one", "dir", c.base)
		if err := makeDir(c.base); err != nil {
			return nil, err
		}
	}
	if c.user, err = serverAccount(c.data()); err != nil {
		return nil, err
	}
	if err := c.chooseServer(ctx, dirs); err != nil {
		return nil, err
	}
	if c.base != dir {
		if err := c.lock(c.place); err != nil {
			return nil, err
		}
	}
	c.sweep()
	if c.password, err = readPassword(c.passwordFile()); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *cluster) lock(p place) error {
	l, err := p.lockBase()
	if err != nil {
		return err
	}
	c.locks = append(c.locks, l)
	return nil
}

func (c *cluster) close() {
	for _, l := range c.locks {
		_ = l.Unlock() // closing a file we only locked
	}
	c.locks = nil
}

// oldestMajor is the first version with all that our tables and statements use.
const oldestMajor = 13

// chooseServer settles on one of the installations, and on a place its user can
// reach. An existing cluster decides which version: only its own opens it.
func (c *cluster) chooseServer(ctx context.Context, dirs []string) error {
	want, err := c.major()
	if err != nil {
		return err
	}
	var found []string
	for _, dir := range dirs {
		major, err := c.user.probe(ctx, dir, c.base)
		if errors.Is(err, errUnreachable) && want == 0 && c.base == c.dir {
			if err := c.moveAway(ctx, err); err != nil {
				return err
			}
			major, err = c.user.probe(ctx, dir, c.base)
		}
		if err != nil {
			return err
		}
		if major == want || want == 0 && major >= oldestMajor {
			c.bin = dir
			return nil
		}
		found = append(found, fmt.Sprintf("%d in %s", major, dir))
	}
	installed := strings.Join(found, ", ")
	if want == 0 {
		return fmt.Errorf("PostgreSQL %d or later is needed, installed is %s: run `apt-get install postgresql` or set EMBEDDED_PG_BIN",
			oldestMajor, installed)
	}
	return fmt.Errorf("the cluster in %s was made by PostgreSQL %d, installed is %s: install PostgreSQL %[2]d beside it, "+
		"or convert the cluster with pg_upgrade", c.data(), want, installed)
}

// major returns the version that made the cluster, 0 where there is none yet.
func (c *cluster) major() (int, error) {
	if !c.hasCluster() {
		return 0, nil
	}
	b, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("%s is not a readable PostgreSQL cluster: %w", c.data(), err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("%s is of an unknown version of PostgreSQL: %w", c.data(), err)
	}
	return major, nil
}

// moveAway takes refuge from a directory the user cannot reach, for the reason given.
func (c *cluster) moveAway(ctx context.Context, reason error) error {
	moved, err := c.takeRefuge(ctx, c.log)
	if err != nil {
		return fmt.Errorf("%w, and the way round it fails: %w", reason, err)
	}
	c.log.Info("placed the database elsewhere, since its user cannot reach the data directory",
		"user", c.user.name, "data_directory", c.dir, "database_directory", moved.base)
	c.place = moved
	return nil
}

// scratchPrefix begins the names of the directories clusters grow in.
const scratchPrefix = "initdb-"

// sweep removes what a start that was killed left half made.
func (c *cluster) sweep() {
	entries, err := os.ReadDir(c.base)
	if err != nil {
		c.log.Warn("cannot look for half-made clusters", "error", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), scratchPrefix) {
			continue
		}
		dir := filepath.Join(c.base, e.Name())
		c.log.Warn("removing a half-made cluster", "dir", dir)
		if err := os.RemoveAll(dir); err != nil {
			c.log.Warn("cannot remove a half-made cluster", "dir", dir, "error", err)
		}
	}
}

// create makes the cluster with its role and database, all or nothing: it grows
// in a scratch directory, reaches the disk, and appears in one rename.
func (c *cluster) create(ctx context.Context) error {
	began := time.Now()
	if c.password == "" {
		c.password = newPassword()
		if err := c.keepPassword(); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp(c.base, scratchPrefix) // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := c.user.own(scratch); err != nil {
		return err
	}
	// initdb reads the password as the server's user, who must not read ours.
	pwfile := filepath.Join(scratch, "password")
	if err := errors.Join(os.WriteFile(pwfile, []byte(c.password+"\n"), 0o600), c.user.own(pwfile)); err != nil {
		return err
	}
	half := filepath.Join(scratch, "cluster")
	args := []string{
		"-D", half, "-U", roleName, "--pwfile=" + pwfile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if c.fast {
		args = append(args, "--no-sync")
	}
	if out, err := runToEnd(ctx, program(c.bin, "initdb", scratch, c.user.cred, args...)); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, oneLine(out))
	}
	initialized := time.Since(began)
	// Ends with a checkpoint, which brings the new database to disk as well.
	if err := c.singleUser(ctx, half, "CREATE DATABASE "+databaseName+" OWNER "+roleName); err != nil {
		return err
	}
	if err := os.Rename(half, c.data()); err != nil {
		return err
	}
	if err := syncDir(c.base); err != nil {
		return err
	}
	c.log.Debug("postgres cluster created", "dir", c.data(), "initdb", initialized, "took", time.Since(began))
	return nil
}

// repairPassword gives the role a new password when our file is gone. The file
// comes last: as long as it is missing, a start that was cut short is repeated.
func (c *cluster) repairPassword(ctx context.Context) error {
	c.log.Warn("the database password is missing; setting a new one", "file", c.passwordFile())
	c.password = newPassword()
	if err := c.singleUser(ctx, c.data(), "ALTER ROLE "+roleName+" PASSWORD '"+c.password+"'"); err != nil {
		return err
	}
	return c.keepPassword()
}

// singleUser runs one statement on a cluster no server runs on.
func (c *cluster) singleUser(ctx context.Context, data, statement string) error {
	args := []string{"--single", "-D", data, "-c", "exit_on_error=on", "-c", "password_encryption=scram-sha-256"}
	if c.fast {
		args = append(args, "-c", "fsync=off")
	}
	cmd := program(c.bin, "postgres", "/", c.user.cred, append(args, "postgres")...)
	cmd.Stdin = strings.NewReader(statement + "\n")
	if out, err := runToEnd(ctx, cmd); err != nil {
		verb, _, _ := strings.Cut(statement, " ") // the rest may hold the password
		return fmt.Errorf("postgres --single: %s: %w: %s", strings.ToLower(verb), err, oneLine(out))
	}
	return nil
}

// readPassword returns "" where there is no file.
func readPassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}

// keepPassword writes the password where our user alone reads it.
func (c *cluster) keepPassword() error {
	return writeDurably(c.passwordFile(), []byte(c.password+"\n"), 0o600)
}

// newPassword is random and hexadecimal, so that it stands in a URL and in SQL
// as it is.
func newPassword() string {
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random)
}
