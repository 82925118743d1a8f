package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

type dlqReplay struct {
	IDs     []string `arg:"" optional:"" name:"id" help:"Ids of the letters, as dlq list prints them."`
	Reason  string   `help:"Those of this reason that were not replayed, the oldest first."`
	Limit   int      `help:"At most so many of the reason." default:"500"`
	Payload string   `help:"File with the bytes to publish instead, of one letter." type:"existingfile" placeholder:"FILE"`
}

// natsTimeout bounds the wait for NATS.
const natsTimeout = 10 * time.Second

func (c *dlqReplay) validate() error {
	switch {
	case (len(c.IDs) == 0) == (c.Reason == ""):
		return errors.New("name the letters, or a --reason: one of the two")
	case c.Payload != "" && len(c.IDs) != 1:
		return errors.New("--payload: takes one id")
	case c.Limit < 1:
		return errors.New("--limit: must be at least 1")
	}
	return nil
}

// Run replays dead letters, one after the other. One that can't be replayed stays
// as it is, and is a failure at the end.
func (c *dlqReplay) Run(ctx context.Context, s *session) error {
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	var ids []seriald.ID
	for _, text := range c.IDs {
		id, err := letterArg(text)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	var fixed []byte
	if c.Payload != "" {
		var err error
		if fixed, err = os.ReadFile(c.Payload); err != nil {
			return usageError{fmt.Errorf("--payload: %w", err)}
		}
		if fixed == nil {
			fixed = []byte{}
		}
	}
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	if c.Reason != "" {
		if ids, err = db.WaitingDeadLetters(ctx, strings.ToUpper(c.Reason), c.Limit); err != nil {
			return err
		}
	}
	conn, err := connectNATS(ctx, &s.settings)
	if err != nil {
		return err
	}
	defer conn.Close()
	router, err := s.settings.ingest(or(s.settings.MQTTURL, embeddedMQTT)).Router()
	if err != nil {
		return err
	}
	failed := 0
	for _, id := range ids {
		event, err := replay(ctx, db, conn, id, fixed, router)
		if err != nil {
			failed++
			fmt.Fprintf(s.stderr, "seriald: %s: not replayed: %s\n", id, printable(err.Error(), 0))
			continue
		}
		fmt.Fprintf(s.stdout, "%s replayed as event %s\n  outcome: GET http://%s:%d/api/v1/events/%s\n",
			id, printable(string(event), 0), or(s.settings.AppHost, "127.0.0.1"), s.settings.AppPort, url.PathEscape(string(event)))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d not replayed", failed, len(ids))
	}
	return nil
}

// replay publishes a letter again, or fixed in its place, and returns the event's
// id. An event that was processed meanwhile is a repeat, for the inbox to answer.
func replay(ctx context.Context, db *store.DB, conn *stream.Conn, id seriald.ID, fixed []byte, router *ingest.Router) (seriald.EventID, error) {
	l, err := db.DeadLetter(ctx, id)
	if err != nil {
		return "", err
	}
	if fixed != nil {
		l.Payload, l.Size = fixed, int64(len(fixed))
	}
	if l.Size > int64(len(l.Payload)) {
		return "", fmt.Errorf("only the first %d of its %d bytes are kept: give all of them with --payload", len(l.Payload), l.Size)
	}
	msg, event, err := replayed(l, router)
	if err != nil {
		return "", err
	}
	if _, err := conn.Publish(ctx, []*nats.Msg{msg}); err != nil {
		return "", err
	}
	// After it: a letter that is marked and not published would be forgotten.
	return event, db.MarkReplayed(ctx, l.ID, time.Now())
}

// replayed is the message that a letter becomes again, with its event's id. It
// goes past the stream's filter of message ids, which may have seen it.
func replayed(l *store.DeadLetter, router *ingest.Router) (*nats.Msg, seriald.EventID, error) {
	if parts := strings.Split(l.Origin, "."); len(parts) == 6 && strings.HasPrefix(l.Origin, "machshop.event.") {
		e, err := seriald.DecodeEvent(l.Payload)
		if err != nil {
			return nil, "", err
		}
		// The stream has put the partition in, and will again.
		return stream.NewMessage("machshop.event."+strings.Join(parts[3:], "."), "", l.Payload), e.ID, nil
	}
	e, err := decodeLetter(l, router)
	if err != nil {
		return nil, "", err
	}
	if e.Time.IsZero() {
		e.Time = l.ReceivedAt
	}
	return stream.NewMessage(seriald.EventSubject(e.Origin.Site, e.Type, e.Key), "", e.Encode()), e.ID, nil
}

// decodeLetter reads what a device published. An event that came without an id
// has the one that was made for it, else the letter's, so that replaying it twice
// has one effect.
func decodeLetter(l *store.DeadLetter, router *ingest.Router) (*seriald.Event, error) {
	m, err := router.Decode(l.Origin, l.Payload, l.ReceivedAt, func() string {
		if l.EventID != "" {
			return string(l.EventID)
		}
		return l.ID.String()
	})
	return m.Event, err
}

// connectNATS connects to the configured NATS, else to the embedded one that runs
// in another process.
func connectNATS(ctx context.Context, set *settings) (*stream.Conn, error) {
	address := set.nats()
	conn, err := stream.Connect(set.stream(address), "seriald dlq", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	bound, cancel := context.WithTimeout(ctx, natsTimeout)
	defer cancel()
	for !conn.Up() {
		if !pause(bound, 20*time.Millisecond) {
			err := errors.Join(conn.NATS.LastError(), bound.Err())
			conn.Close()
			return nil, fmt.Errorf("no connection to NATS at %s (NATS_URL, EMBEDDED_NATS_PORT): is seriald run running? %w", redactURL(address), err)
		}
	}
	return conn, nil
}
