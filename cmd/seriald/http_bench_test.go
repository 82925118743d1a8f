package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
)

// benchSerials are in the database before BenchmarkHTTP begins: half of them of one
// part, the others of 500.
const benchSerials = 1_000_000

// fillSerials adds those serials with their claims, units that wait, and triggers.
var fillSerials = []string{
	fmt.Sprintf(`INSERT INTO serials (id, serial_number, part_id, site_id, source, status, format_id, format_version, work_order_id, lot_number,
			operation_code, vendor_name, line, device, attributes, event_id, created_at)
		SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'N-' || i, CASE WHEN i %% 2 = 0 THEN 'PART-001' ELSE 'B-' || i / 2 %% 500 END,
			'plant1', CASE WHEN i %% 4 = 3 THEN 'VENDOR' ELSE 'SYSTEM_GENERATED' END, CASE WHEN i %% 4 = 3 THEN 'ACCEPTED' ELSE 'ACTIVE' END,
			'default', 1, 'WO-' || i / 50, 'LOT-' || i / 100, 'OP-010', CASE WHEN i %% 4 = 3 THEN 'ACME' END, 'line1', 'device-' || i %% 20,
			jsonb_build_object('torque', i %% 1000, 'cell', 'C-' || i %% 700), 'e-' || i, '2026-01-01'::timestamptz + i * interval '10 seconds'
		FROM generate_series(1, %d) AS i`, benchSerials),
	fmt.Sprintf(`INSERT INTO serial_uniqueness_checks (id, scope, scope_key, canonical_number, serial_number, serial_id, part_id, status, event_id, created_at)
		SELECT (lpad(to_hex(i), 8, '0') || '-0000-7000-8001-000000000000')::uuid, 'SITE', 'plant1', 'N-' || i, 'N-' || i,
			('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'PART-001', 'CLAIMED', 'e-' || i, now()
		FROM generate_series(1, %d) AS i`, benchSerials),
	`INSERT INTO late_assignment_placeholders (id, part_id, site_id, status, work_order_id, event_id, created_at)
		SELECT ('01900000-0000-7000-8001-' || lpad(to_hex(i), 12, '0'))::uuid, 'PART-003', 'plant1', 'PENDING', 'WO-' || i / 100, 'p-' || i, now() + i * interval '1 ms'
		FROM generate_series(1, 1000) AS i`,
	"VACUUM ANALYZE serials", "VACUUM ANALYZE serial_uniqueness_checks", "VACUUM ANALYZE late_assignment_placeholders", "CHECKPOINT",
}

// call is a request of a load, and what its answer has to say.
type call struct {
	kind, method, path, body, want string
}

// benchRead is the i-th of a mix of reads.
func benchRead(i int) call {
	const at = "/api/v1/serialization"
	n := i*7919%benchSerials + 1
	get := func(kind, path, want string) call { return call{kind, http.MethodGet, at + path, "", want} }
	switch i % 20 {
	case 0, 1, 2, 3, 4, 5, 6:
		return get("serial", fmt.Sprintf("/serials/01900000-0000-7000-8000-%012x", n), fmt.Sprintf(`"serialNumber":"N-%d"`, n))
	case 7, 8, 9, 10:
		return get("number", fmt.Sprintf("/serials?serialNumber=N-%d", n), fmt.Sprintf(`"serialNumber":"N-%d"`, n))
	case 11:
		return get("list of half", "/serials?partId=PART-001&limit=50", `"totalIsLowerBound":true`)
	case 12, 13:
		return get("list", fmt.Sprintf("/serials?partId=B-%d&limit=50", n%500), `"total":1000`)
	case 14:
		return get("pending", "/late-assignment/pending?partId=PART-003&limit=50", `"total":1000`)
	case 15:
		return get("triggers", "/triggers/part/PART-001", `"triggerType":"OPERATION_COMPLETE"`)
	}
	return call{"check", http.MethodPost, at + "/uniqueness/check", fmt.Sprintf(`{"partId":"PART-001","serialNumber":"N-%d"}`, n), `"hasConflict":true`}
}

// benchWrite is the i-th of a mix of writes.
func benchWrite(i int) call {
	const at = "/api/v1/serialization"
	if i%2 == 0 {
		return call{
			"receive", http.MethodPost, at + "/vendor/receive",
			fmt.Sprintf(`{"vendorSerialNumber":"V-%d-%d","vendorName":"Acme","partId":"PART-002"}`, time.Now().UnixNano(), i), `"status":"PENDING"`,
		}
	}
	return call{"generate", http.MethodPost, at + "/system-generated/generate", `{"partId":"PART-001"}`, `"status":"ACTIVE"`}
}

// BenchmarkHTTP loads a service at rates, with a million serials in the database and
// everything synced: requests are sent when they are due, whether or not those before
// are answered, and their times are taken from then. The generator, in this process,
// shares the machine with the service, NATS, PostgreSQL and Mosquitto.
func BenchmarkHTTP(b *testing.B) {
	dsn := storetest.DSN(b, storetest.Durable)
	conn := storetest.Conn(b, dsn)
	for _, sql := range fillSerials {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
	d := newDaemon(b, "DATABASE_URL="+dsn, "MQTT_URL="+brokertest.Start(b).URL)
	d.start()
	health := func(int) call { return call{"health", http.MethodGet, "/health", "", `"status":"ok"`} }
	const warm, seconds = 3, 10
	for _, bench := range []struct {
		name    string
		rate    int
		request func(i int) call
	}{
		{"reads-1000", 1000, benchRead},
		{"writes-500", 500, benchWrite},
	} {
		b.Run(bench.name, func(b *testing.B) {
			newLoad(b, d.api).send(bench.rate, warm*bench.rate, bench.request)
			for b.Loop() {
				var group sync.WaitGroup
				healthy := newLoad(b, d.api)
				group.Go(func() { healthy.send(100, 100*seconds, health) })
				load := newLoad(b, d.api)
				load.send(bench.rate, bench.rate*seconds, bench.request)
				group.Wait()
				b.ReportMetric(load.percentile("", 50), "p50-ms")
				b.ReportMetric(load.percentile("", 99), "p99-ms")
				b.ReportMetric(healthy.percentile("", 99), "health-p99-ms")
				b.Logf("%s, load average %s", load, loadAverage())
			}
		})
	}
}

// load sends requests and keeps how long they took.
type load struct {
	tb     testing.TB
	url    string
	token  string
	client *http.Client

	mu   sync.Mutex // guards took
	took map[string][]time.Duration
}

func newLoad(tb testing.TB, url string) *load {
	tb.Helper()
	l := &load{
		tb: tb, url: url, token: token(tb, "tester", "admin"), took: map[string][]time.Duration{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}, Timeout: patience},
	}
	tb.Cleanup(l.client.CloseIdleConnections)
	return l
}

// send sends n requests at a rate per second and waits for the last answer.
func (l *load) send(rate, n int, request func(i int) call) {
	var group sync.WaitGroup
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		<-time.After(time.Until(due))
		group.Go(func() { l.one(request(i), due) })
	}
	group.Wait()
}

func (l *load) one(c call, due time.Time) {
	req, err := http.NewRequestWithContext(context.Background(), c.method, l.url+c.path, strings.NewReader(c.body))
	if err != nil {
		l.tb.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	res, err := l.client.Do(req)
	if err != nil {
		l.tb.Error(err)
		return
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	took := time.Since(due)
	if err != nil || !strings.Contains(string(answer), c.want) {
		l.tb.Errorf("%s %s %s: %d %s, %v", c.method, c.path, c.body, res.StatusCode, answer, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[c.kind] = append(l.took[c.kind], took)
}

// percentile is that of the requests of a kind, of all for "", in milliseconds.
func (l *load) percentile(kind string, percent int) float64 {
	all := slices.Clone(l.took[kind])
	if kind == "" {
		for _, some := range l.took {
			all = append(all, some...)
		}
	}
	slices.Sort(all)
	return float64(all[len(all)*percent/100].Microseconds()) / 1000
}

// String says how long each kind took.
func (l *load) String() string {
	var kinds []string
	for kind := range l.took {
		kinds = append(kinds, fmt.Sprintf("%s p50 %.1f p99 %.1f ms", kind, l.percentile(kind, 50), l.percentile(kind, 99)))
	}
	slices.Sort(kinds)
	return strings.Join(kinds, ", ")
}

// loadAverage is what the system says of the last minute.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}
