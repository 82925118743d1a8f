package seriald_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

var reader1 = seriald.Origin{Site: "plant1", Line: "line1", Device: "reader1"}

func TestSubjectsAndTopics(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ got, want string }{
		"event":                 {seriald.EventSubject("plant1", seriald.TypeOperationComplete, "PART-001"), "machshop.event.plant1.operation_complete.PART-001"},
		"event, escaped key":    {seriald.EventSubject("plant1", seriald.TypeSerialGenerate, "A.B c>*"), "machshop.event.plant1.serial_generate.A_B_c__"},
		"event, no key":         {seriald.EventSubject("plant1", seriald.TypeSerialGenerate, ""), "machshop.event.plant1.serial_generate._"},
		"event, no site":        {seriald.EventSubject("", seriald.TypeSerialGenerate, "P"), "machshop.event._.serial_generate.P"},
		"result":                {seriald.ResultSubject(reader1), "machshop.result.plant1.line1.reader1"},
		"result without device": {seriald.ResultSubject(seriald.Origin{Site: "plant1"}), "machshop.result.plant1._._"},
		"serial event":          {seriald.SerialSubject("plant1", seriald.EventAssigned, "PART 1"), "machshop.serial.plant1.assigned.PART_1"},
		"dead letter":           {seriald.DeadLetterSubject(seriald.CodePayloadTooLarge), "machshop.dead.payload_too_large"},
		"event topic":           {seriald.EventTopic(reader1, seriald.TypeOperationComplete), "machshop/plant1/line1/reader1/event/operation_complete"},
		"result topic":          {seriald.ResultTopic(reader1), "machshop/plant1/line1/reader1/result"},
		"serial event topic":    {seriald.SerialTopic("plant1", seriald.EventConflict), "machshop/plant1/serial/conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.got != tc.want {
				t.Errorf("got %s, want %s", tc.got, tc.want)
			}
		})
	}
}

func TestValidToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{
		"":                        false,
		"a":                       true,
		"plant_1-B":               true,
		strings.Repeat("x", 64):   true,
		strings.Repeat("x", 65):   false,
		"plant 1":                 false,
		"plant.1":                 false,
		"+":                       false,
		"#":                       false,
		"a/b":                     false,
		"é":                       false,
		"a\x00":                   false,
		"@":                       false, // the neighbours of the ranges
		"[":                       false,
		"`":                       false,
		"{":                       false,
		"/":                       false,
		":":                       false,
		"AZaz09":                  true,
		"0":                       true,
		"\u212A":                  false, // the Kelvin sign, which folds to k
		strings.Repeat("é", 32):   false,
		"-":                       true,
		"_":                       true,
		"plant1\n":                false,
		"plant1 ":                 false,
		"$SYS":                    false,
		"a-very-long-name_indeed": true,
	} {
		if got := seriald.ValidToken(token); got != want {
			t.Errorf("ValidToken(%q) = %t, want %t", token, got, want)
		}
	}
}

func TestSubjectKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ key, want string }{
		"a token stays":           {"PART-001_b", "PART-001_b"},
		"nothing":                 {"", "_"},
		"JetStream's own letters": {"a.b*c>d", "a_b_c_d"},
		"white space":             {" a\tb\n", "_a_b_"},
		"letters of two bytes":    {"Wélle", "W__lle"},
		"129 bytes":               {strings.Repeat("x", 129), strings.Repeat("x", 128)},
		"cut within a letter":     {strings.Repeat("x", 127) + "é", strings.Repeat("x", 127) + "_"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := seriald.SubjectKey(tc.key); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Every key gives one token that JetStream takes, and the same one each time:
// the order of a key depends on it.
func TestSubjectKeyIsAlwaysAToken(t *testing.T) {
	t.Parallel()
	keys := rapid.OneOf(rapid.String(), rapid.StringN(100, 300, -1), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		key := keys.Draw(t, "key")
		got := seriald.SubjectKey(key)
		if len(got) < 1 || len(got) > 128 {
			t.Fatalf("got %d bytes, want 1 to 128", len(got))
		}
		for rest := got; rest != ""; rest = rest[min(64, len(rest)):] {
			if part := rest[:min(64, len(rest))]; !seriald.ValidToken(part) {
				t.Fatalf("got %q, which is no token", part)
			}
		}
		if again := seriald.SubjectKey(got); again != got {
			t.Fatalf("got %q of %q", again, got)
		}
		if seriald.ValidToken(key) && got != key {
			t.Fatalf("got %q, want the token itself, %q", got, key)
		}
	})
}

func TestSubjectAndTopicRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		origin := origins().Draw(t, "origin")
		if got, ok := seriald.ResultOrigin(seriald.ResultSubject(origin)); !ok || got != origin {
			t.Fatalf("ResultOrigin: got %+v, %t, want %+v", got, ok, origin)
		}
		typ := rapid.SampledFrom(seriald.EventTypes()).Draw(t, "type")
		got, gotType, err := seriald.ParseEventTopic(seriald.EventTopic(origin, typ))
		if err != nil || got != origin || gotType != string(typ) {
			t.Fatalf("ParseEventTopic: got %+v, %q, %v, want %+v, %q", got, gotType, err, origin, typ)
		}
		event := rapid.SampledFrom([]string{seriald.EventAssigned, seriald.EventReceived, seriald.EventConflict}).Draw(t, "event")
		site, gotEvent, ok := seriald.SerialSubjectParts(seriald.SerialSubject(origin.Site, event, rapid.String().Draw(t, "key")))
		if !ok || site != origin.Site || gotEvent != event {
			t.Fatalf("SerialSubjectParts: got %q, %q, %t, want %q, %q", site, gotEvent, ok, origin.Site, event)
		}
	})
}

func TestSubjectsOfOthers(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]string{
		"empty":        "",
		"an event's":   "machshop.event.plant1.serial_generate.P",
		"too short":    "machshop.result.plant1.line1",
		"too long":     "machshop.serial.plant1.assigned.P.x",
		"another root": "factory.result.plant1.line1.reader1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := seriald.ResultOrigin(subject); ok {
				t.Errorf("ResultOrigin: got %+v, want none", got)
			}
			if site, event, ok := seriald.SerialSubjectParts(subject); ok {
				t.Errorf("SerialSubjectParts: got %q, %q, want none", site, event)
			}
		})
	}
}

func TestParseEventTopicRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ topic, field, text string }{
		"empty":              {"", "", "topic must be machshop/{site}/{line}/{device}/event/{type}"},
		"a status":           {"machshop/plant1/line1/reader1/status", "", "topic must be"},
		"no type":            {"machshop/plant1/line1/reader1/event", "", "topic must be"},
		"a level too many":   {"machshop/plant1/line1/reader1/event/serial_generate/x", "", "topic must be"},
		"another root":       {"factory/plant1/line1/reader1/event/serial_generate", "", "topic must be"},
		"another word":       {"machshop/plant1/line1/reader1/events/serial_generate", "", "topic must be"},
		"a leading slash":    {"/machshop/plant1/line1/reader1/event/serial_generate", "", "topic must be"},
		"an empty site":      {"machshop//line1/reader1/event/serial_generate", "site", `""`},
		"a site with a dot":  {"machshop/plant.1/line1/reader1/event/serial_generate", "site", `"plant.1"`},
		"a line with space":  {"machshop/plant1/line 1/reader1/event/serial_generate", "line", `"line 1"`},
		"a device too long":  {"machshop/plant1/line1/" + strings.Repeat("r", 65) + "/event/serial_generate", "device", "1 to 64"},
		"a device in quotes": {"machshop/plant1/line1/\"r\n\"/event/serial_generate", "device", `"\"r\n\""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin, typ, err := seriald.ParseEventTopic(tc.topic)
			if err == nil {
				t.Fatalf("got %+v, %q, want a refusal", origin, typ)
			}
			wantRejection(t, err, seriald.CodeBadTopic, tc.field, tc.text)
			if origin != (seriald.Origin{}) {
				t.Errorf("got the origin %+v of a topic that has none", origin)
			}
		})
	}
}

func FuzzParseEventTopic(f *testing.F) {
	f.Add("machshop/plant1/line1/reader1/event/operation_complete")
	f.Add("machshop/plant1/line1/reader1/event/")
	f.Add("machshop/////")
	f.Add("machshop/a.b/\xff/#/event/+")
	f.Fuzz(func(t *testing.T, topic string) {
		origin, typ, err := seriald.ParseEventTopic(topic)
		if err != nil {
			wantRejection(t, err, seriald.CodeBadTopic, err.(*seriald.Rejection).Field) //nolint:errorlint,forcetypeassert // ParseEventTopic documents it
			return
		}
		if got := seriald.EventTopic(origin, seriald.EventType(typ)); got != topic {
			t.Errorf("got %q, want %q", got, topic)
		}
		if got, ok := seriald.ResultOrigin(seriald.ResultSubject(origin)); !ok || got != origin {
			t.Errorf("by way of the result's subject: got %+v, want %+v", got, origin)
		}
	})
}
