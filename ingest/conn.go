package ingest

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

const (
	readBuffer = 64 << 10
	// maxUnflushed bounds what waits to be written; beyond it writers wait.
	maxUnflushed = 256 << 10
)

// bufferedConn gathers reads and writes. paho reads a packet in three system
// calls and writes it in one; under load many fit in one of each. A write is
// sent as soon as the one before it is through, so that nothing waits for more.
type bufferedConn struct {
	net.Conn
	reader  io.Reader
	aborted atomic.Bool
	deaf    atomic.Bool // what comes in is lost

	mu      sync.Mutex // guards what follows
	waiting []byte
	spare   []byte
	err     error
	closed  bool
	filled  sync.Cond // waiting is not empty, or closed
	drained sync.Cond // waiting got shorter, or closed
	done    chan struct{}
}

// newBufferedConn returns a connection on c. Publications with a payload longer
// than maxPayload bytes are cut to a byte more, of which cut is told (see
// [packetCutter]); 0 leaves them as they are.
func newBufferedConn(c net.Conn, maxPayload int, cut func(id uint16, size int)) *bufferedConn {
	b := &bufferedConn{Conn: c, done: make(chan struct{})}
	buffered := bufio.NewReaderSize(c, readBuffer)
	b.reader = buffered
	if maxPayload > 0 {
		b.reader = &packetCutter{from: buffered, maxPayload: maxPayload, cut: cut}
	}
	b.filled.L, b.drained.L = &b.mu, &b.mu
	go b.flush()
	return b
}

func (b *bufferedConn) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	for err == nil && b.deaf.Load() {
		n, err = b.reader.Read(p)
	}
	if err != nil && b.aborted.Load() {
		// The library takes "closed" for its own doing and would go on as if
		// the connection stood.
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Write takes p over; an error of sending it is returned by a later Write.
func (b *bufferedConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > maxUnflushed && b.err == nil && !b.closed {
		b.drained.Wait()
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.closed {
		return 0, net.ErrClosed
	}
	b.waiting = append(b.waiting, p...)
	b.filled.Signal()
	return len(p), nil
}

func (b *bufferedConn) flush() {
	defer close(b.done)
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.waiting) == 0 && !b.closed {
			b.filled.Wait()
		}
		if len(b.waiting) == 0 {
			return
		}
		out := b.waiting
		b.waiting = b.spare[:0]
		b.mu.Unlock()
		_, err := b.Conn.Write(out)
		b.mu.Lock()
		b.spare = out[:0]
		b.drained.Broadcast()
		if err != nil {
			b.err = err
			// The reader finds out by itself; it may be long in a read.
			_ = b.Conn.Close()
			return
		}
	}
}

// Close sends what waits, as far as the peer takes it at once, and closes.
func (b *bufferedConn) Close() error {
	b.mu.Lock()
	already := b.closed
	b.closed = true
	b.filled.Broadcast()
	b.drained.Broadcast()
	b.mu.Unlock()
	if already {
		return nil
	}
	_ = b.SetWriteDeadline(closeDeadline())
	<-b.done
	return b.Conn.Close()
}

// abort closes at once; what waits is not sent.
func (b *bufferedConn) abort() error {
	b.aborted.Store(true)
	b.mu.Lock()
	b.waiting, b.err = nil, net.ErrClosed
	b.mu.Unlock()
	return b.Conn.Close()
}
