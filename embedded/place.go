package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// refuge holds the clusters whose own directory the server's user cannot reach.
const refuge = "/var/lib/seriald"

// pointerName is the file in PostgresConfig.Dir that says where its cluster lies
// when it is not there.
const pointerName = "cluster.location"

// place is where a server's files are. The password, the log and the pointer are
// ours and stay in dir; the cluster and the socket belong to the server's user
// and are in base, which is dir unless that user cannot reach it.
type place struct {
	dir  string
	base string
}

func (p place) data() string         { return filepath.Join(p.base, "cluster") }
func (p place) socket() string       { return filepath.Join(p.base, "socket") }
func (p place) passwordFile() string { return filepath.Join(p.dir, "password") }
func (p place) logFile() string      { return filepath.Join(p.dir, "postgres.log") }

// hasCluster reports whether a complete cluster is there: it appears in one
// rename, so there is no other kind.
func (p place) hasCluster() bool {
	_, err := os.Stat(p.data())
	return err == nil
}

// locate finds the place that belongs to dir, without changing anything.
func locate(dir string) (place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	p := place{dir: abs, base: abs}
	b, err := os.ReadFile(filepath.Join(abs, pointerName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return place{}, err
	}
	p.base = strings.TrimSpace(string(b))
	if !filepath.IsAbs(p.base) {
		return place{}, fmt.Errorf("%s does not hold a path", filepath.Join(abs, pointerName))
	}
	return p, nil
}

// takeRefuge moves a place that has no cluster yet to a directory the server's
// user can reach, named after dir so that it is found again by people, and notes
// it in dir. A cluster that is already there belonged to a data directory of
// that name which was deleted: it is put aside, never used and never removed.
func (p place) takeRefuge(ctx context.Context, log *slog.Logger) (place, error) {
	sum := sha256.Sum256([]byte(p.dir))
	moved := place{dir: p.dir, base: filepath.Join(refuge, hex.EncodeToString(sum[:8]))}
	if moved.hasCluster() {
		if err := moved.putAside(ctx, log); err != nil {
			return place{}, err
		}
	}
	if err := makeDir(moved.base); err != nil {
		return place{}, err
	}
	// The pointer comes before the cluster: a cluster without one counts as left behind.
	if err := writeDurably(filepath.Join(p.dir, pointerName), []byte(moved.base+"\n"), 0o644); err != nil {
		return place{}, err
	}
	return moved, nil
}

func (p place) putAside(ctx context.Context, log *slog.Logger) error {
	lock, err := p.lockBase()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if err := reclaim(ctx, p.data(), log); err != nil {
		return err
	}
	aside := p.base + ".orphan-" + time.Now().UTC().Format("20060102T150405.000")
	if err := os.Rename(p.base, aside); err != nil {
		return err
	}
	log.Warn("put aside the database of a data directory that was deleted; remove it when it is not needed",
		"was", p.dir, "now", aside)
	return nil
}

// lockBase keeps a second process off the cluster even if it comes with a copy
// of our pointer.
func (p place) lockBase() (*DirLock, error) {
	l, err := lockFile(filepath.Join(p.base, "postgres.lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.base, err)
	}
	return l, nil
}
