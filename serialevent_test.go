package seriald_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// told is what a subscriber reads out of a serial event.
type told struct {
	ID      string
	Subject string
	Numbers []string
	Part    int
	Parts   int
}

func read(t *testing.T, events []seriald.SerialEvent) []told {
	t.Helper()
	all := make([]told, 0, len(events))
	for _, e := range events {
		var ce struct {
			ID   string `json:"id"`
			Data struct {
				Serials     []seriald.SerialRef
				Part, Parts int
			}
		}
		if err := json.Unmarshal(e.Body, &ce); err != nil {
			t.Fatal(err)
		}
		if ce.ID != e.ID {
			t.Errorf("the body's id is %q, the event's %q", ce.ID, e.ID)
		}
		numbers := []string{}
		for _, s := range ce.Data.Serials {
			numbers = append(numbers, s.SerialNumber)
		}
		all = append(all, told{e.ID, e.Subject, numbers, ce.Data.Part, ce.Data.Parts})
	}
	return all
}

// madeOf returns an outcome with n serials, numbered from 1.
func madeOf(n int) *seriald.Outcome {
	o := &seriald.Outcome{EventID: "evt", Status: seriald.StatusAccepted, ProcessedAt: processedAt}
	for i := range n {
		o.Serials = append(o.Serials, seriald.SerialRef{SerialNumber: fmt.Sprint(i + 1), PartID: "P 1"})
	}
	return o
}

func TestSerialEvents(t *testing.T) {
	t.Parallel()
	const subject = "machshop.serial.plant1.assigned.P_1"
	assigned := func(first, count int) seriald.Announcement {
		return seriald.Announcement{Event: seriald.EventAssigned, First: first, Count: count}
	}
	for name, tc := range map[string]struct {
		outcome       *seriald.Outcome
		announcements []seriald.Announcement
		size          int
		want          []told
	}{
		"nothing to tell": {madeOf(3), nil, 2, []told{}},
		"all in one": {madeOf(2), []seriald.Announcement{assigned(0, 2)}, 2, []told{
			{"evt.assigned.1.1", subject, []string{"1", "2"}, 1, 1},
		}},
		"split in parts": {madeOf(5), []seriald.Announcement{assigned(0, 5)}, 2, []told{
			{"evt.assigned.1.1", subject, []string{"1", "2"}, 1, 3},
			{"evt.assigned.1.2", subject, []string{"3", "4"}, 2, 3},
			{"evt.assigned.1.3", subject, []string{"5"}, 3, 3},
		}},
		"split evenly": {madeOf(4), []seriald.Announcement{assigned(0, 4)}, 2, []told{
			{"evt.assigned.1.1", subject, []string{"1", "2"}, 1, 2},
			{"evt.assigned.1.2", subject, []string{"3", "4"}, 2, 2},
		}},
		"groups, one of which is split": {madeOf(6), []seriald.Announcement{assigned(0, 2), assigned(2, 3), assigned(5, 1)}, 2, []told{
			{"evt.assigned.1.1", subject, []string{"1", "2"}, 1, 1},
			{"evt.assigned.2.1", subject, []string{"3", "4"}, 1, 2},
			{"evt.assigned.2.2", subject, []string{"5"}, 2, 2},
			{"evt.assigned.3.1", subject, []string{"6"}, 1, 1},
		}},
		"a conflict has no serials": {conflicting(), []seriald.Announcement{{Event: seriald.EventConflict}}, 2, []told{
			{"evt-2.conflict.1.1", "machshop.serial.plant1.conflict.KEY_2", []string{}, 1, 1},
		}},
		"more than there are": {madeOf(2), []seriald.Announcement{assigned(1, 5), assigned(7, 1)}, 2, []told{
			{"evt.assigned.1.1", subject, []string{"2"}, 1, 1},
			{"evt.assigned.2.1", "machshop.serial.plant1.assigned.KEY_2", []string{}, 1, 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := seriald.SerialEvents(tc.outcome, reader1, "KEY 2", tc.announcements, tc.size, roomy)
			if diff := cmp.Diff(tc.want, read(t, got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A repeat tells from the stored outcome and announcements what the first time
// was told, byte for byte.
func TestSerialEventsOfARepeatAreTheSame(t *testing.T) {
	t.Parallel()
	announcements := []seriald.Announcement{
		{Event: seriald.EventAssigned, Count: 1, TriggerID: trigger1, WorkOrderID: "WO-7"},
		{Event: seriald.EventAssigned, First: 1, Count: 1, LotNumber: "L1", OperationCode: "OP-010"},
	}
	first := seriald.SerialEvents(accepted(), reader1, "PART-001", announcements, 1, roomy)
	var o seriald.Outcome
	var as []seriald.Announcement
	if err := json.Unmarshal(accepted().Encode(), &o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(seriald.EncodeAnnouncements(announcements), &as); err != nil {
		t.Fatal(err)
	}
	again := seriald.SerialEvents(&o, reader1, "PART-001", as, 1, roomy)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

// Announcements are encoded by hand: what encoding/json reads is what was meant.
func TestAnnouncementsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) seriald.Announcement {
			return seriald.Announcement{
				Event: words().Draw(t, "event"), First: rapid.Int().Draw(t, "first"), Count: rapid.Int().Draw(t, "count"),
				TriggerID: ids().Draw(t, "trigger"), WorkOrderID: words().Draw(t, "work order"),
				LotNumber: words().Draw(t, "lot"), OperationCode: words().Draw(t, "operation"),
			}
		}), 1, 3).Draw(t, "announcements")
		encoded := seriald.EncodeAnnouncements(want)
		var got []seriald.Announcement
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", encoded, diff)
		}
	})
	if got := seriald.EncodeAnnouncements(nil); got != nil {
		t.Errorf("got %s of none, want nil", got)
	}
}

// However serials are grouped and split, every one is told of once, in order,
// under an id of its own, and no message is larger than it may be.
func TestSerialEventsTellOfEverySerialOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		o := madeOf(rapid.IntRange(0, 60).Draw(rt, "serials"))
		size := rapid.IntRange(1, 12).Draw(rt, "size")
		var announcements []seriald.Announcement
		for first := 0; first < len(o.Serials); {
			count := rapid.IntRange(1, 25).Draw(rt, "count")
			announcements = append(announcements, seriald.Announcement{Event: seriald.EventAssigned, First: first, Count: count})
			first += count
		}
		events := seriald.SerialEvents(o, reader1, "P", announcements, size, roomy)
		var got, want []string
		ids := map[string]bool{}
		for _, e := range read(t, events) {
			if len(e.Numbers) == 0 || len(e.Numbers) > size || e.Part < 1 || e.Part > e.Parts || ids[e.ID] {
				rt.Fatalf("got %+v, with at most %d serials in a message", e, size)
			}
			ids[e.ID] = true
			got = append(got, e.Numbers...)
		}
		for _, s := range o.Serials {
			want = append(want, s.SerialNumber)
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
	})
}

// The ids of serial events are of one event and one part of it only, whatever
// the event's own id looks like.
func TestSerialEventIDsDoNotMeet(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []seriald.EventID{"a", "a.assigned.1.1", "a.assigned.1", "a.assigned", "a.1", "a.1.1"} {
		o := madeOf(3)
		o.EventID = id
		events := seriald.SerialEvents(o, reader1, "P", []seriald.Announcement{
			{Event: seriald.EventAssigned, Count: 2}, {Event: seriald.EventAssigned, First: 2, Count: 1}, {Event: seriald.EventReceived, Count: 1},
		}, 1, roomy)
		for _, e := range events {
			if other, met := seen[e.ID]; met {
				t.Errorf("%q is an id of a serial event of %q and of %q", e.ID, id, other)
			}
			seen[e.ID] = string(id)
		}
	}
}

// Numbers may be so long that fewer of them fit into a message than its size says.
func TestSerialEventsWithinALimit(t *testing.T) {
	t.Parallel()
	o := madeOf(1000)
	for i := range o.Serials {
		o.Serials[i].PartID = "é" + strings.Repeat("<", 198) // with it, six bytes each as JSON
	}
	const most = 200_000
	events := seriald.SerialEvents(o, reader1, "P", []seriald.Announcement{{Event: seriald.EventAssigned, Count: 1000}}, 1000, most)
	serials := 0
	for i, e := range events {
		var message struct {
			Data struct {
				Serials     []seriald.SerialRef
				Part, Parts int
			}
		}
		if err := json.Unmarshal(e.Body, &message); err != nil {
			t.Fatal(err)
		}
		serials += len(message.Data.Serials)
		if len(e.Body) > most || message.Data.Part != i+1 || message.Data.Parts != len(events) {
			t.Errorf("message %d has %d bytes and is part %d of %d", i, len(e.Body), message.Data.Part, message.Data.Parts)
		}
	}
	if serials != 1000 {
		t.Errorf("%d serials are told of, want 1000", serials)
	}
	if one := seriald.SerialEvents(o, reader1, "P", []seriald.Announcement{{Event: seriald.EventAssigned, Count: 2}}, 1000, 10); len(one) != 2 {
		t.Errorf("%d messages where nothing fits, want one per serial", len(one))
	}
}
