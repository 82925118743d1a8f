package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/users_read.sql
	sqlUsersRead string
	//go:embed sql/users_list.sql
	sqlUsersList string
	//go:embed sql/users_insert.sql
	sqlUsersInsert string
	//go:embed sql/users_insert_first.sql
	sqlUsersInsertFirst string
	//go:embed sql/users_lock.sql
	sqlUsersLock string
	//go:embed sql/users_set_password.sql
	sqlUsersSetPassword string
	//go:embed sql/users_set_role.sql
	sqlUsersSetRole string
	//go:embed sql/users_disable.sql
	sqlUsersDisable string
	//go:embed sql/users_enable.sql
	sqlUsersEnable string
	//go:embed sql/users_revoke.sql
	sqlUsersRevoke string
	//go:embed sql/users_rehash.sql
	sqlUsersRehash string
	//go:embed sql/users_revocations.sql
	sqlUsersRevocations string
	//go:embed sql/users_audit.sql
	sqlUsersAudit string
)

// User is somebody who may sign in with a password.
type User struct {
	Name            string
	PasswordHash    string // in PHC string format; for nobody to print
	Role            string // admin, supervisor, operator or viewer
	Disabled        bool
	TokensRevokedAt time.Time // tokens issued then or before are refused; zero if none was revoked
	CreatedAt       time.Time
	UpdatedAt       time.Time
	// ReadAt is when this was read, by the clock that TokensRevokedAt is of.
	ReadAt time.Time
}

// Revocation says which tokens of a user are refused: all if Disabled, else those
// issued at At or before.
type Revocation struct {
	User     string
	Disabled bool
	At       time.Time // zero if none was revoked
}

// UserByName returns a user. The error is [ErrNotFound] if there is none of this
// name, exactly as it is written. A change of the user that runs is waited for.
func (db *DB) UserByName(ctx context.Context, name string) (*User, error) {
	users, err := db.users(ctx, sqlUsersRead, name)
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0:
		return nil, ErrNotFound
	}
	return &users[0], nil
}

// Users returns all users, ordered by name.
func (db *DB) Users(ctx context.Context) ([]User, error) { return db.users(ctx, sqlUsersList) }

func (db *DB) users(ctx context.Context, sql string, args ...any) ([]User, error) {
	defer db.metrics.observe("users")()
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate("read users", err)
	}
	users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) {
		var u User
		var revoked *time.Time
		err := row.Scan(&u.Name, &u.PasswordHash, &u.Role, &u.Disabled, &revoked, &u.CreatedAt, &u.UpdatedAt, &u.ReadAt)
		u.TokensRevokedAt, u.CreatedAt, u.UpdatedAt = utcOrZero(revoked), u.CreatedAt.UTC(), u.UpdatedAt.UTC()
		u.ReadAt = u.ReadAt.UTC()
		return u, err
	})
	return users, translate("read users", err)
}

// Revocations returns what is revoked, of all users of whom anything is.
func (db *DB) Revocations(ctx context.Context) ([]Revocation, error) {
	defer db.metrics.observe("revocations")()
	rows, err := db.pool.Query(ctx, sqlUsersRevocations)
	if err != nil {
		return nil, translate("read revocations", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Revocation, error) {
		var r Revocation
		var at *time.Time
		err := row.Scan(&r.User, &r.Disabled, &at)
		r.At = utcOrZero(at)
		return r, err
	})
	return all, translate("read revocations", err)
}

// AddUser adds u, of whom name, hash and role count. added is false if there is a
// user of this name, who stays as is. by is who does it, for the audit trail; so
// it is in all that follow.
func (db *DB) AddUser(ctx context.Context, u *User, by string) (added bool, err error) {
	return db.addUser(ctx, sqlUsersInsert, u, by)
}

// AddFirstUser adds u like [DB.AddUser], but only if there is no user at all. Of
// several processes that do it at once, one adds.
func (db *DB) AddFirstUser(ctx context.Context, u *User, by string) (added bool, err error) {
	return db.addUser(ctx, sqlUsersInsertFirst, u, by)
}

func (db *DB) addUser(ctx context.Context, sql string, u *User, by string) (added bool, err error) {
	err = db.changeUser(ctx, "add user", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, u.Name, u.PasswordHash, u.Role)
		if added = tag.RowsAffected() == 1; err != nil || !added {
			return err
		}
		return auditUser(ctx, tx, by, nil, &userAudit{ID: u.Name, Change: "ADDED", Role: u.Role})
	})
	return added && err == nil, err
}

// SetPassword gives a user a new password hash and revokes the tokens. The error
// is [ErrNotFound] if there is no such user; so it is of all that follow.
func (db *DB) SetPassword(ctx context.Context, name, hash, by string) error {
	return db.updateUser(ctx, "set password", name, by, func(*userAudit) (string, []any) {
		return sqlUsersSetPassword, []any{name, hash}
	}, "PASSWORD_SET")
}

// SetRole gives a user another role and revokes the tokens, which carry the old
// one. A user who has it already stays as is.
func (db *DB) SetRole(ctx context.Context, name, role, by string) error {
	return db.updateUser(ctx, "set role", name, by, func(u *userAudit) (string, []any) {
		if u.Role == role {
			return "", nil
		}
		u.Role = role
		return sqlUsersSetRole, []any{name, role}
	}, "ROLE_SET")
}

// DisableUser refuses a user from now on: password and tokens, also those issued
// before once the user is enabled again.
func (db *DB) DisableUser(ctx context.Context, name, by string) error {
	return db.updateUser(ctx, "disable user", name, by, setDisabled(name, true, sqlUsersDisable), "DISABLED")
}

// EnableUser lets a user who was disabled sign in again.
func (db *DB) EnableUser(ctx context.Context, name, by string) error {
	return db.updateUser(ctx, "enable user", name, by, setDisabled(name, false, sqlUsersEnable), "ENABLED")
}

// RevokeTokens refuses all tokens of a user that were issued until now.
func (db *DB) RevokeTokens(ctx context.Context, name, by string) error {
	return db.updateUser(ctx, "revoke tokens", name, by, func(*userAudit) (string, []any) {
		return sqlUsersRevoke, []any{name}
	}, "TOKENS_REVOKED")
}

// UnlockUser forgets a user's wrong passwords. The addresses that they came from stay
// locked.
func (db *DB) UnlockUser(ctx context.Context, name, by string) error {
	return db.updateUser(ctx, "unlock user", name, by, func(*userAudit) (string, []any) {
		return sqlLoginFailuresDrop, []any{[]string{UserKey(name)}}
	}, "UNLOCKED")
}

// Rehash replaces the hash of a password by another of the same password, made
// with newer parameters. Nothing is revoked or audited: what the user knows stays
// the same. A hash that is no longer old is let be.
func (db *DB) Rehash(ctx context.Context, name, old, hash string) error {
	defer db.metrics.observe("users")()
	_, err := db.pool.Exec(ctx, sqlUsersRehash, name, old, hash)
	return translate("rehash password", err)
}

// userAudit is a user in the audit trail.
type userAudit struct {
	Kind     string `json:"kind"`
	ID       string `json:"id"`
	Change   string `json:"change,omitempty"`
	Role     string `json:"role"`
	Disabled bool   `json:"disabled"`
}

func auditUser(ctx context.Context, tx pgx.Tx, by string, before, after *userAudit) error {
	var values [2]*string
	for i, u := range []*userAudit{before, after} {
		if u == nil {
			continue
		}
		u.Kind = "user"
		b, err := json.Marshal(u)
		if err != nil {
			return err
		}
		text := string(b)
		values[i] = &text
	}
	_, err := tx.Exec(ctx, sqlUsersAudit, uuid.Must(uuid.NewV7()), by, values[0], values[1])
	return err
}

func setDisabled(name string, disabled bool, sql string) func(*userAudit) (string, []any) {
	return func(u *userAudit) (string, []any) {
		if u.Disabled == disabled {
			return "", nil
		}
		u.Disabled = disabled
		return sql, []any{name}
	}
}

// updateUser locks a user, does what statement says (nothing if that is "") and
// audits it as change.
func (db *DB) updateUser(ctx context.Context, doing, name, by string, statement func(*userAudit) (string, []any), change string) error {
	return db.changeUser(ctx, doing, func(tx pgx.Tx) error {
		before := userAudit{ID: name}
		if err := tx.QueryRow(ctx, sqlUsersLock, name).Scan(&before.Role, &before.Disabled); err != nil {
			return err
		}
		after := before
		after.Change = change
		sql, args := statement(&after)
		if sql == "" {
			return nil
		}
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return err
		}
		return auditUser(ctx, tx, by, &before, &after)
	})
}

func (db *DB) changeUser(ctx context.Context, doing string, change func(pgx.Tx) error) error {
	defer db.metrics.observe("users")()
	// The change writes an audit event, which needs its month.
	if err := db.EnsureAuditMonths(ctx, time.Now()); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, db.pool, change)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return translate(doing, err)
}
