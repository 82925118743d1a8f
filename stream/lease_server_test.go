package stream_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

var quiet = slog.New(slog.DiscardHandler)

// eachServer runs a test with the newest server and with an old one.
func eachServer(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		test(t, streamtest.Start(t, true))
	})
	t.Run("old", func(t *testing.T) {
		t.Parallel()
		test(t, streamtest.StartOld(t).URL)
	})
}

// connect opens a connection that has no streams.
func connectTo(t *testing.T, url string) *stream.Conn {
	t.Helper()
	conn, err := stream.Connect(streamtest.Config(url), t.Name(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// holding holds l in the background until stop.
func holding(t *testing.T, l *stream.Lease) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- l.Hold(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Hold: %v", err)
		}
	}
}

// until waits for a condition and returns how long that took.
func until(t *testing.T, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%s does not come about", what)
		}
		<-time.After(time.Millisecond)
	}
	return time.Since(began)
}

func TestLeaseOnAServer(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := connectTo(t, url), connectTo(t, url)
		first, second := a.Lease("test", "", quiet), b.Lease("test", "", quiet)
		stopFirst := holding(t, first)
		until(t, "the first holds it", first.Held)
		stopSecond := holding(t, second)
		until(t, "the second stands by", second.Standby)

		// In order: at once.
		stopFirst()
		if took := until(t, "the second holds it", second.Held); took > time.Second {
			t.Errorf("taken over %s after it was released", took)
		}
		stopFirst = holding(t, first)
		defer stopFirst()
		until(t, "the first stands by", first.Standby)

		// The second's process is as good as dead: nothing of it arrives any more.
		b.Close()
		until(t, "the second has lost it", func() bool { return !second.Held() })
		if first.Held() {
			t.Error("two held the lease")
		}
		until(t, "the first holds it", first.Held)
		stopSecond()

		third := a.Lease("test", "", quiet)
		stopThird := holding(t, third)
		defer stopThird()
		until(t, "the third stands by", third.Standby)
		// Somebody cleans up too much.
		if err := a.JS.DeleteKeyValue(context.Background(), "MACHSHOP_LEASES"); err != nil {
			t.Fatal(err)
		}
		until(t, "one holds it again", func() bool { return first.Held() != third.Held() })
	})
}

func TestLeaseIsLostWithoutNATS(t *testing.T) {
	t.Parallel()
	server := streamtest.StartOld(t)
	l := connectTo(t, server.URL).Lease("test", "", quiet)
	stop := holding(t, l)
	defer stop()
	until(t, "it is held", l.Held)
	server.Kill()
	if took := until(t, "it is lost", func() bool { return !l.Held() }); took > 5*time.Second {
		t.Errorf("lost %s after NATS went away", took)
	}
	server.Restart()
	until(t, "it is held again", l.Held)
}
