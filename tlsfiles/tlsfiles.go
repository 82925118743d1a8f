// Package tlsfiles makes TLS configurations of PEM files: the authority, the
// certificate and its key, as settings name them.
//
// Files are read whenever a connection is made, so that what was renewed is used
// from the next one on, without a restart. Nothing below TLS 1.2 is spoken, and
// no configuration skips the look at the other side's name.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Files are the paths of one side's files, all PEM and all optional.
type Files struct {
	// CA holds the authorities that vouch for the other side: for a client the
	// system's if empty.
	CA string
	// Cert and Key are one's own certificate, with what leads to its authority
	// behind it, and its private key: both or neither.
	Cert, Key string
	// ServerName is what a client looks for in the server's certificate; empty
	// for the host that it connects to.
	ServerName string
}

// Any reports whether a file is named.
func (f Files) Any() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

// Validate reads the files and lists all that is wrong with them, in one error.
// prefix begins the settings that name them: MQTT for MQTT_CA_FILE,
// MQTT_CERT_FILE and MQTT_KEY_FILE.
func (f Files) Validate(prefix string) error {
	var problems []error
	if f.CA != "" {
		if _, err := readPool(f.CA); err != nil {
			problems = append(problems, fmt.Errorf("%s_CA_FILE: %w", prefix, err))
		}
	}
	switch {
	case f.Cert == "" && f.Key != "":
		problems = append(problems, fmt.Errorf("%s_CERT_FILE: is missing, %[1]s_KEY_FILE is set", prefix))
	case f.Cert != "" && f.Key == "":
		problems = append(problems, fmt.Errorf("%s_KEY_FILE: is missing, %[1]s_CERT_FILE is set", prefix))
	case f.Cert != "":
		problems = append(problems, f.validatePair(prefix))
	}
	return errors.Join(problems...)
}

func (f Files) validatePair(prefix string) error {
	var problems []error
	if _, err := os.ReadFile(f.Cert); err != nil {
		problems = append(problems, fmt.Errorf("%s_CERT_FILE: %w", prefix, err))
	}
	if _, err := os.ReadFile(f.Key); err != nil {
		problems = append(problems, fmt.Errorf("%s_KEY_FILE: %w", prefix, err))
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
		return fmt.Errorf("%s_CERT_FILE and %[1]s_KEY_FILE: %s and %s: %w", prefix, f.Cert, f.Key, err)
	}
	return nil
}

// Client returns what a client connects to host with.
func (f Files) Client(host string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if f.ServerName != "" {
		cfg.ServerName = f.ServerName
	}
	if f.CA != "" {
		pool, err := readPool(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read the authority: %w", err)
		}
		cfg.RootCAs = pool
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func readPool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}
