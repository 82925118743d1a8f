package cache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/machshop/seriald/store/cache"
)

// BenchmarkTaken asks for claims of which every second is known.
func BenchmarkTaken(b *testing.B) {
	for _, where := range []string{"memory", "redis"} {
		b.Run(where, func(b *testing.B) {
			s := inMemory(b, time.Hour)
			if where == "redis" {
				s = overRedis(b, time.Hour, cache.OperationTimeout, time.Now)
			}
			const all = 10_000
			var keys []cache.Key
			var entries []cache.Entry
			for i := range all {
				keys = append(keys, key(fmt.Sprintf("SN-%08d", i)))
				if i%2 == 0 {
					entries = append(entries, cache.Entry{Key: keys[i], Holder: *holder(byte(i))})
				}
			}
			s.Add(b.Context(), entries)
			for _, n := range []int{1, 100} {
				b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						s.Taken(b.Context(), keys[i:i+n])
						i = (i + n) % (all - n)
					}
					b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "claims/s")
				})
			}
		})
	}
}
