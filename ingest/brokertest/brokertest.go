// Package brokertest starts a real Mosquitto for tests, with the settings that
// deploy/mosquitto.conf recommends.
package brokertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/machshop/seriald/proctest"
)

// Broker is a Mosquitto on a port of its own, with persistence: after Kill it
// comes back with what it had saved, after Stop with all that it had.
type Broker struct {
	*proctest.Program
	// URL of the broker; it stays the same when the broker is started again.
	URL string
}

// Start starts a broker that ends with the test. Each of settings is one more line
// of its configuration, which wins over what Start sets: with `allow_anonymous
// false`, say, nobody connects without a user name.
func Start(tb testing.TB, settings ...string) *Broker {
	tb.Helper()
	dir, err := os.MkdirTemp("", "seriald-mosquitto-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := proctest.FreePort(tb)
	text := fmt.Sprintf(`listener %d 127.0.0.1
allow_anonymous true
persistence true
persistence_location %s/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 2000
set_tcp_nodelay true
log_type error
`, port, dir) + strings.Join(append(settings, ""), "\n")
	if os.Geteuid() == 0 {
		text += "user root\n" // else it drops to a user who can't write to dir
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), proctest.Binary(tb, "mosquitto"), "-c", conf)
	p := proctest.Start(tb, port, cmd)
	return &Broker{Program: p, URL: "mqtt://" + p.Address}
}
