package processors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// sent is an event. In its fields $name stands for the id of what the plant has under
// that name.
type sent struct {
	typ    seriald.EventType
	fields string
	site   string         // "" is plant1
	status seriald.Status // of one in front
}

// row is one case of a type: an event, those in front of it, and what becomes of it.
type row struct {
	sent
	name  string
	front []sent
	want  string // as [told] says it
}

func when(name, fields, want string, front ...sent) row {
	return row{sent: sent{fields: fields}, name: name, front: front, want: want}
}

func event(typ seriald.EventType, fields string) sent {
	return sent{typ: typ, fields: fields, status: seriald.StatusAccepted}
}

// challenge is an event in front that asks for what somebody has.
func challenge(typ seriald.EventType, fields string) sent {
	return sent{typ: typ, fields: fields, status: seriald.StatusConflict}
}

func (s sent) from(site string) sent {
	s.site = site
	return s
}

func (r row) at(site string) row {
	r.site = site
	return r
}

// told is what a reply says: status, code and field; the units; the serial events.
func told(r *reply) string {
	said := strings.TrimSpace(fmt.Sprintf("%s %s %s", r.outcome.Status, r.outcome.Code, r.outcome.Field))
	var units, events []string
	for _, s := range r.outcome.Serials {
		units = append(units, s.SerialNumber+" "+string(s.Status))
	}
	for _, p := range r.outcome.Placeholders {
		units = append(units, string(p.Status))
	}
	for _, a := range r.announcements {
		events = append(events, a.Event)
	}
	if c := r.outcome.Conflict; c != nil {
		units = append(units, c.SerialNumber+" of "+c.HolderPartID)
	}
	for _, more := range [][]string{units, events} {
		if len(more) > 0 {
			said += " | " + strings.Join(more, ", ")
		}
	}
	return said
}

// The plant's units, by the names that stand for their ids.
var (
	plantSerials = []struct {
		name string
		seriald.Serial
	}{
		{"N1", seriald.Serial{Number: "N1", PartID: "MADE", Source: seriald.SourceGenerated, Status: seriald.SerialActive}},
		{"N2", seriald.Serial{Number: "N2", PartID: "MADE", Source: seriald.SourceGenerated, Status: seriald.SerialRetired}},
		{"N3", seriald.Serial{Number: "N3", PartID: "MADE", Source: seriald.SourceGenerated, Status: seriald.SerialActive}}, // V4 is its
		{"N4", seriald.Serial{Number: "N4", PartID: "MADE", Source: seriald.SourceGenerated, Status: seriald.SerialActive}},
		{"N4 of another", seriald.Serial{Number: "N4", PartID: "LOCAL", Source: seriald.SourceGenerated, Status: seriald.SerialActive}},
		{"N5", seriald.Serial{Number: "N5", PartID: "LOCAL", Source: seriald.SourceGenerated, Status: seriald.SerialActive}},
		{"N5 elsewhere", seriald.Serial{Number: "N5", PartID: "LOCAL", SiteID: "plant2", Source: seriald.SourceGenerated, Status: seriald.SerialActive}},
		{"V1", seriald.Serial{Number: "V1", PartID: "MADE", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialPending}},
		{"V2", seriald.Serial{Number: "V2", PartID: "MADE", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialAccepted}},
		{"V3", seriald.Serial{Number: "V3", PartID: "MADE", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialRejected}},
		{"V4", seriald.Serial{Number: "V4", PartID: "MADE", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialAccepted, InternalSerialID: plantID(0x20, 2)}},
		{"V5", seriald.Serial{Number: "V5", PartID: "LOCAL", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialPending}},
		{"V5 elsewhere", seriald.Serial{Number: "V5", PartID: "LOCAL", VendorName: "ACME", SiteID: "plant2", Source: seriald.SourceVendor, Status: seriald.SerialPending}},
		{"V6", seriald.Serial{Number: "V6", PartID: "GONE", VendorName: "ACME", Source: seriald.SourceVendor, Status: seriald.SerialPending}},
	}
	plantPlaceholders = []struct {
		name string
		seriald.Placeholder
	}{
		{"P1", seriald.Placeholder{PartID: "LATE", WorkOrderID: "WO-1", LotNumber: "L-1", Status: seriald.PlaceholderPending}},
		{"P2", seriald.Placeholder{PartID: "LATE", WorkOrderID: "WO-1", Status: seriald.PlaceholderPending}},
		{"P3", seriald.Placeholder{PartID: "LATE", WorkOrderID: "WO-1", Status: seriald.PlaceholderSerialized}},
		{"P4", seriald.Placeholder{PartID: "LATE", WorkOrderID: "WO-2", Status: seriald.PlaceholderFailed}},
		{"P5", seriald.Placeholder{PartID: "GONE", Status: seriald.PlaceholderPending}},
	}
	plantTriggers = []struct {
		name string
		seriald.Trigger
	}{
		{"made", seriald.Trigger{PartID: "MADE", Type: seriald.TriggerOperationComplete, OperationCode: "OP-010", AssignmentType: seriald.AssignGenerated, Active: true}},
		{"checked", seriald.Trigger{PartID: "MADE", Type: seriald.TriggerQualityCheckpoint, AssignmentType: seriald.AssignGenerated, Active: true, BatchMode: true, BatchSize: 2}},
		{"off", seriald.Trigger{PartID: "MADE", Type: seriald.TriggerWorkOrderCreate, AssignmentType: seriald.AssignGenerated}},
		{"bought", seriald.Trigger{PartID: "BOUGHT", Type: seriald.TriggerMaterialReceipt, AssignmentType: seriald.AssignVendor, Active: true}},
		{"bare", seriald.Trigger{PartID: "BOUGHT", Type: seriald.TriggerBatchCompletion, AssignmentType: seriald.AssignGenerated, Active: true}},
		{"ordered", seriald.Trigger{PartID: "LATE", Type: seriald.TriggerWorkOrderCreate, AssignmentType: seriald.AssignLate, Active: true}},
		{"done", seriald.Trigger{PartID: "LATE", Type: seriald.TriggerBatchCompletion, AssignmentType: seriald.AssignLate, Active: true}},
		{"passed", seriald.Trigger{PartID: "LATE", Type: seriald.TriggerOperationComplete, OperationCode: "OP-030", AssignmentType: seriald.AssignLate, Active: true}},
	}
)

func plantID(kind byte, n int) seriald.ID { return seriald.ID{0: kind, 15: byte(n + 1)} }

// plant returns a database with the plant's units, and what replaces their names.
func plant(tb testing.TB) (*tables, *strings.Replacer) {
	tb.Helper()
	rule, err := seriald.CompileRule(`[A-Z]\d+`)
	if err != nil {
		tb.Fatal(err)
	}
	ours, vendors := []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}, []seriald.Scope{seriald.ScopeVendor}
	format := func(id, pattern string) *seriald.Format {
		return &seriald.Format{
			ID: id, Name: id, Version: 1, Active: true, Pattern: pattern, Start: 1, Increment: 1,
			Reset: seriald.ResetNever, CounterScope: seriald.CounterPerFormat,
		}
	}
	c := &seriald.Catalog{
		Sites: map[string]*seriald.Site{
			"plant1": {ID: "plant1", Location: time.UTC}, "plant2": {ID: "plant2", Location: time.UTC}, "spare": {ID: "spare", Location: time.UTC},
		},
		Parts: map[string]*seriald.Part{
			"MADE":   {ID: "MADE", Type: "WIDGET", GTIN: "09506000134352", DefaultFormat: "made", UniquenessScopes: ours, VendorScopes: vendors},
			"BOUGHT": {ID: "BOUGHT", Type: "BOLT", UniquenessScopes: ours, VendorScopes: vendors, Rule: seriald.NumberRule{Pattern: rule}},
			"LATE":   {ID: "LATE", Type: "HOUSING", DefaultFormat: "late", UniquenessScopes: ours, VendorScopes: vendors},
			"LOCAL":  {ID: "LOCAL", Type: "LOCAL", UniquenessScopes: ours[:1], VendorScopes: ours[:1]},
			"SPARE":  {ID: "SPARE", Type: "SPARE", UniquenessScopes: ours, VendorScopes: vendors},
		},
		Formats: map[string]*seriald.Format{
			"made": format("made", "M{SEQ:4}"), "late": format("late", "L{SEQ:4}"), "order": format("order", "{WO}/{SEQ:4}"),
			"short": format("short", "S{SEQ:1}"), "off": format("off", "OFF{SEQ:4}"), "broken": format("broken", "{SEQ"), "spare": format("spare", "SPARE{SEQ:4}"),
		},
		Triggers: map[string][]*seriald.Trigger{},
		GTINs:    map[string]*seriald.Part{},
	}
	c.Formats["off"].Active = false
	c.GTINs["09506000134352"] = c.Parts["MADE"]
	db := &tables{ledger: newLedger(), now: testNow, lastID: 1 << 32}
	var names []string
	add := func(name string, id seriald.ID) { names = append(names, `"$`+name+`"`, `"`+id.String()+`"`) }
	add("nobody", plantID(0x7f, 0))
	var claims []store.ClaimRow
	for i := range plantSerials {
		s := plantSerials[i].Serial
		if s.ID = plantID(0x20, i); s.SiteID == "" {
			s.SiteID = "plant1"
		}
		add(plantSerials[i].name, s.ID)
		db.serials = append(db.serials, &s)
		part := c.Parts[s.PartID]
		if part == nil || s.Status == seriald.SerialRejected {
			continue
		}
		for n, claimed := range claim.Of(&s, part) {
			claims = append(claims, store.ClaimRow{ID: plantID(0x30+byte(n), i), Claim: claimed})
		}
	}
	db.ledger = newLedger(append(claims, plantRegistered...)...)
	for i := range plantPlaceholders {
		p := plantPlaceholders[i].Placeholder
		p.ID, p.SiteID, p.CreatedAt = plantID(0x40, i), "plant1", testNow.Add(time.Duration(i-100)*time.Second)
		add(plantPlaceholders[i].name, p.ID)
		db.placeholders = append(db.placeholders, &p)
	}
	for i := range plantTriggers {
		trigger := plantTriggers[i].Trigger
		trigger.ID, trigger.Priority, trigger.BatchSize = plantID(0x50, i), 100, max(1, trigger.BatchSize)
		add(plantTriggers[i].name, trigger.ID)
		c.Triggers[trigger.PartID] = append(c.Triggers[trigger.PartID], &trigger)
	}
	for i := range plantConflicts {
		add(plantConflicts[i].name, plantID(0x60, i))
		db.conflicts = append(db.conflicts, plantConflicts[i].row(plantID(0x60, i)))
	}
	db.catalog, _ = compile(c) // "broken" is meant to be
	return db, strings.NewReplacer(names...)
}

// items are the events of a row, the last of them sent twice.
func (r *row) items(names *strings.Replacer) []*item {
	var all []*item
	for i, s := range append(slices.Clip(r.front), r.sent, r.sent) {
		it := newItem(s.typ, names.Replace(s.fields))
		it.event.ID = seriald.EventID(fmt.Sprint("e", min(i, len(r.front))+1))
		if s.site != "" {
			it.atSite(s.site)
		}
		all = append(all, it)
	}
	return all
}

// What becomes of an event, whether those in front of it come in the same batch or
// before; a repeat is answered alike, and what is not done leaves nothing behind.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	for typ, rows := range workflows {
		for _, r := range rows {
			r.typ = typ
			t.Run(string(typ)+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				db, names := plant(t)
				items := r.items(names)
				answers := db.answer(t, items...)
				at := len(r.front)
				for i := range r.front {
					if answers[i].outcome.Status != r.front[i].status {
						t.Fatalf("%s in front: %+v", r.front[i].typ, answers[i].outcome)
					}
				}
				if got := told(&answers[at]); got != r.want {
					t.Errorf("got  %s\nwant %s\n%s", got, r.want, answers[at].outcome.Message)
				}
				wantAudited(t, db, &answers[at])
				after := db.state()
				for name, again := range map[string]reply{"in the same batch": answers[at+1], "later": db.answer(t, items[at])[0]} {
					if want := string(seriald.MarkDuplicate(answers[at].body)); !again.repeat || string(again.body) != want {
						t.Errorf("repeated %s: got %s, want %s", name, again.body, want)
					}
					if diff := cmp.Diff(answers[at].announcements, again.announcements); diff != "" {
						t.Errorf("repeated %s (-want +got):\n%s", name, diff)
					}
				}
				if diff := cmp.Diff(after, db.state()); diff != "" {
					t.Errorf("the repeat changed something (-before +after):\n%s", diff)
				}
				wantOneByOne(t, &r)
			})
		}
	}
}

// wantOneByOne checks what becomes of the event of a row when those in front of it were
// processed before.
func wantOneByOne(t *testing.T, r *row) {
	t.Helper()
	db, names := plant(t)
	items := r.items(names)
	for _, it := range items[:len(r.front)] {
		db.answer(t, it)
	}
	before, version := db.state(), db.catalog.Version
	last := db.answer(t, items[len(r.front)])[0]
	if got := told(&last); got != r.want {
		t.Errorf("one by one: got %s, want %s", got, r.want)
	}
	after := db.state()
	switch last.outcome.Status {
	case seriald.StatusAccepted:
		return
	case seriald.StatusConflict: // it is kept until it is resolved
		isConflict := func(line string) bool { return strings.HasPrefix(line, "conflict ") }
		before, after = slices.DeleteFunc(before, isConflict), slices.DeleteFunc(after, isConflict)
		if n := db.challengers(last.item.event.ID); n != 1 {
			t.Errorf("it is the challenger of %d conflicts", n)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" || db.catalog.Version != version {
		t.Errorf("it is %s, and changed something (-before +after):\n%s", last.outcome.Status, diff)
	}
}

// wantAudited checks that what became of an event is audited as such.
func wantAudited(t *testing.T, db *tables, r *reply) {
	t.Helper()
	want := map[seriald.Status]seriald.AuditType{
		seriald.StatusRejected: seriald.AuditEventRefused, seriald.StatusConflict: seriald.AuditConflictDetected, seriald.StatusIgnored: seriald.AuditEventIgnored,
	}[r.outcome.Status]
	failed := r.outcome.Status == seriald.StatusRejected || r.outcome.Status == seriald.StatusConflict
	n := 0
	for _, a := range db.audit {
		if a.EventID != r.item.event.ID {
			continue
		}
		n++
		notDone := a.Type == seriald.AuditEventRefused || a.Type == seriald.AuditConflictDetected || a.Type == seriald.AuditEventIgnored
		if (a.Status == seriald.AuditFailed) != failed || notDone != (want != "") || want != "" && a.Type != want {
			t.Errorf("it is %s, and audited as %s %s", r.outcome.Status, a.Type, a.Status)
		}
	}
	if n == 0 || want != "" && n > 1 {
		t.Errorf("it is %s, with %d audit events", r.outcome.Status, n)
	}
}

// A type that has a rule has an example of what is done and of what is refused.
func TestEveryTypeHasItsRows(t *testing.T) {
	t.Parallel()
	for _, typ := range seriald.EventTypes() {
		if rules[typ] == nil {
			t.Errorf("%s has no rule", typ)
		}
	}
	for typ := range rules {
		for _, status := range []seriald.Status{seriald.StatusAccepted, seriald.StatusRejected} {
			found := false
			for _, r := range workflows[typ] {
				found = found || strings.HasPrefix(r.want, string(status))
			}
			if !found {
				t.Errorf("no %s is %s: add a row to workflows", typ, status)
			}
		}
	}
}
