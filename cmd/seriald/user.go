package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/store"
)

type userCommand struct {
	Add     userAdd     `cmd:"" help:"Add a user."`
	Passwd  userPasswd  `cmd:"" help:"Set a user's password; their tokens are revoked."`
	Role    userRole    `cmd:"" help:"Give a user another role; their tokens are revoked."`
	List    userList    `cmd:"" help:"List the users."`
	Disable userDisable `cmd:"" help:"Refuse a user: password and tokens."`
	Enable  userEnable  `cmd:"" help:"Let a user who was disabled sign in again."`
	Unlock  userUnlock  `cmd:"" help:"Let a user sign in again who is locked out after wrong passwords."`
	Revoke  userRevoke  `cmd:"" help:"Refuse all tokens of a user that were issued until now."`
}

type (
	userName struct {
		Name string `arg:"" help:"The user's name."`
	}
	// passwordFlags say where a password comes from; arguments are for all to see.
	passwordFlags struct {
		PasswordFile string `help:"File whose first line is the password; default: it is asked for, or the first line of the standard input." placeholder:"FILE"`
	}
	userAdd struct {
		userName
		passwordFlags
		Role string `help:"Role: ${enum}." enum:"admin,supervisor,operator,viewer" required:""`
	}
	userPasswd struct {
		userName
		passwordFlags
	}
	userRole struct {
		userName
		Role string `help:"Role: ${enum}." enum:"admin,supervisor,operator,viewer" required:""`
	}
	userList struct {
		JSON bool `help:"Print a JSON array."`
	}
	userDisable struct{ userName }
	userEnable  struct{ userName }
	userUnlock  struct{ userName }
	userRevoke  struct{ userName }
)

// Run adds a user.
func (c *userAdd) Run(ctx context.Context, s *session) error {
	return c.change(s, "added with role "+c.Role, func(db *store.DB, name string) error {
		hash, err := c.hash(ctx, s, name)
		if err != nil {
			return err
		}
		added, err := db.AddUser(ctx, &store.User{Name: name, PasswordHash: hash, Role: c.Role}, operator())
		if err == nil && !added {
			return usageError{fmt.Errorf("there is a user %s already: seriald user passwd and seriald user role change them", name)}
		}
		return err
	})
}

// Run sets a password.
func (c *userPasswd) Run(ctx context.Context, s *session) error {
	return c.change(s, "has a new password; tokens issued until now are refused", func(db *store.DB, name string) error {
		if _, err := db.UserByName(ctx, name); err != nil { // before somebody types for nothing
			return err
		}
		hash, err := c.hash(ctx, s, name)
		if err != nil {
			return err
		}
		return db.SetPassword(ctx, name, hash, operator())
	})
}

// Run sets a role.
func (c *userRole) Run(ctx context.Context, s *session) error {
	return c.change(s, "has role "+c.Role, func(db *store.DB, name string) error {
		return db.SetRole(ctx, name, c.Role, operator())
	})
}

// Run disables a user.
func (c *userDisable) Run(ctx context.Context, s *session) error {
	return c.change(s, "is disabled; tokens issued until now are refused", func(db *store.DB, name string) error {
		return db.DisableUser(ctx, name, operator())
	})
}

// Run enables a user.
func (c *userEnable) Run(ctx context.Context, s *session) error {
	return c.change(s, "is enabled and may sign in", func(db *store.DB, name string) error {
		return db.EnableUser(ctx, name, operator())
	})
}

// Run unlocks a user.
func (c *userUnlock) Run(ctx context.Context, s *session) error {
	return c.change(s, "may sign in; addresses that wrong passwords came from stay locked", func(db *store.DB, name string) error {
		return db.UnlockUser(ctx, name, operator())
	})
}

// Run revokes a user's tokens.
func (c *userRevoke) Run(ctx context.Context, s *session) error {
	return c.change(s, "has to sign in again: tokens issued until now are refused", func(db *store.DB, name string) error {
		return db.RevokeTokens(ctx, name, operator())
	})
}

// change does what with the user's name as it is kept, and says that it was done.
func (c *userName) change(s *session, done string, do func(db *store.DB, name string) error) error {
	name, err := auth.ParseUserName(c.Name)
	if err != nil {
		return usageError{err}
	}
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	switch err := do(db, name); {
	case errors.Is(err, store.ErrNotFound):
		return usageError{fmt.Errorf("there is no user %s: seriald user list prints all, seriald user add adds one", name)}
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "user %s %s\n", name, done)
	return err
}

// listedUser is a user as lists show them.
type listedUser struct {
	Name            string     `json:"name"`
	Role            string     `json:"role"`
	Disabled        bool       `json:"disabled"`
	TokensRevokedAt *time.Time `json:"tokensRevokedAt"`
	CreatedAt       time.Time  `json:"createdAt"`
	UpdatedAt       time.Time  `json:"updatedAt"`
}

// Run lists the users.
func (c *userList) Run(ctx context.Context, s *session) error {
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	users, err := db.Users(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		all := make([]listedUser, len(users))
		for i, u := range users {
			all[i] = listedUser{Name: u.Name, Role: u.Role, Disabled: u.Disabled, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt}
			if !u.TokensRevokedAt.IsZero() {
				all[i].TokensRevokedAt = &users[i].TokensRevokedAt
			}
		}
		return printJSON(s, all)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tSTATE\tTOKENS REVOKED\tCREATED")
	for _, u := range users {
		state, revoked := "enabled", "-"
		if u.Disabled {
			state = "disabled"
		}
		if !u.TokensRevokedAt.IsZero() {
			revoked = shownTime(u.TokensRevokedAt)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role, state, revoked, shownTime(u.CreatedAt))
	}
	return w.Flush()
}

// operator is who runs the command, for the audit trail; the prefix tells them from
// the users of the API.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "os:" + u.Username
	}
	return "seriald user"
}

// hash reads a password and returns its hash.
func (f *passwordFlags) hash(ctx context.Context, s *session, name string) (string, error) {
	password, err := f.read(ctx, s, name)
	if err != nil {
		return "", err
	}
	if err := auth.CheckPassword(password); err != nil {
		return "", usageError{err}
	}
	return auth.NewHasher().Hash(ctx, password)
}

func (f *passwordFlags) read(ctx context.Context, s *session, name string) (string, error) {
	if f.PasswordFile != "" {
		file, err := os.Open(f.PasswordFile)
		if err != nil {
			return "", usageError{fmt.Errorf("--password-file: %w", err)}
		}
		defer file.Close()
		return firstLine(file)
	}
	if terminal, ok := s.stdin.(*os.File); ok && isTerminal(terminal) {
		return askPassword(ctx, s, terminal, name)
	}
	return firstLine(s.stdin)
}

// firstLine is a password's line without its end; what follows is not read.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && stty(context.Background(), f, "-a") == nil
}

// askPassword asks twice, without showing what is typed.
func askPassword(ctx context.Context, s *session, terminal *os.File, name string) (string, error) {
	if err := stty(ctx, terminal, "-echo"); err != nil {
		return "", usageError{fmt.Errorf("the terminal would show the password (%w): use --password-file", err)}
	}
	defer func() { _ = stty(context.WithoutCancel(ctx), terminal, "echo") }()
	type typed struct {
		lines [2]string
		err   error
	}
	answer := make(chan typed, 1)
	// Reading does not end with ctx, and the terminal must show again what is typed.
	go func() {
		var t typed
		r := bufio.NewReader(terminal)
		for i, prompt := range []string{"New password of " + name + ": ", "Again: "} {
			fmt.Fprint(s.stderr, prompt)
			line, err := r.ReadString('\n')
			fmt.Fprintln(s.stderr)
			if t.lines[i], t.err = strings.TrimRight(line, "\r\n"), err; err != nil {
				break
			}
		}
		answer <- t
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case t := <-answer:
		if t.err != nil {
			return "", fmt.Errorf("read the password: %w", t.err)
		}
		if t.lines[0] != t.lines[1] {
			return "", usageError{errors.New("the two passwords differ: nothing was changed")}
		}
		return t.lines[0], nil
	}
}

// stty sets a terminal: POSIX has it, and it spares a dependency for two calls.
func stty(ctx context.Context, terminal *os.File, mode string) error {
	cmd := exec.CommandContext(ctx, "stty", mode)
	cmd.Stdin = terminal
	return cmd.Run()
}
