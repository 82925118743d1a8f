package ingest

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkDecode measures a plain event, as most are.
func BenchmarkDecode(b *testing.B) {
	payload := []byte(`{"id":"bench-1764041002-17","partId":"PART-001","operationCode":"OP-010","workOrderId":"WO-1","lotNumber":"LOT-7"}`)
	r := testRouter(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Decode(operationTopic, payload, testNow, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDebounce measures a read that is new, beside many.
func BenchmarkDebounce(b *testing.B) {
	d := newDebouncer()
	codes := make([]string, 1<<12)
	for i := range codes {
		codes[i] = fmt.Sprint("SN-", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.seen(testOrigin, codes[i%len(codes)], DefaultScanDebounce, noon.Add(time.Duration(i)*time.Millisecond))
	}
}

// BenchmarkDecodeScan measures a scan by the built-in topic.
func BenchmarkDecodeScan(b *testing.B) {
	r := testRouter(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Decode("machshop/plant1/line1/reader1/scan", []byte("SN-000001\r\n"), testNow, made); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRouterMatch measures the choice of a route, beside many configured.
func BenchmarkRouterMatch(b *testing.B) {
	var routes []Route
	for i := range 500 {
		routes = append(routes, at(fmt.Sprintf("machshop/plant1/line1/reader%d/scan", i+2), DecoderScan))
	}
	r := testRouter(b, routes...)
	b.ReportAllocs()
	for b.Loop() {
		var room [16]string
		if r.routes.find(appendLevels(room[:0], operationTopic), true) == nil {
			b.Fatal("no route")
		}
	}
}
