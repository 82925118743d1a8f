package ingest

import (
	"hash/maphash"
	"time"

	"github.com/machshop/seriald"
)

const (
	minDeviceRate  = 0.01
	maxDeviceRate  = 1_000_000
	maxDeviceBurst = 1_000_000
	// maxLimitedDevices bounds the memory of devices, to some megabytes; past it,
	// the ones that were quiet longest start afresh.
	maxLimitedDevices = 1 << 16
)

// rateLimiter bounds how many messages per second are taken of each device: a
// token bucket that holds burst tokens and gains rate of them per second. A
// device that has been quiet until its bucket is full again is forgotten, which
// changes nothing. It is not safe for concurrent use.
type rateLimiter struct {
	rate  float64 // 0: no limit
	burst float64
	seed  maphash.Seed
	// Hashes: two devices that share one share a bucket, once in a million years.
	buckets generations[uint64, bucket]
	start   time.Time
}

type bucket struct {
	tokens float64
	at     time.Duration // since start
}

// newRateLimiter returns a limiter of rate messages per second; 0 limits nothing.
func newRateLimiter(rate float64, burst int) *rateLimiter {
	l := &rateLimiter{rate: rate, burst: float64(burst), seed: maphash.MakeSeed()}
	if rate > 0 {
		// Until an empty bucket is full.
		l.buckets = generations[uint64, bucket]{period: time.Duration(l.burst / rate * float64(time.Second)), most: maxLimitedDevices}
	}
	return l
}

// allow reports whether a message that o published at now is within the limit,
// and takes a token if it is.
func (l *rateLimiter) allow(o seriald.Origin, now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	if l.start.IsZero() {
		l.start = now
	}
	l.buckets.age(now)
	key, at := maphash.Comparable(l.seed, o), now.Sub(l.start)
	b, ok := l.buckets.get(key)
	if !ok {
		b = bucket{l.burst, at}
	}
	b.tokens = min(l.burst, b.tokens+l.rate*max(0, at-b.at).Seconds())
	b.at = at
	allowed := b.tokens >= 1
	if allowed {
		b.tokens--
	}
	l.buckets.put(key, b)
	return allowed
}

// limited is the refusal of a message that was not allowed.
func (l *rateLimiter) limited() *seriald.Rejection {
	return seriald.Reject(seriald.CodeRateLimited, "", "the device sends more than %v events per second: sent as a dead letter, which can be replayed", l.rate)
}
