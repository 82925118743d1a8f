package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPostgres is what FindPostgres and StartPostgres wrap when no PostgreSQL
// server programs are installed.
var ErrNoPostgres = errors.New("no PostgreSQL server programs found")

// postgresGlobs are the folders in which packages put the server programs,
// since Debian, Red Hat and Homebrew keep them out of PATH.
var postgresGlobs = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // PGDG for Red Hat
	"/usr/lib64/pgsql/bin",
	"/usr/libexec/postgresql*", // Alpine
	"/usr/local/pgsql*/bin",    // built from source
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// FindPostgres returns the folder that holds the PostgreSQL server programs
// initdb and postgres. A binDir that is not empty is the only place looked at.
// Otherwise it looks, in this order, in PATH, where pg_config points, and where
// packages install, highest version first. The error wraps ErrNoPostgres, names
// those places and the command that helps.
func FindPostgres(binDir string) (string, error) {
	dirs, err := postgresDirs(binDir)
	if err != nil {
		return "", err
	}
	return dirs[0], nil
}

// postgresDirs lists every installation found, the preferred one first; it is
// never empty without an error.
func postgresDirs(binDir string) ([]string, error) {
	if binDir != "" {
		abs, err := filepath.Abs(binDir)
		if err != nil {
			return nil, err
		}
		if !hasServer(abs) {
			return nil, fmt.Errorf("%w: initdb and postgres are not both in %s (EMBEDDED_PG_BIN)", ErrNoPostgres, abs)
		}
		return []string{abs}, nil
	}

	var candidates []string
	// A PATH entry is often a link or wrapper of the client package: what counts
	// is the folder the program really lies in, if initdb lies there too.
	if p, err := exec.LookPath("postgres"); err == nil {
		if target, err := filepath.EvalSymlinks(p); err == nil {
			candidates = append(candidates, filepath.Dir(target))
		}
		candidates = append(candidates, filepath.Dir(p))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	var packaged []string
	for _, glob := range postgresGlobs {
		found, _ := filepath.Glob(glob) // fails on a malformed pattern only
		packaged = append(packaged, found...)
	}
	slices.SortStableFunc(packaged, func(a, b string) int { return folderVersion(b) - folderVersion(a) })

	var dirs []string
	for _, d := range append(candidates, packaged...) {
		if filepath.IsAbs(d) && !slices.Contains(dirs, d) && hasServer(d) {
			dirs = append(dirs, d)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%w (looked for initdb and postgres in PATH, pg_config --bindir and %s): "+
			"run `apt-get install postgresql`, or `make postgres` and set EMBEDDED_PG_BIN to what it prints, or set DATABASE_URL",
			ErrNoPostgres, strings.Join(postgresGlobs, ", "))
	}
	return dirs, nil
}

// hasServer reports whether both programs lie in dir and may be executed.
func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0 {
			return false
		}
	}
	return true
}

var versionInPath = regexp.MustCompile(`(?:postgresql[/@]?|pgsql-?|Versions/)(\d+)(?:\.(\d+))?`)

// folderVersion reads the version out of a folder's name, so that 9.6 sorts
// below 10 and 9 below 15. It only orders candidates; 0 is unknown.
func folderVersion(dir string) int {
	m := versionInPath.FindStringSubmatch(dir)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2]) // "" is 0
	return major*100 + minor
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// serverMajor reads the major version out of what `postgres --version` prints.
func serverMajor(out []byte) (int, error) {
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("not a PostgreSQL server: --version says %q", oneLine(out))
	}
	return strconv.Atoi(string(m[1]))
}
