package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

var (
	noon    = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	unknown = seriald.ID{15: 99}
)

// Serial knows three serials, one of each source, the vendor's first.
func (f fakeDatabase) Serial(_ context.Context, id seriald.ID) (*store.SerialRecord, error) {
	sources := []seriald.Source{seriald.SourceVendor, seriald.SourceGenerated, seriald.SourceLate}
	switch {
	case f.err != nil:
		return nil, f.err
	case id == unknown:
		return nil, store.ErrNotFound
	}
	r := &store.SerialRecord{UpdatedAt: noon.Add(time.Hour), Serial: seriald.Serial{
		ID: id, Number: "S-1", PartID: "PART-001", SiteID: "plant1", Source: sources[id[15]%3], Status: seriald.SerialActive, EventID: "e", CreatedAt: noon,
		Attributes: []byte(`{"cell":"B7"}`),
	}}
	if r.Source == seriald.SourceVendor {
		r.Status, r.VendorName, r.ReceivedDate = seriald.SerialPending, "ACME", "2026-03-01"
	}
	return r, nil
}

// Serials answers with what it was asked for, as a number; and there is always more.
func (f fakeDatabase) Serials(_ context.Context, of *store.SerialFilter, before seriald.ID, limit int) ([]store.SerialRecord, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case of.Number == "nobody":
		return nil, nil
	case of.Number == "broad":
		return nil, fmt.Errorf("list: %w", store.ErrTooBroad)
	}
	slices.Sort(of.Attributes)
	asked, err := json.Marshal([]any{of, before})
	if err != nil {
		return nil, err
	}
	found := make([]store.SerialRecord, limit)
	for i := range found {
		found[i] = store.SerialRecord{Serial: seriald.Serial{ID: seriald.ID{15: byte(i + 1)}, Number: string(asked), CreatedAt: noon}}
	}
	return found, nil
}

func (f fakeDatabase) CountSerials(_ context.Context, of *store.SerialFilter, most int) (int, error) {
	if of.Number == "nobody" {
		return 0, f.err
	}
	return most, f.err
}

func (f fakeDatabase) CountPendingPlaceholders(context.Context, store.PendingRef, int) (int, error) {
	return 3, f.err
}

func (f fakeDatabase) CountConflicts(_ context.Context, _ string, resolved bool, _ int) (int, error) {
	if resolved {
		return 3, f.err
	}
	return 2, f.err
}

func (f fakeDatabase) Placeholder(_ context.Context, id seriald.ID) (*store.PlaceholderRecord, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case id == unknown:
		return nil, store.ErrNotFound
	}
	return &store.PlaceholderRecord{
		Placeholder: seriald.Placeholder{ID: id, PartID: "PART-003", SiteID: "plant1", Status: seriald.PlaceholderSerialized, SerialID: seriald.ID{15: 7}, EventID: "e", CreatedAt: noon},
		ResolvedAt:  noon.Add(time.Minute), SerialNumber: "H-1",
	}, nil
}

// PendingPlaceholders has three that wait for whatever is asked for.
func (f fakeDatabase) PendingPlaceholders(_ context.Context, of store.PendingRef, after store.PendingAfter) ([]seriald.Placeholder, error) {
	if f.err != nil {
		return nil, f.err
	}
	var found []seriald.Placeholder
	for i := range byte(3) {
		if i >= after.ID[15] && len(found) < of.Count {
			found = append(found, seriald.Placeholder{
				ID: seriald.ID{15: i + 1}, PartID: of.PartID, WorkOrderID: of.WorkOrderID, LotNumber: of.LotNumber, Status: seriald.PlaceholderPending,
				CreatedAt: noon.Add(time.Duration(i) * time.Second),
			})
		}
	}
	return found, nil
}

func (f fakeDatabase) PlaceholderStatistics(_ context.Context, partID string) (store.PlaceholderStatistics, error) {
	if partID == "idle" {
		return store.PlaceholderStatistics{}, f.err
	}
	return store.PlaceholderStatistics{Pending: 5, Serialized: 3, Failed: 1, AverageWait: 90 * time.Second, OldestWait: time.Hour}, f.err
}

// trigger is a trigger of PART-001 that makes ten at a time.
func trigger() store.TriggerUse {
	conditions, _ := seriald.ParseConditions([]byte(`{"lotNumber":{"exists":true}}`))
	return store.TriggerUse{
		Trigger: seriald.Trigger{
			ID: seriald.ID{15: 1}, PartID: "PART-001", Type: seriald.TriggerOperationComplete, Active: true, OperationCode: "OP-010", Conditions: conditions,
			Priority: 7, AssignmentType: seriald.AssignGenerated, BatchMode: true, BatchSize: 10,
		},
		Statistics: store.TriggerStatistics{Fired: 4, Ignored: 2, Units: 40, LastFiredAt: noon}, CreatedAt: noon, UpdatedAt: noon,
	}
}

func (f fakeDatabase) TriggerUse(_ context.Context, id seriald.ID) (*store.TriggerUse, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case id == unknown:
		return nil, store.ErrNotFound
	}
	u := trigger()
	return &u, nil
}

func (f fakeDatabase) TriggersOfPart(_ context.Context, partID string) ([]store.TriggerUse, error) {
	if f.err != nil || partID == "idle" {
		return nil, f.err
	}
	late := trigger()
	late.Active, late.AssignmentType, late.BatchMode, late.Conditions = false, seriald.AssignLate, false, seriald.Conditions{}
	return []store.TriggerUse{trigger(), late}, nil
}

func (f fakeDatabase) TriggerTotals(_ context.Context, partID string) (store.TriggerStatistics, error) {
	if partID == "idle" {
		return store.TriggerStatistics{}, f.err
	}
	return store.TriggerStatistics{Fired: 9, Ignored: 3, Units: 50, LastFiredAt: noon}, f.err
}

func (f fakeDatabase) RecordedEvent(_ context.Context, id seriald.EventID) (*store.RecordedEvent, error) {
	switch {
	case id == "away":
		return nil, store.ErrUnavailable
	case id != "recorded" || f.err != nil:
		return nil, errors.Join(f.err, store.ErrNotFound)
	}
	return &store.RecordedEvent{
		Event:  seriald.Event{ID: id, Type: seriald.TypeOperationComplete, Data: []byte(`{"gtin":"09506000134352","operationCode":"OP-010","quantity":25,"lotNumber":"L","answer":"repeat","triggerType":"OPERATION_COMPLETE","performedBy":"who was first"}`)},
		PartID: "PART-001",
	}, nil
}

func TestReads(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + "/api/v1/serialization"
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled)) + "/api/v1/serialization"
	const id = "00000000-0000-0000-0000-0000000000"
	for name, tt := range map[string]struct {
		url  string
		code int
		body string
	}{
		"a serial": {
			"/serials/" + id + "01", 200,
			`{"id":"` + id + `01","serialNumber":"S-1","partId":"PART-001","siteId":"plant1","source":"SYSTEM_GENERATED","status":"ACTIVE","attributes":{"cell":"B7"},"eventId":"e","createdAt":"2026-03-02T12:00:00Z","updatedAt":"2026-03-02T13:00:00Z"}`,
		},
		"a vendor's":           {"/vendor/" + id + "03", 200, `"vendorSerialNumber":"S-1","vendorName":"ACME","partId":"PART-001","siteId":"plant1","source":"VENDOR","status":"PENDING","receivedDate":"2026-03-01",`},
		"nobody":               {"/vendor/" + id + "00", 400, `"field":"id"`},
		"a vendor's as ours":   {"/serials/" + id + "02", 200, `"source":"LATE_ASSIGNMENT"`},
		"ours as a vendor's":   {"/vendor/" + id + "01", 404, `"code":"VENDOR_SERIAL_NOT_FOUND"`},
		"unknown serial":       {"/serials/" + unknown.String(), 404, `"code":"SERIAL_NOT_FOUND"`},
		"no id":                {"/serials/S-1", 400, `"field":"id"`},
		"unknown parameter":    {"/serials?partID=PART-001", 400, `"field":"partID"`},
		"status":               {"/serials?status=GONE", 400, `"field":"status"`},
		"source":               {"/serials?source=GONE", 400, `"field":"source"`},
		"times":                {"/serials?from=yesterday&to=2026-03-02", 400, `"field":"from"`},
		"cursor":               {"/serials?cursor=x", 400, `"field":"cursor"`},
		"none":                 {"/serials?serialNumber=nobody", 200, `{"data":[],"total":0,"limit":50,"offset":0}`},
		"too many to look for": {"/serials?serialNumber=broad", 422, `ask for a part`},
		"vendors' of a part":   {"/vendor/part/PART-002?status=PENDING&vendorName=ACME&limit=1", 200, `{"data":[{"id":"` + id + `01","vendorSerialNumber":"`},
		"generated of a part":  {"/system-generated/part/PART-001?from=2026-03-01&to=2026-03-02T12:00:00%2B01:00&limit=1", 200, `"generatedAt":"2026-03-02T12:00:00Z"`},

		"a placeholder": {
			"/late-assignment/placeholder/" + id + "05", 200,
			`"status":"SERIALIZED","serialId":"` + id + `07","serialNumber":"H-1","eventId":"e","createdAt":"2026-03-02T12:00:00Z","resolvedAt":"2026-03-02T12:01:00Z"}`,
		},
		"unknown placeholder": {"/late-assignment/placeholder/" + unknown.String(), 404, `"code":"PLACEHOLDER_NOT_FOUND"`},
		"placeholder's id":    {"/late-assignment/placeholder/5", 400, `"field":"id"`},
		"pending":             {"/late-assignment/pending?partId=P&workOrderId=W&lotNumber=L", 200, `"partId":"P","siteId":"","status":"PENDING","workOrderId":"W","lotNumber":"L"`},
		"pending, misspelt":   {"/late-assignment/pending?part=P", 400, `"field":"part"`},
		"late statistics":     {"/late-assignment/statistics/PART-003", 200, `{"totalPending":5,"totalSerialized":3,"totalFailed":1,"successRate":75,"averageTimeToSerialization":90,"oldestPending":3600}`},
		"nothing late":        {"/late-assignment/statistics/idle", 200, `"successRate":0`},

		"a trigger": {
			"/triggers/" + id + "01", 200,
			`"partId":"PART-001","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","conditions":{"lotNumber":{"exists":true}},"assignmentType":"SYSTEM_GENERATED","priority":7,"batchMode":true,"batchSize":10,"active":true,` +
				`"createdAt":"2026-03-02T12:00:00Z","updatedAt":"2026-03-02T12:00:00Z","statistics":{"fired":4,"ignored":2,"units":40,"lastExecution":"2026-03-02T12:00:00Z"}}`,
		},
		"unknown trigger":    {"/triggers/" + unknown.String(), 404, `"code":"TRIGGER_NOT_FOUND"`},
		"triggers of a part": {"/triggers/part/PART-001", 200, `"total":2}`},
		"no triggers":        {"/triggers/part/idle", 200, `{"data":[],"total":0}`},
		"trigger statistics": {
			"/triggers/statistics/PART-001", 200,
			`{"totalTriggers":2,"activeTriggers":1,"byTriggerType":{"OPERATION_COMPLETE":2},"byAssignmentType":{"LATE_ASSIGNMENT":1,"SYSTEM_GENERATED":1},"withConditions":1,"batchEnabled":1,` +
				`"fired":9,"ignored":3,"units":50,"lastExecution":"2026-03-02T12:00:00Z"}`,
		},
		"statistics of none": {"/triggers/statistics/idle", 200, `{"totalTriggers":0,"activeTriggers":0,"byTriggerType":{},"byAssignmentType":{},"withConditions":0,"batchEnabled":0,"fired":0,"ignored":0,"units":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, body := call(t, "GET", up+tt.url); res.StatusCode != tt.code || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, body, tt.code, tt.body)
			}
			if tt.code == 200 {
				if res, body := call(t, "GET", down+tt.url); res.StatusCode != 503 || !strings.Contains(body, `"code":"UNAVAILABLE"`) {
					t.Errorf("without a database: %d %s", res.StatusCode, body)
				}
			}
		})
	}
}

// What is asked for arrives at the store, and a page goes on where the one before ended.
func TestListsAreAskedForAndPaged(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + "/api/v1/serialization"
	type page struct {
		Data []struct {
			ID           seriald.ID
			SerialNumber string
		}
		NextCursor string
	}
	read := func(url string) (p page) {
		if _, body := call(t, "GET", up+url); json.Unmarshal([]byte(body), &p) != nil || len(p.Data) == 0 {
			t.Fatalf("%s: %s", url, body)
		}
		return p
	}
	filter := url.Values{
		"serialNumber": {"N"}, "partId": {"P"}, "status": {"ACTIVE"}, "source": {"LATE_ASSIGNMENT"}, "workOrderId": {"W"}, "lotNumber": {"L"}, "operationCode": {"O"},
		"device": {"D"}, "vendorName": {"V"}, "from": {"2026-03-01"}, "to": {"2026-03-02T01:00:00+01:00"}, "attributes[cell]": {"7"}, "attributes[ok]": {"yes"}, "limit": {"2"},
	}
	first := read("/serials?" + filter.Encode())
	var asked []json.RawMessage
	if err := json.Unmarshal([]byte(first.Data[0].SerialNumber), &asked); err != nil {
		t.Fatal(err)
	}
	var got store.SerialFilter
	if err := json.Unmarshal(asked[0], &got); err != nil {
		t.Fatal(err)
	}
	if got.Number != "N" || got.PartID != "P" || got.Status != "ACTIVE" || got.Source != "LATE_ASSIGNMENT" || got.WorkOrderID != "W" || got.LotNumber != "L" ||
		got.OperationCode != "O" || got.Device != "D" || got.VendorName != "V" || !got.From.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) ||
		!got.To.Equal(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("asked for %+v", got)
	}
	// A number may be kept as one, or as a text.
	if want := []string{`{"cell":"7","ok":"yes"}`, `{"cell":7,"ok":"yes"}`}; !slices.Equal(got.Attributes, want) {
		t.Errorf("attributes %s, want %s", got.Attributes, want)
	}
	if len(first.Data) != 2 || first.NextCursor == "" {
		t.Fatalf("page of %d, cursor %q", len(first.Data), first.NextCursor)
	}
	filter.Set("cursor", first.NextCursor)
	if second := read("/serials?" + filter.Encode()); !strings.Contains(second.Data[0].SerialNumber, first.Data[1].ID.String()) {
		t.Errorf("second page asked for %s", second.Data[0].SerialNumber)
	}
	seen := map[seriald.ID]bool{}
	for cursor := ""; ; {
		p := read("/late-assignment/pending?limit=2&cursor=" + cursor)
		for _, d := range p.Data {
			seen[d.ID] = true
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("pages had %v", slices.Collect(maps.Keys(seen)))
	}
	if _, body := call(t, "GET", up+"/serials?attributes[a]=1&attributes[b]=1&attributes[c]=1&attributes[d]=1&attributes[e]=1&attributes[f]=1"); !strings.Contains(body, "at most 5") {
		t.Errorf("six attributes: %s", body)
	}
}

func TestTriggerIsTried(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled))
	for name, tt := range map[string]struct {
		id, body string
		code     int
		want     string
	}{
		"a recorded event":   {"01", `{"eventId":"recorded"}`, 200, `"wouldFire":true,"assignmentType":"SYSTEM_GENERATED","units":25,"groupSize":10}`},
		"a sample":           {"01", `{"data":{"partId":"PART-001","operationCode":"OP-010","lotNumber":"L"}}`, 200, `"wouldFire":true,"assignmentType":"SYSTEM_GENERATED","units":10,"groupSize":10}`},
		"a condition":        {"01", `{"data":{"partId":"PART-001","operationCode":"OP-010"}}`, 200, `"wouldFire":false,"reason":"the condition on \"lotNumber\" does not hold`},
		"another type":       {"01", `{"type":"batch_completion","data":{"partId":"PART-001","lotNumber":"L"}}`, 200, `"wouldFire":false,"reason":"the trigger is for OPERATION_COMPLETE, not BATCH_COMPLETION"`},
		"a request":          {"01", `{"type":"serial_generate","data":{"partId":"PART-001"}}`, 200, "fires no trigger"},
		"a wrong sample":     {"01", `{"data":{"quantity":-1}}`, 400, `"field":"quantity"`},
		"an unknown event":   {"01", `{"eventId":"lost"}`, 404, `"code":"NOT_FOUND"`},
		"two events":         {"01", `{"eventId":"recorded","data":{}}`, 400, `"field":"eventId"`},
		"no event":           {"01", `{}`, 400, `"field":"eventId"`},
		"no object":          {"01", `{"data":7}`, 400, `"field":"data"`},
		"no JSON":            {"01", `{`, 400, `"field":"body"`},
		"an unknown trigger": {"63", `{"eventId":"recorded"}`, 404, `"code":"TRIGGER_NOT_FOUND"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := up + "/api/v1/serialization/triggers/00000000-0000-0000-0000-0000000000" + tt.id + "/test"
			if res, body := callWith(t, "POST", url, tt.body); res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, body, tt.code, tt.want)
			}
		})
	}
}
