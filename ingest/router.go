package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald"
)

// Limits bound what is taken from devices.
type Limits struct {
	// MaxPayload is the longest payload that is taken, in bytes.
	MaxPayload int
	// MaxDepth is how deep JSON may be nested, from 1 to 1000; 0 is
	// [DefaultMaxDepth].
	MaxDepth int
	// Sites are the sites whose devices are heard; none means all.
	Sites []string
	// Debounce is the time within which a scan is the same as the one before, for
	// routes that have none of their own; 0 counts every read.
	Debounce time.Duration
}

const (
	// maxTopic is the longest topic, in bytes: all that a dead letter's header and
	// a person can use; MQTT would allow 65535.
	maxTopic = 1024
	// mostDepth bounds MaxDepth by what the decoders on the way take, which see an
	// event within a CloudEvent and within an audit record.
	mostDepth = 1000
	// maxDebounce bounds the memory of scans.
	maxDebounce = time.Minute
)

// Router knows what a message on a topic is. It is safe for concurrent use.
type Router struct {
	limits  Limits
	routes  tree
	filters []string
}

// Message is what Router made of a message.
type Message struct {
	// Event is never nil.
	Event *seriald.Event
	// Code is what was scanned, in canonical form; "" if it was no scan.
	Code string
	// Debounce is the time within which the same Code of the same device counts
	// once; 0 if every one counts.
	Debounce time.Duration
}

// NewRouter returns a Router for the contract's topics and for routes. The error
// names all that is wrong, by setting.
func NewRouter(routes []Route, limits Limits) (*Router, error) {
	if limits.MaxDepth == 0 {
		limits.MaxDepth = DefaultMaxDepth
	}
	problems := []error{limits.validate()}
	r := &Router{limits: limits}
	var known []*route
	for _, b := range builtIn() {
		c, err := b.compile(limits.Debounce)
		if err != nil {
			return nil, fmt.Errorf("built-in topic %s: %w", b.Topic, err) // a mistake in builtIn
		}
		known = append(known, c)
		r.routes.add(c.filter, c)
		r.filters = append(r.filters, c.filter.String())
	}
	ours := len(known)
	for i := range routes {
		c, err := routes[i].compile(limits.Debounce)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				problems = append(problems, fmt.Errorf("ROUTES: route %d (%s): %s", i+1, routes[i].Topic, line))
			}
		}
		if c == nil {
			continue
		}
		c.name = fmt.Sprintf("route %d (%s)", i+1, routes[i].Topic)
		if site := routes[i].Site; site != "" && !limits.hears(site) {
			problems = append(problems, fmt.Errorf("ROUTES: %s: site: %q is not one of MQTT_SITES: nothing of it would be heard", c.name, site))
		}
		problems = append(problems, c.checkOverlap(known[:ours], known[ours:]))
		known = append(known, c)
		r.routes.add(c.filter, c)
		if !slices.ContainsFunc(known[:ours], func(b *route) bool { return b.filter.covers(c.filter) }) {
			r.filters = append(r.filters, c.filter.String())
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

func (l Limits) validate() error {
	var problems []error
	if l.MaxDepth < 1 || l.MaxDepth > mostDepth {
		problems = append(problems, fmt.Errorf("MQTT_MAX_DEPTH: must be from 1 to %d, not %d", mostDepth, l.MaxDepth))
	}
	for _, s := range l.Sites {
		if !seriald.ValidToken(s) {
			problems = append(problems, fmt.Errorf("MQTT_SITES: %q must be 1 to 64 of A-Z a-z 0-9 _ -", s))
		}
	}
	if l.Debounce < 0 || l.Debounce > maxDebounce {
		problems = append(problems, fmt.Errorf("SCAN_DEBOUNCE: must be from 0 to %s, not %s", maxDebounce, l.Debounce))
	}
	return errors.Join(problems...)
}

func (l Limits) hears(site string) bool { return len(l.Sites) == 0 || slices.Contains(l.Sites, site) }

// checkOverlap refuses a route by which a message could come, or count, twice: a
// broker may deliver it once for each subscription that matches.
func (r *route) checkOverlap(builtIn, configured []*route) error {
	var problems []error
	for _, published := range []string{seriald.TopicResults, seriald.TopicLabels, seriald.TopicSerials} {
		if topic, ok := r.filter.common(parseFilter(published)); ok {
			problems = append(problems, fmt.Errorf("ROUTES: %s matches %s, where this service publishes (%s)", r.name, topic, published))
		}
	}
	for _, b := range builtIn {
		if topic, ok := r.filter.common(b.filter); ok && !b.filter.covers(r.filter) {
			problems = append(problems, fmt.Errorf("ROUTES: %s and the built-in %s both match %s: a message there could be counted twice; a route may lie within a built-in topic, not reach beyond", r.name, b.name, topic))
		}
	}
	for _, c := range configured {
		if topic, ok := r.filter.common(c.filter); ok {
			problems = append(problems, fmt.Errorf("ROUTES: %s and %s both match %s: a message there could be counted twice", c.name, r.name, topic))
		}
	}
	return errors.Join(problems...)
}

// Filters returns the topic filters to subscribe: no topic is matched by two.
func (r *Router) Filters() []string { return slices.Clone(r.filters) }

// Decode turns what a device published on topic into an event. What has no id
// gets one from newID; now decides the century of dates in scans. It never panics.
//
// The error is a *[seriald.Rejection]; the event then has what could be read of
// origin and id, so that the device can be told. Of a payload that is too long
// only the length is looked at, so it may have been cut to MaxPayload+1 bytes.
func (r *Router) Decode(topic string, payload []byte, now time.Time, newID func() string) (Message, error) {
	e := &seriald.Event{}
	m := Message{Event: e}
	if len(topic) > maxTopic {
		return m, seriald.Reject(seriald.CodeBadTopic, "", "topic has %d bytes; at most %d are taken", len(topic), maxTopic)
	}
	var room [16]string
	levels := appendLevels(room[:0], topic)
	to := r.routes.find(levels, true)
	if to == nil {
		return m, seriald.Reject(seriald.CodeBadTopic, "", "topic must be machshop/{site}/{line}/{device}/event/{type}, …/scan or …/status, or that of a configured route")
	}
	var err error
	if e.Origin, err = to.place(levels); err != nil {
		return m, err
	}
	e.Type = seriald.EventType(to.typ.of(levels))
	if len(payload) > r.limits.MaxPayload {
		return m, seriald.Reject(seriald.CodePayloadTooLarge, "", "payload has more than the %d bytes that are taken", r.limits.MaxPayload)
	}
	switch to.decoder {
	case DecoderJSON:
		err = to.decodeJSON(e, levels, payload, r.limits.MaxDepth, newID)
	case DecoderScan:
		e.ID = seriald.EventID(newID())
		if m.Code, err = to.decodeScan(e, levels, payload, now); err == nil {
			m.Debounce = to.debounce
		}
	case DecoderStatus:
		e.ID = seriald.EventID(newID())
		err = decodeStatus(e, payload)
	}
	if err != nil {
		return m, err
	}
	if !r.limits.hears(e.Origin.Site) {
		return m, seriald.Reject(seriald.CodeSiteNotFound, "site", "site %q is not one of those that are heard here (MQTT_SITES)", e.Origin.Site)
	}
	return m, nil
}

// appendLevels is strings.Split that needs no memory for the topics there are.
func appendLevels(levels []string, topic string) []string {
	for {
		level, rest, more := strings.Cut(topic, "/")
		levels = append(levels, level)
		if !more {
			return levels
		}
		topic = rest
	}
}

// place returns where the message came from. The origin of an error is zero: a
// device that can't be named can't be told.
func (r *route) place(levels []string) (seriald.Origin, error) {
	for i, name := range [...]string{"site", "line", "device"} {
		if s := r.origin[i].of(levels); r.origin[i].level >= 0 && !seriald.ValidToken(s) {
			return seriald.Origin{}, seriald.Reject(seriald.CodeBadTopic, name, "%q in the topic must be 1 to 64 of A-Z a-z 0-9 _ -", s)
		}
	}
	for _, n := range r.named {
		s := levels[n.level]
		if at, _ := unprintable(s); s == "" || at >= 0 || len(s) > seriald.MaxFieldLength || !utf8.ValidString(s) {
			return seriald.Origin{}, seriald.Reject(seriald.CodeBadTopic, n.name, "%q in the topic must be 1 to %d bytes of printable text", s, seriald.MaxFieldLength)
		}
	}
	return seriald.Origin{Site: r.origin[0].of(levels), Line: r.origin[1].of(levels), Device: r.origin[2].of(levels)}, nil
}
