package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/simulate"
)

type sendCommand struct {
	Type    string        `arg:"" help:"Event type, as operation_complete."`
	Fields  []string      `arg:"" optional:"" help:"Fields of the event: field=value, or field:=JSON."`
	Site    string        `help:"Site of the sending device." default:"plant1"`
	Line    string        `help:"Line of the sending device." default:"line1"`
	Device  string        `help:"Name of the sending device." default:"cli"`
	Timeout time.Duration `help:"How long to wait for the outcome." default:"10s"`
}

// Run publishes one event and prints its outcome. An outcome other than accepted
// or ignored is a failure.
func (c *sendCommand) Run(ctx context.Context, s *session) error {
	origin := seriald.Origin{Site: c.Site, Line: c.Line, Device: c.Device}
	for name, v := range map[string]string{"site": c.Site, "line": c.Line, "device": c.Device} {
		if !seriald.ValidToken(v) {
			return usageError{fmt.Errorf("--%s: %q must be 1 to 64 of A-Z a-z 0-9 _ -", name, v)}
		}
	}
	fields, err := simulate.ParseFields(c.Fields)
	if err != nil {
		return usageError{err}
	}
	outcome, err := simulate.Send(ctx, s.settings.broker(), origin, seriald.EventType(c.Type), fields, c.Timeout)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.stdout, "%s\n", outcome); err != nil {
		return err
	}
	if strings.Contains(string(outcome), `"status":"rejected"`) || strings.Contains(string(outcome), `"status":"conflict"`) {
		return errors.New("the event was not accepted")
	}
	return nil
}

type simulateCommand struct {
	Devices  int           `help:"How many devices play." default:"10"`
	Rate     float64       `help:"Messages per second over all devices; 0 is flat out." default:"100"`
	Count    int           `help:"How many messages to send; 0 is until --duration or Ctrl-C."`
	Duration time.Duration `help:"How long to send; 0 is until --count or Ctrl-C." default:"10s"`
	Mix      string        `help:"Event types and their weights." default:"operation_complete=90,serial_generate=5,vendor_serial_receive=5"`
	Repeats  float64       `help:"Share of messages that repeat an event." default:"0.01"`
	Window   int           `help:"Most unanswered messages per device when flat out; 0 chooses."`
	Timeout  time.Duration `help:"How long answers are waited for at the end." default:"30s"`
	Prefix   string        `help:"Begins all event ids; a new one by default."`
	Site     string        `help:"Site of the devices." default:"plant1"`
	Line     string        `help:"Line of the devices." default:"line1"`
}

// Run plays devices and prints a summary. Anything that was not answered is a
// failure.
func (c *simulateCommand) Run(ctx context.Context, s *session) error {
	mix, err := simulate.ParseMix(c.Mix)
	if err != nil {
		return usageError{err}
	}
	cfg := simulate.Config{
		Broker: s.settings.broker(), Site: c.Site, Line: c.Line, Devices: c.Devices, Rate: c.Rate, Count: c.Count,
		Duration: c.Duration, Mix: mix, Repeats: c.Repeats, Window: c.Window, Timeout: c.Timeout, Prefix: c.Prefix, Live: s.stderr,
	}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	summary, err := simulate.Run(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, summary)
	if !summary.OK() {
		return errors.New("not everything that was sent was answered as it should be")
	}
	return nil
}
