package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// minSecret is the shortest JWT secret, in bytes: RFC 7518, section 3.2, asks
// HS256 for a key as long as its hash; the replaced service's guide had shorter
// ones, so half of it is let pass.
const minSecret = 16

type tokenCommand struct {
	Role    string        `help:"Role: ${enum}." enum:"admin,supervisor,operator,viewer" required:""`
	Subject string        `help:"Who the token is for." default:"cli"`
	TTL     time.Duration `help:"How long it is valid; default JWT_EXPIRATION." name:"ttl"`
}

// Run prints a token.
func (c *tokenCommand) Run(s *session) error {
	if c.TTL < 0 {
		return usageError{errors.New("--ttl: must not be negative")}
	}
	secret, err := readJWTSecret(&s.settings)
	if err != nil {
		return usageError{err}
	}
	ttl := c.TTL
	if ttl == 0 {
		ttl = s.settings.JWTExpiration
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": c.Subject, "role": c.Role, "iss": "seriald", "iat": now.Unix(), "exp": now.Add(ttl).Unix(),
	}).SignedString(secret)
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	_, err = fmt.Fprintln(s.stdout, token)
	return err
}

func secretFile(s *settings) string { return filepath.Join(s.DataDir, "jwt_secret") }

// readJWTSecret returns JWT_SECRET, else the secret that a start has kept.
func readJWTSecret(s *settings) ([]byte, error) {
	if s.JWTSecret != "" {
		return []byte(s.JWTSecret), nil
	}
	b, err := os.ReadFile(secretFile(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no secret to sign with: set JWT_SECRET, or start seriald run with %s as its data directory once", s.DataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	return []byte(strings.TrimSpace(string(b))), nil
}

// ensureJWTSecret makes a secret and keeps it, if none is configured or kept.
func ensureJWTSecret(s *settings) error {
	if s.JWTSecret != "" {
		return nil
	}
	if err := os.MkdirAll(s.DataDir, 0o755); err != nil {
		return fmt.Errorf("keep a JWT secret: %w", err)
	}
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return fmt.Errorf("make a JWT secret: %w", err)
	}
	f, err := os.OpenFile(secretFile(s), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep a JWT secret: %w", err)
	}
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(b) + "\n")
	return errors.Join(err, f.Close())
}
