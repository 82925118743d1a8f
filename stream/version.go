package stream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// The minor versions of NATS 2 that brought what is used where it is there.
const (
	minorLeast       = 9  // all that can't be done without
	minorSync        = 10 // sync_interval: always
	minorAtomic      = 12 // atomic batches
	minorPartitioned = 14 // the reset of a consumer; pinned consumers came with 2.11
)

// CheckServer refuses a server that is too old.
func (c *Conn) CheckServer() error {
	version := c.NATS.ConnectedServerVersion()
	if version == "" {
		return nats.ErrDisconnected
	}
	if !atLeast(version, minorLeast) {
		return fmt.Errorf("NATS server %s is too old: 2.%d or later is needed", version, minorLeast)
	}
	return nil
}

// Lacks says for the operator what the connected server can't do, and what that
// means; "" for one that has all that is used.
func (c *Conn) Lacks() string { return lacks(c.NATS.ConnectedServerVersion()) }

func lacks(version string) string {
	var all []string
	if !atLeast(version, minorAtomic) {
		all = append(all, fmt.Sprintf("works without atomic batches (2.%d), slower", minorAtomic))
	}
	if !atLeast(version, minorPartitioned) {
		all = append(all, fmt.Sprintf("one process at a time processes events (all share the work from 2.%d)", minorPartitioned))
	}
	if !atLeast(version, minorSync) {
		all = append(all, fmt.Sprintf("sync_interval always needs 2.%d: a power cut can lose acknowledged events", minorSync))
	}
	return strings.Join(all, "; ")
}

// partitions reports whether the connected server can partition the event
// stream and have it read in partitions.
func (c *Conn) partitions() bool {
	return atLeast(c.NATS.ConnectedServerVersion(), minorPartitioned)
}

// atLeast reports whether version is 2.minor or later.
func atLeast(version string, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	haveMajor, err1 := strconv.Atoi(parts[0])
	haveMinor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (haveMajor > 2 || haveMajor == 2 && haveMinor >= minor)
}
