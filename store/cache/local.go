package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// localBytes bounds the memory: some 450,000 claims.
	localBytes = 128 << 20
	// entryBytes is what an entry takes beside its text: 200 measured, and what
	// four strings are rounded up by.
	entryBytes = 250
)

// local is a cache in the memory of this process.
type local struct {
	entries *otter.Cache[Key, Holder]
	metrics *metrics
}

func newLocal(ttl time.Duration, reg prometheus.Registerer) (*local, error) {
	entries, err := otter.New(&otter.Options[Key, Holder]{
		MaximumWeight: localBytes,
		Weigher: func(k Key, h Holder) uint32 {
			return uint32(entryBytes + len(k.ScopeKey) + len(k.Canonical) + len(h.PartID) + len(h.Number))
		},
		ExpiryCalculator: otter.ExpiryWriting[Key, Holder](ttl),
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache in memory: %w", err)
	}
	return &local{entries: entries, metrics: newMetrics(reg)}, nil
}

// Taken implements Cache.
func (l *local) Taken(_ context.Context, keys []Key) []*Holder {
	holders := make([]*Holder, len(keys))
	for i, key := range keys {
		if h, ok := l.entries.GetIfPresent(key); ok {
			holders[i] = &h
		}
	}
	l.metrics.count(holders)
	return holders
}

// Add implements Cache.
func (l *local) Add(_ context.Context, entries []Entry) {
	for _, e := range entries {
		l.entries.Set(e.Key, e.Holder)
	}
}

// Forget implements Cache.
func (l *local) Forget(_ context.Context, keys []Key) {
	for _, key := range keys {
		l.entries.Invalidate(key)
	}
}

// State implements Cache: there is no Redis.
func (l *local) State(context.Context) State { return StateDisabled }

// Close implements Cache.
func (l *local) Close() error {
	l.entries.StopAllGoroutines()
	return nil
}
