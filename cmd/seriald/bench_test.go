package main

import (
	"context"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald/ingest/brokertest"
)

// BenchmarkPipeline measures the whole way, MQTT in to result on MQTT, with a
// real Mosquitto and everything synced. The generator is a process of its own;
// all of them share the machine.
func BenchmarkPipeline(b *testing.B) {
	for _, bench := range []struct {
		name string
		args []string
	}{
		{"rate-1000", []string{"--rate", "1000", "--duration", "10s"}},
		{"flat-out", []string{"--rate", "0", "--count", "100000", "--duration", "0s"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			broker := brokertest.Start(b)
			d := newDaemon(b, "MQTT_URL="+broker.URL)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan int, 1)
			go func() { ended <- run(ctx, []string{"run"}, d.env, strings.NewReader(""), io.Discard, os.Stderr) }()
			d.waitReady()
			for b.Loop() {
				out, stderr, code := d.call(append([]string{"simulate", "--devices", "20"}, bench.args...)...)
				if code != 0 {
					b.Fatalf("simulate: %s%s", out, stderr)
				}
				reportSummary(b, out)
			}
			cancel()
			if code := <-ended; code != 0 {
				b.Errorf("exit %d", code)
			}
		})
	}
}

var (
	ratePattern    = regexp.MustCompile(`([\d,]+) events/s`)
	latencyPattern = regexp.MustCompile(`p50 (\S+) +p95 \S+ +p99 (\S+)`)
)

// reportSummary makes metrics of what the generator printed.
func reportSummary(b *testing.B, out string) {
	b.Helper()
	rate, latency := ratePattern.FindStringSubmatch(out), latencyPattern.FindStringSubmatch(out)
	if rate == nil || latency == nil {
		b.Fatalf("no figures in\n%s", out)
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(rate[1], ",", ""), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(v, "events/s")
	for i, unit := range []string{"p50-ms", "p99-ms"} {
		d, err := time.ParseDuration(latency[i+1])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(d.Microseconds())/1000, unit)
	}
}
