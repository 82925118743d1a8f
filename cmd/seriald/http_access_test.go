package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// from is the header of a client behind a proxy.
func from(address string) map[string]string { return map[string]string{"X-Forwarded-For": address} }

// login is a call for a token, from an address.
func login(user, password, address string, status int, says string) ask {
	return ask{
		method: http.MethodPost, path: "/api/v1/auth/token", body: fmt.Sprintf(`{"user":%q,"password":%q}`, user, password),
		header: map[string]string{"X-Forwarded-For": address, "Content-Type": "application/json"}, status: status, says: says,
	}
}

// The first user's password, which is printed once, opens the service; who is disabled
// is out within two seconds; and who guesses passwords waits.
func TestHTTPUsers(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "TRUSTED_PROXIES=127.0.0.0/8")
	d.start()
	const read, write = serialization + "/parts/PART-001", serialization + "/system-generated/generate"
	tokenOf := func(user, password, address string) string {
		t.Helper()
		_, body := d.try(login(user, password, address, 200, `"tokenType":"Bearer"`))
		var answer struct{ AccessToken string }
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.AccessToken
	}
	admin := tokenOf("admin", firstPassword(t, d), "192.0.2.1")
	d.try(ask{method: http.MethodPost, path: write, body: `{"partId":"PART-001"}`, token: admin, status: 201})

	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct horse battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) {
		t.Helper()
		if out, stderr, code := d.call(args...); code != exitOK {
			t.Fatalf("seriald %s: exit %d, %s%s", strings.Join(args, " "), code, out, stderr)
		}
	}
	command("user", "add", "ann", "--role", "viewer", "--password-file", file)
	command("user", "add", "bob", "--role", "operator", "--password-file", file)
	ann := tokenOf("ann", "correct horse battery", "192.0.2.2")
	d.try(ask{method: http.MethodGet, path: read, token: ann, status: 200, says: "PART-001"})
	d.try(ask{method: http.MethodPost, path: write, body: `{"partId":"PART-001"}`, token: ann, status: 403, says: "FORBIDDEN"})
	d.try(ask{method: http.MethodGet, path: read, status: 401, says: "UNAUTHORIZED"})

	command("user", "disable", "ann")
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		if status, _, _ := d.do(ask{method: http.MethodGet, path: read, token: ann}); status == http.StatusUnauthorized {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the token of a disabled user passes")
		}
	}
	d.try(login("ann", "correct horse battery", "192.0.2.2", 401, "UNAUTHORIZED"))
	d.try(ask{method: http.MethodGet, path: read, token: admin, status: 200})

	for range 5 {
		d.try(login("bob", "guessed", "192.0.2.3", 401, "UNAUTHORIZED"))
	}
	header, _ := d.try(login("bob", "guessed", "192.0.2.3", 429, "RATE_LIMITED"))
	if wait, err := strconv.Atoi(header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
		t.Errorf("Retry-After %q", header.Get("Retry-After"))
	}
	d.try(login("bob", "correct horse battery", "192.0.2.4", 429, "RATE_LIMITED"))                       // the user, from elsewhere
	d.try(login("admin", firstPassword(t, d), "192.0.2.3", 429, "RATE_LIMITED"))                         // the address, as somebody else
	d.try(login("admin", firstPassword(t, d), "192.0.2.4", 200, "accessToken"))                          // neither
	d.try(ask{method: http.MethodGet, path: read, token: admin, header: from("192.0.2.3"), status: 200}) // it is logins that wait

	// A start forgets nothing; who runs the service can let the user in, and not the address.
	d.kill()
	d.start()
	d.try(login("bob", "correct horse battery", "192.0.2.4", 429, "RATE_LIMITED"))
	command("user", "unlock", "bob")
	d.try(login("bob", "correct horse battery", "192.0.2.4", 200, "accessToken"))
	d.try(login("ann", "correct horse battery", "192.0.2.3", 429, "RATE_LIMITED"))
}

// What stands in front of all routes: CORS, rate limit, request ids, trusted proxies.
func TestHTTPEdge(t *testing.T) {
	t.Parallel()
	const limit = 5
	d := newDaemon(t, "DATABASE_URL="+storetest.DSN(t, storetest.Fast), "RATE_LIMIT_PER_MINUTE="+strconv.Itoa(limit),
		"CORS_ORIGINS=https://mes.example", "TRUSTED_PROXIES=127.0.0.0/8")
	d.start()
	const path = serialization + "/sites"
	preflight := func(origin string) http.Header {
		header, _ := d.try(ask{method: http.MethodOptions, path: path, status: 204, header: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key",
		}})
		return header
	}
	if h := preflight("https://mes.example"); h.Get("Access-Control-Allow-Origin") != "https://mes.example" || h.Get("Access-Control-Allow-Headers") != "authorization,idempotency-key" {
		t.Errorf("preflight: %v", h)
	}
	if h := preflight("https://evil.example"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a stranger: %v", h)
	}

	mia := ask{method: http.MethodGet, path: path, token: token(t, "mia", "viewer"), status: 200, header: map[string]string{"Origin": "https://mes.example"}}
	for n := range limit {
		h, _ := d.try(mia)
		if h.Get("X-RateLimit-Limit") != strconv.Itoa(limit) || h.Get("X-RateLimit-Remaining") != strconv.Itoa(limit-n-1) || h.Get("X-RateLimit-Reset") == "" {
			t.Errorf("request %d: %v", n+1, h)
		}
	}
	mia.status, mia.says = 429, "RATE_LIMITED"
	h, _ := d.try(mia)
	if h.Get("Retry-After") == "" || h.Get("X-RateLimit-Remaining") != "0" || h.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("past the limit: %v", h)
	}
	d.try(ask{method: http.MethodGet, path: path, token: token(t, "tom", "viewer"), status: 200})

	// Who has no token is counted by the address that the proxy says.
	open := ask{method: http.MethodGet, path: "/openapi.json", header: from("192.0.2.1"), status: 200}
	for range limit {
		d.try(open)
	}
	open.status = 429
	d.try(open)
	open.header = from("192.0.2.9, 192.0.2.1") // what a client invents stands left of what the proxy saw
	d.try(open)
	open.header, open.status = from("192.0.2.2"), 200
	d.try(open)
	for range limit + 1 {
		d.try(ask{method: http.MethodGet, path: "/health", header: from("192.0.2.1"), status: 200})
	}

	nobody := ask{method: http.MethodGet, path: "/nowhere", status: 404, says: "NOT_FOUND", header: map[string]string{"X-Request-ID": "ticket-7", "X-Forwarded-For": "192.0.2.3"}}
	if h, _ := d.try(nobody); h.Get("X-Request-ID") != "ticket-7" || h.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v", h)
	}
	nobody.header["X-Request-ID"] = `"><script>`
	if h, _ := d.try(nobody); len(h.Get("X-Request-ID")) != 36 {
		t.Errorf("request id %q, want one of the service's", h.Get("X-Request-ID"))
	}
}

// Over TLS, with a certificate that is renewed, and a port for operators.
func TestHTTPOverTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	files := authority.Issue("127.0.0.1")
	private := fmt.Sprintf("127.0.0.1:%d", proctest.FreePort(t))
	d := newDaemon(t, "DATABASE_URL="+storetest.DSN(t, storetest.Fast), "APP_CERT_FILE="+files.Cert, "APP_KEY_FILE="+files.Key, "PRIVATE_ADDRESS="+private)
	b, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	// A connection for each request, so that each sees the certificate of its time.
	https := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	get := func(url string) (*http.Response, string, error) {
		res, err := https.Get(url)
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		return res, string(b), err
	}
	public := strings.Replace(d.api, "http:", "https:", 1)
	d.launch()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if res, _, err := get(public + "/health/ready"); err == nil && res.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready:\n%s", d.output)
		}
	}
	for url, want := range map[string]string{
		public + "/health":                            `200 "status":"ok"`,
		public + "/metrics":                           "404 NOT_FOUND",
		public + "/debug/pprof/":                      "404 NOT_FOUND",
		"http://" + private + "/metrics":              "200 seriald_http_request_duration_seconds",
		"http://" + private + "/debug/pprof/":         "200 goroutine",
		"http://" + private + serialization:           "404 ",
		strings.Replace(public, "https:", "http:", 1): "400 HTTPS server",
	} {
		status, says, _ := strings.Cut(want, " ")
		res, body, err := get(url)
		if err != nil || strconv.Itoa(res.StatusCode) != status || !strings.Contains(body, says) {
			t.Errorf("%s: %v %.200s, %v; want %s", url, res, body, err, want)
		}
	}
	first, _, err := get(public + "/health")
	if err != nil || first.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%v, %v", first, err)
	}
	authority.Renew(files, "127.0.0.1")
	before := first.TLS.PeerCertificates[0].SerialNumber
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		res, _, err := get(public + "/health")
		if err != nil {
			t.Fatal(err)
		}
		if res.TLS.PeerCertificates[0].SerialNumber.Cmp(before) != 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not used:\n%s", d.output)
		}
	}
}

// Tokens of an identity provider are taken by its keys, also while it is away.
func TestHTTPIdentityProvider(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"k1","use":"sig","alg":"RS256","n":%q,"e":%q}]}`,
			encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	}))
	defer provider.Close()
	dsn := storetest.DSN(t, storetest.Fast)
	d := newDaemon(t, "DATABASE_URL="+dsn, "JWT_JWKS_URL="+provider.URL, "JWT_ISSUER=https://id.example", "JWT_AUDIENCE=seriald")
	d.start()
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(audience string) jwt.MapClaims {
		return jwt.MapClaims{
			"iss": "https://id.example", "aud": []string{audience}, "sub": "mia@example", "roles": []string{"staff", "operator"},
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}
	}
	sign := func(method jwt.SigningMethod, key any, audience string) string {
		unsigned := jwt.NewWithClaims(method, claims(audience))
		unsigned.Header["kid"] = "k1"
		signed, err := unsigned.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	good := sign(jwt.SigningMethodRS256, key, "seriald")
	write := ask{
		method: http.MethodPost, path: serialization + "/system-generated/generate", body: `{"partId":"PART-001"}`,
		header: map[string]string{"Idempotency-Key": "of-mia"}, token: good, status: 201,
	}
	d.try(write)
	if by := storetest.Value[string](t, storetest.Conn(t, dsn), `SELECT performed_by FROM audit_events WHERE event_id = 'of-mia'`); by != "mia@example" {
		t.Errorf("performed by %q", by)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another service's":       sign(jwt.SigningMethodRS256, key, "payroll"),
		"another key's":           sign(jwt.SigningMethodRS256, other, "seriald"),
		"another algorithm":       sign(jwt.SigningMethodES256, curve, "seriald"),
		"unsigned":                sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "seriald"),
		"the public key a secret": sign(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "seriald"),
	} {
		write.token, write.status, write.says = bad, 401, "UNAUTHORIZED"
		if header, _ := d.try(write); header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	provider.Close()
	d.try(ask{method: http.MethodGet, path: serialization + "/sites", token: good, status: 200})
	d.try(ask{method: http.MethodGet, path: serialization + "/sites", token: token(t, "tom", "viewer"), status: 200}) // our own
}
