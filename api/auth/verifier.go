package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
)

// LocalIssuer is the iss of the tokens that this service and seriald token issue.
const LocalIssuer = "seriald"

const (
	// leeway is how far the clocks of those who issue and this one may be apart.
	leeway = 30 * time.Second
	// maxToken is the longest token, in bytes; providers' have some thousand.
	maxToken = 16 << 10
	// maxSubject is the longest sub: OpenID Connect Core 1.0, section 2.
	maxSubject = 255
)

// publicKeyMethods are the algorithms of key pairs.
var publicKeyMethods = []string{
	jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg(),
}

// Config is whose tokens are accepted: at least one of Secret and JWKSURL is set.
type Config struct {
	// Secret verifies HS256; without it, no such token is accepted.
	Secret []byte
	// JWKSURL is where the keys for RS256, ES256 and EdDSA are: https, or http on
	// loopback. Without it, no such token is accepted.
	JWKSURL string
	// Issuer and Audience are what iss must be and aud must hold; "" accepts any. HS256
	// tokens with [LocalIssuer] are this installation's own and pass without them.
	Issuer, Audience string
}

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var problems []error
	if c.JWKSURL != "" {
		u, err := url.Parse(c.JWKSURL)
		switch {
		case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
			problems = append(problems, errors.New("JWT_JWKS_URL: is not a URL: write https://host/path"))
		case u.Scheme == "http" && !loopback(u.Hostname()):
			problems = append(problems, errors.New("JWT_JWKS_URL: must be https: who can change the keys on their way can sign in as anybody (http is taken on loopback only)"))
		}
	}
	return errors.Join(problems...)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Principal is who a request comes from.
type Principal struct {
	// Subject is the token's sub: the user, for the audit trail.
	Subject string
	// Role is the most powerful that the token has.
	Role Role
	// Issued is the token's iat, zero if it has none; Expires its exp.
	Issued, Expires time.Time
	// ID is the token's jti, or "".
	ID string
}

// Verifier verifies bearer tokens. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	parser  *jwt.Parser
	keys    *jwks // nil without a URL
	revoked revocations
}

// NewVerifier returns a Verifier that asks users for revocations. Until [Verifier.Run]
// has read these, tokens of this installation are refused as [ErrUnavailable].
func NewVerifier(cfg Config, users RevocationStore, log *slog.Logger) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	v := &Verifier{cfg: cfg, revoked: revocations{store: users, log: log}}
	var methods []string
	if len(cfg.Secret) > 0 {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if cfg.JWKSURL != "" {
		methods = append(methods, publicKeyMethods...)
		var err error
		if v.keys, err = newJWKS(cfg.JWKSURL, log); err != nil {
			return nil, err
		}
	}
	if len(methods) == 0 {
		return nil, errors.New("there is nothing to verify tokens with: set JWT_SECRET or JWT_JWKS_URL")
	}
	v.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway))
	return v, nil
}

// Run keeps keys and revocations fresh until ctx ends, then returns nil.
func (v *Verifier) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { v.revoked.run(ctx) })
	if v.keys != nil {
		if v.cfg.Issuer == "" || v.cfg.Audience == "" {
			v.revoked.log.Warn("tokens that the identity provider made for other services are accepted, too: set JWT_ISSUER and JWT_AUDIENCE", "url", v.cfg.JWKSURL)
		}
		wg.Go(func() { v.keys.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Ready reports whether [Verifier.Run] has read revocations, so that tokens of this
// installation can pass.
func (v *Verifier) Ready() bool { return v.revoked.last.Load() != nil }

// Verify returns who a token, without the word Bearer, is from. The error is
// [ErrUnauthorized], [ErrForbidden] or [ErrUnavailable], wrapped with why.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, fmt.Errorf("%w: the token is longer than %d bytes", ErrUnauthorized, maxToken)
	}
	var c claims
	parsed, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	switch {
	case errors.Is(err, ErrUnavailable):
		return Principal{}, err
	case err != nil:
		return Principal{}, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	local := parsed.Method == jwt.SigningMethodHS256
	if err := v.judge(&c, local); err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	p := Principal{Subject: c.sub, Issued: c.iat.time(), Expires: c.exp.time(), ID: c.id}
	if err := v.revoked.check(p.Subject, p.Issued, local); err != nil {
		return Principal{}, err
	}
	if p.Role = c.role(); p.Role == "" {
		return Principal{}, fmt.Errorf("%w: the token of %q has none of admin, supervisor, operator and viewer as role or in roles", ErrForbidden, p.Subject)
	}
	return p, nil
}

// key is what a token is verified with; its algorithm was found to be one of ours,
// and chooses, so that a public key is never a secret.
func (v *Verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok { // RFC 7515, section 4.1.11: we understand none
		return nil, errors.New("the token has critical extensions")
	}
	if t.Method == jwt.SigningMethodHS256 {
		return v.cfg.Secret, nil
	}
	return v.keys.key(ctx, t)
}

// judge refuses a token whose signature and times are right.
func (v *Verifier) judge(c *claims, local bool) error {
	own := local && c.iss == LocalIssuer
	switch {
	case c.sub == "":
		return errors.New("sub is missing")
	case len(c.sub) > maxSubject, strings.ContainsFunc(c.sub, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return fmt.Errorf("sub must have at most %d bytes and no control characters", maxSubject)
	case v.cfg.Issuer != "" && c.iss != v.cfg.Issuer && !own:
		return errors.New("iss is not the issuer that is trusted")
	case v.cfg.Audience != "" && !slices.Contains(c.aud, v.cfg.Audience) && !own:
		return errors.New("aud does not name this service")
	}
	return nil
}
