package simulate

import (
	"testing"
	"time"

	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/ingest/brokertest"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// broker is a Mosquitto of its own for a test.
type broker struct{ *brokertest.Broker }

func startBroker(tb testing.TB) *broker {
	tb.Helper()
	return &broker{brokertest.Start(tb)}
}

// newBroker makes a broker that is not running.
func newBroker(tb testing.TB) *broker {
	tb.Helper()
	b := startBroker(tb)
	b.Stop()
	return b
}

// start returns when the broker listens.
func (b *broker) start() { b.Restart() }

// stop ends the broker, which writes down what it keeps.
func (b *broker) stop() { b.Stop() }

func (b *broker) url() string { return b.URL }

func (b *broker) ingest() ingest.Config { return ingest.Config{URL: b.URL} }
