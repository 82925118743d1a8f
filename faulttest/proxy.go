package faulttest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// segment is the most that one read takes; a slow link is slow per segment,
	// so it is small beside the rates of interest.
	segment = 4 << 10
	// underWay is how many segments a link holds before its sender has to wait.
	underWay  = 64
	dialLimit = 5 * time.Second
)

// Proxy passes TCP connections on to one server and does to them what a network
// does. All its methods may be called at any time, from any goroutine.
type Proxy struct {
	target   string
	listener net.Listener
	done     chan struct{} // closed by Close
	group    sync.WaitGroup

	mu         sync.Mutex // guards what follows
	links      map[*link]struct{}
	refuse     bool
	blackholed bool
	latency    time.Duration
	rate       int
}

// link is one connection: the client's half and, once it is there, the server's.
type link struct {
	client, server net.Conn
	dead           chan struct{} // closed when nothing passes any more, for ever
	gone           chan struct{} // closed when both halves are
	die, end       sync.Once
}

// Listen starts a proxy to target (host:port) on a free port of 127.0.0.1. The
// caller must Close it.
func Listen(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", target, err)
	}
	p := &Proxy{target: target, listener: l, done: make(chan struct{}), links: map[*link]struct{}{}}
	p.group.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy with all its connections and returns when nothing of it
// runs any more.
func (p *Proxy) Close() {
	p.mu.Lock()
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.group.Wait()
}

// Cut closes all connections, as a switch does that restarts. New ones pass.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Refuse has new connections end as soon as they begin, while it is on.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Blackhole kills without a word: from now on nothing passes on the connections
// there are, in either direction, and neither side is told, not even when the
// other gives up. They stay so when the blackhole ends. While it is on, new
// connections are accepted and are dead from the start.
func (p *Proxy) Blackhole(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackholed = on
	if on {
		for l := range p.links {
			l.kill()
		}
	}
}

// Slow delays all that passes by latency in each direction and passes at most
// bytesPerSecond in each direction of each connection. Zero is no limit.
func (p *Proxy) Slow(latency time.Duration, bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency, p.rate = latency, bytesPerSecond
}

func (p *Proxy) speed() (time.Duration, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latency, p.rate
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		l := &link{client: c, dead: make(chan struct{}), gone: make(chan struct{})}
		p.mu.Lock()
		select {
		case <-p.done:
			l.close()
		default:
		}
		if p.refuse {
			l.close()
		}
		if p.blackholed {
			l.kill()
		}
		p.links[l] = struct{}{}
		p.mu.Unlock()
		p.group.Go(func() { p.serve(l) })
	}
}

// serve passes a connection on until it is gone.
func (p *Proxy) serve(l *link) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
		l.close()
	}()
	if !l.passes() {
		<-l.gone
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		return
	}
	p.mu.Lock()
	select {
	case <-l.gone:
		_ = server.Close()
	default:
		l.server = server
	}
	p.mu.Unlock()
	if l.server == nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(l, l.client, l.server) })
	both.Go(func() { p.pass(l, l.server, l.client) })
	both.Wait()
}

// parcel is what was read together, and when it is to arrive.
type parcel struct {
	bytes []byte
	due   time.Time
}

// pass copies one direction. A half that ends ends the other, unless the link is
// dead: then nobody is told.
func (p *Proxy) pass(l *link, from, to net.Conn) {
	parcels := make(chan parcel, underWay)
	var writer sync.WaitGroup
	writer.Go(func() { p.deliver(l, to, parcels) })
	for {
		buf := make([]byte, segment)
		n, err := from.Read(buf)
		if !l.passes() {
			break
		}
		if n > 0 {
			latency, _ := p.speed()
			select {
			case parcels <- parcel{buf[:n], time.Now().Add(latency)}:
			case <-l.dead:
			case <-l.gone:
			}
		}
		if err != nil || !l.passes() {
			break
		}
	}
	close(parcels)
	writer.Wait()
	if l.passes() {
		l.close()
		return
	}
	<-l.gone // dead: until the proxy cuts or ends
}

func (p *Proxy) deliver(l *link, to net.Conn, parcels <-chan parcel) {
	for parcel := range parcels {
		wait := time.Until(parcel.due)
		if _, rate := p.speed(); rate > 0 {
			wait = max(wait, 0) + time.Duration(len(parcel.bytes))*time.Second/time.Duration(rate)
		}
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.dead:
			case <-l.gone:
			}
		}
		if !l.passes() {
			continue // the sender waits for the channel to be taken empty
		}
		if _, err := to.Write(parcel.bytes); err != nil && l.passes() {
			l.close()
		}
	}
}

func (l *link) passes() bool {
	select {
	case <-l.dead:
		return false
	case <-l.gone:
		return false
	default:
		return true
	}
}

func (l *link) kill() { l.die.Do(func() { close(l.dead) }) }

// close ends both halves; the proxy's lock is held, or the server's half is set
// for good.
func (l *link) close() {
	l.end.Do(func() {
		close(l.gone)
		if tcp, ok := l.client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a peer that is not there
		}
		_ = l.client.Close()
		if l.server != nil {
			_ = l.server.Close()
		}
	})
}
