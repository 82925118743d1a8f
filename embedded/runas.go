package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system user the server runs as.
type account struct {
	name string
	cred *syscall.Credential // nil: ourselves
}

// serverAccount picks the user for a server whose cluster is, or will be, at
// data. PostgreSQL refuses to run as root, so root steps down: to the owner of a
// cluster that is there already, else to postgres, else to nobody.
func serverAccount(data string) (account, error) {
	uid := os.Geteuid()
	owner, exists := ownerOf(data)
	if uid != 0 {
		if exists && int(owner.Uid) != uid {
			return account{}, fmt.Errorf("%s belongs to user %s: start as that user or as root, or choose another data directory",
				data, userName(owner.Uid))
		}
		return account{name: userName(uint32(uid))}, nil
	}
	if exists && owner.Uid != 0 {
		return account{name: userName(owner.Uid), cred: &owner}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		cred, err := credential(u)
		if err != nil {
			return account{}, err
		}
		return account{name: name, cred: cred}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root and there is no user postgres or nobody to step down to: start seriald as a normal user")
}

func credential(u *user.User) (*syscall.Credential, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func userName(uid uint32) string {
	if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		return u.Username
	}
	return strconv.FormatUint(uint64(uid), 10)
}

func ownerOf(path string) (syscall.Credential, bool) {
	st, err := os.Stat(path)
	if err != nil {
		return syscall.Credential{}, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return syscall.Credential{}, false
	}
	return syscall.Credential{Uid: sys.Uid, Gid: sys.Gid}, true
}

// own hands path to the server's user.
func (a account) own(path string) error {
	if a.cred == nil {
		return nil
	}
	return os.Chown(path, int(a.cred.Uid), int(a.cred.Gid))
}

// errUnreachable says that the server's user cannot get at a directory.
var errUnreachable = errors.New("unreachable")

// probe runs the server program in dir, as the user it will run as, and returns
// its major version. Nothing but a try tells in truth whether that user gets
// there: there are parent folders, groups, access control lists and mounts. The
// error wraps errUnreachable if dir, and not the program, is the trouble.
func (a account) probe(ctx context.Context, bin, dir string) (int, error) {
	out, err := runToEnd(ctx, program(bin, "postgres", dir, a.cred, "--version"))
	if err == nil {
		return serverMajor(out)
	}
	postgres := filepath.Join(bin, "postgres")
	if os.IsPermission(err) { // of dir or of the program: the system does not say
		if _, elsewhere := runToEnd(ctx, program(bin, "postgres", "/", a.cred, "--version")); elsewhere == nil {
			return 0, fmt.Errorf("%w: user %s cannot enter %s (%s is closed to it)", errUnreachable, a.name, dir, a.barrier(dir))
		}
		return 0, fmt.Errorf("user %s cannot run %s: %w", a.name, postgres, err)
	}
	return 0, fmt.Errorf("%s --version: %w: %s", postgres, err, oneLine(out))
}

// barrier names the folder on the way to dir that the user may not pass, as far
// as the permission bits show.
func (a account) barrier(dir string) string {
	found := dir
	for d := dir; ; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if owner, ok := ownerOf(d); err == nil && ok && a.cred != nil &&
			owner.Uid != a.cred.Uid && owner.Gid != a.cred.Gid && st.Mode().Perm()&0o001 == 0 {
			found = d
		}
		if d == filepath.Dir(d) {
			return found
		}
	}
}
