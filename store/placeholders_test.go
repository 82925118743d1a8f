package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func waiting(n int, lot string) *seriald.Placeholder {
	return &seriald.Placeholder{
		ID: seriald.ID{0: 5, 15: byte(n)}, PartID: "PART-003", SiteID: "plant1", Status: seriald.PlaceholderPending, WorkOrderID: "WO", LotNumber: lot,
		OperationCode: "OP", TriggerID: seriald.ID{15: 9}, EventID: seriald.EventID(fmt.Sprintf("e-%d", n)),
	}
}

func TestPlaceholdersAreReadAndPaged(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	early, late := noon.Add(-2*time.Minute), noon.Add(-time.Minute)
	// Those of a batch are of one time: their ids order them.
	commit(t, db, early, &store.Changes{Placeholders: []*seriald.Placeholder{waiting(1, "A"), waiting(2, "B"), waiting(3, "A")}})
	commit(t, db, late, &store.Changes{Placeholders: []*seriald.Placeholder{waiting(4, "A"), waiting(5, "B")}})
	read := func(of store.PendingRef) (ids []byte) {
		t.Helper()
		for after := (store.PendingAfter{}); ; {
			page, err := db.PendingPlaceholders(t.Context(), of, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				ids = append(ids, p.ID[15])
			}
			if len(page) < of.Count {
				return ids
			}
			last := page[len(page)-1]
			after = store.PendingAfter{CreatedAt: last.CreatedAt, ID: last.ID}
		}
	}
	for _, tt := range []struct {
		of   store.PendingRef
		want []byte
	}{
		{store.PendingRef{Count: 2}, []byte{1, 2, 3, 4, 5}},
		{store.PendingRef{PartID: "PART-003", LotNumber: "A", Count: 1}, []byte{1, 3, 4}},
		{store.PendingRef{PartID: "PART-003", WorkOrderID: "WO", LotNumber: "B", Count: 50}, []byte{2, 5}},
		{store.PendingRef{PartID: "PART-001", Count: 50}, nil},
	} {
		if got := read(tt.of); !cmp.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.of, got, tt.want)
		}
	}

	serial := fullSerial(1, seriald.SourceLate)
	done, failed := waiting(1, "A"), waiting(2, "B")
	done.Status, done.SerialID, done.Notes = seriald.PlaceholderSerialized, serial.ID, "by hand"
	failed.Status, failed.FailureReason = seriald.PlaceholderFailed, "scrapped"
	commit(t, db, noon, &store.Changes{Serials: []*seriald.Serial{serial}, ChangedPlaceholders: []*seriald.Placeholder{done, failed}})
	got, err := db.Placeholder(t.Context(), done.ID)
	if err != nil {
		t.Fatal(err)
	}
	done.CreatedAt = early
	if diff := cmp.Diff(&store.PlaceholderRecord{Placeholder: *done, ResolvedAt: noon, SerialNumber: serial.Number}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := db.Placeholder(t.Context(), newID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	counted, err := db.PlaceholderStatistics(t.Context(), "PART-003")
	if err != nil || counted.OldestWait <= 0 {
		t.Errorf("%+v, %v", counted, err)
	}
	counted.OldestWait = 0
	if want := (store.PlaceholderStatistics{Pending: 3, Serialized: 1, Failed: 1, AverageWait: 2 * time.Minute}); counted != want {
		t.Errorf("counted %+v, want %+v", counted, want)
	}
	if n, oldest, err := db.PlaceholdersWaiting(t.Context()); err != nil || n != 3 || oldest <= 0 {
		t.Errorf("waiting: %d, %v, %v", n, oldest, err)
	}
}

func TestTriggersAreReadWithWhatTheyDid(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	conditions, err := seriald.ParseConditions([]byte(`{"quantity":{"gt":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	trigger := func(n byte, priority int) *seriald.Trigger {
		return &seriald.Trigger{
			ID: seriald.ID{15: n}, PartID: "GEAR", Type: seriald.TriggerBatchCompletion, Active: true, OperationCode: fmt.Sprintf("OP-%d", n), Conditions: conditions,
			Priority: priority, AssignmentType: seriald.AssignGenerated, FormatID: "default", BatchMode: true, BatchSize: 5,
		}
	}
	second, first := trigger(1, 2), trigger(2, 1)
	commit(t, db, noon, &store.Changes{Master: []store.MasterChange{
		&store.PartChange{Part: &seriald.Part{ID: "GEAR", UniquenessScopes: []seriald.Scope{seriald.ScopeSite}, VendorScopes: []seriald.Scope{seriald.ScopeVendor}, Rule: seriald.NumberRule{Charset: seriald.CharsetAny}}},
	}})
	commit(t, db, noon, &store.Changes{
		Master:   []store.MasterChange{&store.TriggerChange{Trigger: second}, &store.TriggerChange{Trigger: first}},
		Triggers: []store.TriggerCount{{ID: first.ID, PartID: "GEAR", Fired: 2, Units: 10}, {ID: second.ID, PartID: "GEAR", Ignored: 3}},
	})
	all, err := db.TriggersOfPart(t.Context(), "GEAR")
	if err != nil || len(all) != 2 {
		t.Fatalf("%d triggers, %v", len(all), err)
	}
	want := store.TriggerUse{Trigger: *first, Statistics: store.TriggerStatistics{Fired: 2, Units: 10, LastFiredAt: noon}, CreatedAt: all[0].CreatedAt, UpdatedAt: all[0].UpdatedAt}
	if diff := cmp.Diff(want, all[0], cmp.AllowUnexported(seriald.Conditions{}), cmp.Comparer(func(a, b seriald.Conditions) bool {
		return (&seriald.Trigger{Conditions: a}).Equal(&seriald.Trigger{Conditions: b})
	})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one, err := db.TriggerUse(t.Context(), second.ID); err != nil || one.Statistics != (store.TriggerStatistics{Ignored: 3}) {
		t.Errorf("%+v, %v", one, err)
	}
	commit(t, db, noon, &store.Changes{Master: []store.MasterChange{&store.TriggerChange{Trigger: first, Deleted: true}}})
	if _, err := db.TriggerUse(t.Context(), first.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	// What it did is not forgotten with it.
	if total, err := db.TriggerTotals(t.Context(), "GEAR"); err != nil || total != (store.TriggerStatistics{Fired: 2, Ignored: 3, Units: 10, LastFiredAt: noon}) {
		t.Errorf("%+v, %v", total, err)
	}
}

func TestRecordedEvent(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	row := func(id seriald.EventID) store.InboxRow {
		return store.InboxRow{EventID: id, Type: seriald.TypeOperationComplete, Origin: seriald.Origin{Site: "plant1", Line: "l", Device: "d"}, PartID: "PART-001", Status: seriald.StatusAccepted, Outcome: "{}"}
	}
	commit(t, db, noon, &store.Changes{Inbox: []store.InboxRow{row("kept"), row("bare")}, Audit: []seriald.AuditEvent{{
		ID: newID(), Type: seriald.AuditTriggerExecuted, Status: seriald.AuditSuccess, EventID: "kept", PartID: "PART-001", SiteID: "plant1", PerformedBy: "/plant1/l/d",
		PerformedAt: noon, NewValues: []byte(`{"request":{"partId":"PART-001","quantity":2}}`),
	}}})
	got, err := db.RecordedEvent(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Event.Data) != `{"partId":"PART-001","quantity":2}` || got.PartID != "PART-001" || got.Event.Type != seriald.TypeOperationComplete || got.Event.Origin.Device != "d" {
		t.Errorf("%+v with %s", got, got.Event.Data)
	}
	for _, id := range []seriald.EventID{"bare", "none"} {
		if _, err := db.RecordedEvent(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
