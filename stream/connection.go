package stream

import (
	"context"
	"errors"
	"sync"
)

// errConnectionLost ends the wait for a confirmation that can't come any more.
var errConnectionLost = errors.New("the connection to NATS was lost")

// connection tells who waits for an answer that the connection has gone. The
// client would have them wait until their time is over, however soon the next
// connection stands.
type connection struct {
	mu  sync.Mutex      // guards what follows
	ctx context.Context //nolint:containedctx // its end is the event that is told
	end context.CancelCauseFunc
}

func newConnection() *connection {
	c := &connection{}
	c.ctx, c.end = context.WithCancelCause(context.Background())
	return c
}

// lost tells all who wait; those who come later wait for the next connection.
func (c *connection) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(errConnectionLost)
	c.ctx, c.end = context.WithCancelCause(context.Background())
}

// bound returns a context like ctx that also ends when the connection is lost.
func (c *connection) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	standing := c.ctx
	c.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(standing, func() { cancel(errConnectionLost) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
