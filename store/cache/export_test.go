package cache

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Name is the name of a key in Redis.
var Name = name

// OperationTimeout and MaxKeys are the bounds of a round trip.
const (
	OperationTimeout = operationTimeout
	MaxKeys          = maxKeys
)

// NewRedis is New for a Redis, with what tests choose: the bound of a round trip, how
// many keys may be in doubt, and the clock.
func NewRedis(
	cfg Config, ttl time.Duration, log *slog.Logger, reg prometheus.Registerer,
	timeout time.Duration, mostDoubts int, now func() time.Time,
) (Cache, error) {
	return newRemote(cfg, ttl, log, reg, limits{timeout: timeout, mostDoubts: mostDoubts, now: now})
}

// NewRedisRateCounter is NewRateCounter with what tests choose: the bound of a round
// trip and the clock.
var NewRedisRateCounter = newRateCounter
