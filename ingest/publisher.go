package ingest

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// publisher publishes at QoS 1 and knows which messages the broker has.
//
// The library's tokens do not: those of what was under way when a connection
// ended are completed when the next one begins, before the broker has anything.
// What the library keeps to be sent again it takes out of its store on a PUBACK
// and at no other time, so it is the store that tells.
type publisher struct {
	mqtt.Client
	unacknowledged *unacknowledged
	link           *link
	mu             sync.Mutex // held while a message is handed over, so that its place in the store is known
}

// newPublisher returns a publisher that connects as o says. It starts nothing.
func newPublisher(o *mqtt.ClientOptions) *publisher {
	p := &publisher{unacknowledged: newUnacknowledged(), link: &link{closed: make(chan struct{})}}
	o.SetStore(p.unacknowledged).SetCustomOpenConnectionFn(p.link.open(o.CustomOpenConnectionFn))
	p.Client = mqtt.NewClient(o)
	return p
}

// publish hands a message over; acknowledged is closed when the broker has
// acknowledged it, on whatever connection. While there is no connection the
// message is kept, to be sent on the next. An error means that it was not taken.
func (p *publisher) publish(topic string, payload []byte) (acknowledged <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.link.current()
	p.unacknowledged.last = nil
	token := p.Publish(topic, 1, false, payload)
	if p.unacknowledged.last == nil {
		if err := token.Error(); err != nil {
			return nil, err
		}
		return nil, errors.New("the message was not taken")
	}
	if p.link.current() != before || token.Error() != nil {
		// The connection changed under the hand-over, and the library sends the
		// message twice: as one that was kept, and as a new one. The PUBACK of
		// the second would be taken for that of the next message with the same
		// packet id. A further connection sends everything once.
		p.cycle()
	}
	return p.unacknowledged.last, nil
}

// cycleWait bounds how long a connection that was cut may pass for one.
const cycleWait = 2 * time.Second

// cycle cuts the connection and returns when the library has noticed.
func (p *publisher) cycle() {
	p.link.cut()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(cycleWait); p.IsConnectionOpen() && time.Now().Before(deadline); {
		<-tick.C
	}
}

// link is the connection that a client has now.
type link struct {
	closed chan struct{} // there must be no further connection
	close  sync.Once

	mu   sync.Mutex // guards what follows
	conn net.Conn
	away time.Time // there must be none before
}

// errClosed is told to the library when it connects after the end.
var errClosed = errors.New("the client is closed")

// open wraps dial so that link knows the connection.
func (l *link) open(dial mqtt.OpenConnectionFunc) mqtt.OpenConnectionFunc {
	return func(u *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
		if err := l.wait(); err != nil {
			return nil, err
		}
		c, err := dial(u, o)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conn = c
		return c, nil
	}
}

// wait returns when a connection may be made. It waits here because the library
// would follow an error with pauses of its own.
func (l *link) wait() error {
	l.mu.Lock()
	timer := time.NewTimer(time.Until(l.away))
	l.mu.Unlock()
	defer timer.Stop()
	select {
	case <-l.closed:
		return errClosed
	default:
	}
	select {
	case <-timer.C:
		return nil
	case <-l.closed:
		return errClosed
	}
}

// stayAway has no connection made for d.
func (l *link) stayAway(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = time.Now().Add(d)
}

// end has no connection made any more: the library may be in a pause, and make
// one after it was told to disconnect.
func (l *link) end() { l.close.Do(func() { close(l.closed) }) }

func (l *link) current() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// cut closes the connection without a word to the broker.
func (l *link) cut() {
	if c := l.current(); c != nil {
		if abrupt, ok := c.(interface{ abort() error }); ok {
			_ = abrupt.abort() // it is closed, which is all that is wanted
			return
		}
		_ = c.Close() // the same
	}
}

// deafen loses what the broker says on this connection from now on.
func (l *link) deafen() {
	if c, ok := l.current().(*bufferedConn); ok {
		c.deaf.Store(true)
	}
}

// unacknowledged is the store in which the library keeps what it has to send
// again, in the order in which it was published, and notes its PUBACKs.
type unacknowledged struct {
	*mqtt.OrderedMemoryStore
	last   <-chan struct{} // of the message stored last; publisher.mu guards it
	resent atomic.Int64    // messages that were sent again

	mu      sync.Mutex // guards waiting
	waiting map[string]chan struct{}
}

func newUnacknowledged() *unacknowledged {
	return &unacknowledged{OrderedMemoryStore: mqtt.NewOrderedMemoryStore(), waiting: map[string]chan struct{}{}}
}

// outbound is how the library marks what it sends; "i." marks what it received.
const outboundKey = "o."

// Put implements [mqtt.Store].
func (u *unacknowledged) Put(key string, p packets.ControlPacket) {
	if _, ok := p.(*packets.PublishPacket); ok && key[:2] == outboundKey {
		acknowledged := make(chan struct{})
		u.mu.Lock()
		u.waiting[key] = acknowledged
		u.mu.Unlock()
		u.last = acknowledged
	}
	u.OrderedMemoryStore.Put(key, p)
}

// Get implements [mqtt.Store]. The library asks for what it is about to send
// again, and for nothing else once there was a connection.
func (u *unacknowledged) Get(key string) packets.ControlPacket {
	p := u.OrderedMemoryStore.Get(key)
	publish, ok := p.(*packets.PublishPacket)
	if !ok || key[:2] != outboundKey {
		return p
	}
	u.resent.Add(1)
	// A copy: the library marks it as a duplicate, and what was handed over just when the
	// connection changed may be on its way to the wire.
	again := *publish
	return &again
}

// Del implements [mqtt.Store].
func (u *unacknowledged) Del(key string) {
	u.OrderedMemoryStore.Del(key)
	u.mu.Lock()
	defer u.mu.Unlock()
	if acknowledged, ok := u.waiting[key]; ok {
		close(acknowledged)
		delete(u.waiting, key)
	}
}
