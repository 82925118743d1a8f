package embedded

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The two accounts, and the users that are ours.
const (
	natsAccount = "SERIALD"
	mqttAccount = "MQTT"
	// Names that nobody in a users file has, since they begin with $.
	natsUser   = "$nats"
	mqttUser   = "$mqtt"
	mqttKeeper = "$mqtt-keeper"
	mqttBridge = "$mqtt-bridge"
)

// Bounds on what the server keeps in the daemon's memory, 200 MB for all. A
// stream's read cache cannot be set: it is the blocks in use, 8 MB each, given
// back 10 s after the last use.
const (
	// maxMemoryStreams is for streams and consumers kept in memory. We have
	// none but what clients ask for; the default is three quarters of the machine.
	maxMemoryStreams = 64 << 20
	// maxStore is no bound: each stream has its own. The server would compare the
	// sum of them with three quarters of what the disk has free, and on a disk
	// where they will never be reached would make no stream at all.
	maxStore = 1 << 50
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

// mqttStoreTimeout is how long the server waits for its own streams. By default, 5 s,
// it closes the connection then, and the client sends all of it again, which takes
// as long: on a slow disk or a busy machine it would never come out of that. Late
// is better; who is slow has to wait.
const mqttStoreTimeout = time.Minute

// natsOptions are the server's options. Accounts can be given JetStream only by
// configuration text: enabling it on a running server would open the listeners
// before the streams are there.
func natsOptions(cfg NATSConfig) (*server.Options, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	port := cfg.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName: "seriald",
		Host:       loopback,
		Port:       port,
		NoSigs:     true, // its signal handler would end the process under us
		NoLog:      true, // no logger but the one we set

		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             !cfg.NoSync,
		JetStreamMaxMemory:     maxMemoryStreams,
		JetStreamMaxStore:      maxStore,
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

	// The user of everybody who comes to loopback; nobody logs in as it.
	opts.Users = append(opts.Users, &server.User{
		Username: natsUser, Password: rand.Text(), Account: accounts[natsAccount],
		AllowedConnectionTypes: map[string]struct{}{"STANDARD": {}},
	})
	opts.NoAuthUser = natsUser
	if cfg.MQTTPort == 0 {
		return opts, nil
	}
	return opts, listenMQTT(cfg, opts, accounts[mqttAccount])
}
