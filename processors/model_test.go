package processors

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// floor draws events about what there is, and about what there is not.
type floor struct {
	*rapid.T
	db     *tables
	events int
}

// one draws each of from as often as every other; rapid's own draw the first ones.
func one[T any](f floor, label string, from ...T) T {
	return rapid.Custom(func(t *rapid.T) T {
		n := 0
		for range 8 {
			n <<= 1
			if rapid.Bool().Draw(t, "bit") {
				n++
			}
		}
		return from[n%len(from)]
	}).Draw(f.T, label)
}

func (f floor) number() string {
	from := []string{"N0001", "N0002", "N0003", "n0001", "N1", "N0001-TOO-LONG"}
	for _, s := range f.db.serials {
		from = append(from, s.Number)
	}
	registered := len(from)
	for _, row := range f.db.ledger.claims {
		if row.SerialID.IsZero() {
			from = append(from, row.Number, row.Number)
		}
	}
	slices.Sort(from[registered:]) // they come out of a map
	return one(f, "number", from...)
}

// unit adds the fields that name a serial: the id, or the number with a part or
// without.
func (f floor) unit(fields map[string]any, byID, byNumber string) {
	ids := []seriald.ID{{15: 0xff}}
	for _, s := range f.db.serials {
		ids = append(ids, s.ID)
	}
	if one(f, "by id", true, false) {
		fields[byID] = one(f, "id", ids...).String()
		return
	}
	fields[byNumber] = f.number()
	f.maybe(fields, "partId", "A", "B", "C")
}

func (f floor) maybe(fields map[string]any, name string, from ...any) {
	if v := one(f, name, append(from, nil)...); v != nil {
		fields[name] = v
	}
}

func (f floor) part(fields map[string]any) {
	if part := one(f, "part", "A", "B", "A", "B", "C", "GONE", "GTIN of A"); part == "GTIN of A" {
		fields["gtin"] = "09506000134352"
	} else {
		fields["partId"] = part
	}
}

// place adds a work order and a lot.
func (f floor) place(fields map[string]any) {
	f.maybe(fields, "workOrderId", "W1", "W2", nil)
	f.maybe(fields, "lotNumber", "L1", nil)
}

// placeholder adds the fields that name one: the id, or those of the oldest.
func (f floor) placeholder(fields map[string]any) {
	ids := []seriald.ID{{15: 0xfe}}
	for _, p := range f.db.placeholders {
		ids = append(ids, p.ID)
	}
	if one(f, "by id", true, false) {
		fields["placeholderId"] = one(f, "placeholder", ids...).String()
		return
	}
	f.part(fields)
	f.place(fields)
}

// conflict adds the fields that end one: by its id, or its number and a part.
func (f floor) conflict(fields map[string]any) {
	none := &store.Conflict{ID: seriald.ID{15: 0xfd}, Canonical: "N1"}
	c := one(f, "conflict", append(slices.Clone(f.db.conflicts), none)...)
	if one(f, "by id", true, false) {
		fields["conflictId"] = c.ID.String()
	} else {
		f.part(fields)
		fields["serialNumber"] = c.Canonical
	}
	fields["conflictResolution"] = one(f, "resolution", seriald.ResolveKeep, seriald.ResolveRetire, seriald.ResolveRetire, seriald.ResolveRetire, seriald.ResolveInvalid)
	fields["resolutionReason"] = "sorted out"
	if id := one(f, "retired", c.Holder.SerialID, seriald.ID{15: 0xff}, seriald.ID{}, seriald.ID{}, seriald.ID{}); !id.IsZero() {
		fields["retiredSerialId"] = id.String()
	}
	challengers := []any{"e0"}
	for _, h := range c.Challengers {
		challengers = append(challengers, h.EventID, h.EventID, h.EventID)
	}
	if one(f, "names", true, false) {
		fields["challengerEventId"] = one(f, "challenger", challengers...)
	}
}

// event draws one of those about units.
func (f floor) event(n int) *item {
	types := slices.Clone(seriald.EventTypes()[:slices.Index(seriald.EventTypes(), seriald.TypeTriggerCreate)])
	for range len(f.db.conflicts) {
		types = append(types, seriald.TypeConflictResolve)
	}
	typ := one(f, "type", types...)
	fields := map[string]any{}
	switch typ {
	case seriald.TypeMaterialReceipt:
		f.part(fields)
		f.place(fields)
		f.maybe(fields, "quantity", 1, 2)
		f.maybe(fields, "vendorName", "ACME", "acme ", "BOLTS")
		f.maybe(fields, "operationCode", "OP1")
		if one(f, "one", true, false) {
			fields["vendorSerialNumber"] = f.number()
		} else {
			fields["vendorSerialNumbers"] = []string{f.number(), f.number()}
		}
	case seriald.TypeVendorSerialReceive:
		f.part(fields)
		fields["vendorSerialNumber"], fields["vendorName"] = f.number(), one(f, "vendor", "ACME", "acme ", "BOLTS")
	case seriald.TypeVendorSerialAccept, seriald.TypeVendorSerialReject:
		f.unit(fields, "vendorSerialId", "vendorSerialNumber")
		if fields["vendorSerialId"] == nil {
			fields["vendorName"], fields["partId"] = one(f, "vendor", "ACME", "acme ", "BOLTS"), one(f, "part", "A", "B", "C")
		}
		if typ == seriald.TypeVendorSerialReject {
			fields["rejectionReason"] = "scratched"
		} else if one(f, "links", true, false) {
			part := fields["partId"]
			f.unit(fields, "internalSerialId", "internalSerial")
			if fields["partId"] = part; part == nil {
				delete(fields, "partId")
			}
		}
	case seriald.TypeSerialGenerate:
		f.part(fields)
		f.maybe(fields, "quantity", 1, 2, 3)
		f.maybe(fields, "formatConfigId", "ours", "none", nil, nil)
	case seriald.TypeSerialRetire:
		if f.unit(fields, "serialId", "serialNumber"); fields["serialId"] == nil && fields["partId"] == nil {
			fields["partId"] = "A"
		}
		fields["reason"] = "worn"
	case seriald.TypePlaceholderCreate:
		f.part(fields)
		f.place(fields)
		f.maybe(fields, "quantity", 1, 2, 3)
	case seriald.TypePlaceholderAssign:
		f.placeholder(fields)
		fields["serialNumber"] = f.number()
	case seriald.TypePlaceholderFail:
		f.placeholder(fields)
		fields["reason"] = "broken"
	case seriald.TypePropagationPassThrough:
		f.unit(fields, "sourceSerialId", "sourceSerial")
		fields["operationCode"] = "OP9"
	case seriald.TypeUniquenessRegister:
		f.part(fields)
		fields["serialNumber"] = f.number()
		f.maybe(fields, "siteId", "plant1", "plant2", "plant2", "plant9", nil, nil, nil)
		fields["vendorName"] = one(f, "vendor", "ACME", "acme ", "BOLTS")
		site, family, enterprise, vendor := seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise, seriald.ScopeVendor
		f.maybe(fields, "scope", []seriald.Scope{site}, []seriald.Scope{family}, []seriald.Scope{vendor, enterprise}, []seriald.Scope{site, vendor}, nil, nil)
	case seriald.TypeConflictResolve:
		f.conflict(fields)
	default: // occurrences
		switch what := one(f, "about", "part", "part", "unit", "placeholder"); {
		case what == "unit" && typ != seriald.TypeWorkOrderCreate && typ != seriald.TypeBatchCompletion:
			f.unit(fields, "serialId", "serialNumber")
		case what == "placeholder" && typ == seriald.TypeOperationComplete:
			f.placeholder(fields)
		default:
			f.part(fields)
		}
		f.place(fields)
		f.maybe(fields, "quantity", 1, 2, nil)
		f.maybe(fields, "operationCode", "OP1", "OP2", "OP3")
		if typ == seriald.TypeWorkOrderCreate {
			fields["workOrderId"] = one(f, "work order", "W1", "W2")
		}
		if typ == seriald.TypeQualityCheckpoint {
			fields["result"] = one(f, "result", "PASS", "PASS", "FAIL")
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		f.Fatal(err)
	}
	it := newItem(typ, string(data)).atSite(one(f, "site", "plant1", "plant1", "plant1", "plant2", "plant9"))
	it.event.ID = seriald.EventID(fmt.Sprint("e", n))
	if it.refused != nil {
		f.Fatalf("%s %s: %v", typ, data, it.refused)
	}
	return it
}

// modelCatalog has three parts whose numbers meet in one scope or another, and
// triggers of every kind.
func modelCatalog(tb testing.TB) *catalog {
	tb.Helper()
	site, family, enterprise, vendor := seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise, seriald.ScopeVendor
	n := byte(0)
	trigger := func(part string, typ seriald.TriggerType, operation string, how seriald.AssignmentType, batch int) *seriald.Trigger {
		n++
		return &seriald.Trigger{
			ID: seriald.ID{0: 0x10, 15: n}, PartID: part, Type: typ, Active: true, OperationCode: operation, AssignmentType: how,
			BatchMode: batch > 0, BatchSize: max(batch, 1),
		}
	}
	c := &seriald.Catalog{
		Sites: map[string]*seriald.Site{"plant1": {ID: "plant1", Location: time.UTC}, "plant2": {ID: "plant2", Location: time.UTC}},
		Parts: map[string]*seriald.Part{
			"A": {ID: "A", Type: "T", GTIN: "09506000134352", DefaultFormat: "ours", UniquenessScopes: []seriald.Scope{site, family}, VendorScopes: []seriald.Scope{vendor}},
			"B": {
				ID: "B", Type: "T", DefaultFormat: "theirs", UniquenessScopes: []seriald.Scope{site}, VendorScopes: []seriald.Scope{site},
				Rule: seriald.NumberRule{Fold: true, MaxLength: 6},
			},
			"C": {ID: "C", Type: "U", UniquenessScopes: []seriald.Scope{enterprise}, VendorScopes: []seriald.Scope{enterprise, vendor}},
		},
		Formats: map[string]*seriald.Format{
			"ours":   {ID: "ours", Active: true, Version: 1, Pattern: "N{SEQ:4}", Start: 1, Increment: 1},
			"theirs": {ID: "theirs", Active: true, Version: 1, Pattern: "N{SEQ:4}", Start: 1, Increment: 1},
		},
		Triggers: map[string][]*seriald.Trigger{
			"A": {
				trigger("A", seriald.TriggerMaterialReceipt, "", seriald.AssignLate, 0),
				trigger("A", seriald.TriggerWorkOrderCreate, "", seriald.AssignLate, 2),
				trigger("A", seriald.TriggerOperationComplete, "OP1", seriald.AssignGenerated, 0),
				trigger("A", seriald.TriggerOperationComplete, "OP2", seriald.AssignLate, 0),
				trigger("A", seriald.TriggerQualityCheckpoint, "", seriald.AssignLate, 0),
			},
			"B": {
				trigger("B", seriald.TriggerMaterialReceipt, "", seriald.AssignVendor, 0),
				trigger("B", seriald.TriggerWorkOrderCreate, "OP1", seriald.AssignGenerated, 2),
				trigger("B", seriald.TriggerWorkOrderCreate, "", seriald.AssignLate, 0),
				trigger("B", seriald.TriggerOperationComplete, "", seriald.AssignLate, 2),
				trigger("B", seriald.TriggerQualityCheckpoint, "", seriald.AssignGenerated, 0),
				trigger("B", seriald.TriggerBatchCompletion, "", seriald.AssignLate, 0),
				trigger("B", seriald.TriggerBatchCompletion, "OP2", seriald.AssignLate, 0),
			},
			"C": { // without a format
				trigger("C", seriald.TriggerMaterialReceipt, "", seriald.AssignVendor, 0),
				trigger("C", seriald.TriggerMaterialReceipt, "OP1", seriald.AssignGenerated, 0),
				trigger("C", seriald.TriggerOperationComplete, "OP1", seriald.AssignGenerated, 0),
			},
		},
	}
	c.GTINs = map[string]*seriald.Part{"09506000134352": c.Parts["A"]}
	compiled, err := compile(c)
	if err != nil {
		tb.Fatal(err)
	}
	return compiled
}

// However events come in batches, they are answered, and leave units, placeholders and
// claims behind, as if one had been processed after the other.
func TestModelBatchesAreAsOneEventAfterTheOther(t *testing.T) {
	t.Parallel()
	c := modelCatalog(t)
	rapid.Check(t, func(rt *rapid.T) {
		db := &tables{ledger: newLedger(), catalog: c, now: testNow}
		m := &model{catalog: c.Catalog, holders: map[string]string{}, registered: map[string]string{}}
		f := floor{T: rt, db: db}
		var rest []*item
		for batches := one(f, "batches", 1, 4, 8, 6, 3); batches > 0 || len(rest) > 0; batches-- {
			items := rest
			if batches > 0 {
				for range one(f, "events", 1, 2, 3, 5, 8) {
					f.events++
					items = append(slices.Clip(items), f.event(f.events))
				}
			}
			var decisions []*decision
			batch, behind := inTurn(items)
			decisions, rest = db.process(t, batch)
			rest = slices.Concat(rest, behind)
			for _, d := range decisions {
				rt.Logf("%s at %s: %s\n\t%s", d.item.event.Type, d.item.event.Origin.Site, d.item.event.Data, d.body)
				want := m.answer(d.item, d)
				got := answer{d.outcome.Status, d.outcome.Code, d.outcome.Serials, d.outcome.Placeholders}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
					rt.Fatalf("%s (%s) (-want +got):\n%s", d.item.event.ID, d.outcome.Message, diff)
				}
			}
			m.committed(rt)
			if diff := cmp.Diff(m.state(), db.state()); diff != "" {
				rt.Fatalf("after the batch (-want +got):\n%s", diff)
			}
			db.now = db.now.Add(time.Duration(one(f, "ms", 0, 1)) * time.Millisecond)
		}
	})
}
