package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/machshop/seriald/tlsfiles"
)

// readyPatience bounds the wait for listeners that are open already when it
// begins: recovery of the streams, which takes as long as it takes, comes before.
const readyPatience = 10 * time.Second

// NATSConfig says where and how StartNATS runs its server.
type NATSConfig struct {
	// Dir holds the streams, in Dir/jetstream. It is created if absent. Required.
	Dir string
	// Port of NATS clients (EMBEDDED_NATS_PORT), on 127.0.0.1 only; 0, the default, and -1 take a
	// free one, another at each start.
	Port int
	// MQTTPort of the MQTT 3.1.1 listener (EMBEDDED_MQTT_PORT); 0, the default,
	// opens none and -1 takes a free one.
	MQTTPort int
	// MQTTHost is the address of the MQTT listener (EMBEDDED_MQTT_HOST); default
	// 127.0.0.1. Any other than loopback needs MQTTUsersFile.
	MQTTHost string
	// MQTTUsersFile says who may do what (EMBEDDED_MQTT_USERS_FILE); see
	// [ReadMQTTUsers].
	MQTTUsersFile string
	// MQTTUsername and MQTTPassword, when set, are required of MQTT clients. With
	// a users file they are not used.
	MQTTUsername, MQTTPassword string
	// MQTTTLS are certificate and key of the MQTT listener (EMBEDDED_MQTT_CERT_FILE,
	// EMBEDDED_MQTT_KEY_FILE), which then speaks nothing but TLS; CA is not used.
	MQTTTLS tlsfiles.Files
	// NoSync leaves syncing to a timer (two minutes): what was acknowledged since
	// is lost in a power cut. For tests and benchmarks only; by default every
	// write is on disk before it is acknowledged.
	NoSync bool
	// Logger gets what the server says: its notices as Debug, warnings as Warn,
	// errors as Error. nil discards.
	Logger *slog.Logger
}

// NATS is a NATS server with JetStream, and optionally an MQTT listener, inside
// this process.
//
// MQTT clients and NATS clients live in two accounts that see nothing of each
// other: a message passes from one to the other only through a bridge that
// connects to both. The listener speaks MQTT 3.1.1 and has limits to know:
// no shared subscriptions ($share), no spaces in topics, and a QoS 1 message
// that no session has subscribed to is acknowledged and gone. A persistent
// session keeps its messages until it comes back, for ever if it never does.
// What a client had received and not acknowledged when its connection ended is
// not sent again when it comes back but 30 s after it was sent, behind newer
// messages: nothing is lost, but the order is. [NATS.Resume] mends that for a
// session that asks for it.
//
// With every write synced, the listener takes in more than it hands out: each
// delivery syncs the removal too. It is a broker to begin with; a busy plant
// brings its own.
type NATS struct {
	server    *server.Server
	lock      *DirLock
	log       *slog.Logger
	url       string
	bridge    MQTTAccess
	keeper    string // the password of mqttKeeper
	closeOnce sync.Once
}

// StartNATS starts the server and returns when its streams are recovered and
// its listeners accept connections. Every error is one line that names what to
// change, but for those of Validate, which are all it has found; they wrap ErrLocked or syscall.EADDRINUSE where these are the cause.
func StartNATS(cfg NATSConfig) (*NATS, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MQTTHost == "" {
		cfg.MQTTHost = loopback
	}
	n, err := startNATS(cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded nats: %w", err)
	}
	return n, nil
}

func startNATS(cfg NATSConfig) (_ *NATS, err error) {
	began := time.Now()
	if cfg.Dir == "" {
		return nil, errors.New("no directory given")
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	opts, err := natsOptions(cfg)
	if err != nil {
		return nil, err
	}
	if err := checkNATSPorts(cfg); err != nil {
		return nil, err
	}
	lock, err := lockStreams(opts.StoreDir)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	log := &natsLog{log: cfg.Logger}
	srv.SetLoggerV2(log, false, false, false)

	// Recovers the streams and opens the listeners, then returns; what goes
	// wrong it only tells its log.
	srv.Start()
	err = log.fatalError()
	if err == nil && !srv.ReadyForConnections(readyPatience) {
		err = fmt.Errorf("the server did not open its listeners within %s", readyPatience)
	}
	n := &NATS{server: srv, lock: lock, log: cfg.Logger, keeper: passwordOf(opts, mqttKeeper)}
	if err == nil {
		err = n.readAddresses(cfg, opts)
	}
	if err == nil && cfg.MQTTPort != 0 {
		err = redeliverPending(srv, n.keeper)
	}
	if err != nil {
		n.Close()
		return nil, fmt.Errorf("%s: %w", opts.StoreDir, err)
	}
	n.log.Debug("nats started", "dir", cfg.Dir, "url", n.url, "mqtt_url", n.MQTTURL(),
		"sync_always", opts.SyncAlways, "took", time.Since(began))
	return n, nil
}

func passwordOf(opts *server.Options, user string) string {
	for _, u := range opts.Users {
		if u.Username == user {
			return u.Password
		}
	}
	return ""
}

func checkNATSPorts(cfg NATSConfig) error {
	if cfg.Port == cfg.MQTTPort && cfg.Port > 0 {
		return fmt.Errorf("EMBEDDED_NATS_PORT and EMBEDDED_MQTT_PORT are both %d", cfg.Port)
	}
	if cfg.Port != -1 {
		if err := checkPort(loopback, cfg.Port, "EMBEDDED_NATS_PORT"); err != nil {
			return err
		}
	}
	if cfg.MQTTPort != -1 {
		return checkPort(cfg.MQTTHost, cfg.MQTTPort, "EMBEDDED_MQTT_PORT")
	}
	return nil
}

// lockStreams creates the directory, tries it for reading and writing, and
// claims it: two servers on one JetStream directory would destroy it.
func lockStreams(dir string) (*DirLock, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, "nats.lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	// The server passes over streams it cannot read with a line in its log,
	// which would look like lost events.
	if err := readable(filepath.Join(dir, server.JetStreamStoreDir)); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return lock, nil
}

// readAddresses finds out which ports the server got.
func (n *NATS) readAddresses(cfg NATSConfig, opts *server.Options) error {
	addr, ok := n.server.Addr().(*net.TCPAddr)
	if !ok {
		return errors.New("the server does not listen")
	}
	n.url = "nats://" + net.JoinHostPort(loopback, strconv.Itoa(addr.Port))
	if cfg.MQTTPort == 0 {
		return nil
	}
	status, err := n.server.Varz(nil)
	if err != nil {
		return err
	}
	n.bridge = MQTTAccess{Username: mqttBridge, Password: passwordOf(opts, mqttBridge)}
	scheme := "mqtt://"
	if cfg.MQTTTLS.Any() {
		scheme = "mqtts://"
		if n.bridge.TLS, err = cfg.MQTTTLS.Pinned(); err != nil {
			return err
		}
	}
	n.bridge.URL = scheme + net.JoinHostPort(Reachable(cfg.MQTTHost), strconv.Itoa(status.MQTT.Port))
	return nil
}

// URL is where NATS clients connect, nats://host:port.
func (n *NATS) URL() string { return n.url }

// MQTTURL is where MQTT clients connect, mqtt://host:port, with TLS mqtts://, or ""
// if there is no listener.
func (n *NATS) MQTTURL() string { return n.bridge.URL }

// Close disconnects the clients, writes out the streams' state and returns when
// the server has ended. Clients should have been drained before: they see the
// connection closed. It is idempotent.
func (n *NATS) Close() {
	n.closeOnce.Do(func() {
		began := time.Now()
		n.server.Shutdown()
		n.server.WaitForShutdown()
		if err := n.lock.Unlock(); err != nil {
			n.log.Warn("cannot unlock the streams", "error", err)
		}
		n.log.Debug("nats stopped", "took", time.Since(began))
	})
}

// readable reports the first file or folder under dir that could not be read. A
// dir that does not exist is fine.
func readable(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return f.Close()
	})
}
