package edge_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// TestCertReloader renews and breaks the files of a server that runs.
func TestCertReloader(t *testing.T) {
	t.Parallel()
	var files, other tlsfiles.Files
	authority := tlstest.New(t)
	files, other = authority.Issue("first"), authority.Issue("second")
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cert, key := read(other.Cert), read(other.Key)
	write := func(path string, b []byte) func() {
		return func() {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var log proctest.Buffer
		cfg, err := edge.CertReloader(files.Cert, files.Key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name   string
			do     func()
			wait   time.Duration
			want   string // of whom the certificate is
			errors int    // logged by now
		}{
			{"at the start", func() {}, 0, "first", 0},
			{"the certificate is written, the key is not", write(files.Cert, cert), time.Second, "first", 1},
			{"it is logged once", func() {}, time.Minute, "first", 1},
			{"the key, too", write(files.Key, key), 999 * time.Millisecond, "first", 1},
			{"they are looked at once a second", func() {}, time.Millisecond, "second", 1},
			{"half a file", write(files.Cert, cert[:50]), time.Second, "second", 2},
			{"no file", func() { _ = os.Remove(files.Cert) }, time.Second, "second", 3},
			{"again", write(files.Cert, cert), time.Second, "second", 3},
			{"half a file, again", write(files.Cert, cert[:50]), time.Second, "second", 4},
		} {
			step.do()
			time.Sleep(step.wait) //nolint:forbidigo // the bubble's clock
			got, err := cfg.GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			if names := got.Leaf.DNSNames; len(names) != 1 || names[0] != step.want {
				t.Errorf("%s: %s, want %s", step.name, names, step.want)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != step.errors {
				t.Errorf("%s: %d errors are logged, want %d:\n%s", step.name, n, step.errors, log.String())
			}
		}
		if n := strings.Count(log.String(), "certificate renewed"); n != 1 {
			t.Errorf("%d renewals are logged, want 1:\n%s", n, log.String())
		}
		if _, err := edge.CertReloader(files.Cert, files.Key, discard()); err == nil {
			t.Error("a server starts with half a file")
		}
		if _, err := edge.CertReloader("nowhere.pem", files.Key, discard()); err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
			t.Errorf("a missing file: %v", err)
		}
	})
}

// TestTLS speaks with a server over TLS, HTTP/2 and below.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	files := authority.Issue("127.0.0.1")
	cfg, err := edge.CertReloader(files.Cert, files.Key, discard())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: edge.New(config(), edge.Dependencies{Log: discard()})(text("ok")), TLSConfig: cfg,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn),
	}
	ended := make(chan error)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	defer func() {
		_ = server.Close()
		<-ended
	}()
	pem, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for name, tt := range map[string]struct {
		max   uint16
		http2 bool
		want  string // protocol
	}{
		"TLS 1.3, HTTP/2": {tls.VersionTLS13, true, "HTTP/2.0"},
		"TLS 1.2":         {tls.VersionTLS12, false, "HTTP/1.1"},
		"TLS 1.1":         {tls.VersionTLS11, false, ""},
	} {
		transport := &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tt.max},
			ForceAttemptHTTP2: tt.http2,
		}
		res, err := (&http.Client{Transport: transport}).Get("https://" + listener.Addr().String())
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		res.Body.Close()
		transport.CloseIdleConnections()
		if res.Proto != tt.want || res.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %s %v, want %q", name, res.Proto, res.Header, tt.want)
		}
	}
}
