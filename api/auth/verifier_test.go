package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald/store"
)

const (
	issuer   = "https://idp.example"
	audience = "seriald-api"
)

// pairs are the keys of a provider, by kid.
type pairs struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newPairs(t *testing.T) *pairs {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &pairs{r, e, ed}
}

// sign makes a token; a nil claim of with takes away one of the usual.
func sign(tb testing.TB, method jwt.SigningMethod, kid string, key any, with jwt.MapClaims) string {
	tb.Helper()
	now := time.Now()
	c := jwt.MapClaims{"sub": "ann", "role": "operator", "iss": LocalIssuer, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if method.Alg() != "HS256" {
		c["iss"], c["aud"] = issuer, audience
	}
	maps.Copy(c, with)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// fresh is a verifier of cfg that has read keys and revocations.
func fresh(t *testing.T, cfg Config, users *table) *Verifier {
	t.Helper()
	v, err := NewVerifier(cfg, users, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.revoked.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// raw is a token of any header and payload, with a signature of HS256 by key.
func raw(tb testing.TB, header, payload string, key []byte) string {
	tb.Helper()
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	sig, err := jwt.SigningMethodHS256.Sign(text, key)
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + b64.EncodeToString(sig)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)
	both := Config{Secret: secret, JWKSURL: idp.url, Issuer: issuer, Audience: audience}
	hs, rs, es, ed := jwt.SigningMethodHS256, jwt.SigningMethodRS256, jwt.SigningMethodES256, jwt.SigningMethodEdDSA
	now := time.Now()
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	local := func(with jwt.MapClaims) string { return sign(t, hs, "", secret, with) }
	remote := func(with jwt.MapClaims) string { return sign(t, rs, "rsa", p.rsa, with) }
	usual := local(nil)
	pub, err := x509.MarshalPKIXPublicKey(&p.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	payload, _ := json.Marshal(jwt.MapClaims{"sub": "ann", "role": "admin", "iss": issuer, "aud": audience, "iat": in(0), "exp": in(time.Hour)})
	for name, tt := range map[string]struct {
		token string
		role  Role
		err   error
	}{
		"HS256":                  {usual, Operator, nil},
		"RS256":                  {remote(nil), Operator, nil},
		"ES256":                  {sign(t, es, "ec", p.ec, nil), Operator, nil},
		"EdDSA":                  {sign(t, ed, "ed", p.ed, nil), Operator, nil},
		"RS256, no kid":          {sign(t, rs, "", p.rsa, nil), Operator, nil},
		"HS256 of the issuer":    {local(jwt.MapClaims{"iss": issuer, "aud": []string{"x", audience}}), Operator, nil},
		"nothing":                {"", "", ErrUnauthorized},
		"no token":               {"a.b", "", ErrUnauthorized},
		"too long":               {usual + strings.Repeat("A", maxToken), "", ErrUnauthorized},
		"expired":                {local(jwt.MapClaims{"exp": in(-leeway - 5*time.Second)}), "", ErrUnauthorized},
		"expired, within leeway": {local(jwt.MapClaims{"exp": in(-leeway / 2)}), Operator, nil},
		"no exp":                 {local(jwt.MapClaims{"exp": nil}), "", ErrUnauthorized},
		"exp of text":            {local(jwt.MapClaims{"exp": "tomorrow"}), "", ErrUnauthorized},
		"exp in milliseconds":    {local(jwt.MapClaims{"exp": now.UnixMilli() * 1000}), "", ErrUnauthorized},
		"not yet valid":          {local(jwt.MapClaims{"nbf": in(leeway + time.Minute)}), "", ErrUnauthorized},
		"nbf, within leeway":     {local(jwt.MapClaims{"nbf": in(leeway / 2)}), Operator, nil},
		"issued in the future":   {local(jwt.MapClaims{"iat": in(leeway + time.Minute)}), "", ErrUnauthorized},
		"no iat":                 {local(jwt.MapClaims{"iat": nil}), Operator, nil},
		"no sub":                 {local(jwt.MapClaims{"sub": nil}), "", ErrUnauthorized},
		"sub with a NUL":         {local(jwt.MapClaims{"sub": "ann\x00"}), "", ErrUnauthorized},
		"sub too long":           {local(jwt.MapClaims{"sub": strings.Repeat("a", maxSubject+1)}), "", ErrUnauthorized},
		"sub of a number":        {local(jwt.MapClaims{"sub": 1}), "", ErrUnauthorized},
		"wrong iss":              {remote(jwt.MapClaims{"iss": "https://other.example"}), "", ErrUnauthorized},
		"no iss":                 {remote(jwt.MapClaims{"iss": nil}), "", ErrUnauthorized},
		"our iss, their key":     {remote(jwt.MapClaims{"iss": LocalIssuer, "aud": nil}), "", ErrUnauthorized},
		"HS256 of no iss":        {local(jwt.MapClaims{"iss": nil}), "", ErrUnauthorized},
		"wrong aud":              {remote(jwt.MapClaims{"aud": "other"}), "", ErrUnauthorized},
		"no aud":                 {remote(jwt.MapClaims{"aud": nil}), "", ErrUnauthorized},
		"one of many aud":        {remote(jwt.MapClaims{"aud": []string{"x", audience}}), Operator, nil},
		"another secret":         {sign(t, hs, "", []byte("another"), nil), "", ErrUnauthorized},
		"tampered":               {tamper(usual, 1), "", ErrUnauthorized},
		"tampered header":        {tamper(usual, 0), "", ErrUnauthorized},
		"tampered signature":     {tamper(usual, 2), "", ErrUnauthorized},
		"no signature":           {usual[:strings.LastIndex(usual, ".")+1], "", ErrUnauthorized},
		"none":                   {sign(t, jwt.SigningMethodNone, "", jwt.UnsafeAllowNoneSignatureType, nil), "", ErrUnauthorized},
		"None":                   {raw(t, `{"alg":"None"}`, string(payload), secret), "", ErrUnauthorized},
		"HS384":                  {sign(t, jwt.SigningMethodHS384, "", secret, nil), "", ErrUnauthorized},
		"PS256":                  {sign(t, jwt.SigningMethodPS256, "rsa", p.rsa, nil), "", ErrUnauthorized},
		"RS512":                  {sign(t, jwt.SigningMethodRS512, "rsa", p.rsa, nil), "", ErrUnauthorized},
		"no alg":                 {raw(t, `{}`, string(payload), secret), "", ErrUnauthorized},
		"payload null":           {raw(t, `{"alg":"HS256"}`, `null`, secret), "", ErrUnauthorized},
		"payload list":           {raw(t, `{"alg":"HS256"}`, `[]`, secret), "", ErrUnauthorized},
		"critical extension":     {raw(t, `{"alg":"HS256","crit":["b64"],"b64":false}`, string(payload), secret), "", ErrUnauthorized},
		"HS256 by public PEM":    {sign(t, hs, "rsa", asPEM, nil), "", ErrUnauthorized},
		"HS256 by public DER":    {sign(t, hs, "rsa", pub, nil), "", ErrUnauthorized},
		"HS256 by modulus":       {sign(t, hs, "rsa", p.rsa.N.Bytes(), nil), "", ErrUnauthorized},
		"HS256 by published oct": {sign(t, hs, "oct", []byte("published"), nil), "", ErrUnauthorized},
		"RS256 by EC's kid":      {sign(t, rs, "ec", p.rsa, nil), "", ErrUnauthorized},
		"ES256 by RSA's kid":     {sign(t, es, "rsa", p.ec, nil), "", ErrUnauthorized},
		"EdDSA by EC's kid":      {sign(t, ed, "ec", p.ed, nil), "", ErrUnauthorized},
		"RS256 by oct's kid":     {sign(t, rs, "oct", p.rsa, nil), "", ErrUnauthorized},
		"encryption key":         {sign(t, rs, "enc", p.rsa, nil), "", ErrUnauthorized},
		"unknown kid":            {sign(t, rs, "gone", p.rsa, nil), "", ErrUnauthorized},
		"kid of a number":        {raw(t, `{"alg":"RS256","kid":1}`, string(payload), secret), "", ErrUnauthorized},
		"another provider's":     {sign(t, rs, "rsa", newPairs(t).rsa, nil), "", ErrUnauthorized},
		"no role":                {local(jwt.MapClaims{"role": nil}), "", ErrForbidden},
		"unknown role":           {local(jwt.MapClaims{"role": "root"}), "", ErrForbidden},
		"role of other case":     {local(jwt.MapClaims{"role": "Admin"}), "", ErrForbidden},
		"claim of other case":    {local(jwt.MapClaims{"role": "viewer", "Role": "admin", "ROLES": []string{"admin"}}), Viewer, nil},
		"role of a number":       {local(jwt.MapClaims{"role": 1}), "", ErrForbidden},
		"roles":                  {remote(jwt.MapClaims{"role": nil, "roles": []any{"offline_access", "viewer", 7, "supervisor"}}), Supervisor, nil},
		"role and roles":         {remote(jwt.MapClaims{"role": "viewer", "roles": []string{"admin"}}), Admin, nil},
		"roles of text":          {remote(jwt.MapClaims{"role": nil, "roles": "admin"}), Admin, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fresh(t, both, &table{}).Verify(t.Context(), tt.token)
			if !errors.Is(err, tt.err) || got.Role != tt.role {
				t.Errorf("role %q, %v; want %q, %v", got.Role, err, tt.role, tt.err)
			}
			if err != nil && !cmp.Equal(got, Principal{}) {
				t.Errorf("refused, but %+v", got)
			}
		})
	}
}

// tamper changes a character of a part of a token.
func tamper(token string, part int) string {
	parts := strings.Split(token, ".")
	b := []byte(parts[part])
	i := len(b) - 1 // the last: some of its bits are padding
	b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
	parts[part] = string(b)
	return strings.Join(parts, ".")
}

// Which tokens pass at all depends on what is configured.
func TestConfiguredKeys(t *testing.T) {
	t.Parallel()
	p := newPairs(t)
	idp := newProvider(t, p)
	tokens := map[string]string{
		"HS256": sign(t, jwt.SigningMethodHS256, "", secret, jwt.MapClaims{"iss": nil}), "RS256": sign(t, jwt.SigningMethodRS256, "rsa", p.rsa, nil),
		"empty secret": sign(t, jwt.SigningMethodHS256, "", []byte{}, nil),
	}
	for name, tt := range map[string]struct {
		cfg  Config
		pass []string
	}{
		"a secret": {Config{Secret: secret}, []string{"HS256"}},
		"keys":     {Config{JWKSURL: idp.url}, []string{"RS256"}},
		"both":     {Config{Secret: secret, JWKSURL: idp.url}, []string{"HS256", "RS256"}},
	} {
		v := fresh(t, tt.cfg, &table{})
		for alg, token := range tokens {
			if _, err := v.Verify(t.Context(), token); (err == nil) != slices.Contains(tt.pass, alg) {
				t.Errorf("%s: %s: %v", name, alg, err)
			}
		}
	}
	for name, tt := range map[string]struct {
		cfg  Config
		says string
	}{
		"nothing":       {Config{}, "set JWT_SECRET or JWT_JWKS_URL"},
		"plain http":    {Config{JWKSURL: "http://idp.example/jwks"}, "must be https"},
		"no URL":        {Config{JWKSURL: "idp.example/jwks"}, "https://host/path"},
		"another thing": {Config{JWKSURL: "file:///etc/passwd"}, "https://host/path"},
	} {
		if _, err := NewVerifier(tt.cfg, &table{}, quiet); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second).UTC()
	token := sign(t, jwt.SigningMethodHS256, "", secret, jwt.MapClaims{"jti": "j", "iat": seconds(now.Add(-1234 * time.Microsecond)), "exp": now.Add(time.Hour).Unix()})
	got, err := fresh(t, Config{Secret: secret}, &table{users: map[string]store.User{"ann": {}}}).Verify(t.Context(), token)
	want := Principal{Subject: "ann", Role: Operator, ID: "j", Issued: now.Add(-1234 * time.Microsecond), Expires: now.Add(time.Hour)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func FuzzVerify(f *testing.F) {
	v, err := NewVerifier(Config{Secret: secret}, &table{}, quiet)
	if err != nil {
		f.Fatal(err)
	}
	if err := v.revoked.read(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Add(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"ann","role":"admin","exp":99999999999}`)
	f.Add(`{"alg":"none"}`, `{"sub":null,"roles":[1,null,["admin"]],"exp":1e400}`)
	f.Add(`{"alg":"HS256","crit":1}`, `{"sub":"a","aud":[1],"exp":-1e18,"iat":null}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		p, err := v.Verify(t.Context(), raw(t, header, payload, secret))
		known := errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
		if err == nil && (p.Subject == "" || !p.Role.Allows(Viewer) || p.Expires.Before(time.Now().Add(-leeway-time.Minute))) || err != nil && !known {
			t.Errorf("%q %q: %+v, %v", header, payload, p, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v, err := NewVerifier(Config{Secret: secret}, &table{}, quiet)
	if err != nil {
		b.Fatal(err)
	}
	if err := v.revoked.read(b.Context()); err != nil {
		b.Fatal(err)
	}
	token := sign(b, jwt.SigningMethodHS256, "", secret, nil)
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
