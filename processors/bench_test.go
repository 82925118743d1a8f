package processors

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// benchEvents are events of one device, as a line makes them.
func benchEvents(n int, prefix string) []*item {
	items := make([]*item, n)
	for i := range items {
		e := &seriald.Event{
			ID: seriald.EventID(fmt.Sprintf("%s-%d", prefix, i)), Type: seriald.TypeOperationComplete,
			Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "scanner1"}, Key: "PART-001",
			Data: fmt.Appendf(nil, `{"id":"%s-%d","partId":"PART-001","operationCode":"OP-010","workOrderId":"WO-%d"}`, prefix, i, i/100),
		}
		items[i] = &item{event: e, taken: taken{stored: time.Now()}}
		items[i].check()
	}
	return items
}

// newProcessor returns a processor without a runner around it.
func newProcessor(tb testing.TB, dsn string) *processor {
	tb.Helper()
	return &processor{
		db:  storetest.Open(tb, dsn),
		cfg: Config{SerialBatchSize: DefaultSerialBatchSize, AuditBatchWriteSize: DefaultAuditBatchWriteSize},
		now: time.Now, log: slog.New(slog.DiscardHandler), metrics: newMetrics(prometheus.NewRegistry()),
	}
}

// BenchmarkCommit compares what it costs to have events committed: in batches,
// one transaction per event, and, as the upper bound, the same rows by plain
// binary COPY, with no decision, no conflict handling and the same commits.
func BenchmarkCommit(b *testing.B) {
	const n = 10_000
	rates := map[string]float64{}
	run := func(name string, size, count int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dsn := storetest.DSN(b, storetest.Durable)
				p := newProcessor(b, dsn)
				items := benchEvents(count, name)
				b.StartTimer()
				start := time.Now()
				for first := 0; first < count; first += size {
					if _, _, err := p.process(context.Background(), items[first:min(first+size, count)]); err != nil {
						b.Fatal(err)
					}
				}
				rates[name] = float64(count) / time.Since(start).Seconds()
				b.StopTimer()
				if size == maxBatch {
					rates["copy-500"] = copyRows(b, dsn, maxBatch)
					rates["copy-5000"] = copyRows(b, dsn, 10*maxBatch)
				}
				b.StartTimer()
			}
			b.ReportMetric(rates[name], "events/s")
			if size == maxBatch {
				b.ReportMetric(rates["copy-500"], "copy-500/s")
				b.ReportMetric(rates["copy-5000"], "copy-5000/s")
				b.ReportMetric(rates[name]/rates["copy-500"], "of-copy-500")
				b.ReportMetric(rates[name]/rates["copy-5000"], "of-copy-5000")
				b.ReportMetric(rates[name]/rates["one-by-one"], "x-one-by-one")
			}
		})
	}
	run("one-by-one", 1, n/5)
	run("batch-100", 100, n)
	run("batch-500", maxBatch, n)
}

// BenchmarkGenerate measures one request for many serials, committed: its rate, and
// what a serial costs beside one of a thousand.
func BenchmarkGenerate(b *testing.B) {
	each := map[int]float64{}
	for _, quantity := range []int{1000, 10_000, seriald.MaxQuantity} {
		b.Run(fmt.Sprint(quantity), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				p := newProcessor(b, storetest.DSN(b, storetest.Durable))
				request := newItem(seriald.TypeSerialGenerate, fmt.Sprintf(`{"partId":"PART-001","quantity":%d}`, quantity))
				warm := newItem(seriald.TypeSerialGenerate, `{"partId":"PART-001"}`)
				warm.event.ID = "warm"
				if _, _, err := p.process(context.Background(), []*item{warm}); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				start := time.Now()
				replies, _, err := p.process(context.Background(), []*item{request})
				if err != nil || len(replies[0].outcome.Serials) != quantity {
					b.Fatalf("%d serials, %v", len(replies[0].outcome.Serials), err)
				}
				each[quantity] = time.Since(start).Seconds() / float64(quantity)
			}
			b.ReportMetric(1/each[quantity], "serials/s")
			if each[1000] > 0 {
				b.ReportMetric(each[quantity]/each[1000], "x-of-1000")
			}
		})
	}
}

// BenchmarkGenerateEndToEnd measures the same from the stream to the last part of
// the serial events: 100,000 serials of one request, everything synced.
func BenchmarkGenerateEndToEnd(b *testing.B) {
	var took time.Duration
	for b.Loop() {
		b.StopTimer()
		r := newRigOn(b, streamtest.Start(b, false), storetest.DSN(b, storetest.Durable))
		r.start(nil)
		r.publish(seriald.TypeSerialGenerate, "warm", `{"partId":"PART-001"}`)
		r.drained()
		b.StartTimer()
		start := time.Now()
		r.publish(seriald.TypeSerialGenerate, "all", fmt.Sprintf(`{"partId":"PART-001","quantity":%d}`, seriald.MaxQuantity))
		r.drained()
		took = time.Since(start)
		b.StopTimer()
		if n := r.count("serials"); n != seriald.MaxQuantity+1 {
			b.Fatalf("%d serials", n)
		}
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(seriald.MaxQuantity/took.Seconds(), "serials/s")
}

// BenchmarkRunner measures from the stream to the acknowledgement, everything
// synced: events that wait in the stream are read, committed, their outcomes and
// serial events published. The naive form does the same event by event.
func BenchmarkRunner(b *testing.B) {
	rates := map[string]float64{}
	for _, form := range []struct {
		name  string
		count int
		batch int
	}{{"one-by-one", 1000, 1}, {"batches", 10_000, maxBatch}} {
		b.Run(form.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r := newRigOn(b, streamtest.Start(b, false), storetest.DSN(b, storetest.Durable))
				items := benchEvents(form.count, form.name)
				msgs := make([]*nats.Msg, len(items))
				for i, it := range items {
					msgs[i] = stream.NewMessage(seriald.EventSubject("plant1", it.event.Type, it.event.Key), "", it.event.Encode())
				}
				if _, err := r.conn.Publish(context.Background(), msgs); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				start := time.Now()
				if form.batch > 1 {
					r.start(nil)
					r.drained()
				} else {
					runNaive(b, r, items)
				}
				rates[form.name] = float64(form.count) / time.Since(start).Seconds()
				b.StopTimer()
				r.stop()
				b.StartTimer()
			}
			b.ReportMetric(rates[form.name], "events/s")
			if form.batch > 1 {
				b.ReportMetric(rates["batches"]/rates["one-by-one"], "x-one-by-one")
			}
		})
	}
}

// runNaive processes as is often done: a transaction, its publications and its
// acknowledgement for each event.
func runNaive(b *testing.B, r *rig, items []*item) {
	b.Helper()
	ctx := context.Background()
	p := newProcessor(b, r.dsn)
	c, err := r.conn.JS.CreateConsumer(ctx, seriald.StreamEvents, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		b.Fatal(err)
	}
	for range items {
		msg, err := c.Next()
		if err != nil {
			b.Fatal(err)
		}
		replies, _, err := p.process(ctx, []*item{decode(taken{msg: msg})})
		if err != nil {
			b.Fatal(err)
		}
		if err := publish(ctx, r.conn, encodeReplies(replies, 100, r.conn.MaxBody())); err != nil {
			b.Fatal(err)
		}
		if err := msg.DoubleAck(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

var copied = []struct{ table, order string }{
	{"processed_events", "processed_at, event_id"},
	{"serial_uniqueness_checks", "id"},
	{"serials", "id"},
	{"audit_events", "id"},
}

// copyRows copies what is in the tables of dsn into a new database by binary
// COPY, read before the clock starts, size events and one COPY per table to a
// transaction, and returns the rate.
func copyRows(b *testing.B, dsn string, size int) float64 {
	b.Helper()
	ctx := context.Background()
	from := storetest.Conn(b, dsn)
	to := storetest.Conn(b, storetest.DSN(b, storetest.Durable))
	events := storetest.Value[int](b, from, "SELECT count(*)::int FROM processed_events")
	var chunks [][][]byte // by transaction, by table
	for first := 0; first < events; first += size {
		var chunk [][]byte
		for _, c := range copied {
			rows := storetest.Value[int](b, from, "SELECT count(*)::int FROM "+c.table+" WHERE event_id IS NOT NULL")
			var buf bytes.Buffer
			sql := fmt.Sprintf("COPY (SELECT * FROM %s WHERE event_id IS NOT NULL ORDER BY %s LIMIT %d OFFSET %d) TO STDOUT (FORMAT binary)",
				c.table, c.order, rows/events*size, rows/events*first)
			if _, err := from.PgConn().CopyTo(ctx, &buf, sql); err != nil {
				b.Fatal(err)
			}
			chunk = append(chunk, buf.Bytes())
		}
		chunks = append(chunks, chunk)
	}
	start := time.Now()
	for _, chunk := range chunks {
		tx, err := to.Begin(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for i, c := range copied {
			if _, err := to.PgConn().CopyFrom(ctx, bytes.NewReader(chunk[i]), "COPY "+c.table+" FROM STDIN (FORMAT binary)"); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(events) / time.Since(start).Seconds()
	if got := storetest.Value[int](b, to, "SELECT count(*)::int FROM processed_events"); got != events {
		b.Fatalf("copied %d of %d events", got, events)
	}
	return rate
}
