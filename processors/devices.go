package processors

import (
	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// split parts a batch into the events, which are decided about, and the statuses,
// which are only noted. Both keep their order.
func split(items []*item) (events, statuses []*item) {
	for i, it := range items {
		if it.isStatus() {
			events = append(events, items[:i]...)
			for _, it := range items[i:] {
				if it.isStatus() {
					statuses = append(statuses, it)
				} else {
					events = append(events, it)
				}
			}
			return events, statuses
		}
	}
	return items, nil
}

// deviceRows sums up what a batch has learned of devices. Repeats are not among
// the decisions, so that an event counts once.
func deviceRows(decisions []*decision, statuses []*item) []store.DeviceRow {
	var rows []store.DeviceRow
	index := map[seriald.Origin]int{}
	row := func(it *item) *store.DeviceRow {
		origin := it.event.Origin
		// Who publishes over NATS need not be a device, and may use any site.
		if origin.Device == "" || !seriald.ValidToken(origin.Site) {
			return nil
		}
		i, known := index[origin]
		if !known {
			i = len(rows)
			index[origin] = i
			rows = append(rows, store.DeviceRow{Origin: origin})
		}
		if it.stored.After(rows[i].SeenAt) {
			rows[i].SeenAt = it.stored
		}
		return &rows[i]
	}
	for _, d := range decisions {
		if r := row(d.item); r != nil {
			r.Events++
			if d.outcome.Status == seriald.StatusRejected {
				r.Refused++
			}
		}
	}
	for _, it := range statuses {
		// What arrived at the same moment counts in its order.
		if r := row(it); r != nil && !it.stored.Before(r.StatusAt) {
			r.Online, r.StatusAt = it.online, it.stored
		}
	}
	return rows
}
