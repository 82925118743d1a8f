package processors

import (
	"sync"
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
	devices     *prometheus.GaugeVec
	deadLetters *prometheus.CounterVec
	nearlyUsed  prometheus.Gauge
	// placeholders that wait, and the age of the oldest
	placeholders, oldestPlaceholder prometheus.Gauge

	mu   sync.Mutex           // guards near
	near map[nearKey]struct{} // the counters that are nearly used up
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
			Name: "seriald_batch_events", Help: "Events and statuses per transaction.",
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
			Name: "seriald_dead_letters_total", Help: "Messages that could not be understood or processed and are kept in the database, by reason.",
		}, []string{"reason"}),
		nearlyUsed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "seriald_counters_nearly_exhausted", Help: "Counters of formats of which 80 % is used, among those that this process took from: a reset starts them again, else the format needs more characters.",
		}),
		near: map[nearKey]struct{}{},
		placeholders: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "seriald_placeholders_pending", Help: "Units that wait for their numbers. All processes report the same.",
		}),
		oldestPlaceholder: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "seriald_placeholder_oldest_pending_seconds", Help: "How long the oldest of them has waited; 0 if none does.",
		}),
		devices: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "seriald_devices", Help: "Devices by their last status. All processes report the same.",
		}, []string{"state"}),
	}
	for _, t := range seriald.EventTypes() {
		for _, s := range []seriald.Status{seriald.StatusAccepted, seriald.StatusRejected, seriald.StatusConflict, seriald.StatusIgnored} {
			m.events.WithLabelValues(string(t), string(s))
		}
	}
	for _, r := range []string{retryRepeat, retryUnavailable, retrySplit, retryPublish} {
		m.retries.WithLabelValues(r)
	}
	for _, r := range seriald.DeadLetterCodes() {
		m.deadLetters.WithLabelValues(string(r))
	}
	m.deadLetters.WithLabelValues(reasonOther)
	for _, state := range []string{"online", "offline"} {
		m.devices.WithLabelValues(state)
	}
	reg.MustRegister(m.events, m.repeats, m.serials, m.batch, m.age, m.retries, m.deadLetters, m.nearlyUsed, m.devices,
		m.placeholders, m.oldestPlaceholder)
	return m
}

// Why a batch was run again.
const (
	retryRepeat      = "repeat"      // another process was faster
	retryUnavailable = "unavailable" // the database was away
	retrySplit       = "split"       // an event in it can't be processed
	retryPublish     = "publish"     // NATS was away
)

// nearKey is a counter, whatever the period.
type nearKey struct{ format, scope string }

// counter notes how much of a run's counter is taken; it warns of one that comes to
// its end.
func (m *metrics) counter(r *run, taken int64) {
	room := r.pattern.Room(r.format.Start, r.format.Increment)
	if room == 0 {
		return
	}
	key := nearKey{r.counter.FormatID, r.counter.Scope}
	m.mu.Lock()
	defer m.mu.Unlock()
	if float64(taken) >= nearlyExhausted*float64(room) {
		m.near[key] = struct{}{}
	} else {
		delete(m.near, key)
	}
	m.nearlyUsed.Set(float64(len(m.near)))
}

// nearlyExhausted is the part of a counter from which on there is a warning.
const nearlyExhausted = 0.8

// committed counts a batch of decisions and a number of statuses.
func (m *metrics) committed(decisions []*decision, statuses int, now time.Time) {
	m.batch.Observe(float64(len(decisions) + statuses))
	for _, d := range decisions {
		m.events.WithLabelValues(string(d.item.event.Type), string(d.outcome.Status)).Inc()
		m.serials.Add(float64(len(d.serials)))
		m.age.Observe(now.Sub(d.item.stored).Seconds())
	}
}
