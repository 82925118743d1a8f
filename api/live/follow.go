package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// fetchSize is how many messages are asked for at once, fetchFor how long they
	// are waited for.
	fetchSize = 256
	fetchFor  = 20 * time.Second
	// silence is how often JetStream says that there is nothing new; twice as long
	// without a word means that the connection or the consumer is gone.
	silence = time.Second
	// pushEvents and pushBytes bound what is given to the clients in one go.
	pushEvents = 64
	pushBytes  = 256 << 10
	// maxPause bounds the wait before the stream is tried again.
	maxPause = 2 * time.Second
	// recovery is how long a stream may be shorter than what was read of it: a
	// leader that was just elected may not know all of it yet.
	recovery = 5 * time.Second
	// everything is the subject of all serial events.
	everything = "machshop.serial.*.*.*"
)

var errShort = errors.New("the serial stream has less than was read of it")

// follow reads the tail until ctx ends.
func (h *Hub) follow(ctx context.Context) {
	f := &follower{hub: h}
	said := ""
	for wait := tick; ctx.Err() == nil; wait = min(2*wait, maxPause) {
		r, err := f.open(ctx)
		if err == nil {
			wait, said = tick, ""
			err = f.read(ctx, r)
			r.close()
		}
		if ctx.Err() != nil {
			return
		}
		if err.Error() != said {
			said = err.Error()
			h.log.Warn("serial events wait for nats", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// follower reads the tail for a hub.
type follower struct {
	hub        *Hub
	shortSince time.Time // when the stream was first found to be short; else zero
}

// open returns a reader of what follows the tail, which it moves if the stream has
// changed while nobody read it.
func (f *follower) open(ctx context.Context) (*reader, error) {
	h := f.hub
	for {
		tail := h.position()
		var r *reader
		if tail.identity != "" {
			var err error
			if r, err = openReader(ctx, h.conn, h.log, everything, tail.sequence); err != nil {
				return nil, err
			}
		}
		// Asked after: a consumer of a stream that was removed before can't be read.
		now, err := readState(ctx, h.conn)
		if err == nil && r != nil && f.matches(tail, now) {
			return r, nil
		}
		if r != nil {
			r.close()
		}
		if err != nil {
			return nil, err
		}
		if err := f.move(tail, now); err != nil {
			return nil, err
		}
	}
}

// matches reports whether a stream in a state goes on behind the tail.
func (f *follower) matches(tail position, now state) bool {
	if now.last >= tail.sequence {
		f.shortSince = time.Time{}
	}
	return now.identity == tail.identity && now.last >= tail.sequence && now.first <= tail.sequence+1
}

// move sets the tail to where a stream that does not match it goes on.
func (f *follower) move(tail position, now state) error {
	switch {
	case tail.identity == "":
		f.hub.move(position{now.last, now.identity}, nil)
	case now.identity == tail.identity && now.last >= tail.sequence:
		to := position{now.first - 1, now.identity}
		f.hub.log.Warn("serial events are gone before they were read", "from", tail.sequence+1, "to", to.sequence)
		f.hub.move(to, gapNotice(to, tail.sequence+1))
	case now.identity == tail.identity && f.short():
		return errShort
	default:
		to := position{now.first - 1, now.identity}
		f.hub.log.Warn("the serial stream was made anew or restored", "stream", now.identity, "first", now.first)
		f.hub.move(to, resetNotice(to))
	}
	f.shortSince = time.Time{}
	return nil
}

// short reports whether a stream that is short may still recover.
func (f *follower) short() bool {
	if f.shortSince.IsZero() {
		f.shortSince = time.Now()
	}
	return time.Since(f.shortSince) < recovery
}

// read gives what r reads to the clients, until something fails.
func (f *follower) read(ctx context.Context, r *reader) error {
	for {
		if err := f.fetch(ctx, r); err != nil {
			return err
		}
	}
}

func (f *follower) fetch(ctx context.Context, r *reader) error {
	bound, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	batch, err := r.consumer.Fetch(fetchSize, jetstream.FetchContext(bound), jetstream.FetchHeartbeat(silence))
	if err != nil {
		return fmt.Errorf("fetch serial events: %w", err)
	}
	identity := f.hub.position().identity
	messages := batch.Messages()
	var frames []*frame
	size := 0
	for msg := range messages {
		next, err := r.frame(msg, identity)
		if err != nil {
			return err
		}
		frames, size = append(frames, next), size+len(next.text)
		if len(messages) > 0 && len(frames) < pushEvents && size < pushBytes {
			continue // what has come already goes together
		}
		f.hub.push(ctx, frames)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		frames, size = nil, 0
	}
	if err := batch.Error(); err != nil {
		return fmt.Errorf("fetch serial events: %w", err)
	}
	return nil
}

func (h *Hub) position() position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tail
}
