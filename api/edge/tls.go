package edge

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// reloadPause is how long a certificate is used before its files are looked at again.
const reloadPause = time.Second

// CertReloader returns what a server listens with that has its certificate, followed by
// what leads to its authority, and its private key in two PEM files. Handshakes look at
// the files at most once a second, and use what was renewed from then on. Files that
// can't be used, as in the middle of a renewal, are logged, and the certificate before
// them stays; only at the start they are an error. Nothing below TLS 1.2 is spoken.
func CertReloader(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	r := &reloader{certFile: certFile, keyFile: keyFile, log: log}
	if err := r.load(); err != nil {
		return nil, err
	}
	r.looked = time.Now()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			r.look(time.Now())
			return r.current.Load(), nil
		},
	}, nil
}

type reloader struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu        sync.Mutex // guards what follows
	looked    time.Time
	cert, key []byte // what current was made of
	problem   string // that was logged last
}

// look reads the files if it is time to. Of handshakes at the same time one does.
func (r *reloader) look(now time.Time) {
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if now.Sub(r.looked) < reloadPause {
		return
	}
	r.looked = now
	err := r.load()
	if err == nil {
		r.problem = ""
		return
	}
	if r.problem != err.Error() {
		r.problem = err.Error()
		r.log.Error("the new TLS certificate can't be used, the one before it stays", "error", err)
	}
}

// load takes the certificate in the files, if it is another one. The contents are
// compared, not times: a file may be renewed twice in one tick of the clock, or be a link.
func (r *reloader) load() error {
	cert, err := os.ReadFile(r.certFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate: %w", err)
	}
	key, err := os.ReadFile(r.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS key: %w", err)
	}
	if bytes.Equal(cert, r.cert) && bytes.Equal(key, r.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s with the key %s: %w", r.certFile, r.keyFile, err)
	}
	if r.current.Swap(&pair) != nil {
		r.log.Info("tls certificate renewed", "file", r.certFile, "expires", pair.Leaf.NotAfter)
	}
	r.cert, r.key = cert, key
	return nil
}
