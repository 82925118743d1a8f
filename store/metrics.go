package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the ones the deployment guide's alerts name.
type metrics struct {
	duration *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer, pool *pgxpool.Pool) *metrics {
	m := &metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "db_query_duration_seconds",
		Help:    "How long a round trip to the database took, by what was done.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"query"})}
	for _, query := range []string{"read", "claim", "write", "counters", "catalog", "event_outcome", "devices", "dead_letters"} {
		m.duration.WithLabelValues(query)
	}
	reg.MustRegister(m.duration,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "db_pool_active", Help: "Connections to the database in use.",
		}, func() float64 { return float64(pool.Stat().AcquiredConns()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "db_pool_max", Help: "The most connections to the database.",
		}, func() float64 { return float64(pool.Stat().MaxConns()) }))
	return m
}

// observe starts a measurement; the function it returns ends it.
func (m *metrics) observe(query string) func() {
	start := time.Now()
	return func() { m.duration.WithLabelValues(query).Observe(time.Since(start).Seconds()) }
}
