package live

import (
	"sync"
	"time"
)

const (
	// bufferEvents and bufferBytes bound what waits for a client, what is being
	// written to it included. An event larger than bufferBytes goes alone.
	bufferEvents = 256
	bufferBytes  = 1 << 20
	// tick is how often it is looked again whether a full buffer has room.
	tick = 50 * time.Millisecond
)

// client is a connection at the tail: the hub adds to its buffer, and the goroutine
// of its request writes what is in it.
type client struct {
	filter filter
	wake   chan struct{} // has one element when the buffer has to be looked at
	after  uint64        // events up to it were had before the tail was joined; guarded by the hub's mu

	mu     sync.Mutex // guards what follows
	queue  []*frame
	events int // queued and being written
	bytes  int
	tookAt time.Time // when it last took something, or had everything
	cut    bool

	waited   time.Duration // how long others had to wait for it, of late
	waitedAt time.Time     // when that was last looked at
}

func newClient(f filter) *client { return &client{filter: f, wake: make(chan struct{}, 1)} }

// room reports whether so much more can wait.
func (c *client) room(events, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events == 0 || c.events+events <= bufferEvents && c.bytes+bytes <= bufferBytes
}

// offer adds those of frames that the client wants and has not had.
func (c *client) offer(now time.Time, frames ...*frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events == 0 {
		c.tookAt = now
	}
	added := false
	for _, f := range frames {
		if f.event != nil && (f.at.sequence <= c.after || !c.filter.matches(f.event)) {
			continue
		}
		c.queue = append(c.queue, f)
		c.events++
		c.bytes += len(f.text)
		added = true
	}
	if added {
		c.signal()
	}
}

func (c *client) signal() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// take returns what waits, in order; the caller releases it as it is written. cut
// says that the client was cut.
func (c *client) take(spare []*frame) (frames []*frame, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames, c.queue = c.queue, spare[:0]
	return frames, c.cut
}

// release makes room of what was written.
func (c *client) release(now time.Time, frames ...*frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range frames {
		c.events--
		c.bytes -= len(f.text)
	}
	c.tookAt = now
}

// idle reports whether the client has got all that it was offered.
func (c *client) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events == 0 && !c.cut
}

// slow reports whether a client without room is to be cut: it has taken nothing for
// the time of patience or, if it is one of few, has had the others wait for so long,
// of which a tenth of the time since is forgiven.
func (c *client) slow(now time.Time, few bool, patience time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := now.Sub(c.waitedAt); since > 4*tick {
		c.waited = max(0, c.waited-since/10)
	} else if few {
		c.waited += since
	}
	c.waitedAt = now
	return now.Sub(c.tookAt) > patience || c.waited > patience
}

// drop cuts the client and forgets what waits for it.
func (c *client) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut, c.queue = true, nil
	c.signal()
}

// dropped reports whether the client was cut.
func (c *client) dropped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}
