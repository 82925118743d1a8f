package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/machshop/seriald/store"
)

// Issuer issues tokens for passwords. It is safe for concurrent use.
type Issuer struct {
	secret   []byte
	lifetime time.Duration
	users    LoginStore
	hasher   *Hasher
	log      *slog.Logger
}

// LoginStore is what logins need: the store.
type LoginStore interface {
	UserStore
	FailureStore
}

// NewIssuer returns an Issuer whose tokens are signed with secret (HS256) and are good
// for lifetime. The error says what is missing.
func NewIssuer(secret []byte, lifetime time.Duration, users LoginStore, hasher *Hasher, log *slog.Logger) (*Issuer, error) {
	if len(secret) == 0 {
		return nil, errors.New("there is no secret to sign tokens with: set JWT_SECRET")
	}
	if lifetime <= 0 {
		return nil, errors.New("JWT_EXPIRATION: must be more than 0: write 24h")
	}
	return &Issuer{secret: secret, lifetime: lifetime, users: users, hasher: hasher, log: log}, nil
}

// errLogin does not tell whether it is the name or the password, or the user is
// disabled; neither does the time it takes.
var errLogin = fmt.Errorf("%w: user or password is wrong", ErrUnauthorized)

// Login returns a bearer token for a user with their password, and when it expires.
// client is the IP address that the request came from. The error is
// [ErrUnauthorized], a *[LockedError] after too many failures, or [ErrUnavailable],
// which counts as no failure.
func (i *Issuer) Login(ctx context.Context, user, password, client string) (token string, expires time.Time, err error) {
	name, err := ParseUserName(user)
	if err != nil {
		name = "" // nobody's
	}
	keys := lockKeys(name, client)
	if err := i.locked(ctx, keys); err != nil {
		return "", time.Time{}, err
	}
	u, err := userOrNobody(ctx, i.users, name)
	if err != nil {
		return "", time.Time{}, err
	}
	right, outdated, err := i.hasher.Compare(ctx, u.PasswordHash, password)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("login of %q: %w", name, err)
	}
	right = right && !u.Disabled
	if err := i.settle(ctx, keys, right); err != nil {
		return "", time.Time{}, err
	}
	if !right {
		i.log.Warn("login refused", "user", name, "client", client)
		return "", time.Time{}, errLogin
	}
	if outdated {
		i.rehash(ctx, u.Name, u.PasswordHash, password)
	}
	// Of when the user was read, by the clock of revocations: what is revoked while
	// this login runs, this token is.
	issued := u.ReadAt
	expires = time.Now().Add(i.lifetime).Truncate(time.Second)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": LocalIssuer, "sub": u.Name, "role": u.Role, "iat": seconds(issued), "exp": expires.Unix(), "jti": uuid.NewString(),
	}).SignedString(i.secret)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	return token, expires, nil
}

// locked refuses while one of keys is locked: before a password is looked at, which costs.
func (i *Issuer) locked(ctx context.Context, keys []string) error {
	known, now, err := i.users.LoginFailures(ctx, keys)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return checkLocks(known, now)
}

// settle counts how a login went.
func (i *Issuer) settle(ctx context.Context, keys []string, success bool) error {
	var refused error
	err := i.users.ChangeLoginFailures(ctx, keys, lockForget, func(known []store.LoginFailures, now time.Time) (after []store.LoginFailures) {
		after, refused = settle(keys, success, known, now)
		return after
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return refused
}

// rehash brings a hash to today's parameters; the next login tries again if it fails.
func (i *Issuer) rehash(ctx context.Context, name, old, password string) {
	hash, err := i.hasher.rehash(ctx, password)
	if err == nil {
		err = i.users.Rehash(ctx, name, old, hash)
	}
	if err != nil {
		i.log.Warn("a password hash with old parameters stays", "user", name, "error", err)
	}
}
