package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// storedWithin is how long JetStream has for a PubAck: it comes when the event
	// is synced to disk.
	storedWithin = 5 * time.Second
	// answeredWithin is how long an outcome is waited for: ten seconds, in which
	// JetStream itself drops what has the same id. What is sent again after that gets
	// its outcome again.
	answeredWithin = 10 * time.Second
	// maxID is the longest id of an event, in bytes.
	maxID = 128
	// pause is how long a failure is left alone before the next attempt.
	pause = time.Second
)

// event is a CloudEvent 1.0 in structured JSON mode.
type event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            any       `json:"data"`
}

// outcome is what the service answers to an event.
type outcome struct {
	EventID      string `json:"eventId"`
	Status       string `json:"status"` // accepted, rejected, conflict or ignored
	Code         string `json:"code"`
	Message      string `json:"message"`
	Field        string `json:"field"`
	Placeholders []struct {
		ID string `json:"id"`
	} `json:"placeholders"`
}

// order gives a work order and says what became of it. Given again, as after a
// crash, it has one effect: its id follows from the work order.
func (m *mes) order(ctx context.Context, part, workOrder string, quantity int) error {
	id := m.site + ".work_order_create." + workOrder
	if len(id) > maxID {
		return fmt.Errorf("work order %s: its event's id would be longer than %d bytes", workOrder, maxID)
	}
	o, err := m.send(ctx, "work_order_create", part, id, map[string]any{
		"partId": part, "workOrderId": workOrder, "quantity": quantity,
	})
	if err != nil {
		return fmt.Errorf("work order %s: %w", workOrder, err)
	}
	if o.Status != "accepted" {
		return fmt.Errorf("work order %s: %s %s %s %s", workOrder, o.Status, o.Code, o.Field, o.Message)
	}
	fmt.Fprintf(m.out, "%s: %s, %d placeholders\n", workOrder, o.Status, len(o.Placeholders))
	return nil
}

// send publishes an event until it is stored and answered, each time with the same
// id: whatever went wrong, a repetition is the same event. The error is that of the
// last attempt before ctx ended.
func (m *mes) send(ctx context.Context, eventType, part, id string, data any) (*outcome, error) {
	body, err := json.Marshal(event{
		SpecVersion: "1.0", ID: id, Source: "/" + m.site + "/office/mes", Type: "machshop.event." + eventType,
		Subject: part, Time: time.Now(), DataContentType: "application/json", Data: data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	msg := nats.NewMsg("machshop.event." + m.site + "." + eventType + "." + token(part))
	msg.Header.Set("Content-Type", "application/cloudevents+json")
	msg.Data = body
	for {
		o, err := m.attempt(ctx, msg, id)
		if err == nil {
			return o, nil
		}
		fmt.Fprintf(m.log, "mes: %s: %v; trying again\n", id, err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// notInToken is what a token of a subject must not have.
var notInToken = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// token writes a part as the last token of a subject. It decides the order: events
// of one part are processed one after the other.
func token(part string) string { return notInToken.ReplaceAllString(part, "_") }

// attempt publishes an event, waits until it is stored, and returns its outcome.
func (m *mes) attempt(ctx context.Context, msg *nats.Msg, id string) (*outcome, error) {
	if !m.nc.IsConnected() {
		return nil, fmt.Errorf("not connected to NATS: %w", cmp.Or(m.nc.LastError(), nats.ErrDisconnected))
	}
	// First, or the outcome might be there before anybody listens. The subject is
	// that of the event's source.
	results, err := m.nc.SubscribeSync("machshop.result." + m.site + ".office.mes")
	if err != nil {
		return nil, err
	}
	defer func() { _ = results.Unsubscribe() }()

	storing, cancel := context.WithTimeout(ctx, storedWithin)
	defer cancel()
	if _, err := m.js.PublishMsg(storing, msg, jetstream.WithMsgID(id)); err != nil {
		return nil, fmt.Errorf("not stored: %w", err)
	}

	answering, cancel := context.WithTimeout(ctx, answeredWithin)
	defer cancel()
	for {
		result, err := results.NextMsgWithContext(answering)
		if err != nil {
			return nil, fmt.Errorf("stored, no outcome: %w", err)
		}
		var r struct{ Data outcome }
		if err := json.Unmarshal(result.Data, &r); err != nil {
			return nil, fmt.Errorf("outcome: %w", err)
		}
		if r.Data.EventID == id { // others are of other events of this MES
			return &r.Data, nil
		}
	}
}
