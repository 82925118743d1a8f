package seriald

import "strings"

// Streams of the contract, section 2.
const (
	StreamEvents      = "MACHSHOP_EVENTS"
	StreamSerials     = "MACHSHOP_SERIALS"
	StreamResults     = "MACHSHOP_RESULTS"
	StreamDeadLetters = "MACHSHOP_DEADLETTERS"
	// StreamLabels is ours: labels on their way to printers that speak MQTT.
	StreamLabels = "MACHSHOP_LABELS"
)

// Partitions is the number of partitions of the event stream. It is fixed: a
// key must stay in its partition for as long as the stream lives.
const Partitions = 16

// maxToken is the longest site, line or device, in bytes.
const maxToken = 64

// ValidToken reports whether s may be a site, line or device: 1 to 64 of
// [A-Za-z0-9_-].
func ValidToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return true
}

func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// SubjectKey returns key as a subject token: what isn't [A-Za-z0-9_-] becomes
// "_", and what is beyond 128 bytes is cut. It decides order only, so that two
// keys may share a token; the key itself travels in the message.
func SubjectKey(key string) string {
	if key == "" {
		return "_"
	}
	if len(key) > 128 {
		key = key[:128]
	}
	for i := range len(key) {
		if !tokenByte(key[i]) {
			b := []byte(key)
			for j := i; j < len(b); j++ {
				if !tokenByte(b[j]) {
					b[j] = '_'
				}
			}
			return string(b)
		}
	}
	return key
}

// EventSubject is the subject an event is published to:
// machshop.event.{site}.{type}.{key}.
func EventSubject(site string, t EventType, key string) string {
	return "machshop.event." + SubjectKey(site) + "." + string(t) + "." + SubjectKey(key)
}

// ResultSubject is the subject of a device's outcomes:
// machshop.result.{site}.{line}.{device}.
func ResultSubject(o Origin) string {
	return "machshop.result." + SubjectKey(o.Site) + "." + SubjectKey(o.Line) + "." + SubjectKey(o.Device)
}

// LabelSubject is the subject of the labels for the printer at a place:
// machshop.label.{site}.{line}.{device}.
func LabelSubject(o Origin) string {
	return "machshop.label." + SubjectKey(o.Site) + "." + SubjectKey(o.Line) + "." + SubjectKey(o.Device)
}

// SerialSubject is the subject of a serial event:
// machshop.serial.{site}.{event}.{key}.
func SerialSubject(site, event, key string) string {
	return "machshop.serial." + SubjectKey(site) + "." + event + "." + SubjectKey(key)
}

// DeadLetterSubject is the subject of a dead letter: machshop.dead.{reason}.
func DeadLetterSubject(reason Code) string {
	return "machshop.dead." + strings.ToLower(string(reason))
}

// TopicEvents is the MQTT topic filter of all events of all devices.
const TopicEvents = "machshop/+/+/+/event/+"

// TopicScans and TopicStatuses are the MQTT topic filters of what all devices
// read, and of their coming and going.
const (
	TopicScans    = "machshop/+/+/+/scan"
	TopicStatuses = "machshop/+/+/+/status"
)

// TopicResults, TopicLabels and TopicSerials are the MQTT topic filters of what
// is published to devices and subscribers.
const (
	TopicResults = "machshop/+/+/+/result"
	TopicLabels  = "machshop/+/+/+/label"
	TopicSerials = "machshop/+/serial/+"
)

// EventTopic is the MQTT topic a device publishes an event to:
// machshop/{site}/{line}/{device}/event/{type}.
func EventTopic(o Origin, t EventType) string {
	return "machshop" + o.Source() + "/event/" + string(t)
}

// ScanTopic is the MQTT topic a device publishes what it read to, as it was
// read: machshop/{site}/{line}/{device}/scan.
func ScanTopic(o Origin) string { return "machshop" + o.Source() + "/scan" }

// StatusTopic is the MQTT topic of a device's coming and going, which is also
// the topic of its last will: machshop/{site}/{line}/{device}/status.
func StatusTopic(o Origin) string { return "machshop" + o.Source() + "/status" }

// ResultTopic is the MQTT topic of a device's outcomes:
// machshop/{site}/{line}/{device}/result.
func ResultTopic(o Origin) string { return "machshop" + o.Source() + "/result" }

// LabelTopic is the MQTT topic of the labels for the printer at a place:
// machshop/{site}/{line}/{device}/label. The payload is what the printer reads.
func LabelTopic(o Origin) string { return "machshop" + o.Source() + "/label" }

// SerialTopic is the MQTT topic of a serial event: machshop/{site}/serial/{event}.
func SerialTopic(site, event string) string { return "machshop/" + site + "/serial/" + event }

// ParseEventTopic reads what [EventTopic] wrote. The error is a *[Rejection];
// origin is set as far as it could be read, so that the device can be told.
func ParseEventTopic(topic string) (o Origin, eventType string, err error) {
	parts := strings.Split(topic, "/")
	if len(parts) != 6 || parts[0] != "machshop" || parts[4] != "event" {
		return Origin{}, "", Reject(CodeBadTopic, "", "topic must be machshop/{site}/{line}/{device}/event/{type}")
	}
	for i, name := range []string{"site", "line", "device"} {
		if !ValidToken(parts[i+1]) {
			return Origin{}, "", Reject(CodeBadTopic, name, "%q in the topic must be 1 to 64 of A-Z a-z 0-9 _ -", parts[i+1])
		}
	}
	return Origin{parts[1], parts[2], parts[3]}, parts[5], nil
}

// ResultOrigin reads the origin from a subject that [ResultSubject] wrote; ok is
// false for any other subject.
func ResultOrigin(subject string) (o Origin, ok bool) { return placeOf(subject, "result") }

// LabelOrigin reads the place from a subject that [LabelSubject] wrote; ok is
// false for any other subject.
func LabelOrigin(subject string) (o Origin, ok bool) { return placeOf(subject, "label") }

// placeOf reads machshop.{kind}.{site}.{line}.{device}.
func placeOf(subject, kind string) (o Origin, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 5 || parts[0] != "machshop" || parts[1] != kind {
		return Origin{}, false
	}
	return Origin{parts[2], parts[3], parts[4]}, true
}

// SerialSubjectParts reads site and event from a subject that [SerialSubject]
// wrote; ok is false for any other subject.
func SerialSubjectParts(subject string) (site, event string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 5 || parts[0] != "machshop" || parts[1] != "serial" {
		return "", "", false
	}
	return parts[2], parts[3], true
}
