package stream

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
)

// duplicateWindow is how long JetStream remembers message ids. It filters quick
// retries of a publisher; that an event has one effect is the inbox's to
// guarantee. A longer window costs some 100 bytes of memory per event in it.
const duplicateWindow = 10 * time.Second

// How long, and how much, outcomes, serial events, labels and dead letters are
// kept. It is how long the MQTT broker may be away before what waits for it is
// lost: a long weekend.
const (
	resultsMaxAge       = 4 * 24 * time.Hour
	resultsMaxBytes     = 2 << 30
	labelsMaxBytes      = 256 << 20
	serialsMaxAge       = 7 * 24 * time.Hour
	serialsMaxBytes     = 4 << 30
	deadLettersMaxBytes = 1 << 30
)

// configs returns the streams as a server of a version can have them.
func (c *Conn) configs(version string) []jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		Replicas: c.cfg.Replicas, Duplicates: duplicateWindow, AllowDirect: true,
		AllowAtomicPublish: atLeast(version, minorAtomic),
	}
	events, serials, results, dead := base, base, base, base

	// Limits retention with DiscardNew: with work-queue or interest retention
	// each acknowledgement would remove a message, and each removal is a sync.
	// No MaxAge: it would drop what waits for a database.
	events.Name, events.Subjects = seriald.StreamEvents, []string{"machshop.event.*.*.*"}
	events.Description = "Inbound events; a full stream refuses new ones"
	events.Discard, events.MaxBytes = jetstream.DiscardNew, c.cfg.EventsMaxBytes
	if atLeast(version, minorPartitioned) {
		events.SubjectTransform = &jetstream.SubjectTransformConfig{
			Source:      "machshop.event.*.*.*",
			Destination: fmt.Sprintf("machshop.event.{{partition(%d,3)}}.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}", seriald.Partitions),
		}
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

	labels := base
	labels.Name, labels.Subjects = seriald.StreamLabels, []string{"machshop.label.*.*.*"}
	labels.Description = "Labels on their way to printers that speak MQTT"
	labels.MaxAge, labels.MaxBytes = resultsMaxAge, labelsMaxBytes
	return []jetstream.StreamConfig{events, serials, results, dead, labels}
}

// Provision creates the streams, or brings them to what they should be. One that
// is so already is left alone.
func (c *Conn) Provision(ctx context.Context) error {
	version := c.NATS.ConnectedServerVersion()
	if !atLeast(version, minorPartitioned) {
		// First: an event that is stored without a partition must be known to be.
		if err := c.markPlain(ctx, version); err != nil {
			return err
		}
	}
	c.withoutAtomic.Store(nil)
	for _, want := range c.configs(version) {
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
// event, with its partition or without; ok is false for any other subject.
func SiteOf(subject string) (site string, ok bool) {
	parts := strings.Split(subject, ".")
	switch len(parts) {
	case 6:
		return parts[3], true
	case 5:
		return parts[2], true
	}
	return "", false
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
// It asks as every server can be asked: by a consumer that begins there.
func (c *Conn) firstSince(ctx context.Context, t time.Time) (uint64, error) {
	consumer, err := c.JS.CreateConsumer(ctx, seriald.StreamEvents, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &t,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: time.Minute, Replicas: 1,
	})
	if err != nil {
		return 0, err
	}
	// If this fails it goes by itself.
	defer func() { _ = c.JS.DeleteConsumer(ctx, seriald.StreamEvents, consumer.CachedInfo().Name) }()
	if consumer.CachedInfo().NumPending == 0 {
		return 0, nil
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
	if err != nil {
		return 0, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return 0, err
	}
	return meta.Sequence.Stream, nil
}
