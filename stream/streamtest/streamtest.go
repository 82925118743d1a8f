// Package streamtest gives tests a NATS server in process, with all streams.
package streamtest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/stream"
)

// Start starts a server that ends with the test and returns its URL. It syncs
// like the embedded one unless noSync is set.
func Start(tb testing.TB, noSync bool) string {
	tb.Helper()
	n, err := embedded.StartNATS(embedded.NATSConfig{
		Dir: tb.TempDir(), Port: -1, NoSync: noSync, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatalf("NATS for tests: %v", err)
	}
	tb.Cleanup(n.Close)
	return n.URL()
}

// Config returns a configuration for the server at url with the defaults.
func Config(url string) stream.Config {
	return stream.Config{
		URL: url, Replicas: stream.DefaultReplicas, EventsMaxBytes: 1 << 30, EventsKeep: stream.DefaultEventsKeep,
	}
}

// Connect returns a connection to url, ready to use, closed when the test ends.
func Connect(tb testing.TB, url string) *stream.Conn {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	conn, err := stream.Connect(Config(url), tb.Name(), log)
	if err != nil {
		tb.Fatalf("connect to NATS: %v", err)
	}
	tb.Cleanup(conn.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := conn.Ready(ctx, log); err != nil {
		tb.Fatal(err)
	}
	return conn
}
