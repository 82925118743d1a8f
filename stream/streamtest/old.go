package streamtest

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald/proctest"
)

// startTimeout bounds the start on a loaded machine.
const startTimeout = 15 * time.Second

// Old is the nats-server that the system's packages have, as a process: Debian
// 12's is 2.9.10, which knows neither atomic batches nor pinned consumers.
type Old struct {
	*proctest.Program
	// URL of the server; it stays the same when the server is started again.
	URL string
	// Dir is its store_dir.
	Dir string

	tb testing.TB
}

// StartOld starts such a server; it ends with the test.
func StartOld(tb testing.TB) *Old {
	tb.Helper()
	dir, port := tb.TempDir(), proctest.FreePort(tb)
	cmd := exec.CommandContext(context.Background(), proctest.Binary(tb, "nats-server"),
		"-a", "127.0.0.1", "-p", fmt.Sprint(port), "-js", "-sd", dir)
	p := proctest.Start(tb, port, cmd)
	o := &Old{Program: p, URL: "nats://" + p.Address, Dir: dir, tb: tb}
	o.awaitJetStream()
	return o
}

// Restart starts the server after Kill or Stop, on the same port and directory.
func (o *Old) Restart() {
	o.tb.Helper()
	o.Program.Restart()
	o.awaitJetStream()
}

// awaitJetStream waits until JetStream is there: later than the port.
func (o *Old) awaitJetStream() {
	o.tb.Helper()
	for deadline := time.Now().Add(startTimeout); !answers(o.URL); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.tb.Fatalf("nats-server does not answer:\n%s", o.Output())
		}
	}
}

func answers(url string) bool {
	nc, err := nats.Connect(url)
	if err != nil {
		return false
	}
	defer nc.Close()
	_, err = nc.Request("$JS.API.INFO", nil, time.Second)
	return err == nil
}
