package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// Route says what messages on topics of another shape mean, for devices that
// can't be configured to publish to machshop/….
type Route struct {
	// Topic is an MQTT topic filter in which segments may be named instead of
	// "+": factory/+/scanner/{device}. {site}, {line}, {device} and {type} say
	// what they say; any other name can be used in Defaults. "#" is taken as the
	// last segment. No topic may be matched by two routes.
	Topic string
	// Site, Line and Device are what Topic does not name: 1 to 64 of
	// A-Z a-z 0-9 _ -.
	Site, Line, Device string
	// Decoder reads the payload.
	Decoder Decoder
	// Event is the event's type where Topic does not name {type}. A scan is an
	// operation_complete if neither is there; a status has none.
	Event string
	// Field is the field that a scanned text goes to, or the serial number of a
	// GS1 or ISO/IEC 15434 scan; "" is serialNumber.
	Field string
	// Pattern splits a scanned text into fields: a regular expression (RE2) with
	// a named group for each, which must match the whole text. "" for none. With a
	// pattern a scan is text, whatever it looks like.
	Pattern string
	// Profile says what the reader does to what it reads, in the words of
	// [gs1.ParseProfile]. "" is nothing: scans are as the standards describe them,
	// or plain text.
	Profile string
	// Debounce is the time within which the same text of the same device counts
	// once; nil is the bridge's ScanDebounce, 0 counts every read.
	Debounce *time.Duration
	// Map renames fields of a JSON event: from the device's name to ours.
	Map map[string]string
	// Defaults are put into the event where the payload does not have the field:
	// texts, numbers, true or false. In a text, {device} stands for what the topic
	// says, and so do {site}, {line} and names of Topic's own. A scan that is an
	// operation_complete has workCenterId: "{device}" among them.
	Defaults map[string]any
}

// Decoder names how a payload is read.
type Decoder string

// The decoders.
const (
	DecoderJSON   Decoder = "json"   // plain JSON with the event's fields, or CloudEvents 1.0
	DecoderScan   Decoder = "scan"   // what a reader read: GS1, ISO/IEC 15434, or text
	DecoderStatus Decoder = "status" // online or offline
)

// builtIn are the routes of the contract's own topics. A configured route that
// lies within one of them replaces it for the topics it matches.
func builtIn() []Route {
	const device = "machshop/{site}/{line}/{device}"
	return []Route{
		{Topic: device + "/event/{type}", Decoder: DecoderJSON},
		{Topic: device + "/scan", Decoder: DecoderScan},
		{Topic: device + "/status", Decoder: DecoderStatus},
	}
}

// route is a Route that was checked.
type route struct {
	filter  filter
	name    string      // for errors
	origin  [3]place    // site, line, device
	typ     place       // the event's type
	named   []namedPart // segments that only defaults use
	decoder Decoder

	field    string // of a text
	serial   string // the field of a serial number
	pattern  *regexp.Regexp
	parser   gs1.Parser
	debounce time.Duration
	rename   map[string]string
	defaults []defaultField
}

// place is where a text comes from: a level of the topic, or fixed.
type place struct {
	level int // -1 if fixed
	fixed string
}

func (p place) of(levels []string) string {
	if p.level < 0 {
		return p.fixed
	}
	return levels[p.level]
}

type namedPart struct {
	name  string
	level int
}

var (
	segmentName = regexp.MustCompile(`^\{([a-z][A-Za-z0-9_]*)\}$`)
	fieldName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

// envelopeFields are not the type's: a default or a scan can't give them. One id
// for all would make every event a repeat of the first.
var envelopeFields = []string{"id", "time", "specversion", "traceparent", "data"}

// compile checks r. debounce stands in for a scan's that is not given.
func (r *Route) compile(debounce time.Duration) (*route, error) {
	out := &route{name: r.Topic, decoder: r.Decoder, rename: r.Map, debounce: debounce}
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	segments, err := out.parseTopic(r.Topic)
	if err != nil {
		return nil, err // nothing else can be judged
	}
	for i, part := range []struct{ name, fixed string }{{"site", r.Site}, {"line", r.Line}, {"device", r.Device}} {
		level, ok := segments[part.name]
		switch {
		case ok && part.fixed != "":
			problem("%s: is set, and {%s} is in the topic: leave one out", part.name, part.name)
		case ok:
			out.origin[i] = place{level: level}
		case !seriald.ValidToken(part.fixed):
			problem("%s: %q must be 1 to 64 of A-Z a-z 0-9 _ -, or be named {%s} in the topic", part.name, part.fixed, part.name)
		default:
			out.origin[i] = place{level: -1, fixed: part.fixed}
		}
	}
	if err := r.checkDecoder(); err != nil {
		return nil, errors.Join(append(problems, err)...)
	}
	problems = append(problems, out.setType(r, segments))
	if r.Decoder == DecoderScan {
		problems = append(problems, out.setScan(r))
	}
	problems = append(problems, r.checkMap(), out.setDefaults(r.Defaults, segments))
	return out, errors.Join(problems...)
}

// parseTopic sets the filter and returns which level has which name.
func (r *route) parseTopic(topic string) (map[string]int, error) {
	switch {
	case topic == "":
		return nil, errors.New("topic: is missing")
	case len(topic) > maxTopic:
		return nil, fmt.Errorf("topic: must not be longer than %d bytes", maxTopic)
	case !utf8.ValidString(topic) || strings.ContainsRune(topic, 0):
		return nil, errors.New("topic: must be UTF-8 without NUL")
	case strings.HasPrefix(topic, "$share/"):
		return nil, errors.New("topic: leave out $share/…: the bridge shares its subscriptions by itself")
	}
	segments := map[string]int{}
	r.filter = parseFilter(topic)
	for i, level := range r.filter {
		if m := segmentName.FindStringSubmatch(level); m != nil {
			if _, ok := segments[m[1]]; ok {
				return nil, fmt.Errorf("topic: {%s} is in it twice", m[1])
			}
			segments[m[1]] = i
			r.filter[i] = "+"
			if !slices.Contains([]string{"site", "line", "device", "type"}, m[1]) {
				r.named = append(r.named, namedPart{m[1], i})
			}
			continue
		}
		if level != "+" && (level != "#" || i < len(r.filter)-1) && strings.ContainsAny(level, "+#{}") {
			return nil, fmt.Errorf("topic: segment %q must be a name, +, {name}, or # at the end", level)
		}
	}
	return segments, nil
}

// checkDecoder refuses what the decoder has no use for: it would be ignored, and
// somebody meant something by it.
func (r *Route) checkDecoder() error {
	takes := map[Decoder][]string{
		DecoderJSON:   {"event", "map", "defaults"},
		DecoderScan:   {"event", "field", "pattern", "profile", "debounce", "defaults"},
		DecoderStatus: {},
	}
	allowed, ok := takes[r.Decoder]
	if !ok {
		return fmt.Errorf("decoder: must be json, scan or status, not %q", r.Decoder)
	}
	var problems []error
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"event", r.Event != ""},
		{"field", r.Field != ""},
		{"pattern", r.Pattern != ""},
		{"profile", r.Profile != ""},
		{"debounce", r.Debounce != nil},
		{"map", len(r.Map) > 0},
		{"defaults", len(r.Defaults) > 0},
	} {
		if option.set && !slices.Contains(allowed, option.name) {
			problems = append(problems, fmt.Errorf("%s: is not for the decoder %s", option.name, r.Decoder))
		}
	}
	return errors.Join(problems...)
}

func (r *route) setType(from *Route, segments map[string]int) error {
	level, named := segments["type"]
	fixed := seriald.EventType(from.Event)
	switch {
	case from.Decoder == DecoderStatus:
		r.typ = place{level: -1, fixed: string(seriald.TypeDeviceStatus)}
		if named {
			return errors.New("topic: {type} is not for the decoder status")
		}
	case named && from.Event != "":
		return errors.New("event: is set, and {type} is in the topic: leave one out")
	case named:
		r.typ = place{level: level}
	case from.Event == "" && from.Decoder == DecoderScan:
		r.typ = place{level: -1, fixed: string(seriald.TypeOperationComplete)}
	case from.Event == "":
		return errors.New("event: is missing, and there is no {type} in the topic")
	case !publishable(fixed):
		return fmt.Errorf("event: %s", seriald.UnknownType(from.Event).Message)
	default:
		r.typ = place{level: -1, fixed: from.Event}
	}
	return nil
}

// publishable reports whether a device may send an event of type t. Its status is
// not one: that has a topic and a payload of its own.
func publishable(t seriald.EventType) bool { return t != seriald.TypeDeviceStatus && t.Known() }

func (r *Route) checkMap() error {
	var problems []error
	targets := map[string]string{}
	for from, to := range r.Map {
		switch other, twice := targets[strings.ToLower(to)]; {
		case from == "" || !fieldName.MatchString(to):
			problems = append(problems, fmt.Errorf("map: %q: %q: both must be names of fields", from, to))
		case strings.EqualFold(to, "specversion"):
			problems = append(problems, fmt.Errorf("map: %q: %s would make a CloudEvent of what is none", from, to))
		case twice:
			problems = append(problems, fmt.Errorf("map: %q and %q become the same field %s", min(from, other), max(from, other), to))
		}
		targets[strings.ToLower(to)] = from
	}
	return errors.Join(problems...)
}

func checkField(option, name string) error {
	if !fieldName.MatchString(name) {
		return fmt.Errorf("%s: %q is no name of a field: letters, digits and _", option, name)
	}
	if slices.ContainsFunc(envelopeFields, func(f string) bool { return strings.EqualFold(f, name) }) {
		return fmt.Errorf("%s: %s is not a field of the event but of what carries it", option, name)
	}
	return nil
}
