// Package auth says who a request comes from and what they may do: it verifies
// bearer tokens (JWT, RFC 7519), and issues them for users with passwords.
//
// Tokens are signed with the secret of this installation (HS256), or with keys
// that an identity provider publishes (JWKS, RFC 7517). Which of the two a token
// may use follows from its algorithm alone, and no key serves two algorithms
// (RFC 8725, section 3.1).
package auth

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrUnauthorized says that it is not known who asks: the token or the
	// password is wrong. What it wraps says why; of a password, nothing does.
	ErrUnauthorized = errors.New("not authenticated")
	// ErrForbidden says that it is known who asks, but they have no role.
	ErrForbidden = errors.New("no role")
	// ErrUnavailable says that it can't be decided now: wait, then try again.
	ErrUnavailable = errors.New("authentication unavailable")
)

// Role is what somebody may do. Each includes those below it.
type Role string

// The roles of the contract.
const (
	Viewer     Role = "viewer"     // reads
	Operator   Role = "operator"   // does what devices do
	Supervisor Role = "supervisor" // changes master data, resolves conflicts
	Admin      Role = "admin"      // all
)

// ascending are the roles, each including those before it.
var ascending = []Role{Viewer, Operator, Supervisor, Admin}

// Roles lists all roles, the most powerful first.
func Roles() []Role {
	roles := slices.Clone(ascending)
	slices.Reverse(roles)
	return roles
}

// Allows reports whether who has r may do what needs needed. What is no role
// allows nothing and is never allowed.
func (r Role) Allows(needed Role) bool {
	n := slices.Index(ascending, needed)
	return n >= 0 && slices.Index(ascending, r) >= n
}

// ParseRole returns the role of this name, exactly as it is written.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(ascending, r) {
		return r, nil
	}
	return "", fmt.Errorf("%q is not a role: known are admin, supervisor, operator and viewer", name)
}
