package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/machshop/seriald"
)

// duplicateWindow is how long JetStream remembers message ids. It filters quick
// retries of a publisher; that an event has one effect is the inbox's to
// guarantee. A longer window costs some 100 bytes of memory per event in it.
const duplicateWindow = 10 * time.Second

// How long, and how much, outcomes, serial events and dead letters are kept.
const (
	resultsMaxAge       = time.Hour
	resultsMaxBytes     = 1 << 30
	serialsMaxAge       = 7 * 24 * time.Hour
	serialsMaxBytes     = 4 << 30
	deadLettersMaxBytes = 1 << 30
)

func (c *Conn) configs() []jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		Replicas: c.cfg.Replicas, Duplicates: duplicateWindow, AllowAtomicPublish: true, AllowDirect: true,
	}
	events, serials, results, dead := base, base, base, base

	// Limits retention with DiscardNew: with work-queue or interest retention
	// each acknowledgement would remove a message, and each removal is a sync.
	// No MaxAge: it would drop what waits for a database.
	events.Name, events.Subjects = seriald.StreamEvents, []string{"machshop.event.*.*.*"}
	events.Description = "Inbound events, partitioned by key; a full stream refuses new ones"
	events.Discard, events.MaxBytes = jetstream.DiscardNew, c.cfg.EventsMaxBytes
	events.SubjectTransform = &jetstream.SubjectTransformConfig{
		Source:      "machshop.event.*.*.*",
		Destination: fmt.Sprintf("machshop.event.{{partition(%d,3)}}.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}", seriald.Partitions),
	}

	serials.Name, serials.Subjects = seriald.StreamSerials, []string{"machshop.serial.*.*.*"}
	serials.Description = "Serial events for MES subscribers"
	serials.MaxAge, serials.MaxBytes = serialsMaxAge, serialsMaxBytes

	results.Name, results.Subjects = seriald.StreamResults, []string{"machshop.result.*.*.*"}
	results.Description = "Outcomes for the devices that sent the events"
	results.MaxAge, results.MaxBytes = resultsMaxAge, resultsMaxBytes

	dead.Name, dead.Subjects = seriald.StreamDeadLetters, []string{"machshop.dead.*"}
	dead.Description = "Messages that could not be understood or processed, as they came"
	dead.MaxBytes = deadLettersMaxBytes
	return []jetstream.StreamConfig{events, serials, results, dead}
}

// Provision creates the streams, or brings them to what they should be. One that
// is so already is left alone.
func (c *Conn) Provision(ctx context.Context) error {
	for _, want := range c.configs() {
		s, err := c.JS.Stream(ctx, want.Name)
		if err == nil && same(s.CachedInfo().Config, want) {
			continue
		}
		if _, err := c.JS.CreateOrUpdateStream(ctx, want); err != nil {
			return fmt.Errorf("provision %s: %w", want.Name, err)
		}
	}
	return nil
}

// same reports whether have is as we want it; what we leave to the server counts
// for nothing.
func same(have, want jetstream.StreamConfig) bool {
	adjusted := have
	adjusted.Description, adjusted.Subjects = want.Description, want.Subjects
	adjusted.Discard, adjusted.MaxBytes, adjusted.MaxAge = want.Discard, want.MaxBytes, want.MaxAge
	adjusted.Replicas, adjusted.Duplicates = want.Replicas, want.Duplicates
	adjusted.AllowAtomicPublish, adjusted.AllowDirect = want.AllowAtomicPublish, want.AllowDirect
	adjusted.SubjectTransform = want.SubjectTransform
	return reflect.DeepEqual(adjusted, have)
}

// SiteOf reads the site from the subject under which the event stream keeps an
// event; ok is false for any other subject.
func SiteOf(subject string) (site string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 6 {
		return "", false
	}
	return parts[3], true
}

// Purge removes events that all of consumers are done with and that are older
// than EventsKeep.
func (c *Conn) Purge(ctx context.Context, consumers []jetstream.Consumer, now time.Time) error {
	s, err := c.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	// Read before the consumers: what arrives in between must not count as done.
	upTo := s.CachedInfo().State.LastSeq
	first := s.CachedInfo().State.FirstSeq
	for _, consumer := range consumers {
		info, err := consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("purge: %w", err)
		}
		if info.NumPending > 0 || info.NumAckPending > 0 {
			upTo = min(upTo, info.AckFloor.Stream)
		}
	}
	young, err := c.firstSince(ctx, now.Add(-c.cfg.EventsKeep))
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	if young > 0 {
		upTo = min(upTo, young-1)
	}
	if upTo < first {
		return nil
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}

// firstSince returns the sequence of the first event since t, 0 if there is none.
func (c *Conn) firstSince(ctx context.Context, t time.Time) (uint64, error) {
	msgs, err := jetstreamext.GetBatch(ctx, c.JS, seriald.StreamEvents, 1, jetstreamext.GetBatchStartTime(t))
	if err != nil {
		return 0, err
	}
	for msg, err := range msgs {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		return msg.Sequence, nil
	}
	return 0, nil
}
