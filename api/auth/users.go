package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/text/secure/precis"

	"github.com/machshop/seriald/store"
)

// maxUserName is the longest user name, in bytes.
const maxUserName = 64

// ParseUserName returns a user's name as it is kept: in lower case, so that ann and
// Ann are one (RFC 8265, UsernameCaseMapped). The error says what a name must be like.
func ParseUserName(name string) (string, error) {
	kept, err := precis.UsernameCaseMapped.String(name)
	if err != nil || kept == "" || len(kept) > maxUserName {
		return "", fmt.Errorf("%q is not a user name: write 1 to %d bytes of letters, digits and signs, without spaces", name, maxUserName)
	}
	return kept, nil
}

// FirstUser is the name of the user that [EnsureAdmin] makes.
const FirstUser = "admin"

// FirstUserStore is where [EnsureAdmin] makes a user: the store.
type FirstUserStore interface {
	Users(ctx context.Context) ([]store.User, error)
	AddFirstUser(ctx context.Context, u *store.User, by string) (added bool, err error)
}

// EnsureAdmin makes the user [FirstUser] with [Admin] and a random password, if there
// is no user at all. It returns the password, which nobody can read again: print
// it. It is "" if there is a user.
func EnsureAdmin(ctx context.Context, db FirstUserStore, log *slog.Logger) (password string, err error) {
	users, err := db.Users(ctx)
	if err != nil || len(users) > 0 {
		return "", err
	}
	password = rand.Text()
	hash, err := NewHasher().Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("make the first user: %w", err)
	}
	added, err := db.AddFirstUser(ctx, &store.User{Name: FirstUser, PasswordHash: hash, Role: string(Admin)}, "seed")
	if err != nil || !added { // another process was faster, and has said its password
		return "", err
	}
	log.Info("the first user was made", "user", FirstUser, "role", string(Admin))
	return password, nil
}

// UserStore is where users are read: the store.
type UserStore interface {
	UserByName(ctx context.Context, name string) (*store.User, error)
	Rehash(ctx context.Context, name, old, hash string) error
}

// userOrNobody is a user, or one without a hash, whom no password is right for.
func userOrNobody(ctx context.Context, users UserStore, name string) (*store.User, error) {
	if name == "" {
		return &store.User{Disabled: true}, nil
	}
	u, err := users.UserByName(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &store.User{Disabled: true}, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return u, nil
}
