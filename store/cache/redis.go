package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// quiet drops what the library would print past our log: each call returns its
// error, too, to somebody who knows whether it matters.
type quiet struct{}

// Printf implements the library's logger.
func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

// operationTimeout bounds every call: a cache that is slower than the database
// is of no use.
const operationTimeout = 50 * time.Millisecond

// Redis is a connection to Redis.
type Redis struct{ client *redis.Client }

// Open prepares a connection; it is made when it is needed, so that a Redis that
// is down is no error here. The caller must Close it.
func Open(cfg Config) (*Redis, error) {
	opts, err := options(cfg, operationTimeout)
	if err != nil {
		return nil, err
	}
	return &Redis{client: redis.NewClient(opts)}, nil
}

// options are those of every connection; each step of one is bounded by timeout.
func options(cfg Config, timeout time.Duration) (*redis.Options, error) {
	opts, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("read REDIS_URL: %w", err)
	}
	if cfg.DB >= 0 {
		opts.DB = cfg.DB
	}
	if cfg.Password != "" {
		opts.Password = cfg.Password
	}
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = timeout, timeout, timeout
	opts.MaxRetries, opts.DialerRetries = -1, 1
	// Servers before 8 answer the handshake of these with an error.
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return opts, nil
}

// Ping reports whether Redis answers.
func (r *Redis) Ping(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

// Close closes the connections.
func (r *Redis) Close() error { return r.client.Close() }
