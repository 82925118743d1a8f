package stream_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// A confirmation that was under way when the connection ended does not come: who
// waits for it is told at once, and not when the time for it is over.
func TestPublishEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	n, err := embedded.StartNATS(embedded.NATSConfig{Dir: t.TempDir(), Port: -1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	conn, err := stream.Connect(streamtest.Config(n.URL()), "publisher", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := conn.Ready(ctx, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	// A subject of no stream: who listens takes the request and never answers.
	taken := make(chan struct{}, 1)
	if _, err := conn.NATS.Subscribe("nobody.answers", func(*nats.Msg) { taken <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := conn.Publish(ctx, []*nats.Msg{stream.NewMessage("nobody.answers", "", nil)})
		ended <- err
	}()
	<-taken
	n.Close()
	if err := <-ended; err == nil || time.Since(began) > 8*time.Second {
		t.Errorf("error %v after %s", err, time.Since(began))
	}
}
