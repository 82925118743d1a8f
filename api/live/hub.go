// Package live serves serial events as they happen, as Server-Sent Events (WHATWG
// HTML, section 9.2).
//
// A [Hub] reads the tail of the stream MACHSHOP_SERIALS once and gives each event
// to all clients that want it, each with a bounded buffer. A client that resumes is
// read the stream from where it was, and joins the others when it has reached the
// tail, so that it gets each event once. The id of an event is its sequence in the
// stream and a word that tells this stream from one that was made anew.
//
// Besides the serial events there are
//
//	reset  the stream was made anew or restored: what follows is all it has
//	gap    the stream does not have the messages {"from","to"} any more
//	cut    the client read too slowly: it can resume from {"lastEventId"}
//	end    the server ends: resume from {"lastEventId"}
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald/stream"
)

const (
	// heartbeat is how often a client without events gets a comment: below the
	// minute after which proxies give a silent connection up.
	heartbeat = 15 * time.Second
	// writeTimeout bounds one write to a client. It is less than the time that a
	// server has to shut down.
	writeTimeout = 5 * time.Second
	// patience is how long the others wait for a client whose buffer is full.
	patience = 2 * time.Second
	// maxClients bounds the connections; each costs some 50 kB.
	maxClients = 2000
	// maxReading is how many clients are read the stream at the same time.
	maxReading = 16
)

// Hub gives serial events to HTTP clients. Its methods are safe for concurrent use.
type Hub struct {
	conn *stream.Conn
	log  *slog.Logger

	heartbeat, writeTimeout, patience time.Duration
	maxClients                        int

	clients prometheus.Gauge
	events  prometheus.Counter
	cuts    prometheus.Counter

	ending   context.Context //nolint:containedctx // its end is the event that is told
	end      context.CancelFunc
	handlers sync.WaitGroup // the requests that are served
	reading  chan struct{}  // has an element for each client that is read the stream
	drained  chan struct{}  // has one element when a client has made room

	mu        sync.Mutex // guards what follows
	closed    bool
	connected int
	live      map[*client]struct{} // the clients at the tail
	tail      position             // up to which they were given everything; without identity before there is a stream
	moved     chan struct{}        // closed, and made anew, when tail changes its stream or skips
	// recent are the last frames, all behind recentAfter, for those who have just
	// been read the stream up to there. They fit into a buffer.
	recent      []*frame
	recentBytes int
	recentAfter uint64
}

// New returns a Hub of the serial events of conn. It starts nothing; requests that
// come before [Hub.Run] wait for it. It registers seriald_sse_clients,
// seriald_sse_events_total and seriald_sse_cut_total.
func New(conn *stream.Conn, log *slog.Logger, reg prometheus.Registerer) *Hub {
	ending, end := context.WithCancel(context.Background())
	h := &Hub{
		conn: conn, log: log,
		heartbeat: heartbeat, writeTimeout: writeTimeout, patience: patience, maxClients: maxClients,
		clients: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "seriald_sse_clients", Help: "Clients that are connected to the stream of serial events.",
		}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_sse_events_total", Help: "Serial events written to clients of the stream, counted for each.",
		}),
		cuts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_sse_cut_total", Help: "Clients of the stream of serial events that were cut because they read too slowly.",
		}),
		ending: ending, end: end, reading: make(chan struct{}, maxReading), drained: make(chan struct{}, 1),
		live: map[*client]struct{}{}, moved: make(chan struct{}),
	}
	reg.MustRegister(h.clients, h.events, h.cuts)
	return h
}

// Run reads the tail of the stream until ctx ends, through all losses of the
// connection to NATS, then ends the clients and returns nil when they are gone. It
// must be called once.
func (h *Hub) Run(ctx context.Context) error {
	if h.conn.Ready(ctx, h.log) == nil {
		h.follow(ctx)
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.handlers.Wait()
	return nil
}

// enter counts a client in; it reports false if there are too many or the hub ends.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.connected >= h.maxClients {
		return false
	}
	h.connected++
	h.handlers.Add(1)
	h.clients.Inc()
	return true
}

// leave takes back enter, and c from the tail if it is there.
func (h *Hub) leave(c *client) {
	h.mu.Lock()
	delete(h.live, c)
	h.connected--
	h.clients.Dec()
	h.mu.Unlock()
	h.handlers.Done()
}

// joining is what came of a client's wish to join the tail.
type joining int

const (
	joined joining = iota // events come by its buffer
	noTail                // there is no stream yet
	other                 // its position is of another stream
	behind                // it has to be read the stream first
	ahead                 // its position is one that the tail has not reached
)

// join adds c, which has had everything up to from, to the clients at the tail, if
// it gets everything behind from there. It also returns the tail and what tells
// when it moves. known says that an ahead position is in the stream.
func (h *Hub) join(c *client, from position, known bool) (j joining, tail position, moved <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.tail.identity == "":
		j = noTail
	case from.identity != h.tail.identity:
		j = other
	case from.sequence > h.tail.sequence && !known:
		j = ahead
	case from.sequence < h.recentAfter:
		j = behind
	default:
		c.after = from.sequence
		c.offer(time.Now(), h.recent...)
		h.live[c] = struct{}{}
	}
	return j, h.tail, h.moved
}

// begin adds a client that wants what comes from now on to those at the tail,
// wherever that is, and returns where.
func (h *Hub) begin(c *client) position {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live[c] = struct{}{}
	return h.tail
}

// settled returns where a client at the tail is that has got all it was offered; ok
// is false if it has not.
func (h *Hub) settled(c *client) (at position, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, here := h.live[c]
	at = position{max(h.tail.sequence, c.after), h.tail.identity}
	return at, here && at.identity != "" && c.idle()
}

// stalled notes that a client took nothing of a write, unless it was cut before.
func (h *Hub) stalled(c *client) {
	if !c.dropped() {
		h.cuts.Inc()
	}
}

// move sets the tail to another place and tells the clients there, if notice is not
// nil.
func (h *Hub) move(to position, notice *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	reset := to.identity != h.tail.identity || to.sequence < h.tail.sequence
	h.tail, h.recent, h.recentBytes, h.recentAfter = to, nil, 0, to.sequence
	close(h.moved)
	h.moved = make(chan struct{})
	for c := range h.live {
		if notice != nil && (reset || c.after < to.sequence) {
			c.offer(time.Now(), notice)
		}
		if reset {
			c.after = to.sequence
		}
	}
}

// push gives frames, which follow the tail, to the clients there. While some have
// no room it waits for them, and so the stream waits: a burst is more than a buffer
// holds. Who is too slow is cut. It returns early if ctx ends.
func (h *Hub) push(ctx context.Context, frames []*frame) {
	size := 0
	for _, f := range frames {
		size += len(f.text)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.full(len(frames), size) {
		h.mu.Unlock()
		select {
		case <-h.drained:
		case <-time.After(tick):
		case <-ctx.Done():
		}
		h.mu.Lock()
		if ctx.Err() != nil {
			return
		}
	}
	now := time.Now()
	for c := range h.live {
		c.offer(now, frames...)
	}
	h.tail.sequence = frames[len(frames)-1].at.sequence
	for _, f := range frames {
		h.recent, h.recentBytes = append(h.recent, f), h.recentBytes+len(f.text)
	}
	for len(h.recent) > bufferEvents || h.recentBytes > bufferBytes {
		h.recentAfter, h.recentBytes = h.recent[0].at.sequence, h.recentBytes-len(h.recent[0].text)
		h.recent[0], h.recent = nil, h.recent[1:]
	}
}

// full cuts who is too slow and reports whether there still are clients without
// room. mu must be held.
func (h *Hub) full(events, bytes int) bool {
	var without []*client
	for c := range h.live {
		if !c.room(events, bytes) {
			without = append(without, c)
		}
	}
	// Where most are behind it is the rate, and not they.
	few, waits, now := len(h.live) > 1 && 2*len(without) <= len(h.live), false, time.Now()
	for _, c := range without {
		if !c.slow(now, few, h.patience) {
			waits = true
			continue
		}
		c.drop()
		delete(h.live, c)
		h.cuts.Inc()
	}
	return waits
}
