package processors

import (
	"context"
	"time"
)

// measureEvery is how often what the database knows is measured for the gauges.
const measureEvery = 15 * time.Second

// measureAll keeps the gauges of devices and placeholders, as long as ctx lasts. While
// the database is away they stay as they are.
func (r *Runner) measureAll(ctx context.Context) {
	for {
		if err := r.measure(ctx); err != nil {
			r.log.Debug("devices and placeholders not measured", "error", err)
		}
		if !sleep(ctx, measureEvery) {
			return
		}
	}
}

func (r *Runner) measure(ctx context.Context) error {
	bound, cancel := context.WithTimeout(ctx, measureEvery)
	defer cancel()
	online, offline, err := r.processor.db.DevicesOnline(bound)
	if err != nil {
		return err
	}
	r.metrics.devices.WithLabelValues("online").Set(float64(online))
	r.metrics.devices.WithLabelValues("offline").Set(float64(offline))
	waiting, oldest, err := r.processor.db.PlaceholdersWaiting(bound)
	if err != nil {
		return err
	}
	r.metrics.placeholders.Set(float64(waiting))
	r.metrics.oldestPlaceholder.Set(oldest.Seconds())
	return nil
}
