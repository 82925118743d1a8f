package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	jwksTimeout = 5 * time.Second
	jwksMost    = 1 << 20 // bytes of a key set; a provider's has some thousand
	// jwksRefresh is how long a key that the provider took back is still good for.
	jwksRefresh = 15 * time.Minute
	jwksRetry   = 10 * time.Second // after a failure
	// jwksUnknown is how often tokens with unknown keys may cause a request to the
	// provider: anybody can make such tokens.
	jwksUnknown = 10 * time.Second

	minRSA = 2048 // bits: RFC 7518, section 3.3
)

// jwks are the public keys of an identity provider. While the provider is away, the
// keys that were fetched last stay good, however long it takes.
type jwks struct {
	url     string
	client  *http.Client
	log     *slog.Logger
	keys    *jwkset.MemoryJWKSet
	byKid   keyfunc.Keyfunc
	unknown *rate.Limiter
	// fetching is held by the one who fetches; it guards err, how that went last.
	fetching chan struct{}
	err      error
}

func newJWKS(url string, log *slog.Logger) (*jwks, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // the next request is minutes away
	transport.MaxResponseHeaderBytes = 64 << 10
	k := &jwks{
		url: url, log: log, keys: jwkset.NewMemoryStorage(), fetching: make(chan struct{}, 1),
		unknown: rate.NewLimiter(rate.Every(jwksUnknown), 1), err: errors.New("not fetched yet"),
		client: &http.Client{
			Transport: transport, Timeout: jwksTimeout,
			// Keys come from where the operator said, over the TLS that was asked for.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	var err error
	k.byKid, err = keyfunc.New(keyfunc.Options{Storage: k.keys, UseWhitelist: []jwkset.USE{"", jwkset.UseSig}})
	return k, err
}

// run keeps the keys fresh until ctx ends.
func (k *jwks) run(ctx context.Context) {
	away := false
	for {
		wait := jwksRefresh
		err := k.exclusively(ctx, func() error { return k.fetch(ctx) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			k.log.Warn("the keys of the identity provider can't be fetched; those that are known stay good", "url", k.url, "error", err)
		case err == nil && away:
			k.log.Info("the keys of the identity provider are fetched again", "url", k.url)
		}
		if away = err != nil; away {
			wait = jwksRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// exclusively does what by one at a time; waiting for a turn ends with ctx.
func (k *jwks) exclusively(ctx context.Context, do func() error) error {
	select {
	case k.fetching <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: the keys of the identity provider are being fetched: %w", ErrUnavailable, ctx.Err())
	}
	defer func() { <-k.fetching }()
	return do()
}

// key is the key, or keys, to verify a token with, whose algorithm was found to be
// one of a key pair. A key that is not known is asked for, once in a while.
func (k *jwks) key(ctx context.Context, token *jwt.Token) (any, error) {
	find := k.byKid.KeyfuncCtx(ctx)
	key, err := find(token)
	if !unknownKey(key, err) {
		return key, err
	}
	err = k.exclusively(ctx, func() error {
		// Somebody else may have fetched it, while this one waited.
		var err error
		if key, err = find(token); !unknownKey(key, err) {
			return err
		}
		// Not of the request: who hangs up would leave all others without keys.
		if k.unknown.Allow() && k.fetch(context.WithoutCancel(ctx)) == nil {
			key, err = find(token)
			return err
		}
		if k.err != nil {
			return fmt.Errorf("%w: the keys of the identity provider can't be fetched: %w", ErrUnavailable, k.err)
		}
		return err
	})
	return key, err
}

// unknownKey reports whether there is no key for a token: none of its id, or none at
// all for one that names none.
func unknownKey(key any, err error) bool {
	set, several := key.(jwt.VerificationKeySet)
	return errors.Is(err, jwkset.ErrKeyNotFound) || several && len(set.Keys) == 0
}

// fetch replaces the keys by the provider's. On an error they stay.
func (k *jwks) fetch(ctx context.Context) error {
	set, err := k.download(ctx)
	if err == nil {
		err = k.keys.KeyReplaceAll(ctx, set)
	}
	k.err = err
	return err
}

func (k *jwks) download(ctx context.Context) ([]jwkset.JWK, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the provider answers %s (redirects are not followed: JWT_JWKS_URL must be where the keys are)", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, jwksMost+1))
	if err != nil {
		return nil, err
	}
	if len(body) > jwksMost {
		return nil, fmt.Errorf("the provider's answer is longer than %d bytes", jwksMost)
	}
	var answer struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the provider's answer is not a JWK set: %w", err)
	}
	var set []jwkset.JWK
	for _, one := range answer.Keys {
		// A key that we can't use is no reason to lose the others: sets hold keys for
		// encryption, and of algorithms to come.
		key, err := jwkset.NewJWKFromMarshal(one, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err == nil && usable(key.Key()) {
			set = append(set, key)
		}
	}
	// An error page that is JSON, as likely as a provider that took all keys back.
	if len(set) == 0 {
		return nil, errors.New("the provider's answer has no key for RS256, ES256 or EdDSA")
	}
	return set, nil
}

// usable reports whether key is a public one of an algorithm that is accepted.
func usable(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return true
	case interface{ Public() crypto.PublicKey }: // a set should not have it, and verifies all the same
		return usable(key.Public())
	}
	return false
}
