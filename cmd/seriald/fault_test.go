package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// faults chooses the cells: "some" for each run of all tests, "full" for the
// matrix with the power cuts (make faults).
var faults = flag.String("faults", "some", "cells of the fault suite: some or full")

// someCells are one of each kind that differs most.
func someCells() []cell {
	return []cell{
		{target: "seriald", fault: killNine},
		{target: "NATS", fault: cut},
		{target: "PostgreSQL", fault: killNine},
		{target: "broker", fault: blackhole},
	}
}

// allCells are every target with every fault. Mosquitto keeps in memory, between
// snapshots, what it has acknowledged, so a broker that is killed is also the
// embedded listener, which syncs.
func allCells() []cell {
	var all []cell
	for _, target := range []string{"broker", "NATS", "PostgreSQL", "seriald"} {
		for _, f := range []fault{killNine, suspend, cut, blackhole, slow} {
			c := cell{target: target, fault: f}
			if target == "broker" && f.name == killNine.name {
				c.listener = true
				all = append(all, cell{target: target, fault: f, forgetful: true})
			}
			all = append(all, c)
		}
	}
	return all
}

// Whatever breaks, under load: what a device was promised (PUBACK) has one
// outcome and one serial, which the device is told; none is doubled; and the
// events of one key are processed in order.
func TestFaults(t *testing.T) {
	t.Parallel()
	natsBin := buildNATSServer(t)
	cells, cutsOfPower := someCells(), []powerCut(nil)
	switch *faults {
	case "some":
	case "full":
		cells, cutsOfPower = allCells(), allPowerCuts()
	default:
		t.Fatalf("-faults: must be some or full, not %q", *faults)
	}
	results := make([]result, len(cells)+len(cutsOfPower)) // in the order of the cells
	t.Run("cells", func(t *testing.T) {
		for n, c := range cells {
			name := c.target + " " + c.fault.name
			if c.forgetful {
				name += " forgetful"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				results[n] = tryCell(t, natsBin, c)
			})
		}
		for n, c := range cutsOfPower {
			t.Run(fmt.Sprintf("power cut %d", n+1), func(t *testing.T) {
				t.Parallel()
				results[len(cells)+n] = tryPowerCut(t, c)
			})
		}
	})
	t.Logf("\n%s", table(results))
}

// table prints results, in columns.
func table(results []result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "target\tfault\tsent\tPUBACKed\toutcomes\tlost\tstuck\tdoubled\tout of order\tmissing results\trepeats\trecovery\tslowest\t")
	for _, r := range results {
		if r.target == "" {
			continue // it did not get that far, or was not asked for
		}
		recovery := "none"
		if r.recovery >= 0 {
			recovery = seconds(r.recovery)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", r.target, r.fault, r.sent, r.acked, r.answered,
			r.lost, r.stuck, r.doubled, r.disordered, r.missing, r.repeats, recovery, seconds(r.slowest))
	}
	_ = w.Flush() // to memory
	b.WriteString(`
lost: PUBACKed, and without an outcome or a serial. stuck: in the event stream, and without an outcome.
missing results: PUBACKed, and the device was never told. repeats: outcomes marked as duplicate.
recovery: from the end of the fault until an event published after it is answered. slowest: from a publication to its outcome.
broker: Mosquitto; for kill -9 the embedded MQTT listener in a process of its own, since Mosquitto keeps
what it acknowledges in memory between snapshots. The line "kill -9 (Mosquitto)" shows what that loses;
only what is stuck, doubled or out of order would be ours there.
power cut, no sync: the proof that the power cuts would show a loss.
`)
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
