package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// params are the costs of Argon2id (RFC 9106).
type params struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

// current is OWASP's minimum: 26 ms on a core of 2026's servers. RFC 9106's second
// choice (64 MiB, 3 passes) takes 120 ms there, more than a scanner's operator and
// the other core should wait for.
var current = params{memory: 19 * 1024, time: 2, threads: 1}

const (
	saltBytes = 16 // RFC 9106, section 3.1
	keyBytes  = 32

	// hashesAtOnce bounds memory: each takes 19 MiB while it runs.
	hashesAtOnce = 2
	// hashWait is how long a login waits for its turn; who floods logins is told
	// to come back instead of making everybody wait.
	hashWait = 3 * time.Second

	// What a stored hash may ask for: whoever can write the table must not be able
	// to take all memory.
	maxMemory  = 256 * 1024 // KiB
	maxTime    = 16
	maxThreads = 16
)

// How long a password is. NIST SP 800-63B asks for at least 8 characters, and to let
// 64 pass.
const (
	MinPassword = 12  // characters
	MaxPassword = 256 // bytes
)

var errHash = errors.New("the password hash is not argon2id in PHC string format: set the password anew with seriald user passwd")

// Hasher makes and compares password hashes, a few at a time. It is safe for
// concurrent use.
type Hasher struct {
	params params
	slots  chan struct{}
	dummy  string // a hash of no password, as costly as a real one
}

// NewHasher returns a Hasher.
func NewHasher() *Hasher { return newHasher(current) }

func newHasher(p params) *Hasher {
	return &Hasher{params: p, slots: make(chan struct{}, hashesAtOnce), dummy: phc(p, random(saltBytes), random(keyBytes))}
}

// CheckPassword says what a new password must be like, nil if it is.
func CheckPassword(password string) error {
	prepared, ok := prepare(password)
	switch {
	case len(password) > MaxPassword:
		return fmt.Errorf("the password is too long: at most %d bytes", MaxPassword)
	case utf8.RuneCountInString(password) < MinPassword, ok && utf8.RuneCountInString(prepared) < MinPassword:
		return fmt.Errorf("the password is too short: at least %d characters; a few words make a good one", MinPassword)
	case !ok:
		return errors.New("the password has control characters, or is not UTF-8: leave them out")
	}
	return nil
}

// prepare makes one text of what keyboards write differently (RFC 8265, OpaqueString).
// ok is false for what can't be a password.
func prepare(password string) (prepared string, ok bool) {
	prepared, err := precis.OpaqueString.String(password)
	return prepared, err == nil && len(password) <= MaxPassword && utf8.ValidString(password) // which precis lets pass
}

// Hash returns the Argon2id hash of a password in PHC string format. The error is
// that of [CheckPassword], or [ErrUnavailable].
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return h.rehash(ctx, password)
}

// rehash is Hash of a password that is in use already, whatever is asked of new ones.
func (h *Hasher) rehash(ctx context.Context, password string) (string, error) {
	prepared, _ := prepare(password)
	salt := random(saltBytes)
	key, err := h.derive(ctx, prepared, h.params, salt, keyBytes)
	if err != nil {
		return "", err
	}
	return phc(h.params, salt, key), nil
}

// Compare reports whether hash is of password, in a time that does not depend on
// where they differ, and whether the hash was made with other parameters than are
// made today. An empty hash is nobody's: it matches nothing and takes as long.
// The error is [ErrUnavailable], or says that the hash can't be read.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (matches, outdated bool, err error) {
	if hash == "" {
		hash = h.dummy
	}
	p, salt, want, err := parsePHC(hash)
	if err != nil {
		return false, false, err
	}
	prepared, ok := prepare(password)
	if !ok {
		return false, false, nil // nobody has such a one, so its time tells nothing
	}
	got, err := h.derive(ctx, prepared, p, salt, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, p != h.params || len(salt) != saltBytes || len(want) != keyBytes, nil
}

func (h *Hasher) derive(ctx context.Context, password string, p params, salt []byte, n uint32) ([]byte, error) {
	turn, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-turn.Done():
		return nil, fmt.Errorf("%w: too many logins at once", ErrUnavailable)
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, n), nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// phc writes the PHC string format.
func phc(p params, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// parsePHC reads what phc wrote, and what other programs write of Argon2id.
func parsePHC(hash string) (p params, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads) {
		return p, nil, nil, errHash
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, saltErr := b64.DecodeString(parts[4])
	key, keyErr := b64.DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil,
		p.threads < 1, p.threads > maxThreads, p.time < 1, p.time > maxTime, p.memory < 8*uint32(p.threads), p.memory > maxMemory,
		len(salt) < 8, len(salt) > 64, len(key) < 16, len(key) > 64:
		return p, nil, nil, errHash
	}
	return p, salt, key, nil
}
