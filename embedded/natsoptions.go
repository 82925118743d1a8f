package embedded

import (
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The two accounts, and the users that clients without credentials are.
const (
	natsAccount = "SERIALD"
	mqttAccount = "MQTT"
	natsUser    = "seriald"
	mqttUser    = "mqtt"
	mqttKeeper  = "mqtt-keeper"
)

// Bounds on what the server keeps in the daemon's memory, 200 MB for all. A
// stream's read cache cannot be set: it is the blocks in use, 8 MB each, given
// back 10 s after the last use.
const (
	// maxMemoryStreams is for streams and consumers kept in memory. We have
	// none but what clients ask for; the default is three quarters of the machine.
	maxMemoryStreams = 64 << 20
	// maxClientPending is what waits for a client that does not read before it
	// is cut off; the default is 64 MB each. It holds 500 large events.
	maxClientPending = 32 << 20
	// maxStreamPending is what publishers may have waiting for a stream's disk
	// before it refuses more, which they take as back-pressure; default 128 MB.
	maxStreamPending = 32 << 20
)

// mqttInFlight is how many QoS 1 messages a subscription may have unacknowledged.
// It has to exceed the bridge's batch (500) by far, since a bridge acknowledges
// late; and the subscriptions of a session may not exceed 65535 together, where
// one ending in # counts twice: 4096 leaves room for 15 of them, and a refused
// one is a 0x80 in the SUBACK. The server's default is 1024.
const mqttInFlight = 4096

// mqttAckWait is when an unacknowledged message is sent again, on the connection
// it came on or the next one; after a restart it is sent at once
// (redeliverPending). It lets a bridge on a slow disk work through all
// that is in flight; a shorter one would send again what still waits its turn.
const mqttAckWait = 30 * time.Second

// natsOptions are the server's options. Accounts can be given JetStream only by
// configuration text: enabling it on a running server would open the listeners
// before the streams are there.
func natsOptions(cfg NATSConfig) (*server.Options, error) {
	if err := checkExposure(cfg); err != nil {
		return nil, err
	}
	port := cfg.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName: "seriald",
		Host:       cfg.Host,
		Port:       port,
		NoSigs:     true, // its signal handler would end the process under us
		NoLog:      true, // no logger but the one we set

		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             !cfg.NoSync,
		JetStreamMaxMemory:     maxMemoryStreams,
		JetStreamMaxStore:      0, // three quarters of what the disk has free
		DisableJetStreamBanner: true,
		StreamMaxBufferedSize:  maxStreamPending,
		MaxPending:             maxClientPending,
	}
	text := fmt.Sprintf("accounts { %s { jetstream: enabled }, %s { jetstream: enabled } }", natsAccount, mqttAccount)
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	accounts := make(map[string]*server.Account)
	for _, a := range opts.Accounts {
		accounts[a.Name] = a
	}

	app, open, err := natsUserOf(natsUser, cfg.Username, cfg.Password, accounts[natsAccount], "STANDARD")
	if err != nil {
		return nil, fmt.Errorf("credentials for NATS: %w", err)
	}
	opts.Users = append(opts.Users, app)
	if open {
		opts.NoAuthUser = app.Username
	}
	if cfg.MQTTPort == 0 {
		return opts, nil
	}

	device, open, err := natsUserOf(mqttUser, cfg.MQTTUsername, cfg.MQTTPassword, accounts[mqttAccount], "MQTT")
	if err != nil {
		return nil, fmt.Errorf("credentials for MQTT: %w", err)
	}
	if device.Username == app.Username {
		return nil, fmt.Errorf("NATS and MQTT clients need different user names, both are %q", app.Username)
	}
	// Ourselves, to look after the sessions of devices.
	keeper := &server.User{
		Username: mqttKeeper, Password: rand.Text(), Account: accounts[mqttAccount],
		AllowedConnectionTypes: map[string]struct{}{"IN_PROCESS": {}},
	}
	opts.Users = append(opts.Users, device, keeper)
	opts.MQTT = server.MQTTOpts{
		Host:          cfg.Host,
		Port:          cfg.MQTTPort,
		MaxAckPending: mqttInFlight,
		AckWait:       mqttAckWait,
	}
	if open {
		opts.MQTT.NoAuthUser = device.Username
	}
	return opts, nil
}

// checkExposure refuses to be open to a network without a password.
func checkExposure(cfg NATSConfig) error {
	ip := net.ParseIP(cfg.Host)
	if cfg.Host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	if cfg.Username == "" {
		return fmt.Errorf("listening on %s needs a user name and password for NATS clients", cfg.Host)
	}
	if cfg.MQTTPort != 0 && cfg.MQTTUsername == "" {
		return fmt.Errorf("listening on %s needs a user name and password for MQTT clients", cfg.Host)
	}
	return nil
}

// natsUserOf makes the one user of an account, which connects by the given
// protocol only. Without a name it is the user of everybody who gives none
// (open), and nobody logs in as it.
func natsUserOf(fallback, name, password string, account *server.Account, protocol string) (_ *server.User, open bool, err error) {
	if name == "" {
		open = true
		name, password = fallback, rand.Text()
	} else if password == "" {
		return nil, false, fmt.Errorf("user %q has no password", name)
	}
	return &server.User{
		Username:               name,
		Password:               password, // plain: the server passes it on when it lets everybody in
		Account:                account,
		AllowedConnectionTypes: map[string]struct{}{protocol: {}},
	}, open, nil
}
