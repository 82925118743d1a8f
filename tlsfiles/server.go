package tlsfiles

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// Server returns what a server with Cert and Key listens with. While the files
// can't be read, as in the middle of a renewal, it goes on with what it read last.
func (f Files) Server() (*tls.Config, error) {
	first, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read the server certificate: %w", err)
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(&first)
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair, err := tls.LoadX509KeyPair(f.Cert, f.Key); err == nil {
				last.Store(&pair)
			}
			return last.Load(), nil
		},
	}, nil
}

// Pinned returns the files of a client that trusts nobody but the server that
// has the certificate Cert. It is for one who is on the server's side: which of
// its names it is reached by, and who signed it, then does not matter.
func (f Files) Pinned() (Files, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return Files{}, fmt.Errorf("read the server certificate: %w", err)
	}
	leaf := pair.Leaf
	switch {
	case len(leaf.DNSNames) > 0:
		return Files{CA: f.Cert, ServerName: leaf.DNSNames[0]}, nil
	case len(leaf.IPAddresses) > 0:
		return Files{CA: f.Cert, ServerName: leaf.IPAddresses[0].String()}, nil
	}
	return Files{}, fmt.Errorf("%s names no host (subject alternative name), so that no client takes it", f.Cert)
}
