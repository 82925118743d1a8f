package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// reconnectPause is short: a server that restarts is back in a second.
	reconnectPause = 100 * time.Millisecond
	// refusalPause is how long a server that refused the credentials is left
	// alone: what is wrong stays wrong until somebody mends it.
	refusalPause = 5 * time.Second
)

// validateCredentials lists what is wrong with how to be let in.
func (c Config) validateCredentials() error {
	var errs []error
	kinds := 0
	if c.Credentials != "" {
		kinds++
		if b, err := os.ReadFile(c.Credentials); err != nil {
			errs = append(errs, fmt.Errorf("NATS_CREDS: %w", err))
		} else if !strings.Contains(string(b), "-----BEGIN NATS USER JWT-----") {
			errs = append(errs, fmt.Errorf("NATS_CREDS: %s holds no user JWT: make it with `nsc generate creds`", c.Credentials))
		}
	}
	switch {
	case c.Username != "":
		kinds++
	case c.Password != "":
		errs = append(errs, errors.New("NATS_USERNAME: is missing, NATS_PASSWORD is set"))
	}
	if urlHasUser(c.URL) {
		kinds++
	}
	if kinds > 1 {
		errs = append(errs, errors.New("NATS_CREDS, NATS_USERNAME and a user in NATS_URL: set one of them only"))
	}
	return errors.Join(append(errs, c.TLS.Validate("NATS"))...)
}

func urlHasUser(list string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if u, err := url.Parse(s); err == nil && u.User != nil {
			return true
		}
	}
	return false
}

// credentials are the options that have a server let us in. The library reads the
// files at each connect: a renewed certificate needs no restart.
func (c Config) credentials() []nats.Option {
	var opts []nats.Option
	if c.Credentials != "" {
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	if c.Username != "" {
		opts = append(opts, nats.UserInfo(c.Username, c.Password))
	}
	if c.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(c.TLS.CA))
	}
	if c.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(c.TLS.Cert, c.TLS.Key))
	}
	return opts
}

// retry has a connection that a server refuses be tried for ever, without haste,
// and says why, once per change.
type retry struct {
	log     *slog.Logger
	conn    atomic.Pointer[nats.Conn] // nil at first, while the library tries already
	refused atomic.Bool
	said    atomic.Pointer[string]
}

func (r *retry) options() []nats.Option {
	return []nats.Option{
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		// Else the second refusal closes the connection for good.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(int) time.Duration { return r.pause() }),
		// Of what keeps a connection from being opened; see pause for the rest.
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { r.failed(err) }),
	}
}

// pause is the time until the next try. The library calls it between tries, which
// is when a refusal of TLS or credentials can be learned: it is told to nobody.
func (r *retry) pause() time.Duration {
	if nc := r.conn.Load(); nc != nil {
		if err := nc.LastError(); err != nil {
			r.failed(err)
		}
	}
	if r.refused.Load() {
		return refusalPause
	}
	// Spread, so that not all clients of a server that is back come at once.
	return reconnectPause + rand.N(reconnectPause/2) //nolint:gosec // G404: spreads reconnections, keeps no secret
}

func (r *retry) failed(err error) {
	r.refused.Store(credentialsRefused(err))
	said := err.Error()
	if last := r.said.Swap(&said); last == nil || *last != said {
		r.log.Warn("nats connection refused, will try again", "error", explain(err))
	}
}

func (r *retry) connected() {
	r.refused.Store(false)
	r.said.Store(nil)
}

func credentialsRefused(err error) bool {
	for _, refusal := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// explain adds to an error of connecting what there is to set.
func explain(err error) error {
	switch text := err.Error(); {
	case credentialsRefused(err):
		return fmt.Errorf("the server refuses our credentials: set NATS_CREDS, or NATS_USERNAME and NATS_PASSWORD, to what it knows: %w", err)
	case strings.Contains(text, "certificate signed by unknown authority"):
		return fmt.Errorf("set NATS_CA_FILE to the authority of the server's certificate: %w", err)
	case strings.Contains(text, "x509: certificate is"):
		return fmt.Errorf("set NATS_URL to a name that is in the server's certificate: %w", err)
	case strings.Contains(text, "remote error: tls: "):
		return fmt.Errorf("the server refuses the client's certificate: set NATS_CERT_FILE and NATS_KEY_FILE to one it takes: %w", err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("the server speaks no TLS: unset NATS_CA_FILE and NATS_CERT_FILE, write nats:// in NATS_URL: %w", err)
	}
	return err
}
