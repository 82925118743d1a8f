package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// BenchmarkBridge measures Mosquitto to JetStream: the bridge with everything
// synced, its naive form (one synced publication per message, then its PUBACK),
// and the bridge without any sync, as the upper bound. What waits at the broker
// is published before the clock starts.
func BenchmarkBridge(b *testing.B) {
	const n = 20_000
	rates := map[string]float64{}
	for _, form := range []struct {
		name   string
		noSync bool
		count  int
		run    func(context.Context, *Bridge) error
	}{
		{"message-by-message", false, n / 5, runNaive},
		{"batches", false, n, func(ctx context.Context, b *Bridge) error { return b.Run(ctx) }},
		{"batches-no-sync", true, n, func(ctx context.Context, b *Bridge) error { return b.Run(ctx) }},
	} {
		b.Run(form.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				broker := brokertest.Start(b)
				conn := streamtest.Connect(b, streamtest.Start(b, form.noSync))
				bridge := NewBridge(testConfig(broker.URL), conn, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
				fillSession(b, broker.URL, form.count)
				b.StartTimer()
				start := time.Now()
				stop := runUntil(b, func(ctx context.Context) error { return form.run(ctx, bridge) }, func() {})
				waitFor(b, "all stored", func() bool { return stored(b, conn) >= form.count })
				rates[form.name] = float64(form.count) / time.Since(start).Seconds()
				b.StopTimer()
				stop()
				b.StartTimer()
			}
			b.ReportMetric(rates[form.name], "messages/s")
			switch form.name {
			case "batches":
				b.ReportMetric(rates["batches"]/rates["message-by-message"], "x-message-by-message")
			case "batches-no-sync":
				b.ReportMetric(rates["batches"]/rates["batches-no-sync"], "synced/unsynced")
			}
		})
	}
}

// fillSession makes the bridge's session at the broker and publishes n events
// for it.
func fillSession(b *testing.B, url string, n int) {
	b.Helper()
	session := device(b, url, DefaultClientID)
	if err := subscribe(context.Background(), session, bridgeFilters(b)...); err != nil {
		b.Fatal(err)
	}
	session.Disconnect(100)
	d := device(b, url, "d1")
	tokens := make([]mqtt.Token, 0, n)
	for i := range n {
		payload := fmt.Sprintf(`{"id":"bench-%d-%d","partId":"PART-001","operationCode":"OP-010","workOrderId":"WO-1","lotNumber":"LOT-%d"}`,
			time.Now().UnixNano(), i, i/100)
		tokens = append(tokens, d.Publish(topicD1, 1, false, payload))
		if len(tokens) > 500 {
			tokens[len(tokens)-500].Wait()
		}
	}
	for _, t := range tokens {
		t.Wait()
	}
	d.Disconnect(100)
}

func stored(b *testing.B, conn *stream.Conn) int {
	b.Helper()
	s, err := conn.JS.Stream(context.Background(), seriald.StreamEvents)
	if err != nil {
		b.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// runNaive is a bridge as it is often written: each message by itself.
func runNaive(ctx context.Context, b *Bridge) error {
	s := newSession(b)
	client := mqtt.NewClient(s.options().SetAutoReconnect(true).SetConnectRetry(true))
	client.Connect()
	defer client.Disconnect(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-s.inbox:
			for _, event := range b.prepare([]mqtt.Message{m}).events {
				if _, err := b.conn.JS.PublishMsg(ctx, event); err != nil {
					return nil // ctx ended
				}
			}
			m.Ack()
			s.room.Release(cost(m))
		}
	}
}

// bridgeFilters are the topic filters of a bridge without routes.
func bridgeFilters(tb testing.TB) []string {
	tb.Helper()
	r, err := testConfig("mqtt://unused").Router()
	if err != nil {
		tb.Fatal(err)
	}
	return r.Filters()
}
