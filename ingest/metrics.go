package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
)

type metrics struct {
	received  prometheus.Counter
	stored    prometheus.Counter
	repeats   prometheus.Counter
	doubles   prometheus.Counter
	batch     prometheus.Histogram
	retries   prometheus.Counter
	refused   *prometheus.CounterVec
	inFlight  prometheus.GaugeFunc
	connected prometheus.GaugeFunc
}

func newBridgeMetrics(reg prometheus.Registerer, inFlight, connected func() float64) *metrics {
	m := &metrics{
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_bridge_received_total", Help: "Messages received from the MQTT broker.",
		}),
		stored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_bridge_stored_total", Help: "Events stored in JetStream and acknowledged to the broker.",
		}),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_bridge_repeats_total", Help: "Events whose id was published shortly before.",
		}),
		doubles: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_bridge_double_reads_total", Help: "Scans that were dropped because the device had read the same code just before.",
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "seriald_bridge_batch_events", Help: "Messages per publication to JetStream.",
			Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 250, 500},
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_bridge_retries_total", Help: "Publications to JetStream that failed and were tried again.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seriald_bridge_refused_total", Help: "MQTT messages that were refused and became dead letters, by reason.",
		}, []string{"reason"}),
		inFlight: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "seriald_bridge_in_flight", Help: "Messages received and not yet acknowledged to the broker.",
		}, inFlight),
		connected: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "seriald_bridge_connected", Help: "1 if the bridge is connected to the broker and subscribed.",
		}, connected),
	}
	for _, c := range seriald.DeadLetterCodes() {
		m.refused.WithLabelValues(string(c))
	}
	reg.MustRegister(m.received, m.stored, m.repeats, m.doubles, m.batch, m.retries, m.refused, m.inFlight, m.connected)
	return m
}
