package simulate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

// DefaultSendTimeout is how long [Send] waits if it is not told.
const DefaultSendTimeout = 10 * time.Second

// Send publishes one event of type t as the device at origin would, and returns
// its outcome as JSON. The event's id is that of fields, or a new one. timeout,
// [DefaultSendTimeout] if it is 0, bounds all of it.
//
// What the service says to the event, a refusal too, is an outcome; an error
// means that there is none. One that came too late is told apart by
// [context.DeadlineExceeded]: the event may have been stored and be processed
// later.
func Send(ctx context.Context, broker ingest.Config, origin seriald.Origin, t seriald.EventType,
	fields map[string]any, timeout time.Duration,
) ([]byte, error) {
	if timeout == 0 {
		timeout = DefaultSendTimeout
	}
	if err := checkPlace(origin, t); err != nil {
		return nil, err
	}
	id, payload, err := encodeEvent(fields)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	outcomes := make(chan []byte, 1)
	device, err := ingest.DialDevice(ctx, broker, origin, ingest.SessionPassing, func(outcome []byte) {
		var a struct {
			EventID string `json:"eventId"`
		}
		if json.Unmarshal(outcome, &a) != nil || a.EventID != id {
			return // of another event of the same device
		}
		select {
		case outcomes <- bytes.Clone(outcome):
		default: // answered before
		}
	})
	if err != nil {
		return nil, err
	}
	defer device.Close()

	receipt := device.Publish(t, payload)
	stored := receipt.Done()
	for {
		select {
		case outcome := <-outcomes:
			return outcome, nil
		case <-stored:
			if err := receipt.Wait(ctx); err != nil {
				return nil, fmt.Errorf("event %s: %w", id, err)
			}
			stored = nil
		case <-ctx.Done():
			if stored != nil {
				return nil, fmt.Errorf("event %s: the broker has not acknowledged it: %w", id, ctx.Err())
			}
			return nil, fmt.Errorf("event %s: the broker has it, but there is no outcome yet: is a bridge running and a processor? %w", id, ctx.Err())
		}
	}
}

// checkPlace refuses what can't be written in a topic.
func checkPlace(o seriald.Origin, t seriald.EventType) error {
	var errs []error
	for _, part := range []struct{ name, value string }{
		{"site", o.Site}, {"line", o.Line}, {"device", o.Device}, {"event type", string(t)},
	} {
		if !seriald.ValidToken(part.value) {
			errs = append(errs, fmt.Errorf("%s: %q must be 1 to 64 of A-Z a-z 0-9 _ -", part.name, part.value))
		}
	}
	return errors.Join(errs...)
}

// encodeEvent returns the id of an event, a new one if fields has none, and its
// JSON.
func encodeEvent(fields map[string]any) (id string, payload []byte, err error) {
	switch given := fields["id"].(type) {
	case nil:
		id = "send-" + strings.ToLower(rand.Text())
		fields = maps.Clone(fields)
		if fields == nil {
			fields = map[string]any{}
		}
		fields["id"] = id
	case string:
		id = given
	default:
		return "", nil, fmt.Errorf("id: must be text, not %v", given)
	}
	if err := seriald.CheckEventID(id); err != nil {
		return "", nil, err
	}
	payload, err = json.Marshal(fields)
	if err != nil {
		return "", nil, fmt.Errorf("encode event: %w", err)
	}
	return id, payload, nil
}
