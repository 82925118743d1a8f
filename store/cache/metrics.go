package cache

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ hits, misses, errors prometheus.Counter }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_cache_hits_total", Help: "Claims the cache knew the holder of.",
		}),
		misses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_cache_misses_total", Help: "Claims the cache did not know, also because Redis was away.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_cache_errors_total", Help: "Calls of Redis that failed, and values in it that can't be read.",
		}),
	}
	reg.MustRegister(m.hits, m.misses)
	return m
}

// withRedis registers what there is for Redis only; state is asked at each scrape.
func (m *metrics) withRedis(reg prometheus.Registerer, state func() breakerState) {
	reg.MustRegister(m.errors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "seriald_cache_breaker_state", Help: "Whether Redis is asked: 0 yes, 1 one call tries it, 2 no.",
	}, func() float64 { return float64(state()) }))
}

// count counts what Taken returns.
func (m *metrics) count(holders []*Holder) {
	hits := 0
	for _, h := range holders {
		if h != nil {
			hits++
		}
	}
	m.hits.Add(float64(hits))
	m.misses.Add(float64(len(holders) - hits))
}
