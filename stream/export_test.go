package stream

import (
	"context"

	"github.com/nats-io/nats.go"
)

// PublishAtomic stores msgs as one atomic batch.
func (c *Conn) PublishAtomic(ctx context.Context, msgs []*nats.Msg) error {
	return c.publishAtomic(ctx, msgs)
}

// PublishEach stores msgs one by one.
func (c *Conn) PublishEach(ctx context.Context, msgs []*nats.Msg) error {
	_, err := c.publishEach(ctx, msgs)
	return err
}

// Lacks says what a server of a version can't do.
func Lacks(version string) string { return lacks(version) }
