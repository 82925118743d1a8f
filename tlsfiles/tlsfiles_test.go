package tlsfiles_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

func TestValidateListsEveryProblem(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	good, other := ca.Issue("broker"), ca.Issue("other")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		files tlsfiles.Files
		want  []string // in the error; none for no error
	}{
		{"none", tlsfiles.Files{}, nil},
		{"all", good, nil},
		{"authority only", tlsfiles.Files{CA: ca.File}, nil},
		{"nothing is there", tlsfiles.Files{CA: "/no/ca", Cert: "/no/cert", Key: "/no/key"}, []string{
			"MQTT_CA_FILE: open /no/ca", "MQTT_CERT_FILE: open /no/cert", "MQTT_KEY_FILE: open /no/key",
		}},
		{"not PEM", tlsfiles.Files{CA: text, Cert: text, Key: good.Key}, []string{"MQTT_CA_FILE: " + text + " holds no certificate", "MQTT_CERT_FILE and MQTT_KEY_FILE"}},
		{"another's key", tlsfiles.Files{Cert: good.Cert, Key: other.Key}, []string{"MQTT_KEY_FILE", "does not match"}},
		{"no key", tlsfiles.Files{Cert: good.Cert}, []string{"MQTT_KEY_FILE: is missing"}},
		{"no certificate", tlsfiles.Files{Key: good.Key}, []string{"MQTT_CERT_FILE: is missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.files.Validate("MQTT")
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// shake has a client and a server shake hands. Not over net.Pipe, which has no
// room for the alert of one who refuses while the other writes, too.
func shake(t *testing.T, client, server *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1)) // shakes hands; the client tells how it went
			_ = c.Close()
		}
	}()
	c, err := (&tls.Dialer{Config: client}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		return err
	}
	return c.Close()
}

// A renewed certificate is used from the next connection on, a broken one never.
func TestServerTakesUpARenewedCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	files := ca.Issue("old")
	server, err := files.Server()
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string) error {
		client, err := tlsfiles.Files{CA: ca.File}.Client(name)
		if err != nil {
			t.Fatal(err)
		}
		return shake(t, client, server)
	}
	if err := try("old"); err != nil {
		t.Error(err)
	}
	if err := try("new"); err == nil {
		t.Error("a certificate for another name is taken")
	}
	ca.Renew(files, "new")
	if err := try("new"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(files.Key, []byte("half a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try("new"); err != nil {
		t.Error(err)
	}
}

// One who has the server's certificate trusts it without its authority, and
// nobody else.
func TestPinned(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	for _, host := range []string{"broker.plant", "192.0.2.1"} {
		files := ca.Issue(host)
		pinned, err := files.Pinned()
		if err != nil {
			t.Fatal(err)
		}
		client, err := pinned.Client("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		server, err := files.Server()
		if err != nil {
			t.Fatal(err)
		}
		if err := shake(t, client, server); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if server, err = ca.Issue(host).Server(); err != nil {
			t.Fatal(err)
		}
		if err := shake(t, client, server); err == nil {
			t.Errorf("%s: another certificate of the same authority is taken", host)
		}
	}
}
