package processors

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
)

type metrics struct {
	events      *prometheus.CounterVec
	repeats     prometheus.Counter
	serials     prometheus.Counter
	batch       prometheus.Histogram
	age         prometheus.Histogram
	retries     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seriald_events_processed_total", Help: "Events whose outcome was committed, by type and status.",
		}, []string{"type", "status"}),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_events_repeated_total", Help: "Events answered from the inbox.",
		}),
		serials: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_serials_created_total", Help: "Serials that were committed.",
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "seriald_batch_events", Help: "Events per transaction.",
			Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 250, 500},
		}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "seriald_event_age_seconds", Help: "Time from the event's arrival in the stream to its commit.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120, 600, 3600},
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seriald_batch_retries_total", Help: "Batches that were run again, by why.",
		}, []string{"reason"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seriald_processor_dead_letters_total", Help: "Events of the stream that could not be understood or processed, by reason.",
		}, []string{"reason"}),
	}
	for _, t := range seriald.EventTypes() {
		for _, s := range []seriald.Status{seriald.StatusAccepted, seriald.StatusRejected, seriald.StatusConflict, seriald.StatusIgnored} {
			m.events.WithLabelValues(string(t), string(s))
		}
	}
	for _, r := range []string{retryRepeat, retryUnavailable, retrySplit, retryPublish} {
		m.retries.WithLabelValues(r)
	}
	reg.MustRegister(m.events, m.repeats, m.serials, m.batch, m.age, m.retries, m.deadLetters)
	return m
}

// Why a batch was run again.
const (
	retryRepeat      = "repeat"      // another process was faster
	retryUnavailable = "unavailable" // the database was away
	retrySplit       = "split"       // an event in it can't be processed
	retryPublish     = "publish"     // NATS was away
)

func (m *metrics) committed(decisions []*decision, now time.Time) {
	m.batch.Observe(float64(len(decisions)))
	for _, d := range decisions {
		m.events.WithLabelValues(string(d.item.event.Type), string(d.outcome.Status)).Inc()
		m.serials.Add(float64(len(d.serials)))
		m.age.Observe(now.Sub(d.item.stored).Seconds())
	}
}
