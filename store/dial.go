package store

import (
	"net"
	"time"
)

const (
	// connectTimeout bounds each try to connect.
	connectTimeout = 5 * time.Second
	// pingTimeout bounds the look at a connection that was idle.
	pingTimeout = 3 * time.Second
	// unackedTimeout is how long the other end's network may not acknowledge what
	// was sent. The kernel's own limit is a quarter of an hour, for which a batch
	// would hang on a connection that was cut without a word.
	unackedTimeout = 10 * time.Second
)

// dialer finds out in seconds that the other end is gone, also while nothing but
// an answer is waited for.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
		Control:         limitUnacked,
	}
}
