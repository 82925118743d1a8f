package store

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/devices_upsert.sql
	sqlDevicesUpsert string
	//go:embed sql/devices_list.sql
	sqlDevicesList string
	//go:embed sql/devices_count.sql
	sqlDevicesCount string
	//go:embed sql/devices_online.sql
	sqlDevicesOnline string
)

// DeviceRow is what a batch has learned of one device. A device has one row in a
// batch.
type DeviceRow struct {
	Origin seriald.Origin
	// Online is what the latest status in the batch said, at StatusAt. It counts
	// only if the device's row has no later one. A zero StatusAt: no status.
	Online   bool
	StatusAt time.Time
	SeenAt   time.Time // the latest arrival of anything from it
	Events   int64     // with an outcome, to be added
	Refused  int64     // those of Events whose outcome is rejected
}

func (b *Batch) queueDevices(pipe *pgx.Batch, rows []DeviceRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	text := texts(3, n)
	online, statusAt, seenAt := make([]*bool, n), make([]*time.Time, n), make([]time.Time, n)
	events, refused := make([]int64, n), make([]int64, n)
	for i := range rows {
		r := &rows[i]
		text.set(i, r.Origin.Site, r.Origin.Line, r.Origin.Device)
		if !r.StatusAt.IsZero() {
			online[i], statusAt[i] = &r.Online, &r.StatusAt
		}
		seenAt[i], events[i], refused[i] = r.SeenAt, r.Events, r.Refused
	}
	pipe.Queue(sqlDevicesUpsert, text[0], text[1], text[2], online, statusAt, seenAt, events, refused)
}

// Device is what is known of a device, as lists show it.
type Device struct {
	Site       string     `json:"site"`
	Line       string     `json:"line"`
	Device     string     `json:"device"`
	Online     *bool      `json:"online"`   // nil until a status has come
	StatusAt   *time.Time `json:"statusAt"` // when it came; nil until then
	LastSeenAt time.Time  `json:"lastSeenAt"`
	Events     int64      `json:"events"`  // with an outcome
	Refused    int64      `json:"refused"` // those of Events whose outcome is rejected
}

// Origin is where its events come from.
func (d *Device) Origin() seriald.Origin {
	return seriald.Origin{Site: d.Site, Line: d.Line, Device: d.Device}
}

// Devices returns up to limit devices behind after, in the order of site, line and device.
// site "" is all sites.
func (db *DB) Devices(ctx context.Context, site string, after seriald.Origin, limit int) (devices []Device, err error) {
	defer db.metrics.observe("devices")()
	err = db.readPlanned(ctx, "list devices", func(pipe *pgx.Batch) {
		pipe.Queue(sqlDevicesList, site, after.Site, after.Line, after.Device, limit).Query(func(rows pgx.Rows) (err error) {
			devices, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Device])
			return err
		})
	})
	return devices, err
}

// CountDevices returns how many devices there are, of a site or of all, counted up to most.
func (db *DB) CountDevices(ctx context.Context, site string, most int) (int, error) {
	defer db.metrics.observe("devices")()
	return db.count(ctx, "count devices", sqlDevicesCount, site, most)
}

// DevicesOnline returns how many devices were online and how many offline by
// their last status.
func (db *DB) DevicesOnline(ctx context.Context) (online, offline int64, err error) {
	defer db.metrics.observe("devices")()
	err = db.pool.QueryRow(ctx, sqlDevicesOnline).Scan(&online, &offline)
	return online, offline, translate("count devices that are online", err)
}
