package stream_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// patience is how long a test waits for something that takes a moment, or one
// refusal's pause.
const patience = 30 * time.Second

func startServer(t *testing.T, change func(*server.Options)) (srv *server.Server, opts *server.Options) {
	t.Helper()
	opts = &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true}
	change(opts)
	srv, err := server.NewServer(opts.Clone())
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(patience) {
		t.Fatal("the server does not listen")
	}
	return srv, opts
}

// wantTLS has a server ask for TLS with a client certificate of ca.
func wantTLS(t *testing.T, o *server.Options, files tlsfiles.Files) {
	t.Helper()
	cfg, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: files.Cert, KeyFile: files.Key, CaFile: files.CA, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	o.TLSConfig, o.TLSTimeout = cfg, 10
}

func connect(t *testing.T, cfg stream.Config) (*stream.Conn, *proctest.Buffer) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	var log proctest.Buffer
	conn, err := stream.Connect(cfg, t.Name(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, &log
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

// A server with TLS, client certificates and a password lets us in with all of
// them; what keeps us out is told once, with what to set.
func TestConnectOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	srv, _ := startServer(t, func(o *server.Options) {
		wantTLS(t, o, ca.Issue("127.0.0.1"))
		o.Username, o.Password = "us", "right"
	})
	good := streamtest.Config("tls://" + srv.Addr().String())
	good.Username, good.Password, good.TLS = "us", "right", ca.Issue("us")
	foreign := tlstest.New(t).Issue("us")
	foreign.CA = ca.File
	tests := []struct {
		name   string
		change func(*stream.Config)
		want   string // in the log, "" for connected
	}{
		{"all", func(*stream.Config) {}, ""},
		{"nats://", func(c *stream.Config) { c.URL = strings.Replace(c.URL, "tls://", "nats://", 1) }, ""},
		{"no authority", func(c *stream.Config) { c.TLS.CA = "" }, "set NATS_CA_FILE"},
		{"no certificate", func(c *stream.Config) { c.TLS.Cert, c.TLS.Key = "", "" }, "set NATS_CERT_FILE"},
		{"foreign certificate", func(c *stream.Config) { c.TLS = foreign }, "set NATS_CERT_FILE"},
		{"another name", func(c *stream.Config) { c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1) }, "set NATS_URL to a name"},
		{"wrong password", func(c *stream.Config) { c.Password = "wrong" }, "set NATS_CREDS, or NATS_USERNAME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			tt.change(&cfg)
			conn, log := connect(t, cfg)
			if tt.want == "" {
				waitFor(t, "connected", conn.Up)
				return
			}
			waitFor(t, tt.want, func() bool { return strings.Contains(log.String(), tt.want) })
			if conn.Up() {
				t.Error("connected all the same")
			}
		})
	}
}

func TestFilesRefuseAServerWithoutTLS(t *testing.T) {
	t.Parallel()
	srv, _ := startServer(t, func(*server.Options) {})
	cfg := streamtest.Config("nats://" + srv.Addr().String())
	cfg.TLS.CA = tlstest.New(t).File
	conn, log := connect(t, cfg)
	waitFor(t, "the log says so", func() bool { return strings.Contains(log.String(), "speaks no TLS") })
	if conn.Up() {
		t.Error("connected all the same")
	}
}

// Refused time and again, the connection is there when it is let in at last.
func TestConnectIsLetInLater(t *testing.T) {
	t.Parallel()
	srv, opts := startServer(t, func(o *server.Options) { o.Username, o.Password = "us", "old" })
	cfg := streamtest.Config("nats://" + srv.Addr().String())
	cfg.Username, cfg.Password = "us", "new"
	conn, log := connect(t, cfg)
	waitFor(t, "the log says why", func() bool { return strings.Contains(log.String(), "NATS_USERNAME") })
	// The second refusal is where the library would give up.
	waitFor(t, "refused twice", func() bool {
		status, err := srv.Varz(nil)
		return err == nil && status.TotalConnections >= 2
	})
	opts.Password = "new"
	if err := srv.ReloadOptions(opts); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "connected", conn.Up)
	if n := strings.Count(log.String(), "NATS_USERNAME"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	operator, account, user := newPair(t, nkeys.PrefixByteOperator), newPair(t, nkeys.PrefixByteAccount), newPair(t, nkeys.PrefixByteUser)
	claims := jwt.NewAccountClaims(public(t, account))
	accountJWT, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	userClaims := jwt.NewUserClaims(public(t, user))
	userJWT, err := userClaims.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "us.creds")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(public(t, account), accountJWT); err != nil {
		t.Fatal(err)
	}
	srv, _ := startServer(t, func(o *server.Options) {
		o.TrustedKeys, o.AccountResolver = []string{public(t, operator)}, resolver
	})
	cfg := streamtest.Config("nats://" + srv.Addr().String())
	cfg.Credentials = file
	conn, _ := connect(t, cfg)
	waitFor(t, "connected", conn.Up)
}

func newPair(t *testing.T, kind nkeys.PrefixByte) nkeys.KeyPair {
	t.Helper()
	pair, err := nkeys.CreatePair(kind)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func public(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	key, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestValidateCredentials(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no JWT"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*stream.Config)
		want   []string
	}{
		{"no file", func(c *stream.Config) { c.Credentials = "/none" }, []string{"NATS_CREDS: open /none"}},
		{"no JWT", func(c *stream.Config) { c.Credentials = text }, []string{"holds no user JWT"}},
		{"two kinds", func(c *stream.Config) { c.Credentials, c.Username = text, "u" }, []string{"one of them only"}},
		{"a user in the URL, too", func(c *stream.Config) { c.URL, c.Username = "nats://u:p@h", "u" }, []string{"one of them only"}},
		{"no user", func(c *stream.Config) { c.Password = "p" }, []string{"NATS_USERNAME: is missing"}},
		{"files", func(c *stream.Config) { c.TLS = tlsfiles.Files{CA: "/none", Key: "/none"} }, []string{"NATS_CA_FILE", "NATS_CERT_FILE: is missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := streamtest.Config("nats://h")
			tt.change(&cfg)
			err := cfg.Validate()
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}
