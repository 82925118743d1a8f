package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// prepared is a batch as it goes to the streams.
type prepared struct {
	events  []*nats.Msg
	sources []source    // of the events
	again   []*nats.Msg // events whose ids the stream has seen
	dead    []*nats.Msg
	refused []*nats.Msg
	reads   []scanned // the scans among the events
}

// source is where an event came from.
type source struct {
	message mqtt.Message
	event   *seriald.Event
}

// scanned is a scan that counts.
type scanned struct {
	origin seriald.Origin
	code   string
}

// prepare decides what becomes of each message of a batch.
func (b *Bridge) prepare(batch []mqtt.Message) *prepared {
	p := &prepared{events: make([]*nats.Msg, 0, len(batch))}
	now := time.Now()
	for _, m := range batch {
		b.add(p, m, now)
	}
	return p
}

func (b *Bridge) add(p *prepared, m mqtt.Message, now time.Time) {
	message, err := b.decode(m, now)
	e := message.Event
	if err != nil {
		b.reject(p, m, e, err, now)
		return
	}
	if message.Debounce > 0 {
		if b.doubles.seen(e.Origin, message.Code, message.Debounce, now) {
			b.metrics.doubles.Inc()
			return
		}
		p.reads = append(p.reads, scanned{e.Origin, message.Code})
	}
	body := e.Encode()
	if len(body) > b.conn.MaxBody() {
		b.reject(p, m, e, seriald.Reject(seriald.CodePayloadTooLarge, "",
			"the event has %d bytes; the NATS server takes at most %d", len(body), b.conn.MaxBody()), now)
		return
	}
	id := string(e.ID)
	if b.recent.seen(e.ID, now) {
		b.metrics.repeats.Inc()
		id = ""
	}
	p.events = append(p.events, stream.NewMessage(seriald.EventSubject(e.Origin.Site, e.Type, e.Key), id, body))
	p.sources = append(p.sources, source{m, e})
}

// forget takes back the reads of a batch that was not stored.
func (b *Bridge) forget(p *prepared) {
	for _, r := range p.reads {
		b.doubles.forget(r.origin, r.code)
	}
}

// decode reads a message and refuses what may not come so often, or again and
// again: what the broker keeps on a topic (retained) comes with every connection,
// and without an id could not be told from a new event.
func (b *Bridge) decode(m mqtt.Message, now time.Time) (Message, error) {
	made := false
	message, err := b.router.Decode(m.Topic(), m.Payload(), now, func() string {
		made = true
		return newID()
	})
	e := message.Event
	switch {
	case err != nil:
	case e.Type == seriald.TypeDeviceStatus:
	case made && m.Retained():
		err = seriald.Reject(seriald.CodeValidation, "id",
			"is required of a retained message, which comes again with every connection: publish events without retain")
	case !b.limiter.allow(e.Origin, now):
		err = b.limiter.limited()
	}
	return message, err
}

// newID makes an id of ours.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// reject makes a dead letter of a message and tells its device.
func (b *Bridge) reject(p *prepared, m mqtt.Message, e *seriald.Event, err error, now time.Time) {
	rejection, ok := err.(*seriald.Rejection) //nolint:errorlint // Decode documents it
	if !ok {
		rejection = seriald.Reject(seriald.CodeValidation, "", "%v", err)
	}
	b.metrics.refused.WithLabelValues(string(rejection.Code)).Inc()
	size := 0
	if len(m.Payload()) > b.cfg.MaxPayload {
		size = b.dialer.wasCut(m.MessageID())
	}
	p.dead = append(p.dead, b.conn.DeadLetter(stream.Letter{
		ID: seriald.ID(uuid.Must(uuid.NewV7())), Rejection: rejection, Origin: m.Topic(), EventID: e.ID,
		Body: m.Payload(), Size: size, ReceivedAt: now,
	}))
	if e.Origin.Device == "" {
		return
	}
	p.refused = append(p.refused, stream.Refusal(e.ID, rejection, e.Origin, now))
}

// store puts a batch into its streams, all at the same time: good events must not
// wait for what becomes of bad ones. What was stored is taken off p, so that it
// can be called again after an error.
func (b *Bridge) store(ctx context.Context, p *prepared) error {
	dead, refused := p.dead, p.refused
	p.dead, p.refused = nil, nil // storeEvents may add to them
	var group errgroup.Group
	var deadErr, refusedErr error
	group.Go(func() error { return b.storeEvents(ctx, p) })
	group.Go(func() error { _, deadErr = b.conn.Publish(ctx, dead); return nil })
	group.Go(func() error { _, refusedErr = b.conn.Publish(ctx, refused); return nil })
	err := group.Wait()
	if deadErr != nil {
		p.dead = append(dead, p.dead...)
		err = errors.Join(err, fmt.Errorf("dead letters: %w", deadErr))
	}
	if refusedErr != nil {
		p.refused = append(refused, p.refused...)
		err = errors.Join(err, fmt.Errorf("refusals: %w", refusedErr))
	}
	if err == nil && len(p.dead) > 0 { // of events that the stream has refused
		return b.store(ctx, p)
	}
	return err
}

func (b *Bridge) storeEvents(ctx context.Context, p *prepared) error {
	for len(p.events) > 0 {
		repeats, err := b.conn.Publish(ctx, p.events)
		refused, isRefused := errors.AsType[*stream.RefusedError](err)
		if err != nil && !isRefused {
			return err
		}
		// The stream knows these ids although we don't, after a restart: they may
		// be a device's repeats that wait for an answer, so they go in again past
		// the filter.
		for _, n := range repeats {
			p.again = append(p.again, stream.NewMessage(p.events[n].Subject, "", p.events[n].Data))
		}
		if !isRefused {
			break
		}
		// It will never be stored; those behind it must not wait for it.
		s := p.sources[refused.Index]
		b.reject(p, s.message, s.event, seriald.Reject(seriald.CodePayloadTooLarge, "", "the event is refused by the event stream: %v", refused.Err), time.Now())
		p.events, p.sources = p.events[refused.Index+1:], p.sources[refused.Index+1:]
	}
	p.events, p.sources = nil, nil
	if _, err := b.conn.Publish(ctx, p.again); err != nil {
		return err
	}
	p.again, p.reads = nil, nil
	return nil
}
