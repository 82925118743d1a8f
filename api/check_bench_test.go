package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/machshop/seriald/store/storetest"
)

// fillClaims adds claims of numbers of PART-001, in both of its scopes, by a serial each.
const fillClaims = `
	INSERT INTO serial_uniqueness_checks (id, scope, scope_key, canonical_number, serial_number, serial_id, part_id, status, event_id, created_at)
	SELECT (lpad(to_hex(i), 8, '0') || '-0000-7000-800' || k || '-000000000000')::uuid, s.scope, s.key, 'N-' || i, 'N-' || i,
		(lpad(to_hex(i), 8, '0') || '-0000-7000-8009-000000000000')::uuid, 'PART-001', 'CLAIMED', 'e-' || i, now()
	FROM generate_series($1::int, $2::int) AS i, (VALUES ('SITE', 'plant1', 1), ('PART_TYPE', 'WIDGET', 2)) AS s (scope, key, k)`

// BenchmarkCheck asks at 1,000 a second whether a number is taken, in tables of ten
// thousand to five million claims: of numbers that are free, and of those that are not.
func BenchmarkCheck(b *testing.B) {
	const rate, seconds = 1000, 5
	dsn := storetest.DSN(b, storetest.Fast)
	conn, db := storetest.Conn(b, dsn), storetest.Open(b, dsn)
	filled := 0
	for _, claims := range []int{10_000, 500_000, 5_000_000} {
		if _, err := conn.Exec(context.Background(), fillClaims, filled+1, claims/2); err != nil {
			b.Fatal(err)
		}
		for _, sql := range []string{"VACUUM ANALYZE serial_uniqueness_checks", "CHECKPOINT"} {
			if _, err := conn.Exec(context.Background(), sql); err != nil {
				b.Fatal(err)
			}
		}
		filled = claims / 2
		deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
		deps.Database = db
		url := serve(b, Config{Host: "127.0.0.1"}, deps) + "/api/v1/serialization/uniqueness/check"
		for _, kind := range []string{"free", "taken"} {
			b.Run(fmt.Sprintf("claims=%d/%s", claims, kind), func(b *testing.B) {
				request := func(i int) (body, want string) {
					number, want := fmt.Sprintf("N-%d", i*(filled/(rate*seconds))%filled+1), `"hasConflict":true`
					if kind == "free" {
						number, want = "FREE-"+number, `"hasConflict":false`
					}
					return fmt.Sprintf(`{"partId":"PART-001","serialNumber":%q}`, number), want
				}
				ask(b, url, rate, 2*rate, request) // connections are made, plans and pages read
				for b.Loop() {
					latencies := ask(b, url, rate, rate*seconds, request)
					slices.Sort(latencies)
					b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
				}
			})
		}
	}
}

// ask sends n requests at a rate, whether or not those before are answered, and returns
// how long each took from when it was due.
func ask(b *testing.B, url string, rate, n int, request func(i int) (body, want string)) []time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	latencies := make([]time.Duration, n)
	var group sync.WaitGroup
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		<-time.After(time.Until(due))
		group.Go(func() {
			body, want := request(i)
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer viewer")
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = res.Body.Close() }()
			answer, err := io.ReadAll(res.Body)
			if err != nil || !strings.Contains(string(answer), want) {
				b.Errorf("%s: %s, %v", body, answer, err)
			}
			latencies[i] = time.Since(due)
		})
	}
	group.Wait()
	return latencies
}
