package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
)

// subscriptionsKey is where the topic filters of an MQTT session are noted, in
// the bucket of the leases.
func subscriptionsKey(clientID string) string {
	return "subscriptions-" + seriald.SubjectKey(clientID)
}

// Subscriptions returns the MQTT topic filters that the session of a client id
// may have subscribed, as [Conn.NoteSubscriptions] noted them; none if nothing
// was noted. MQTT can't be asked for them.
func (c *Conn) Subscriptions(ctx context.Context, clientID string) ([]string, error) {
	kv, err := (&leaseBucket{conn: c}).open(ctx)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, subscriptionsKey(clientID))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read subscriptions of %s: %w", clientID, err)
	}
	var filters []string
	if err := json.Unmarshal(e.Value(), &filters); err != nil {
		return nil, fmt.Errorf("read subscriptions of %s: %w", clientID, err)
	}
	return filters, nil
}

// NoteSubscriptions notes the topic filters that a session may have.
func (c *Conn) NoteSubscriptions(ctx context.Context, clientID string, filters []string) error {
	kv, err := (&leaseBucket{conn: c}).open(ctx)
	if err != nil {
		return err
	}
	b, err := json.Marshal(filters)
	if err != nil {
		return fmt.Errorf("note subscriptions of %s: %w", clientID, err)
	}
	if _, err := kv.Put(ctx, subscriptionsKey(clientID), b); err != nil {
		return fmt.Errorf("note subscriptions of %s: %w", clientID, err)
	}
	return nil
}
