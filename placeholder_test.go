package seriald_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// serialized is the outcome of an event of which one placeholder got its number, and
// another was made.
func serialized() *seriald.Outcome {
	o := accepted()
	o.Serials, o.TriggerID = o.Serials[:1], trigger1
	o.Placeholders = []seriald.PlaceholderRef{
		{ID: seriald.ID{1}, PartID: "PART-003", Status: seriald.PlaceholderSerialized, SerialID: serial1},
		{ID: seriald.ID{2}, PartID: "PART-003", Status: seriald.PlaceholderPending},
	}
	return o
}

func placeholderRefs() *rapid.Generator[seriald.PlaceholderRef] {
	return rapid.Custom(func(t *rapid.T) seriald.PlaceholderRef {
		return seriald.PlaceholderRef{
			ID: ids().Draw(t, "id"), PartID: words().Draw(t, "part"), SerialID: ids().Draw(t, "serial"),
			Status: rapid.SampledFrom([]seriald.PlaceholderStatus{seriald.PlaceholderPending, seriald.PlaceholderSerialized, seriald.PlaceholderFailed}).Draw(t, "status"),
		}
	})
}

func TestPlaceholderRef(t *testing.T) {
	t.Parallel()
	p := seriald.Placeholder{ID: seriald.ID{1}, PartID: "PART-003", SiteID: "plant1", Status: seriald.PlaceholderSerialized, WorkOrderID: "WO-7", SerialID: serial1, Notes: "by hand"}
	want := seriald.PlaceholderRef{ID: seriald.ID{1}, PartID: "PART-003", Status: seriald.PlaceholderSerialized, SerialID: serial1}
	if got := p.Ref(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Placeholders are encoded by hand: what encoding/json reads in serial events is what
// was meant, every one once and in order, and none of the serials beside them.
func TestSerialEventsOfPlaceholders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		o := accepted()
		o.Placeholders = rapid.SliceOfN(placeholderRefs(), 1, 12).Draw(rt, "placeholders")
		first, size := rapid.IntRange(0, len(o.Placeholders)-1).Draw(rt, "first"), rapid.IntRange(1, 5).Draw(rt, "size")
		told := rapid.IntRange(1, len(o.Placeholders)-first).Draw(rt, "count")
		events := seriald.SerialEvents(o, reader1, "KEY", []seriald.Announcement{{Event: seriald.EventPlaceholder, First: first, Count: told}}, size, roomy)
		var got []seriald.PlaceholderRef
		for i, e := range events {
			var message struct {
				Subject string
				Data    struct {
					PartID       string `json:"partId"`
					Serials      []seriald.SerialRef
					Placeholders []seriald.PlaceholderRef
					Part, Parts  int
				}
			}
			if err := json.Unmarshal(e.Body, &message); err != nil {
				rt.Fatalf("%s: %v", e.Body, err)
			}
			d := message.Data
			if len(d.Serials) > 0 || len(d.Placeholders) == 0 || len(d.Placeholders) > size || d.Part != i+1 || d.Parts != len(events) {
				rt.Fatalf("message %d of %d is %s, with at most %d placeholders", i+1, len(events), e.Body, size)
			}
			if part := d.Placeholders[0].PartID; d.PartID != part || message.Subject != part {
				rt.Fatalf("%s is of part %q", e.Body, part)
			}
			got = append(got, d.Placeholders...)
		}
		if diff := cmp.Diff(o.Placeholders[first:first+told], got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// A placeholder and the number that it got are left out together.
func TestEncodeWithinKeepsPlaceholdersWithTheirSerials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ serials, placeholders int }{
		"each has its number": {500, 500}, "numbers beside": {600, 400}, "without numbers": {0, 500}, "fewer numbers": {100, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := madeOf(tc.serials)
			for range tc.placeholders {
				whole.Placeholders = append(whole.Placeholders, seriald.PlaceholderRef{ID: seriald.ID{1}, PartID: "P 1", Status: seriald.PlaceholderSerialized})
			}
			for _, most := range []int{len(whole.Encode()), len(whole.Encode()) - 1, 20_000, 0} {
				var o seriald.Outcome
				got := whole.EncodeWithin(most)
				if err := json.Unmarshal(got, &o); err != nil {
					t.Fatal(err)
				}
				serials, placeholders := len(o.Serials), len(o.Placeholders)
				kept := max(serials, placeholders)
				if len(got) > most && kept > 0 || serials != min(kept, tc.serials) || placeholders != min(kept, tc.placeholders) {
					t.Errorf("within %d: %d bytes, %d serials and %d placeholders", most, len(got), serials, placeholders)
				}
				if serials+o.SerialsOmitted != tc.serials || placeholders+o.PlaceholdersOmitted != tc.placeholders {
					t.Errorf("within %d: %d and %d are omitted of %d and %d", most, o.SerialsOmitted, o.PlaceholdersOmitted, serials, placeholders)
				}
				if diff := cmp.Diff(whole.Placeholders[:placeholders], o.Placeholders, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("within %d (-want +got):\n%s", most, diff)
				}
			}
		})
	}
}
