package processors

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

var (
	testNow    = time.Date(2026, 3, 31, 22, 30, 0, 0, time.UTC) // April in Berlin
	testDevice = seriald.Origin{Site: "plant1", Line: "line1", Device: "reader1"}
	trigger1   = seriald.ID{0: 0x10, 15: 1}
	trigger2   = seriald.ID{0: 0x10, 15: 2}
)

// testCatalog has a part for each case.
func testCatalog(tb testing.TB, triggers ...*seriald.Trigger) *catalog {
	tb.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatalf("these tests need the time zone database: %v", err)
	}
	rule, err := seriald.CompileRule(`[A-Z]{2}\d+`)
	if err != nil {
		tb.Fatal(err)
	}
	ours := []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}
	vendors := []seriald.Scope{seriald.ScopeVendor}
	c := &seriald.Catalog{
		Sites: map[string]*seriald.Site{"plant1": {ID: "plant1", Location: time.UTC}, "berlin": {ID: "berlin", Location: berlin}},
		Parts: map[string]*seriald.Part{
			"MADE":   {ID: "MADE", Type: "WIDGET", GTIN: "09506000134352", DefaultFormat: "daily", UniquenessScopes: ours, VendorScopes: vendors},
			"PLAIN":  {ID: "PLAIN", Type: "WIDGET", UniquenessScopes: ours, VendorScopes: vendors},
			"BROKEN": {ID: "BROKEN", Type: "WIDGET", DefaultFormat: "broken", UniquenessScopes: ours, VendorScopes: vendors},
			"BOUGHT": {
				ID: "BOUGHT", Type: "BOLT", UniquenessScopes: ours, VendorScopes: []seriald.Scope{seriald.ScopeVendor, seriald.ScopeSite},
				Rule: seriald.NumberRule{MaxLength: 6, Pattern: rule},
			},
		},
		Formats: map[string]*seriald.Format{
			"daily":  {ID: "daily", Active: true, Version: 3, Pattern: "D{MM}{DD}-{SEQ:3}", Start: 1, Increment: 1, Reset: seriald.ResetDaily},
			"tens":   {ID: "tens", Active: true, Version: 1, Pattern: "T{SEQ:3}", Start: 100, Increment: 10, Reset: seriald.ResetNever, CounterScope: seriald.CounterPerSitePart},
			"broken": {ID: "broken", Active: true, Version: 1, Pattern: "{SEQ", Start: 1, Increment: 1},
		},
		Triggers: map[string][]*seriald.Trigger{},
	}
	for _, given := range triggers {
		t := *given // the caller's may be that of other tests, too
		t.Active, t.Type, t.BatchSize = true, seriald.TriggerOperationComplete, max(1, t.BatchSize)
		if t.AssignmentType == "" {
			t.AssignmentType = seriald.AssignGenerated
		}
		c.Triggers[t.PartID] = append(c.Triggers[t.PartID], &t)
	}
	c.GTINs = map[string]*seriald.Part{"09506000134352": c.Parts["MADE"]}
	compiled, _ := compile(c) // "broken" is meant to be
	return compiled
}

// newState returns a state whose ids count up.
func newState(c *catalog) *state {
	n := uint64(0)
	return &state{now: testNow, catalog: c, random: func(b []byte) { clear(b) }, newID: func() seriald.ID {
		n++
		var id seriald.ID
		binary.BigEndian.PutUint64(id[8:], n)
		return id
	}}
}

func newItem(typ seriald.EventType, data string) *item {
	it := &item{event: &seriald.Event{
		ID: "e1", Type: typ, Origin: testDevice, Time: testNow.Add(-time.Second), Data: json.RawMessage(data),
	}}
	it.check()
	return it
}

// atSite is it at another site.
func (it *item) atSite(site string) *item {
	it.event.Origin.Site = site
	return it
}

func numbers(d *decision) []string {
	var all []string
	for _, s := range d.outcome.Serials {
		all = append(all, s.SerialNumber)
	}
	return all
}

// group is what a subscriber is told of.
type group struct {
	event        string
	first, count int
	trigger      seriald.ID
}

func groups(d *decision) []group {
	var all []group
	for _, a := range d.announcements {
		all = append(all, group{a.Event, a.First, a.Count, a.TriggerID})
	}
	return all
}

// record is an audit event without what all of an event have in common.
type record struct {
	Type   seriald.AuditType
	Status seriald.AuditStatus
	Number string
	Values string // JSON
}

// records checks what all audit events of d have in common and returns the rest.
func records(t *testing.T, st *state, d *decision) []record {
	t.Helper()
	all := make([]record, 0, len(d.audit))
	ids := map[seriald.ID]bool{}
	for _, a := range d.audit {
		want := seriald.AuditEvent{
			ID: a.ID, Type: a.Type, Status: a.Status, EventID: d.item.event.ID, SerialID: a.SerialID, SerialNumber: a.SerialNumber,
			PartID: d.partID, SiteID: d.item.event.Origin.Site, PerformedBy: d.item.performedBy(), PerformedAt: st.now,
			DeviceTime: d.item.event.Time, NewValues: a.NewValues,
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("audit event (-want +got):\n%s", diff)
		}
		if a.ID.IsZero() || ids[a.ID] {
			t.Errorf("audit event id %v is none of its own", a.ID)
		}
		ids[a.ID] = true
		all = append(all, record{a.Type, a.Status, a.SerialNumber, string(a.NewValues)})
	}
	return all
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	const (
		operation = seriald.TypeOperationComplete
		generate  = seriald.TypeSerialGenerate
		receive   = seriald.TypeVendorSerialReceive
	)
	serials := []*seriald.Serial{
		{ID: seriald.ID{1}, Number: "S1", PartID: "MADE", Status: seriald.SerialActive},
		{ID: seriald.ID{2}, Number: "S1", PartID: "PLAIN", Status: seriald.SerialActive},
		{ID: seriald.ID{3}, Number: "S2", PartID: "GONE", Status: seriald.SerialActive},
	}
	for name, tc := range map[string]struct {
		item        *item
		triggers    []*seriald.Trigger
		code        seriald.Code
		field, text string
		partID      string // that is known all the same
	}{
		"a wrong field": {
			item: newItem(generate, `{"partId":"MADE","quantity":"5"}`), code: seriald.CodeValidation, field: "quantity", text: "whole number",
		},
		"a missing field": {item: newItem(receive, `{"partId":"BOUGHT"}`), code: seriald.CodeValidation, field: "vendorSerialNumber", text: "required"},
		"an unknown site": {
			item: newItem(generate, `{"partId":"MADE"}`).atSite("plant9"), code: seriald.CodeSiteNotFound, field: "site", text: `"plant9"`, partID: "MADE",
		},
		"a site in another case": {
			item: newItem(generate, `{"partId":"MADE"}`).atSite("PLANT1"), code: seriald.CodeSiteNotFound, field: "site", text: "PLANT1", partID: "MADE",
		},
		"no site": {item: newItem(generate, `{"partId":"MADE"}`).atSite(""), code: seriald.CodeSiteNotFound, field: "site", text: `""`, partID: "MADE"},
		"an unknown part": {
			item: newItem(generate, `{"partId":"GONE"}`), code: seriald.CodePartNotFound, field: "partId", text: `"GONE"`, partID: "GONE",
		},
		"an unknown part of a vendor": {
			item: newItem(receive, `{"partId":"GONE","vendorName":"ACME","vendorSerialNumber":"3"}`),
			code: seriald.CodePartNotFound, field: "partId", text: `"GONE"`, partID: "GONE",
		},
		"an unknown GTIN": {
			item: newItem(generate, `{"gtin":"00614141000036"}`), code: seriald.CodePartNotFound, field: "gtin", text: "no part has the GTIN 00614141000036",
		},
		"a GTIN of another part": {
			item: newItem(generate, `{"partId":"MADE","gtin":"00614141000036"}`),
			code: seriald.CodeValidation, field: "gtin", text: "00614141000036 is not the GTIN of part MADE, which is 09506000134352", partID: "MADE",
		},
		"an unknown serial": {item: newItem(operation, `{"serialNumber":"S9"}`), code: seriald.CodeSerialNotFound, field: "serialNumber", text: `"S9"`},
		"a serial of two parts": {
			item: newItem(operation, `{"serialNumber":"S1"}`), code: seriald.CodeValidation, field: "partId",
			text: `serial "S1" is one of MADE and one of PLAIN: name the partId`,
		},
		"a serial of an unknown part": {
			item: newItem(operation, `{"serialNumber":"S2"}`), code: seriald.CodePartNotFound, field: "partId", text: `"GONE"`, partID: "GONE",
		},
		"no format": {
			item: newItem(generate, `{"partId":"PLAIN"}`), code: seriald.CodeNoFormat, field: "formatConfigId", text: "PLAIN has no default format", partID: "PLAIN",
		},
		"an unknown format": {
			item: newItem(generate, `{"partId":"MADE","formatConfigId":"none"}`),
			code: seriald.CodeFormatNotFound, field: "formatConfigId", text: `"none"`, partID: "MADE",
		},
		"a format that does not parse": {
			item: newItem(generate, `{"partId":"BROKEN"}`), code: seriald.CodeFormatNotFound, field: "formatConfigId", text: `"broken"`, partID: "BROKEN",
		},
		"a trigger without format": {
			item: newItem(operation, `{"partId":"PLAIN"}`), triggers: []*seriald.Trigger{{ID: trigger1, PartID: "PLAIN"}},
			code: seriald.CodeNoFormat, field: "formatConfigId", text: "PLAIN", partID: "PLAIN",
		},
		"the second trigger's format": {
			item: newItem(operation, `{"partId":"MADE"}`), partID: "MADE", code: seriald.CodeFormatNotFound, field: "formatConfigId", text: `"none"`,
			triggers: []*seriald.Trigger{{ID: trigger1, PartID: "MADE"}, {ID: trigger2, PartID: "MADE", FormatID: "none"}},
		},
		"triggers that make too many together": {
			item: newItem(operation, `{"partId":"MADE","quantity":60000}`), partID: "MADE", code: seriald.CodeValidation, field: "quantity", text: "100000",
			triggers: []*seriald.Trigger{{ID: trigger1, PartID: "MADE"}, {ID: trigger2, PartID: "MADE", FormatID: "tens"}},
		},
		"a vendor's number that breaks the rule": {
			item: newItem(receive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"123"}`),
			code: seriald.CodeFormatMismatch, field: "vendorSerialNumber", text: `"123" does not match`, partID: "BOUGHT",
		},
		"a vendor's number that is too long": {
			item: newItem(receive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"AB12345"}`),
			code: seriald.CodeFormatMismatch, field: "vendorSerialNumber", text: "7 characters", partID: "BOUGHT",
		},
		"a vendor's number with a control character": {
			item: newItem(receive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"1\u001d2"}`),
			code: seriald.CodeFormatMismatch, field: "vendorSerialNumber", text: "U+001D", partID: "MADE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t, tc.triggers...))
			d := decideOne(t, tc.item, st.knows(serials))
			if !strings.Contains(d.outcome.Message, tc.text) {
				t.Errorf("got message %q, want %q in it", d.outcome.Message, tc.text)
			}
			want := &decision{
				item: tc.item, partID: tc.partID, audit: d.audit,
				outcome: seriald.Outcome{
					EventID: "e1", Status: seriald.StatusRejected, Code: tc.code, Field: tc.field, Message: d.outcome.Message, ProcessedAt: testNow,
				},
			}
			if diff := cmp.Diff(want, d, cmp.AllowUnexported(decision{}), cmp.Comparer(func(x, y *item) bool { return x == y })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantRefusalAudit(t, st, d)
		})
	}
}

// wantRefusalAudit checks that d is audited as refused, with the request.
func wantRefusalAudit(t *testing.T, st *state, d *decision) {
	t.Helper()
	all := records(t, st, d)
	if len(all) != 1 {
		t.Fatalf("got %d audit events, want 1", len(all))
	}
	var values struct {
		Code           seriald.Code
		Field, Message string
		Request        json.RawMessage
	}
	if err := json.Unmarshal([]byte(all[0].Values), &values); err != nil {
		t.Fatal(err)
	}
	if all[0].Type != seriald.AuditEventRefused || all[0].Status != seriald.AuditFailed ||
		values.Code != d.outcome.Code || values.Field != d.outcome.Field || values.Message != d.outcome.Message ||
		string(values.Request) != string(d.item.event.Data) {
		t.Errorf("got %+v, want the refusal of %s", all[0], d.item.event.Data)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		item    *item
		counter store.Counter
		numbers []string
		groups  []group
		format  string
		version int
	}{
		"one": {
			newItem(seriald.TypeSerialGenerate, `{"partId":"MADE"}`),
			store.Counter{FormatID: "daily", Period: "2026-03-31"},
			[]string{"D0331-001"},
			[]group{{event: seriald.EventAssigned, count: 1}},
			"daily", 3,
		},
		"several": {
			newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","quantity":3}`),
			store.Counter{FormatID: "daily", Period: "2026-03-31"},
			[]string{"D0331-001", "D0331-002", "D0331-003"},
			[]group{{event: seriald.EventAssigned, count: 3}},
			"daily", 3,
		},
		"by the site's time": {
			newItem(seriald.TypeSerialGenerate, `{"partId":"MADE"}`).atSite("berlin"),
			store.Counter{FormatID: "daily", Period: "2026-04-01"},
			[]string{"D0401-001"},
			[]group{{event: seriald.EventAssigned, count: 1}},
			"daily", 3,
		},
		"by another format, with its start, increment and counter": {
			newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","formatConfigId":"tens","quantity":2}`),
			store.Counter{FormatID: "tens", Scope: "plant1/MADE"},
			[]string{"T100", "T110"},
			[]group{{event: seriald.EventAssigned, count: 2}},
			"tens", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t))
			d := decideOne(t, tc.item, st)
			if len(d.runs) != 1 || d.runs[0].counter != tc.counter {
				t.Fatalf("got runs %+v, want one of %+v", d.runs, tc.counter)
			}
			d.numbered(t, st)
			if diff := cmp.Diff(tc.numbers, numbers(d)); diff != "" {
				t.Errorf("numbers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.groups, groups(d), cmp.AllowUnexported(group{})); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			if d.outcome.Status != seriald.StatusAccepted || d.outcome.EventID != "e1" || !d.outcome.ProcessedAt.Equal(testNow) || d.outcome.FormatConfigID != tc.format {
				t.Errorf("got outcome %+v", d.outcome)
			}
			for i, s := range d.serials {
				want := seriald.Serial{
					ID: s.ID, Number: tc.numbers[i], PartID: "MADE", SiteID: tc.item.event.Origin.Site, Source: seriald.SourceGenerated,
					Status: seriald.SerialActive, FormatID: tc.format, FormatVersion: tc.version, EventID: "e1", CreatedAt: testNow,
					Line: "line1", Device: "reader1",
				}
				if diff := cmp.Diff(want, *s); diff != "" || s.ID.IsZero() {
					t.Errorf("serial (-want +got):\n%s", diff)
				}
				if d.outcome.Serials[i] != s.Ref() {
					t.Errorf("the outcome has %+v of %+v", d.outcome.Serials[i], *s)
				}
			}
		})
	}
}

// The request is in the audit of the first serial, and in no other.
func TestGenerateIsAudited(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t))
	d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","quantity":2,"performedBy":"ann"}`), st).numbered(t, st)
	want := []record{
		{
			seriald.AuditSerialGenerated, seriald.AuditSuccess, "D0331-001",
			`{"formatId":"daily","formatVersion":3,"request":{"partId":"MADE","quantity":2,"performedBy":"ann"}}`,
		},
		{seriald.AuditSerialGenerated, seriald.AuditSuccess, "D0331-002", `{"formatId":"daily","formatVersion":3}`},
	}
	if diff := cmp.Diff(want, records(t, st, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, a := range d.audit {
		if a.SerialID != d.serials[i].ID || a.PerformedBy != "ann" {
			t.Errorf("got audit of serial %v by %q, want %v by ann", a.SerialID, a.PerformedBy, d.serials[i].ID)
		}
	}
}

func TestSerialsKeepWhatTheEventSays(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t))
	d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","workOrderId":"WO-7","lotNumber":"L1","operationCode":"OP-010"}`), st)
	s, a := d.serials[0], d.announcements[0]
	if s.WorkOrderID != "WO-7" || s.LotNumber != "L1" || s.OperationCode != "OP-010" {
		t.Errorf("got serial %+v", s)
	}
	if a.WorkOrderID != "WO-7" || a.LotNumber != "L1" || a.OperationCode != "OP-010" {
		t.Errorf("got announcement %+v", a)
	}
}

func TestPerformedBy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ data, want string }{
		"a person":                   {`{"partId":"MADE","performedBy":"ann"}`, "ann"},
		"the device":                 {`{"partId":"MADE"}`, "/plant1/line1/reader1"},
		"the device of wrong fields": {`{"partId":5,"performedBy":"ann"}`, "/plant1/line1/reader1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := newItem(seriald.TypeSerialGenerate, tc.data).performedBy(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t))
	data := `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"AB1","workOrderId":"WO-7","lotNumber":"L1","operationCode":"OP-010"}`
	d := decideOne(t, newItem(seriald.TypeVendorSerialReceive, data), st)
	lost, made := d.claims, d.serials[0]
	holder := store.Holder{ClaimID: seriald.ID{1}, SerialID: seriald.ID{2}, PartID: "OTHER"}
	d.conflict(st, &takenError{lost: lost, holder: holder, serial: made, placeholder: seriald.ID{3}})
	d.finish(st) // has nothing to add

	scopes := []seriald.Scope{seriald.ScopeVendor, seriald.ScopeSite}
	want := seriald.Outcome{
		EventID: "e1", Status: seriald.StatusConflict, Code: seriald.CodeDuplicateSerial, Message: "number AB1 is taken", ProcessedAt: testNow,
		Conflict: &seriald.Conflict{SerialNumber: "AB1", HolderID: seriald.ID{2}, HolderPartID: "OTHER", Scopes: scopes},
	}
	if diff := cmp.Diff(want, d.outcome); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&store.ChallengerRow{
		ConflictID: d.challenger.ConflictID, Holder: holder, Canonical: "AB1",
		Challenger: store.Challenger{
			ID: d.conflicts[0].ChallengerID, EventID: "e1", EventType: seriald.TypeVendorSerialReceive, PerformedBy: "/plant1/line1/reader1",
			PartID: "BOUGHT", Number: "AB1", Scopes: scopes, Serial: made, PlaceholderID: seriald.ID{3},
		},
	}, d.challenger); diff != "" || d.challenger.ConflictID.IsZero() {
		t.Errorf("challenger (-want +got):\n%s", diff)
	}
	if d.serials != nil || d.runs != nil || d.claims != nil {
		t.Errorf("something is left of the event: %+v", d)
	}
	if diff := cmp.Diff([]seriald.Announcement{{
		Event: seriald.EventConflict, WorkOrderID: "WO-7", LotNumber: "L1", OperationCode: "OP-010",
	}}, d.announcements); diff != "" {
		t.Errorf("announcements (-want +got):\n%s", diff)
	}
	if len(d.conflicts) != 2 {
		t.Fatalf("got %d conflict rows, want one per scope", len(d.conflicts))
	}
	for i, row := range d.conflicts {
		if row.ChallengerID != d.conflicts[0].ChallengerID || row.ChallengerID.IsZero() || row.ID.IsZero() || row.ID == row.ChallengerID ||
			row.EventID != "e1" || row.Claim != lost[i].Claim {
			t.Errorf("got row %+v of %+v", row, lost[i])
		}
	}
	wantAudit := []record{{
		seriald.AuditConflictDetected, seriald.AuditFailed, "AB1",
		`{"conflict":` + string(mustJSON(t, want.Conflict)) + `,"request":` + data + `}`,
	}}
	if diff := cmp.Diff(wantAudit, records(t, st, d)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An event whose sequence runs out in the middle is refused as a whole.
func TestExhaustedSequenceRefusesTheEvent(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t))
	d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","quantity":3}`), st)
	err := d.runs[0].number(997) // the counter gives 998, 999 and 1000
	if err == nil {
		t.Fatal("got no refusal")
	}
	d.refuse(st, asRejection(err))
	d.finish(st)
	if d.outcome.Code != seriald.CodeSequenceExhausted || d.outcome.Field != "formatConfigId" ||
		!strings.Contains(d.outcome.Message, "format daily") || !strings.Contains(d.outcome.Message, "value 1000 needs more than the 3 characters of {SEQ:3}") {
		t.Errorf("got %+v", d.outcome)
	}
	if d.partID != "MADE" || d.serials != nil || d.runs != nil || d.announcements != nil || d.outcome.Serials != nil {
		t.Errorf("something is left of the event: %+v", d)
	}
	wantRefusalAudit(t, st, d)
}

// A counter's value that does not fit 64 bits must not begin anew.
func TestCounterDoesNotWrap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		start, increment, ordinal int64
		want                      string // "" for exhausted
	}{
		"the last that fits":      {1, 499, 2, "T999"},
		"the first that does not": {1, 500, 2, ""},
		"around 64 bits to 1":     {1, 1 << 62, 4, ""},
		"around 64 bits to 5":     {5, 1 << 60, 16, ""},
		"the largest start":       {1<<63 - 1, 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testCatalog(t)
			c.Formats["tens"].Start, c.Formats["tens"].Increment = tc.start, tc.increment
			st := newState(c)
			d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"MADE","formatConfigId":"tens"}`), st)
			err := d.runs[0].number(tc.ordinal)
			if got := d.serials[0].Number; got != tc.want || (err == nil) != (tc.want != "") || err != nil && asRejection(err).Code != seriald.CodeSequenceExhausted {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestCompileLeavesOutWhatDoesNotParse(t *testing.T) {
	t.Parallel()
	good, bad := &seriald.Format{ID: "good", Active: true, Pattern: "{SEQ:1}"}, &seriald.Format{ID: "bad", Active: true, Pattern: "{SEQ:1"}
	c, err := compile(&seriald.Catalog{Formats: map[string]*seriald.Format{"good": good, "bad": bad}})
	if err == nil || !strings.Contains(err.Error(), "format bad") {
		t.Errorf("got %v, want an error that names the format", err)
	}
	if c.patterns["good"] == nil || c.patterns["bad"] != nil || len(c.patterns) != 1 {
		t.Errorf("got %v, want the good one only", c.patterns)
	}
	if _, err := compile(&seriald.Catalog{Formats: map[string]*seriald.Format{"good": good}}); err != nil {
		t.Error(err)
	}
}

// message is a message of the stream.
type message struct {
	*delivery
	subject string
	data    []byte
}

func (m message) Subject() string { return m.subject }
func (m message) Data() []byte    { return m.data }

func TestDecodeMessage(t *testing.T) {
	t.Parallel()
	const subject = "machshop.event.7.plant1.serial_generate.MADE"
	encode := func(o seriald.Origin, data string) []byte {
		e := &seriald.Event{ID: "e1", Type: seriald.TypeSerialGenerate, Origin: o, Data: json.RawMessage(data)}
		return e.Encode()
	}
	own := strings.Replace(string(encode(testDevice, `{"partId":"MADE"}`)), "/plant1/line1/reader1", "https://mes.example", 1)
	for name, tc := range map[string]struct {
		subject string
		data    []byte
		origin  seriald.Origin
		refused seriald.Code
		isEvent bool
	}{
		"a device's":                    {subject, encode(testDevice, `{"partId":"MADE"}`), testDevice, "", true},
		"an MES's, whose subject tells": {subject, []byte(own), seriald.Origin{Site: "plant1"}, "", true},
		"an MES's under any subject":    {"machshop.event.x", []byte(own), seriald.Origin{}, "", true},
		"with wrong fields":             {subject, encode(testDevice, `{"partId":5}`), testDevice, seriald.CodeValidation, true},
		"that is no event":              {subject, []byte("not json"), seriald.Origin{}, seriald.CodeValidation, false},
		"of an unknown type": {
			subject, []byte(strings.Replace(own, "serial_generate", "serial_make", 1)), seriald.Origin{}, seriald.CodeUnknownType, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it := decode(taken{msg: message{subject: tc.subject, data: tc.data}, sequence: 7, stored: testNow})
			if it.sequence != 7 || !it.stored.Equal(testNow) {
				t.Errorf("got %+v of another message", it.taken)
			}
			if (it.refused != nil) != (tc.refused != "") || it.refused != nil && it.refused.Code != tc.refused {
				t.Errorf("got refusal %v, want %q", it.refused, tc.refused)
			}
			if (it.event != nil) != tc.isEvent {
				t.Fatalf("got event %+v, want one: %t", it.event, tc.isEvent)
			}
			if tc.isEvent && it.event.Origin != tc.origin {
				t.Errorf("got origin %+v, want %+v", it.event.Origin, tc.origin)
			}
			if tc.isEvent && (it.fields != nil) != (it.refused == nil) {
				t.Errorf("got fields %+v beside refusal %v", it.fields, it.refused)
			}
		})
	}
}
