package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/simulate"
)

type sendCommand struct {
	Type    string        `arg:"" help:"Event type, as operation_complete; see above."`
	Fields  []string      `arg:"" optional:"" help:"Fields of the event: field=value, or field:=JSON; see above."`
	Site    string        `help:"Site of the sending device." default:"plant1"`
	Line    string        `help:"Line of the sending device." default:"line1"`
	Device  string        `help:"Name of the sending device." default:"cli"`
	Timeout time.Duration `help:"How long to wait for the outcome." default:"10s"`
}

// Help tells how an event is written.
func (*sendCommand) Help() string {
	return "The event types are " + typeNames(seriald.EventTypes()) + `.

A field's value is text, whatever it looks like, but for true and false, the fields that are numbers, and what is in brackets:

    seriald send work_order_create partId=PART-003 workOrderId=0815 quantity=3
    seriald send material_receipt partId=PART-002 vendorName=ACME 'vendorSerialNumbers=["A1","A2"]'
    seriald send trigger_create partId=PART-001 triggerType=QUALITY_CHECKPOINT assignmentType=SYSTEM_GENERATED 'conditions={"quantity":{"gt":5}}'

What that gets wrong is written as JSON behind := instead of =, as in notes:='"true"'. With id=... the event can be sent again, and has one effect.`
}

// typeNames lists event types for people.
func typeNames(types []seriald.EventType) string {
	names := make([]string, 0, len(types))
	for _, t := range types {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// Run publishes one event and prints its outcome. An outcome other than accepted
// or ignored is a failure.
func (c *sendCommand) Run(ctx context.Context, s *session) error {
	// Refused here, it leaves no dead letter behind.
	if types := seriald.EventTypes(); !slices.Contains(types, seriald.EventType(c.Type)) {
		return usageError{fmt.Errorf("event type %q is not known; known are %s", c.Type, typeNames(types))}
	}
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
	Devices      int           `help:"How many devices play." default:"10"`
	Rate         float64       `help:"Messages per second over all devices; 0 is flat out." default:"100"`
	Count        int           `help:"How many messages to send; 0 is until --duration or Ctrl-C."`
	Duration     time.Duration `help:"How long to send; 0 is until --count or Ctrl-C." default:"10s"`
	Mix          string        `help:"Event types and their weights; see above." default:"operation_complete=90,serial_generate=5,vendor_serial_receive=5"`
	Repeats      float64       `help:"Share of messages that repeat an event." default:"0.01"`
	Wrong        float64       `help:"Share of events that are wrong on purpose and must be refused, as broken JSON." default:"0"`
	OfflineEvery time.Duration `help:"How often each device loses its connection, about; 0 is never." default:"0s"`
	OfflineFor   time.Duration `help:"How long it then stays away, about; half of --offline-every at most." default:"1s"`
	Window       int           `help:"Most unanswered messages per device when flat out; 0 chooses."`
	Timeout      time.Duration `help:"How long answers are waited for at the end." default:"45s"`
	Prefix       string        `help:"Begins all event ids; a new one by default."`
	Site         string        `help:"Site of the devices." default:"plant1"`
	Line         string        `help:"Line of the devices." default:"line1"`
}

// Help tells what can be played.
func (*simulateCommand) Help() string {
	return "The event types that can be played are " + typeNames(simulate.Playable()) + `; all stands for each that is not named and changes no master data:

    seriald simulate --mix operation_complete=50,all=4
    seriald simulate --mix all=20,part_put=1,trigger_create=1

An event that refers to something, as vendor_serial_accept to a number that was received, refers to what an event of the same device brought a moment before. Where there is nothing yet, an event that brings it is played instead. The parts are those of the demo plant. What changes master data changes what the device itself has added.`
}

// Run plays devices and prints a summary. It is a failure if anything was not
// answered, was answered in two ways, or was wrong and not refused as it must be.
func (c *simulateCommand) Run(ctx context.Context, s *session) error {
	mix, err := simulate.ParseMix(c.Mix)
	if err != nil {
		return usageError{err}
	}
	cfg := simulate.Config{
		Broker: s.settings.broker(), Site: c.Site, Line: c.Line, Devices: c.Devices, Rate: c.Rate, Count: c.Count,
		Duration: c.Duration, Mix: mix, Repeats: c.Repeats, Wrong: c.Wrong,
		OfflineEvery: c.OfflineEvery, OfflineFor: c.OfflineFor, Window: c.Window, Timeout: c.Timeout, Prefix: c.Prefix, Live: s.stderr,
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
