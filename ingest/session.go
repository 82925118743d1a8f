package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/semaphore"

	"github.com/machshop/seriald/stream"
)

const (
	// maxInFlight and maxInFlightBytes bound what a session holds unsettled. When
	// one is reached it stops reading, and the broker waits.
	maxInFlight      = 1 << 14
	maxInFlightBytes = 64 << 20
	// messageCost is what a message takes besides its payload, in bytes.
	messageCost = 512
	// maxBatchBytes ends a batch before it has its number of messages. It is what
	// the server takes in one go without pushing back.
	maxBatchBytes = 8 << 20
	// retryFirst is the pause before the first try to connect again.
	retryFirst = 100 * time.Millisecond
)

// session is one connection to the broker. What was received on it and is not
// stored when it ends is forgotten: the broker sends it again on the next one,
// in order, and nothing of it is there twice.
type session struct {
	*Bridge
	ctx   context.Context //nolint:containedctx // ends with the connection, for the handler that the library calls
	end   context.CancelCauseFunc
	inbox chan mqtt.Message
	room  *semaphore.Weighted // in bytes
	got   bool                // anything was stored
	// What follows is asked of the current session only: a routine of an old one
	// that is late says nothing about the bridge.
	subscribed atomic.Bool
	inFlight   atomic.Int64 // messages that were received and are not settled
}

func newSession(b *Bridge) *session {
	s := &session{Bridge: b, inbox: make(chan mqtt.Message, maxInFlight), room: semaphore.NewWeighted(maxInFlightBytes)}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	return s
}

// errStopped ends a session in order.
var errStopped = errors.New("stopped")

// run connects, and forwards until the connection is lost, the streams fail for
// too long or ctx ends. It reports whether the session received anything, and
// why it ended.
func (s *session) run(ctx context.Context) (received bool, err error) {
	defer context.AfterFunc(ctx, func() { s.end(errStopped) })()
	if s.cfg.Resume != nil {
		if err := s.cfg.Resume(s.ctx, s.router.Filters()); err != nil {
			return false, err
		}
	}
	s.current.Store(s)
	client := mqtt.NewClient(s.options())
	// Must be last of all: the handler may be waiting for room, and the library
	// waits for the handler.
	defer s.close(client)
	token := client.Connect()
	select {
	case <-token.Done():
		if token.Error() != nil {
			return false, nil // the dialer has said why
		}
	case <-s.ctx.Done():
		return false, context.Cause(s.ctx)
	}
	connected, ok := token.(*mqtt.ConnectToken)
	go s.subscribe(client, ok && connected.SessionPresent())

	settle, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(settleTimeout, cancel) })()
	for {
		batch := s.gather()
		if batch == nil {
			return s.got, context.Cause(s.ctx)
		}
		if err := s.forward(settle, batch); err != nil {
			return s.got, err
		}
		s.got = true
	}
}

func (s *session) close(client mqtt.Client) {
	s.end(errStopped)
	s.current.Store(nil)
	client.Disconnect(disconnectWait)
}

// disconnectWait is how long a client tries to say good-bye, in milliseconds.
const disconnectWait = 250

func (s *session) options() *mqtt.ClientOptions {
	return clientOptions(s.cfg, s.cfg.ClientID, s.dialer).
		SetAutoReconnect(false). // the next connection is the next session's
		SetConnectRetry(false).
		SetAutoAckDisabled(true).
		SetOrderMatters(true).
		// Set before connecting: a session has messages waiting before any
		// subscription of this connection is there to route them.
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { s.receive(m) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			s.subscribed.Store(false)
			s.end(fmt.Errorf("connection lost: %w", err))
		})
}

// receive takes a message in. It waits while the window is full, and so the
// library does not read on. Once the session has ended there is no room for any:
// what follows must not overtake one that was turned away.
func (s *session) receive(m mqtt.Message) {
	s.metrics.received.Inc()
	if s.room.Acquire(s.ctx, cost(m)) != nil {
		return // ended; the broker sends it again
	}
	select {
	case s.inbox <- m:
		s.inFlight.Add(1)
	case <-s.ctx.Done():
	}
}

func cost(m mqtt.Message) int64 { return min(maxInFlightBytes, int64(messageCost+len(m.Payload()))) }

// subscribe tries until it has succeeded or the session has ended. kept tells that
// the broker has kept the session.
func (s *session) subscribe(c mqtt.Client, kept bool) {
	var told trouble
	for s.ctx.Err() == nil {
		err := s.subscribeAll(c, kept)
		if err == nil && s.ctx.Err() == nil {
			s.subscribed.Store(true)
			s.told.over()
			s.log.Info("mqtt bridge subscribed", "broker", s.cfg.URL, "client_id", s.cfg.ClientID)
			return
		}
		if s.ctx.Err() == nil {
			told.warn(s.log, "mqtt bridge not subscribed, will try again", err)
		}
		pause(s.ctx, retryEvery)
	}
}

// subscribeAll subscribes what this bridge wants, and gives up what the session
// has of an earlier configuration. The broker would go on to send what matches,
// and twice what both match. A session that was kept and has all of it needs
// nothing: the answer to a subscription would come behind all that waits, and with
// it, again, what the broker retains.
func (s *session) subscribeAll(c mqtt.Client, kept bool) error {
	had, err := s.conn.Subscriptions(s.ctx, s.cfg.ClientID)
	if err != nil {
		return err
	}
	want := s.filters()
	stale := slices.DeleteFunc(slices.Clone(had), func(f string) bool { return slices.Contains(want, f) })
	changed := len(stale) > 0 || len(had) != len(want)
	if kept && !changed {
		return nil
	}
	if changed { // both, until it is known that the old ones are gone
		if err := s.conn.NoteSubscriptions(s.ctx, s.cfg.ClientID, slices.Concat(want, stale)); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		if err := answered(s.ctx, c.Unsubscribe(stale...)); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
	}
	if err := subscribe(s.ctx, c, want...); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	return s.conn.NoteSubscriptions(s.ctx, s.cfg.ClientID, want)
}

// filters are the topic filters to subscribe.
func (s *session) filters() []string {
	filters := s.router.Filters()
	if s.cfg.ShareGroup != "" {
		for i, f := range filters {
			filters[i] = "$share/" + s.cfg.ShareGroup + "/" + f
		}
	}
	return filters
}

// gather returns what has been received, at most a batch. It waits for the first
// message only, or, under load, a moment for more. nil means that the session
// has ended.
func (s *session) gather() []mqtt.Message {
	var batch []mqtt.Message
	bytes := 0
	take := func(m mqtt.Message) {
		batch = append(batch, m)
		bytes += len(m.Payload())
	}
	select {
	case m := <-s.inbox:
		take(m)
	case <-s.ctx.Done():
		return nil
	}
	var lingered <-chan time.Time
	for len(batch) < stream.MaxBatch && bytes < maxBatchBytes {
		select {
		case m := <-s.inbox:
			take(m)
			continue
		default:
		}
		wait := s.linger.For(len(batch))
		if wait == 0 {
			break
		}
		if lingered == nil {
			lingered = time.After(wait)
		}
		select {
		case m := <-s.inbox:
			take(m)
			continue
		case <-lingered:
		case <-s.ctx.Done():
			return nil // the broker sends it again
		}
		break
	}
	s.linger.Note(len(batch), time.Now())
	return batch
}

// forward stores a batch and then acknowledges it, in order. It tries for a
// while, and gives up early if the connection is gone: then the broker sends the
// batch again anyway.
func (s *session) forward(settle context.Context, batch []mqtt.Message) (err error) {
	p := s.prepare(batch)
	defer func() {
		if err != nil {
			s.forget(p) // it comes again, and must not count as its own double
		}
	}()
	down, since := false, time.Now()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		err := s.store(settle, p)
		if err == nil {
			break
		}
		s.metrics.retries.Inc()
		if !down && s.ctx.Err() == nil {
			down = true
			s.log.Warn("events not stored, the broker keeps them", "error", err)
		}
		select {
		case <-settle.Done():
			return errStopped
		case <-time.After(wait):
		}
		if err := context.Cause(s.ctx); err != nil && !errors.Is(err, errStopped) {
			return err
		}
		if time.Since(since) > s.cycleAfter {
			return fmt.Errorf("events could not be stored for %s, the connection is given up: %w", s.cycleAfter, err)
		}
	}
	if down {
		s.log.Info("events are stored again")
	}
	// Must be last: from here on the broker forgets them.
	bytes := int64(0)
	for _, m := range batch {
		m.Ack()
		bytes += cost(m)
	}
	s.inFlight.Add(-int64(len(batch)))
	s.room.Release(bytes)
	s.metrics.stored.Add(float64(len(batch)))
	s.metrics.batch.Observe(float64(len(batch)))
	return nil
}
