package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/machshop/seriald"
)

// badKind is a way in which a message can be wrong, and what must come of it.
type badKind struct {
	// topic is that below the device (@ stands for it if there is another), or a
	// NATS subject.
	topic string
	// payload holds # for the id of the good event that comes next: what is wrong
	// must not take its id away.
	payload string
	reason  seriald.Code
	says    string // a part of what the letter says
	untold  bool   // there is no device that could be told
	cut     int    // the bytes that are kept; 0 if all
}

func (k *badKind) message(device int, id string) message {
	topic := k.topic
	switch {
	case strings.Contains(topic, "@"):
		topic = strings.ReplaceAll(topic, "@", fmt.Sprintf("d%d", device))
	case !strings.HasPrefix(topic, "machshop."):
		topic = deviceTopic(device, topic)
	}
	return message{topic: topic, payload: strings.ReplaceAll(k.payload, "#", id), kind: k}
}

func (k *badKind) keeps() int {
	if k.cut > 0 {
		return k.cut
	}
	return len(k.payload) + 1<<10 // with the id
}

const (
	onEvent  = "event/operation_complete"
	onScan   = "scan"
	onStatus = "status"
	longPart = `{"id":"#","partId":"PART-001","operationCode":"OP-010","note":"`
)

var (
	badKinds = []*badKind{
		// No JSON, or not an object of it.
		{onEvent, `{"id":"#","partId":"PART-001"`, seriald.CodeValidation, "not valid JSON at byte", false, 0},
		{onEvent, `{"id":"#"} {}`, seriald.CodeValidation, "not valid JSON at byte", false, 0},
		{onEvent, `PART-001 #`, seriald.CodeValidation, "not valid JSON at byte 1", false, 0},
		{onEvent, ``, seriald.CodeValidation, "not valid JSON at byte 0", false, 0},
		{onEvent, "\x00\x01\x02#", seriald.CodeValidation, "not valid JSON at byte 1", false, 0},
		{onEvent, `[{"id":"#"}]`, seriald.CodeValidation, "must be a JSON object", false, 0},
		{onEvent, `"#"`, seriald.CodeValidation, "must be a JSON object", false, 0},
		{onEvent, `null`, seriald.CodeValidation, "must be a JSON object", false, 0},
		{onEvent, "{\"id\":\"#\",\"partId\":\"\xff\xfe\"}", seriald.CodeValidation, "not valid UTF-8", false, 0},
		{
			onEvent, `{"id":"#","a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
			seriald.CodeValidation, "nested deeper than 64", false, 0,
		},
		{onEvent, `{"id":"#","a":` + strings.Repeat("[", 5000), seriald.CodeValidation, "nested deeper than 64", false, 0},
		// The common fields.
		{onEvent, `{"id":7,"partId":"#"}`, seriald.CodeValidation, "id: must be a string", false, 0},
		{onEvent, `{"id":{"#":1}}`, seriald.CodeValidation, "id: must be a string", false, 0},
		{onEvent, `{"id":"","partId":"#"}`, seriald.CodeValidation, "id: must not be empty", false, 0},
		{onEvent, `{"id":"#` + strings.Repeat("x", 128) + `"}`, seriald.CodeValidation, "id: must not be longer than 128", false, 0},
		{onEvent, `{"id":"#\u0000"}`, seriald.CodeValidation, "id: must not contain control characters", false, 0},
		{onEvent, `{"id":"#","time":"yesterday"}`, seriald.CodeValidation, `time: "yesterday" is not an RFC 3339 time`, false, 0},
		{onEvent, `{"id":"#","time":1767225600}`, seriald.CodeValidation, "time: 1767225600 is not", false, 0},
		{"event/serial_make", `{"id":"#","partId":"PART-001"}`, seriald.CodeUnknownType, `"serial_make" is not known`, false, 0},
		{"event/", `{"id":"#"}`, seriald.CodeUnknownType, `"" is not known`, false, 0},
		{"event/device_status", `{"id":"#","status":"online"}`, seriald.CodeUnknownType, "is not known", false, 0},
		// CloudEvents.
		{onEvent, `{"specversion":"0.3","id":"#","data":{"partId":"PART-001"}}`, seriald.CodeValidation, `specversion: must be "1.0"`, false, 0},
		{onEvent, `{"specversion":1.0,"id":"#","data":{}}`, seriald.CodeValidation, "specversion: must be", false, 0},
		{onEvent, `{"specversion":"1.0","id":"#","data":"PART-001"}`, seriald.CodeValidation, "data: must be a JSON object", false, 0},
		{onEvent, `{"specversion":"1.0","id":"#"}`, seriald.CodeValidation, "data: must be a JSON object", false, 0},
		// Scans.
		{onScan, ``, seriald.CodeBadScan, "nothing was read", false, 0},
		{onScan, "]C10109506000134353\x1d21#", seriald.CodeBadScan, "(01) at byte 19: check digit is 3, must be 2", false, 0},
		{onScan, "0109506000134352\x1d\x1d21#", seriald.CodeBadScan, "an FNC1 stands where an application identifier must begin", false, 0},
		{onScan, "010950600013435221#", seriald.CodeBadScan, "can be read in 2 ways", false, 0},
		{onScan, "]d2(01)09506000134352(21)#", seriald.CodeBadScan, "use profile brackets", false, 0},
		{onScan, "]C121#", seriald.CodeBadScan, "(21): must be together with (01)", false, 0},
		{onScan, "]E0#", seriald.CodeBadScan, "]E0 must be followed by digits only", false, 0},
		{onScan, "[)>\x1e07\x1d#\x1e\x04", seriald.CodeBadScan, "format 07 is not understood", false, 0},
		{onScan, "https://id.example/01/09506000134353/21/#", seriald.CodeBadScan, "check digit is 3, must be 2", false, 0},
		{onScan, "#\x07SN-1", seriald.CodeBadScan, "U+0007", false, 0},
		{onScan, "#\xff", seriald.CodeBadScan, "is not valid UTF-8", false, 0},
		{onScan, `{"serialNumber":"#"}`, seriald.CodeBadScan, "is JSON", false, 0},
		{onScan, strings.Repeat("9", seriald.MaxFieldLength) + "#", seriald.CodeBadScan, "at most 200", false, 0},
		// Statuses.
		{onStatus, ``, seriald.CodeValidation, "status: must be online or offline", false, 0},
		{onStatus, `away since #`, seriald.CodeValidation, "status: must be online or offline", false, 0},
		{onStatus, `{"status":5,"id":"#"}`, seriald.CodeValidation, "status: must be JSON with a text", false, 0},
		// Topics, as far as the subscriptions match them.
		{"machshop/plant1/line1/@.1/" + onEvent, `{"id":"#"}`, seriald.CodeBadTopic, "device:", true, 0},
		{"machshop/plant1/line 1/@/" + onEvent, `{"id":"#"}`, seriald.CodeBadTopic, "line:", true, 0},
		{"machshop/Werk-Süd/line1/@/" + onScan, `#`, seriald.CodeBadTopic, "site:", true, 0},
		{"machshop/plant1//@/" + onStatus, `online`, seriald.CodeBadTopic, "line:", true, 0},
		{"machshop/plant1/line1/@" + strings.Repeat("x", 64) + "/" + onEvent, `{"id":"#"}`, seriald.CodeBadTopic, "device:", true, 0},
		{"machshop/plant1/line1/@" + strings.Repeat("x", 1024) + "/" + onEvent, `{"id":"#"}`, seriald.CodeBadTopic, "topic has", true, 0},
		{"machshop/plant9/line1/@/" + onEvent, `{"id":"#","partId":"PART-001"}`, seriald.CodeSiteNotFound, `site "plant9"`, false, 0},
		{"machshop/plant9/line1/@/" + onScan, `#`, seriald.CodeSiteNotFound, `site "plant9"`, false, 0},
	}

	// longKinds are longer than MQTT_MAX_PAYLOAD, 256 KiB. Far longer ones are cut
	// to a byte more while they are read, or a few could fill the memory.
	longKinds = []*badKind{
		{onEvent, longPart + strings.Repeat("x", 300<<10) + `"}`, seriald.CodePayloadTooLarge, "more than the 262144 bytes", false, 0},
		{onScan, strings.Repeat("7", 256<<10+1), seriald.CodePayloadTooLarge, "more than the 262144 bytes", false, 0},
		{onEvent, longPart + strings.Repeat("y", 4<<20) + `"}`, seriald.CodePayloadTooLarge, "more than the 262144 bytes", false, 256<<10 + 1},
	}

	// directKinds are published over NATS, past the bridge; the processors refuse them.
	directKinds = []*badKind{
		{directEvent, `no JSON #`, seriald.CodeValidation, "not valid JSON at byte", true, 0},
		{directEvent, ``, seriald.CodeValidation, "not valid JSON at byte 0", true, 0},
		{directEvent, `["#"]`, seriald.CodeValidation, "must be a JSON object", true, 0},
		{directEvent, "{\"id\":\"#\xff\"}", seriald.CodeValidation, "not valid UTF-8", true, 0},
		{directEvent, `{"id":"#","partId":"PART-001"}`, seriald.CodeValidation, "specversion:", true, 0},
		{directEvent, direct("", "machshop.event.operation_complete", `{}`), seriald.CodeValidation, "id: must not be empty", true, 0},
		{directEvent, `{"specversion":"1.0","id":"#","time":"soon"}`, seriald.CodeValidation, "time:", true, 0},
		{directEvent, direct("#", "com.example.order", `{}`), seriald.CodeUnknownType, "is not known", true, 0},
		{directEvent, direct("#", "machshop.event.serial_make", `{}`), seriald.CodeUnknownType, `"serial_make" is not known`, true, 0},
		{directEvent, direct("#", "machshop.event.operation_complete", `[]`), seriald.CodeValidation, "data: must be a JSON object", true, 0},
		{"machshop.event.plant1.device_status.d1", direct("#", "machshop.event.device_status", `{"status":"away"}`), seriald.CodeValidation, "status", true, 0},
	}
)

const directEvent = "machshop.event.plant1.operation_complete.PART-001"

// direct is a CloudEvent of an MES.
func direct(id, typ, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/mes","type":%q,"time":"2026-03-02T12:00:00Z","data":%s}`, id, typ, data)
}

// message is one that is published, over MQTT, or over NATS if topic is a subject.
type message struct {
	topic, payload string
	id             string   // of the event; "" if it is none
	kind           *badKind // nil if it is good
}

func eventID(device, n int) string { return fmt.Sprintf("d%d-%05d", device, n) }

// goodMessage is the nth event of a device. Its part, its type and its form vary.
func goodMessage(device, n int) message {
	id, part := eventID(device, n), n%3+1
	typ := seriald.TypeSerialGenerate
	fields := fmt.Sprintf(`"partId":"PART-%03d"`, part)
	if part == 1 {
		typ = seriald.TypeOperationComplete
		fields += `,"operationCode":"OP-010"`
	}
	m := message{topic: deviceTopic(device, "event/"+string(typ)), id: id, payload: fmt.Sprintf(`{"id":%q,%s}`, id, fields)}
	if n%2 == 0 {
		m.payload = fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/s","type":"t","data":{%s}}`, id, fields)
	}
	return m
}

func deviceTopic(device int, rest string) string {
	return fmt.Sprintf("machshop/plant1/line1/d%d/%s", device, rest)
}

// interleave returns what a device sends: good events with bad ones among them at
// random, the same for the same device.
func interleave(device, good, bad int) []message {
	rng := rand.New(rand.NewPCG(3, uint64(device)))
	isBad := make([]bool, good+bad)
	for i := range bad {
		isBad[i] = true
	}
	rng.Shuffle(len(isBad), func(i, j int) { isBad[i], isBad[j] = isBad[j], isBad[i] })
	plan := make([]message, 0, len(isBad)+len(longKinds))
	nextGood, nextBad := 0, 0
	for i, b := range isBad {
		switch {
		case !b:
			plan = append(plan, goodMessage(device, nextGood))
			nextGood++
		case nextBad < len(longKinds) && i > len(isBad)/2: // these are large, so few
			plan = append(plan, longKinds[nextBad].message(device, eventID(device, nextGood)))
			nextBad++
		default:
			plan = append(plan, badKinds[rng.IntN(len(badKinds))].message(device, eventID(device, nextGood)))
		}
	}
	return plan
}

// tooMuch returns events that are good but for their number.
func tooMuch(device, n int) []message {
	kind := &badKind{reason: seriald.CodeRateLimited, says: "more than 0.01 events per second"}
	plan := make([]message, n)
	for i := range plan {
		plan[i] = goodMessage(device, 50_000+i)
		plan[i].kind = kind
	}
	return plan
}

// directly returns what an MES publishes over NATS that is no event.
func directly(n int) []message {
	plan := make([]message, n)
	for i := range plan {
		plan[i] = directKinds[i%len(directKinds)].message(0, fmt.Sprintf("mes-%d", i))
	}
	return plan
}
