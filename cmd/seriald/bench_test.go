package main

import (
	"context"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

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
		{"flat-out", []string{"--rate", "0", "--count", "100000", "--duration", "0s", "--window", "200"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			broker := brokertest.Start(b)
			d := newDaemon(b, "MQTT_URL="+broker.URL)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan int, 1)
			go func() { ended <- run(ctx, []string{"run"}, d.env, io.Discard, os.Stderr) }()
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

var summaryFields = map[string]*regexp.Regexp{
	"events/s": regexp.MustCompile(`([\d,]+) events/s`),
	"p50-ms":   regexp.MustCompile(`p50 ([\d.]+ms)`),
	"p99-ms":   regexp.MustCompile(`p99 ([\d.]+ms)`),
}

// reportSummary makes metrics of what the generator printed.
func reportSummary(b *testing.B, out string) {
	b.Helper()
	for unit, re := range summaryFields {
		m := re.FindStringSubmatch(out)
		if m == nil {
			b.Fatalf("no %s in\n%s", unit, out)
		}
		v, err := strconv.ParseFloat(strings.TrimSuffix(strings.ReplaceAll(m[1], ",", ""), "ms"), 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(v, unit)
	}
}
