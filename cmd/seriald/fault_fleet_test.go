package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/store/storetest"
)

const (
	faultDevices = 6
	// faultRate is what a cell's devices publish together, a second. Two cells,
	// with seven processes each, share two cores.
	faultRate = 240
	// faultWindow is how many events a device has without a PUBACK.
	faultWindow = 100
)

// faultPart is the part, and so the key, of a device.
func faultPart(device int) string { return fmt.Sprintf("PART-F%02d", device) }

// addFaultParts gives each device a part of its own, made here as PART-001 is.
func addFaultParts(t *testing.T, dsn string) {
	t.Helper()
	conn := storetest.Conn(t, dsn)
	for _, sql := range []string{
		`INSERT INTO parts (id, name, part_type, default_format_id)
			SELECT 'PART-F' || lpad(n::text, 2, '0'), 'Fault suite', 'WIDGET', 'default' FROM generate_series(1, 99) AS n`,
		`INSERT INTO serial_assignment_triggers (id, part_id, trigger_type, operation_code, assignment_type)
			SELECT gen_random_uuid(), id, 'OPERATION_COMPLETE', 'OP-010', 'SYSTEM_GENERATED' FROM parts WHERE id LIKE 'PART-F%'`,
	} {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// fleet is the devices of a cell.
type fleet struct {
	devices []*faulttest.Publisher
	rate    int
	end     func() // disconnects all, and waits
}

// newFleet has devices publish, together rate events a second, until the test ends.
func newFleet(t *testing.T, address string, rate int) *fleet {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	f := &fleet{rate: rate, end: func() { cancel(); running.Wait() }}
	t.Cleanup(f.end)
	for n := 1; n <= faultDevices; n++ {
		p := faulttest.NewPublisher(faulttest.PublisherConfig{
			Address: address, Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: fmt.Sprintf("dev%02d", n)},
			PartID: faultPart(n), Rate: float64(rate) / faultDevices, Window: faultWindow,
		})
		f.devices = append(f.devices, p)
		running.Go(func() { p.Run(ctx) })
	}
	return f
}

// answered returns how many events have an outcome.
func (f *fleet) answered() (n int) {
	for _, d := range f.devices {
		n += d.Answered()
	}
	return n
}

// more waits until so many more events have outcomes; false: they did not come.
func (f *fleet) more(outcomes int, within time.Duration) bool {
	before := f.answered()
	return await(within, func() bool { return f.answered() >= before+outcomes })
}

// recovered waits for the outcome of an event that was published after t and
// returns how long after t it came; -1: none came.
func (f *fleet) recovered(t time.Time, within time.Duration) time.Duration {
	took := time.Duration(-1)
	await(within, func() bool {
		for _, d := range f.devices {
			if first, ok := d.AnsweredSince(t); ok && (took < 0 || first.Sub(t) < took) {
				took = first.Sub(t)
			}
		}
		return took >= 0
	})
	return took
}

// settle has no more events made and waits until each has its PUBACK and its
// outcome, but no longer than within: the count tells what is missing.
func (f *fleet) settle(within time.Duration) {
	for _, d := range f.devices {
		d.StopSending()
	}
	await(within, func() bool {
		for _, d := range f.devices {
			if !d.Settled() {
				return false
			}
		}
		return true
	})
}

func (f *fleet) records() (all [][]faulttest.Record) {
	for _, d := range f.devices {
		all = append(all, d.Records())
	}
	return all
}

// await waits until is holds; false: it did not within the time.
func await(within time.Duration, is func() bool) bool {
	for deadline := time.Now().Add(within); !is(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
