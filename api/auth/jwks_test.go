package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// provider is an identity provider that publishes keys, and can be broken.
type provider struct {
	url     string
	fetches atomic.Int64
	answer  atomic.Pointer[http.HandlerFunc]
}

func newProvider(t *testing.T, p *pairs) *provider {
	t.Helper()
	idp := &provider{}
	idp.publish(p, "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		idp.fetches.Add(1)
		(*idp.answer.Load())(w, r)
	}))
	t.Cleanup(server.Close)
	idp.url = server.URL + "/keys"
	return idp
}

func (idp *provider) handle(f http.HandlerFunc) { idp.answer.Store(&f) }

// publish publishes keys, each kid with suffix, beside what must do no harm.
func (idp *provider) publish(p *pairs, suffix string) {
	b64 := base64.RawURLEncoding.EncodeToString
	point, _ := p.ec.PublicKey.Bytes() // uncompressed: 4, x, y
	x, y := point[1:33], point[33:]
	n := b64(p.rsa.N.Bytes())
	set, _ := json.Marshal(map[string]any{"keys": []map[string]any{
		{"kty": "unheard of", "kid": "new" + suffix},
		{"kty": "RSA", "kid": "broken" + suffix, "n": "!", "e": "AQAB"},
		{"kty": "oct", "kid": "oct" + suffix, "k": b64([]byte("published")), "alg": "HS256"},
		{"kty": "RSA", "kid": "enc" + suffix, "use": "enc", "n": n, "e": "AQAB"},
		{"kty": "RSA", "kid": "rsa" + suffix, "use": "sig", "alg": "RS256", "n": n, "e": "AQAB"},
		{"kty": "EC", "kid": "ec" + suffix, "use": "sig", "crv": "P-256", "x": b64(x), "y": b64(y)},
		{"kty": "OKP", "kid": "ed" + suffix, "crv": "Ed25519", "x": b64(p.ed.Public().(ed25519.PublicKey))},
	}})
	idp.handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// Keys that were fetched stay good, whatever becomes of the provider; what is not known
// then is told apart from what is wrong.
func TestProviderThatGoesAway(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)
	v := fresh(t, Config{JWKSURL: idp.url}, &table{})
	known, unknown := sign(t, jwt.SigningMethodRS256, "rsa", p.rsa, nil), sign(t, jwt.SigningMethodRS256, "rsa-2", p.rsa, nil)
	hang := make(chan struct{})
	if _, err := v.Verify(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	v.keys.unknown.SetLimit(rate.Inf)
	v.keys.client.Timeout = 200 * time.Millisecond
	for name, broken := range map[string]http.HandlerFunc{
		"error":          status(500, ""),
		"redirect":       status(302, ""),
		"not JSON":       status(200, "<html>"),
		"another JSON":   status(200, `{"error":"try later"}`),
		"no usable keys": status(200, `{"keys":[{"kty":"oct","kid":"rsa","k":"AAAA"}]}`),
		"endless":        status(200, `{"keys":[`+strings.Repeat(" ", jwksMost)+`]}`),
		"hangs":          func(http.ResponseWriter, *http.Request) { <-hang },
	} {
		idp.handle(broken)
		before := idp.fetches.Load()
		if _, err := v.Verify(t.Context(), unknown); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: an unknown key: %v", name, err)
		}
		if idp.fetches.Load() != before+1 {
			t.Errorf("%s: %d requests for an unknown key", name, idp.fetches.Load()-before)
		}
		if _, err := v.Verify(t.Context(), known); err != nil {
			t.Errorf("%s: a known key: %v", name, err)
		}
	}
	close(hang)
	idp.publish(p, "-2")
	if _, err := v.Verify(t.Context(), unknown); err != nil {
		t.Errorf("rotated: %v", err)
	}
	if _, err := v.Verify(t.Context(), known); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a key that was taken back: %v", err)
	}
}

// Anybody can make tokens of unknown keys: that asks the provider once, and not again
// soon; those who come meanwhile wait for that answer.
func TestUnknownKeysAskSeldom(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)
	v := fresh(t, Config{JWKSURL: idp.url}, &table{})
	good := sign(t, jwt.SigningMethodES256, "ec", p.ec, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Errorf("a good one: %v", err)
			}
		})
	}
	wg.Wait()
	for n := range 50 {
		if _, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, fmt.Sprint("made-up-", n), p.ec, nil)); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("unknown: %v", err)
		}
	}
	if n := idp.fetches.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Who hangs up while the keys are fetched does not take them away from the others.
func TestFetchOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)
	v := fresh(t, Config{JWKSURL: idp.url}, &table{})
	asked, answer := make(chan struct{}), make(chan struct{})
	publish := *idp.answer.Load()
	idp.handle(func(w http.ResponseWriter, r *http.Request) { close(asked); <-answer; publish(w, r) })
	token := sign(t, jwt.SigningMethodRS256, "rsa", p.rsa, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := v.Verify(ctx, token); first <- err }()
	<-asked
	hangUp()
	if _, err := v.Verify(ctx, token); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one who hangs up while waiting: %v", err)
	}
	close(answer)
	if err := <-first; err != nil {
		t.Errorf("the one who asked: %v", err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil || idp.fetches.Load() != 1 {
		t.Errorf("afterwards: %v after %d requests", err, idp.fetches.Load())
	}
}

// Run fetches at the start, and ends with its context.
func TestRunFetches(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)

	v, err := NewVerifier(Config{Secret: secret, JWKSURL: idp.url, Issuer: issuer, Audience: audience}, &table{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	v.keys.unknown.SetBurst(0) // nothing but Run asks
	local, remote := sign(t, jwt.SigningMethodHS256, "", secret, nil), sign(t, jwt.SigningMethodRS256, "rsa", p.rsa, nil)
	for _, token := range []string{local, remote} {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("before Run: %v", err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	for _, token := range []string{local, remote} {
		for deadline := time.Now().Add(time.Minute); ; {
			_, err := v.Verify(t.Context(), token)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after Run: %v", err)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestUsableKeys(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key  any
		want bool
	}{
		"RSA": {&p.rsa.PublicKey, true}, "EC": {&p.ec.PublicKey, true}, "Ed25519": {p.ed.Public(), true}, "private": {p.ec, true},
		"RSA 1024": {&short.PublicKey, false}, "P-384": {&p384.PublicKey, false}, "symmetric": {[]byte("secret"), false}, "none": {nil, false},
	} {
		if got := usable(tt.key); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
