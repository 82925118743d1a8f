package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/machshop/seriald/tlsfiles"
)

// Validate lists what is wrong with how the MQTT listener is to be opened, in one
// error. It reads the files.
func (cfg NATSConfig) Validate() error {
	var problems []error
	if cfg.MQTTUsersFile != "" {
		if _, err := ReadMQTTUsers(cfg.MQTTUsersFile); err != nil {
			problems = append(problems, fmt.Errorf("EMBEDDED_MQTT_USERS_FILE: %w", err))
		}
	}
	if cfg.MQTTTLS.Any() {
		problems = append(problems, cfg.validateTLS())
	}
	if cfg.MQTTHost != "" && !isLoopback(cfg.MQTTHost) {
		if net.ParseIP(cfg.MQTTHost) == nil {
			problems = append(problems, fmt.Errorf("EMBEDDED_MQTT_HOST: %q is not an address: write 0.0.0.0 for all of IPv4", cfg.MQTTHost))
		}
		if cfg.MQTTUsersFile == "" {
			problems = append(problems, fmt.Errorf(
				"EMBEDDED_MQTT_HOST: listening on %s lets a whole network in: set EMBEDDED_MQTT_USERS_FILE to say who may publish what", cfg.MQTTHost))
		}
	}
	return errors.Join(problems...)
}

func (cfg NATSConfig) validateTLS() error {
	if err := cfg.MQTTTLS.Validate("EMBEDDED_MQTT"); err != nil {
		return err
	}
	if _, err := cfg.MQTTTLS.Pinned(); err != nil {
		return fmt.Errorf("EMBEDDED_MQTT_CERT_FILE: %w", err)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Reachable is the address by which this machine reaches a listener on host.
func Reachable(host string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return loopback // listening everywhere includes here
	}
	return host
}

// listenMQTT adds the MQTT listener and its users to the options.
func listenMQTT(cfg NATSConfig, opts *server.Options, account *server.Account) error {
	users, open, err := mqttUsers(cfg)
	if err != nil {
		return err
	}
	for _, u := range users {
		opts.Users = append(opts.Users, &server.User{
			Username: u.Name, Password: u.Password, Account: account, Permissions: u.permissions(),
			AllowedConnectionTypes: map[string]struct{}{"MQTT": {}},
		})
	}
	// Ourselves, to look after the sessions of devices.
	opts.Users = append(opts.Users, &server.User{
		Username: mqttKeeper, Password: rand.Text(), Account: account,
		AllowedConnectionTypes: map[string]struct{}{"IN_PROCESS": {}},
	})
	opts.MQTT = server.MQTTOpts{
		Host:          cfg.MQTTHost,
		Port:          cfg.MQTTPort,
		MaxAckPending: mqttInFlight,
		AckWait:       mqttAckWait,
		JSAPITimeout:  mqttStoreTimeout,
	}
	if open {
		opts.MQTT.NoAuthUser = mqttUser
	}
	if cfg.MQTTTLS.Any() {
		if opts.MQTT.TLSConfig, err = cfg.MQTTTLS.Server(); err != nil {
			return fmt.Errorf("MQTT: %w", err)
		}
		opts.MQTT.TLSTimeout = tlsTimeout
	}
	return nil
}

// tlsTimeout is in seconds. A small device needs longer for a handshake than the
// server's default, two.
const tlsTimeout = 10

// mqttUsers are those of the users file, else the one user of all devices, and
// the bridge. Without any, clients that give no name are let in (open).
func mqttUsers(cfg NATSConfig) (users []MQTTUser, open bool, err error) {
	switch {
	case cfg.MQTTUsersFile != "":
		if users, err = ReadMQTTUsers(cfg.MQTTUsersFile); err != nil {
			return nil, false, err
		}
		warnOfUsersFile(cfg)
	case cfg.MQTTUsername != "":
		if cfg.MQTTPassword == "" {
			return nil, false, fmt.Errorf("credentials for MQTT: user %q has no password", cfg.MQTTUsername)
		}
		users = []MQTTUser{{Name: cfg.MQTTUsername, Password: cfg.MQTTPassword, Admin: true}}
	default:
		open = true
		users = []MQTTUser{{Name: mqttUser, Password: rand.Text(), Admin: true}}
	}
	return append(users, MQTTUser{Name: mqttBridge, Password: rand.Text(), Admin: true}), open, nil
}

func warnOfUsersFile(cfg NATSConfig) {
	if fi, err := os.Stat(cfg.MQTTUsersFile); err == nil && fi.Mode().Perm()&0o004 != 0 {
		cfg.Logger.Warn("everybody on this machine can read the users file: chmod o-r", "file", cfg.MQTTUsersFile)
	}
	if !isLoopback(cfg.MQTTHost) && !cfg.MQTTTLS.Any() {
		cfg.Logger.Warn("mqtt passwords travel in clear: set EMBEDDED_MQTT_CERT_FILE and EMBEDDED_MQTT_KEY_FILE", "host", cfg.MQTTHost)
	}
}

// MQTTAccess is how to reach an MQTT listener from this machine.
type MQTTAccess struct {
	// URL is mqtt://host:port, mqtts:// with TLS.
	URL string
	// Username and Password of a user that may do everything an admin may.
	Username, Password string
	// TLS trusts the listener's certificate, under whatever name.
	TLS tlsfiles.Files
}

// MQTTBridge is how a bridge in this process reaches the listener: with a user of
// its own, whose password is another in each process.
func (n *NATS) MQTTBridge() MQTTAccess { return n.bridge }
