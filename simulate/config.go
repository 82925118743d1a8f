package simulate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

// Defaults of [Config]. DefaultRepeats is for a command line's flag: in a Config
// no repeats are 0.
const (
	DefaultSite    = "plant1"
	DefaultLine    = "line1"
	DefaultDevices = 10
	DefaultMix     = "operation_complete=90,serial_generate=5,vendor_serial_receive=5"
	DefaultRepeats = 0.01
	// DefaultTimeout is longer than the 30 s after which the embedded listener
	// delivers again what was sent into a connection that was closing.
	DefaultTimeout = 45 * time.Second
	// DefaultOfflineFor is how long a device that lost its connection stays away.
	DefaultOfflineFor = time.Second
)

const (
	maxDevices = 10_000
	// maxPrefix leaves room for the device's number in a name of 64 bytes.
	maxPrefix = 48
	// maxWindow keeps a device well below the 65,535 packet ids of MQTT.
	maxWindow = 30_000
	// sharedWindow is what is unanswered at most when flat out with the default
	// window, over all devices. More only makes the queue longer; and a broker may
	// have a limit (Mosquitto's max_queued_messages: 1,000) beyond which it drops.
	sharedWindow = 1000
	// unansweredAtRate bounds the memory of a run at a rate whose server does not
	// answer, over all devices; less than 64 bytes each.
	unansweredAtRate = 1 << 18
)

// Config says what is played. Zero values stand for the defaults, except where
// zero means something.
type Config struct {
	// Broker is where the devices connect. Its ClientID is not used, and of its
	// MaxPayload only that a payload that is longer is refused there.
	Broker ingest.Config
	// Site and Line are where the devices stand: plant1, line1.
	Site, Line string
	// Devices is how many play: 10.
	Devices int
	// Rate is how many messages are sent a second over all devices, whether they
	// are answered or not, while the broker acknowledges them: a device has 20 in
	// flight (without a PUBACK) at most. 0 is flat out, as fast as Window lets them.
	Rate float64
	// Count is how many messages are sent over all devices, repeats included; 0 is
	// until Duration is over or the context ends.
	Count int
	// Duration bounds the sending, from the first message; 0 does not.
	Duration time.Duration
	// Mix weighs the event types; see [DefaultMix].
	Mix Mix
	// Repeats is the share of messages that repeat an event which the device has
	// sent before, half of them right after it, from 0 to below 1. 0 is none.
	Repeats float64
	// Wrong is the share of events that are wrong on purpose, each in a way for
	// which a certain refusal is expected, from 0 to below 1. 0 is none.
	Wrong float64
	// OfflineEvery is how often each device loses its connection, without a word
	// to the broker and right behind a message; 0 is never. Devices do so one here,
	// one there, and at intervals that differ by a quarter. What is due while a
	// device is away is not made up for.
	OfflineEvery time.Duration
	// OfflineFor is how long it stays away, a half more or less: 1 s. It may be
	// half of OfflineEvery at most. Where losses follow each other within 8 s, the
	// MQTT client stays away for up to 2 s by itself.
	OfflineFor time.Duration
	// Window is how many messages of a device may be unanswered when flat out: 200,
	// or less where many devices would make it more than 1,000 together.
	Window int
	// Timeout is how long answers are waited for after the last sending: 45 s.
	Timeout time.Duration
	// Prefix begins the names of the devices and, with them, all event ids:
	// {prefix}-{device}-{n}. The default is a new one for each run; a run with the
	// prefix of an earlier one sends the same events again.
	Prefix string
	// Live gets a line about once a second; nil gets none.
	Live io.Writer
	// Record is called for each event id that the broker has acknowledged (PUBACK),
	// or that was answered, if that comes to be known first: once for each id and
	// one call at a time, and not for those that are wrong on purpose. It must not
	// block for long. nil is not called.
	Record func(id string)
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.Broker.ClientID == "" {
		c.Broker.ClientID = ingest.DefaultClientID
	}
	if c.Broker.MaxPayload == 0 {
		c.Broker.MaxPayload = ingest.DefaultMaxPayload
	}
	if c.Site == "" {
		c.Site = DefaultSite
	}
	if c.Line == "" {
		c.Line = DefaultLine
	}
	if c.Devices == 0 {
		c.Devices = DefaultDevices
	}
	if c.Mix == nil {
		c.Mix, _ = ParseMix(DefaultMix)
	}
	if c.Window == 0 && c.Devices > 0 {
		c.Window = min(200, max(1, sharedWindow/c.Devices))
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.OfflineFor == 0 {
		c.OfflineFor = DefaultOfflineFor
	}
	if c.Prefix == "" {
		c.Prefix = "sim-" + strings.ToLower(rand.Text()[:8])
	}
	return c
}

// Validate lists what is wrong, in one error that names the flags.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	wrong := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--"+flag+": "+format, args...))
	}
	if err := c.Broker.Validate(); err != nil {
		errs = append(errs, err)
	}
	if !seriald.ValidToken(c.Site) {
		wrong("site", "%q must be 1 to 64 of A-Z a-z 0-9 _ -", c.Site)
	}
	if !seriald.ValidToken(c.Line) {
		wrong("line", "%q must be 1 to 64 of A-Z a-z 0-9 _ -", c.Line)
	}
	if c.Devices < 1 || c.Devices > maxDevices {
		wrong("devices", "must be from 1 to %d, not %d", maxDevices, c.Devices)
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		wrong("rate", "must be a number of events a second, or 0 for flat out, not %v", c.Rate)
	}
	if c.Count < 0 {
		wrong("count", "must not be negative, is %d", c.Count)
	}
	if c.Duration < 0 {
		wrong("duration", "must not be negative, is %s", c.Duration)
	}
	if err := c.Mix.validate(); err != nil {
		wrong("mix", "%w", err)
	}
	if !(c.Repeats >= 0 && c.Repeats < 1) { // so that NaN is wrong too
		wrong("repeats", "must be a share from 0 to below 1 (0.01 is 1 %%), not %v", c.Repeats)
	}
	if !(c.Wrong >= 0 && c.Wrong < 1) {
		wrong("wrong", "must be a share from 0 to below 1 (0.01 is 1 %%), not %v", c.Wrong)
	}
	if c.OfflineEvery < 0 {
		wrong("offline-every", "must not be negative, is %s", c.OfflineEvery)
	}
	if c.OfflineFor < 0 {
		wrong("offline-for", "must not be negative, is %s", c.OfflineFor)
	} else if c.OfflineEvery > 0 && c.OfflineFor > c.OfflineEvery/2 {
		wrong("offline-for", "%s must be at most half of --offline-every, %s", c.OfflineFor, c.OfflineEvery)
	}
	if c.Window < 0 || c.Window > maxWindow {
		wrong("window", "must be from 1 to %d, not %d", maxWindow, c.Window)
	}
	if c.Timeout < 0 {
		wrong("timeout", "must not be negative, is %s", c.Timeout)
	}
	if !seriald.ValidToken(c.Prefix) || len(c.Prefix) > maxPrefix {
		wrong("prefix", "%q must be 1 to %d of A-Z a-z 0-9 _ -", c.Prefix, maxPrefix)
	}
	return errors.Join(errs...)
}

// mostUnanswered is where a device stops to send until it is answered.
func (c Config) mostUnanswered() int {
	if c.Rate == 0 {
		return c.Window
	}
	return min(maxWindow, max(1000, unansweredAtRate/c.Devices))
}

// share is how many messages device i sends.
func (c Config) share(i int) int {
	if c.Count == 0 {
		return math.MaxInt
	}
	n := c.Count / c.Devices
	if i < c.Count%c.Devices {
		n++
	}
	return n
}
