package seriald_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

var (
	processedAt = time.Date(2026, 3, 29, 1, 30, 0, 123_456_000, time.UTC)
	serial1     = seriald.ID{0x01, 0x96, 0xab, 0xcd, 0xef, 0x01, 0x7a, 0x3b, 0x8c, 0x5d, 0, 0, 0, 0, 0, 1}
	serial2     = seriald.ID{0x01, 0x96, 0xab, 0xcd, 0xef, 0x01, 0x7a, 0x3b, 0x8c, 0x5d, 0, 0, 0, 0, 0, 2}
	trigger1    = seriald.ID{0x01, 0x96, 0xab, 0xcd, 0xef, 0x01, 0x7a, 0x3b, 0x8c, 0x5d, 0, 0, 0, 0, 1, 1}
)

// roomy is room for any message of these tests.
const roomy = 1 << 20

func accepted() *seriald.Outcome {
	return &seriald.Outcome{
		EventID: "evt-1", Status: seriald.StatusAccepted, ProcessedAt: processedAt,
		Serials: []seriald.SerialRef{
			{ID: serial1, SerialNumber: "TST-20260329-000001", PartID: "PART-001", Status: seriald.SerialActive},
			{ID: serial2, SerialNumber: "TST-20260329-000002", PartID: "PART-001", Status: seriald.SerialActive},
		},
	}
}

func conflicting() *seriald.Outcome {
	return &seriald.Outcome{
		EventID: "evt-2", Status: seriald.StatusConflict, Code: seriald.CodeDuplicateSerial, Message: "number 3 is taken",
		Conflict: &seriald.Conflict{
			SerialNumber: "3", HolderID: serial1, HolderPartID: "PART-002", Scopes: []seriald.Scope{seriald.ScopeVendor, seriald.ScopeSite},
		},
		ProcessedAt: processedAt,
	}
}

// What devices and subscribers read. A change here is a change of the contract.
func TestMessagesAsTheyAreSent(t *testing.T) {
	t.Parallel()
	rejected := seriald.Rejected("evt-3", seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known", "X<1>"), processedAt)
	registered := conflicting()
	registered.Conflict.HolderID, registered.Conflict.HolderPartID = seriald.ID{}, ""
	resolved := &seriald.Outcome{
		EventID: "evt-4", Status: seriald.StatusAccepted, Serials: accepted().Serials, ProcessedAt: processedAt, Conflict: conflicting().Conflict,
	}
	resolved.Conflict.ConflictID, resolved.Conflict.Resolution = serial2, seriald.ResolveRetire
	resolution := seriald.SerialEvents(resolved, reader1, "PART-002", []seriald.Announcement{{Event: seriald.EventResolved, Count: 2}}, 100, roomy)
	assigned := seriald.SerialEvents(accepted(), reader1, "PART-001", []seriald.Announcement{{
		Event: seriald.EventAssigned, Count: 2, TriggerID: trigger1, WorkOrderID: "WO-7", LotNumber: "L1", OperationCode: "OP-010",
	}}, 100, roomy)
	short := accepted().EncodeWithin(len(accepted().Encode()) - 1)
	conflict := seriald.SerialEvents(conflicting(), reader1, "PART-002", []seriald.Announcement{{Event: seriald.EventConflict}}, 100, roomy)
	placeholder := seriald.SerialEvents(serialized(), reader1, "PART-003", []seriald.Announcement{{Event: seriald.EventPlaceholder, Count: 2, WorkOrderID: "WO-7"}}, 100, roomy)
	for name, message := range map[string][]byte{
		"outcome_accepted":            accepted().Encode(),
		"outcome_rejected":            rejected.Encode(),
		"outcome_conflict":            conflicting().Encode(),
		"outcome_conflict_registered": registered.Encode(),
		"outcome_resolved":            resolved.Encode(),
		"serial_event_resolved":       resolution[0].Body,
		"outcome_duplicate":           seriald.MarkDuplicate(accepted().Encode()),
		"outcome_short":               short,
		"outcome_placeholder":         serialized().Encode(),
		"serial_event_placeholder":    placeholder[0].Body,
		"result":                      seriald.EncodeResult("evt-1.result", accepted().Encode(), reader1, processedAt),
		"serial_event_assigned":       assigned[0].Body,
		"serial_event_conflict":       conflict[0].Body,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantGolden(t, name, message)
		})
	}
}

// words draws what the fields of outcomes may hold: all of Unicode, and what
// JSON has to escape.
func words() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a\"\\/<&,:{}é\u2028\n\t\x00\x7f"))))
}

func serialRefs() *rapid.Generator[seriald.SerialRef] {
	return rapid.Custom(func(t *rapid.T) seriald.SerialRef {
		return seriald.SerialRef{
			ID: ids().Draw(t, "id"), SerialNumber: words().Draw(t, "number"), PartID: words().Draw(t, "part"),
			Status: rapid.SampledFrom([]seriald.SerialStatus{seriald.SerialActive, seriald.SerialPending}).Draw(t, "status"),
		}
	})
}

func outcomes() *rapid.Generator[*seriald.Outcome] {
	return rapid.Custom(func(t *rapid.T) *seriald.Outcome {
		o := &seriald.Outcome{
			EventID: eventIDs().Draw(t, "id"), Code: seriald.Code(words().Draw(t, "code")), Message: words().Draw(t, "message"),
			Field: words().Draw(t, "field"), ProcessedAt: times().Draw(t, "processed at"), Duplicate: rapid.Bool().Draw(t, "duplicate"),
			Status: rapid.SampledFrom([]seriald.Status{
				seriald.StatusAccepted, seriald.StatusRejected, seriald.StatusConflict, seriald.StatusIgnored,
			}).Draw(t, "status"),
		}
		o.FormatConfigID = words().Draw(t, "format")
		o.SerialsOmitted = rapid.IntRange(0, 3).Draw(t, "omitted")
		if n := rapid.IntRange(0, 3).Draw(t, "serials"); n > 0 {
			o.Serials = rapid.SliceOfN(serialRefs(), n, n).Draw(t, "serials")
		}
		o.TriggerID, o.PlaceholdersOmitted = ids().Draw(t, "trigger"), rapid.IntRange(0, 3).Draw(t, "placeholders omitted")
		if n := rapid.IntRange(0, 3).Draw(t, "placeholders"); n > 0 {
			o.Placeholders = rapid.SliceOfN(placeholderRefs(), n, n).Draw(t, "placeholders")
		}
		if rapid.Bool().Draw(t, "has a conflict") {
			o.Conflict = conflicts().Draw(t, "conflict")
		}
		return o
	})
}

// Outcomes are encoded by hand: what encoding/json reads is what was meant.
func TestOutcomeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := outcomes().Draw(t, "outcome")
		encoded := want.Encode()
		var got seriald.Outcome
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", encoded, diff)
		}
	})
}

func TestMarkDuplicate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ outcome, want string }{
		"as it is made":                 {`{"eventId":"a"}`, `{"eventId":"a","duplicate":true}`},
		"as a database may lay it out":  {"{\"eventId\": \"a}\",\n \"serials\": [{}] }\n", "{\"eventId\": \"a}\",\n \"serials\": [{}] ,\"duplicate\":true}"},
		"what is no object stays as is": {`null`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := []byte(tc.outcome + "spare")[:len(tc.outcome)]
			if got := string(seriald.MarkDuplicate(given)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if whole := string(given[:len(given)+5]); whole != tc.outcome+"spare" {
				t.Errorf("the given outcome is now %s", whole)
			}
		})
	}
}

// A repeat differs from the first answer in nothing but the mark.
func TestMarkDuplicateChangesNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := outcomes().Draw(t, "outcome")
		want.Duplicate = false
		marked := seriald.MarkDuplicate(want.Encode())
		var got seriald.Outcome
		if err := json.Unmarshal(marked, &got); err != nil {
			t.Fatalf("%s: %v", marked, err)
		}
		want.Duplicate = true
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// A device gets its outcome byte for byte, whatever its texts look like.
func TestResultData(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := outcomes().Draw(t, "outcome").Encode()
		id := rapid.OneOf(words(), rapid.SampledFrom([]string{`,"data":`, `\`, `,"data":{}}`})).Draw(t, "id")
		message := seriald.EncodeResult(id, want, origins().Draw(t, "origin"), times().Draw(t, "time"))
		got, err := seriald.ResultData(message)
		if err != nil {
			t.Fatalf("%s: %v", message, err)
		}
		if string(got) != string(want) {
			t.Fatalf("got %s, want %s", got, want)
		}
		var ce struct {
			ID   string
			Data json.RawMessage
		}
		if err := json.Unmarshal(message, &ce); err != nil || ce.ID != id || string(ce.Data) != string(want) {
			t.Fatalf("%s: got id %q, data %s, %v", message, ce.ID, ce.Data, err)
		}
	})
}

func TestResultDataRefuses(t *testing.T) {
	t.Parallel()
	result := string(seriald.EncodeResult("evt-1.result", accepted().Encode(), reader1, processedAt))
	for name, message := range map[string]string{
		"no JSON":      "online",
		"another type": strings.Replace(result, "machshop.result", "machshop.serial.assigned", 1),
		"no data":      `{"specversion":"1.0","id":"a","type":"machshop.result"}`,
		"cut off":      result[:len(result)-1],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := seriald.ResultData([]byte(message)); err == nil {
				t.Errorf("got %s, want an error", got)
			}
		})
	}
}

func TestSerialRef(t *testing.T) {
	t.Parallel()
	s := seriald.Serial{ID: serial1, Number: "3", PartID: "PART-002", SiteID: "plant1", Status: seriald.SerialPending, VendorName: "ACME"}
	want := seriald.SerialRef{ID: serial1, SerialNumber: "3", PartID: "PART-002", Status: seriald.SerialPending}
	if got := s.Ref(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// An outcome that no message can hold is cut to what one can: as many serials as
// fit, and how many there are besides.
func TestEncodeWithin(t *testing.T) {
	t.Parallel()
	whole := madeOf(1000)
	for _, most := range []int{len(whole.Encode()), len(whole.Encode()) - 1, 50_000, 1000, 0} {
		got := whole.EncodeWithin(most)
		var o seriald.Outcome
		if err := json.Unmarshal(got, &o); err != nil {
			t.Fatal(err)
		}
		n := len(o.Serials)
		if n+o.SerialsOmitted != 1000 || len(got) > most && n > 0 {
			t.Errorf("within %d: %d bytes, %d serials and %d omitted", most, len(got), n, o.SerialsOmitted)
		}
		if diff := cmp.Diff(whole.Serials[:n], o.Serials, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("within %d (-want +got):\n%s", most, diff)
		}
		if n < 1000 {
			o.Serials, o.SerialsOmitted = whole.Serials[:n+1], 999-n
			if len(o.Encode()) <= most {
				t.Errorf("within %d: %d serials, one more would fit", most, n)
			}
		}
	}
	o := conflicting()
	if got := o.EncodeWithin(10); string(got) != string(o.Encode()) {
		t.Errorf("without serials: %s", got)
	}
}

// A refusal may quote what was sent, but not all of it.
func TestRefusalIsBounded(t *testing.T) {
	t.Parallel()
	r := seriald.Reject(seriald.CodeValidation, "time", "%s is no time", strings.Repeat("é", 1<<20))
	if len(r.Message) > 1010 || !strings.HasSuffix(r.Message, "é…") {
		t.Errorf("%d bytes, ending in %q", len(r.Message), r.Message[max(0, len(r.Message)-10):])
	}
}
