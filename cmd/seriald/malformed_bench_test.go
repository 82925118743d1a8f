package main

import (
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/machshop/seriald/ingest/brokertest"
)

// BenchmarkPipelineMalformed measures what good events, 500 per second of ten
// devices, wait for their outcome: by themselves, among as many malformed messages
// (each is followed by a good one, so that none is spared), and among as many good
// ones, which is what the same load costs anyway. The three take turns, so that
// what else the machine does hits them all; the ratios are what counts.
func BenchmarkPipelineMalformed(b *testing.B) {
	broker := brokertest.Start(b)
	d := newDaemon(b, "MQTT_URL="+broker.URL, "MQTT_SITES=plant1")
	d.start()
	c := dialPaho(b, broker.URL, "pacer")
	if c == nil {
		return
	}
	b.Cleanup(func() { c.Disconnect(250) })
	p := &pacer{tb: b, client: c, results: watchResults(b, broker.URL)}
	p.play(1000, with{}) // warms up

	loads := []struct {
		name string
		with with
	}{{"alone", with{}}, {"among-bad", with{bad: true}}, {"among-good", with{good: true}}}
	const turns, perTurn = 4, 2000
	for b.Loop() {
		waited := make([][]time.Duration, len(loads))
		for range turns {
			for i, load := range loads {
				waited[i] = append(waited[i], p.play(perTurn, load.with)...)
			}
		}
		for _, q := range []struct {
			name  string
			share float64
		}{{"p50", 0.5}, {"p99", 0.99}} {
			alone := quantile(waited[0], q.share)
			b.ReportMetric(float64(alone.Microseconds())/1000, q.name+"-ms")
			for i, load := range loads[1:] {
				b.ReportMetric(float64(quantile(waited[i+1], q.share))/float64(alone), q.name+"-ratio-"+load.name)
			}
		}
	}
}

// with is what goes with each good event.
type with struct{ bad, good bool }

// pacer publishes good events at a steady rate.
type pacer struct {
	tb      testing.TB
	client  mqtt.Client
	results *results
	next    int // number of the next event
}

// play publishes n good events at 500 per second, each just behind another message
// if with says so, and returns how long each waited for its outcome.
func (p *pacer) play(n int, with with) []time.Duration {
	p.tb.Helper()
	const every, devices = 2 * time.Millisecond, 10
	sent := make(map[string]time.Time, n)
	send := func(m message) { p.client.Publish(m.topic, 1, false, m.payload) } // the outcome tells whether it came
	began := time.Now()
	for i := range n {
		// By the clock and not by ticks, of which some are left out under load.
		<-time.After(time.Until(began.Add(time.Duration(i) * every)))
		device := i % devices
		switch {
		case with.bad:
			send(badKinds[p.next%len(badKinds)].message(device, eventID(device, p.next)))
		case with.good:
			send(goodMessage(device, p.next))
			p.next++
		}
		m := goodMessage(device, p.next)
		sent[m.id] = time.Now()
		send(m)
		p.next++
	}
	return p.results.waited(p.tb, sent)
}

// waited returns how long the events that were sent waited for their outcomes.
func (r *results) waited(tb testing.TB, sent map[string]time.Time) []time.Duration {
	tb.Helper()
	waits := make([]time.Duration, 0, len(sent))
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		waits = waits[:0]
		r.mu.Lock()
		for id, at := range sent {
			if told, ok := r.accepted[id]; ok {
				waits = append(waits, told.Sub(at))
			}
		}
		r.mu.Unlock()
		if len(waits) == len(sent) {
			return waits
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%d of %d events have an outcome", len(waits), len(sent))
		}
	}
}

func quantile(waits []time.Duration, share float64) time.Duration {
	slices.Sort(waits)
	return waits[int(share*float64(len(waits)-1))]
}
