package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func holdNATS(out io.Writer, args []string) error {
	n, err := StartNATS(NATSConfig{Dir: args[0], MQTTPort: -1})
	if err != nil {
		return err
	}
	defer n.Close()
	if err := publishKept(context.Background(), n); err != nil {
		return err
	}
	fmt.Fprintln(out, "published")
	return hold()
}

func useNATS(_ io.Writer, args []string) error {
	n, err := StartNATS(NATSConfig{Dir: args[0]})
	if err != nil {
		return err
	}
	n.Close()
	return nil
}

const keptMessages = 50

// publishKept makes a stream and publishes messages that are acknowledged when
// it returns.
func publishKept(ctx context.Context, n *NATS) error {
	return withJetStream(n, func(js jetstream.JetStream) error {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept.>"}})
		if err != nil {
			return err
		}
		for i := range keptMessages {
			if _, err := js.Publish(ctx, "kept."+strconv.Itoa(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func withJetStream(n *NATS, do func(jetstream.JetStream) error) error {
	conn, err := nats.Connect(n.URL())
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	return do(js)
}

func wantKeptMessages(t *testing.T, n *NATS) {
	t.Helper()
	err := withJetStream(n, func(js jetstream.JetStream) error {
		s, err := js.Stream(t.Context(), "KEPT")
		if err != nil {
			return err
		}
		if got := s.CachedInfo().State.Msgs; got != keptMessages {
			return fmt.Errorf("%d messages, want %d", got, keptMessages)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func startNATSFor(t *testing.T, cfg NATSConfig) *NATS {
	t.Helper()
	cfg.Logger = newLog(t, nil)
	n, err := StartNATS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func TestNATSKeepsMessagesOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := startNATSFor(t, NATSConfig{Dir: dir})
	if !n.server.JetStreamConfig().SyncAlways {
		t.Error("the server does not sync every write")
	}
	if n.MQTTURL() != "" {
		t.Errorf("MQTT listens on %s unasked", n.MQTTURL())
	}
	if err := publishKept(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	n.Close()
	n.Close() // idempotent
	wantKeptMessages(t, startNATSFor(t, NATSConfig{Dir: dir}))
}

func TestNATSRecoversAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := startScenario(t, nil, "hold nats", dir)
	if got := holder.line(); got != "published" {
		t.Fatal(got)
	}
	_, err := StartNATS(NATSConfig{Dir: dir})
	wantError(t, err, dir, fmt.Sprintf("in use by process %d", holder.cmd.Process.Pid))
	if !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	holder.kill()
	wantKeptMessages(t, startNATSFor(t, NATSConfig{Dir: dir, MQTTPort: -1}))
}

func TestNATSPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for setting, cfg := range map[string]NATSConfig{
		"EMBEDDED_NATS_PORT": {Dir: t.TempDir(), Port: taken, MQTTPort: -1},
		"EMBEDDED_MQTT_PORT": {Dir: t.TempDir(), MQTTPort: taken},
	} {
		_, err := StartNATS(cfg)
		wantError(t, err, setting, strconv.Itoa(taken), "in use")
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v, want EADDRINUSE", err)
		}
	}
	_, err = StartNATS(NATSConfig{Dir: t.TempDir(), Port: 4222, MQTTPort: 4222})
	wantError(t, err, "EMBEDDED_NATS_PORT", "EMBEDDED_MQTT_PORT", "both 4222")
}

func TestNATSTellsWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := StartNATS(NATSConfig{})
	wantError(t, err, "no directory")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = StartNATS(NATSConfig{Dir: dir})
	wantError(t, err, dir, "not a directory") // the server's own fatal error
}

func TestNATSRefusesStreamsItCannotRead(t *testing.T) {
	t.Parallel()
	as := normalUser(t)
	dir := ownedDir(t, as)
	block := filepath.Join(dir, "jetstream", "SERIALD", "streams", "KEPT", "msgs", "1.blk")
	if err := os.MkdirAll(filepath.Dir(block), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(block, nil, 0o000); err != nil { // root's, so the user cannot change it either
		t.Fatal(err)
	}
	child := startScenario(t, as, "use nats", dir)
	wantError(t, errors.New(child.line()), "embedded nats", block, "permission denied")
}

func TestNATSLogsToSlog(t *testing.T) {
	t.Parallel()
	said := make(chan string, 16)
	l := &natsLog{log: newLog(t, said)}
	l.Noticef("a %d", 1)
	l.Warnf("b")
	l.Errorf("c")
	l.Fatalf("first %s\nmore", "cause")
	l.Fatalf("second")
	close(said)
	var got []string
	for s := range said {
		got = append(got, s)
	}
	want := []string{slog.LevelDebug.String() + " nats server", slog.LevelWarn.String() + " nats server", slog.LevelError.String() + " nats server"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	wantError(t, l.fatalError(), "first cause; more")
}

// A quiet start: nothing in the log for an operator to wonder about.
func TestNATSStartsWithoutAWarning(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1024)
	n, err := StartNATS(NATSConfig{Dir: t.TempDir(), MQTTPort: -1, Logger: newLog(t, said)})
	if err != nil {
		t.Fatal(err)
	}
	client := newMQTT(n, "scanner", nil)
	if err := settled(client.Connect()); err != nil {
		t.Error(err)
	}
	client.Disconnect(uint(time.Second / time.Millisecond))
	n.Close()
	close(said)
	for s := range said {
		if s != "DEBUG nats server" && s != "DEBUG nats started" && s != "DEBUG nats stopped" {
			t.Errorf("said %q", s)
		}
	}
}
