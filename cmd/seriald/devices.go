package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

type devicesCommand struct {
	Site string `help:"Only the devices of this site."`
	JSON bool   `help:"Print a JSON array."`
}

// devicesPage is how many devices are read at a time.
const devicesPage = 500

// Run lists the devices that were seen.
func (c *devicesCommand) Run(ctx context.Context, s *session) error {
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	all := []store.Device{}
	for last := (seriald.Origin{}); ; last = all[len(all)-1].Origin() {
		page, err := db.Devices(ctx, c.Site, last, devicesPage)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if len(page) < devicesPage {
			break
		}
	}
	if c.JSON {
		return printJSON(s, all)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tLINE\tDEVICE\tSTATE\tSINCE\tLAST SEEN\tEVENTS\tREFUSED")
	for _, d := range all {
		state, since := "unknown", "-"
		if d.Online != nil {
			state = "offline"
			if *d.Online {
				state = "online"
			}
		}
		if d.StatusAt != nil {
			since = shownTime(*d.StatusAt)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", d.Site, d.Line, d.Device, state, since, shownTime(d.LastSeenAt), d.Events, d.Refused)
	}
	return w.Flush()
}

// openStore opens the configured database, else the embedded one that runs.
func openStore(s *session) (*store.DB, error) {
	dsn, err := databaseURL(&s.settings)
	if err != nil {
		return nil, err
	}
	return store.Open(s.settings.store(dsn), prometheus.NewRegistry())
}

func printJSON(s *session, v any) error {
	e := json.NewEncoder(s.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// shownTime is a time as tables show it: UTC, to the second.
func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
