package processors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// tables are a database: what a batch reads of it is what its refs name.
type tables struct {
	serials      []*seriald.Serial
	placeholders []*seriald.Placeholder
	conflicts    []*store.Conflict
	audit        []seriald.AuditEvent
	inbox        map[seriald.EventID]store.Processed
	ledger       *ledger
	catalog      *catalog
	now          time.Time
	lastID       uint64
}

func (db *tables) newID() seriald.ID {
	db.lastID++
	var id seriald.ID
	binary.BigEndian.PutUint64(id[8:], db.lastID)
	return id
}

// read returns what store.DB would, with the columns that it reads.
func (db *tables) read(r store.Refs) *store.Found {
	found := &store.Found{Linked: map[seriald.ID]seriald.ID{}, Inbox: db.inbox}
	found.Use.Serials = slices.ContainsFunc(db.serials, func(s *seriald.Serial) bool { return s.PartID == r.PartUse || s.SiteID == r.SiteUse })
	found.Use.Placeholders = slices.ContainsFunc(db.placeholders, func(p *seriald.Placeholder) bool { return p.PartID == r.PartUse || p.SiteID == r.SiteUse })
	named := func(s *seriald.Serial, refs ...store.SerialRefs) bool {
		return slices.ContainsFunc(refs, func(r store.SerialRefs) bool {
			return slices.Contains(r.IDs, s.ID) || slices.Contains(r.Numbers, s.Number)
		})
	}
	for _, s := range db.serials {
		if named(s, r.Change, r.Find) {
			found.Serials = append(found.Serials, readSerial(s))
		}
		for _, row := range db.ledger.claims {
			if row.SerialID == s.ID && named(s, r.Change) {
				found.Claims = append(found.Claims, row.Claim)
			}
		}
		if named(s, r.Internal) {
			for _, vendor := range db.serials {
				if vendor.InternalSerialID == s.ID {
					found.Linked[s.ID] = vendor.ID
				}
			}
		}
	}
	picked := map[seriald.ID]bool{}
	for _, id := range r.Placeholders {
		picked[id] = true
	}
	for _, ref := range r.Pending { // they lie in the order in which they were made
		left := ref.Count
		for _, p := range db.placeholders {
			if left > 0 && p.Status == seriald.PlaceholderPending && p.PartID == ref.PartID &&
				(ref.WorkOrderID == "" || p.WorkOrderID == ref.WorkOrderID) && (ref.LotNumber == "" || p.LotNumber == ref.LotNumber) {
				picked[p.ID] = true
				left--
			}
		}
	}
	for _, p := range db.placeholders {
		if picked[p.ID] {
			found.Placeholders = append(found.Placeholders, readPlaceholder(p))
		}
	}
	db.readConflicts(&r.Conflicts, found)
	return found
}

func readSerial(s *seriald.Serial) *seriald.Serial {
	return &seriald.Serial{
		ID: s.ID, Number: s.Number, PartID: s.PartID, SiteID: s.SiteID, Source: s.Source, Status: s.Status, VendorName: s.VendorName,
		WorkOrderID: s.WorkOrderID, LotNumber: s.LotNumber, InternalSerialID: s.InternalSerialID, RejectionReason: s.RejectionReason,
	}
}

func readPlaceholder(p *seriald.Placeholder) *seriald.Placeholder {
	return &seriald.Placeholder{
		ID: p.ID, PartID: p.PartID, SiteID: p.SiteID, Status: p.Status, WorkOrderID: p.WorkOrderID, LotNumber: p.LotNumber,
		OperationCode: p.OperationCode, SerialID: p.SerialID, FailureReason: p.FailureReason, CreatedAt: p.CreatedAt,
	}
}

// write does to the rows what store.Batch does.
func (db *tables) write(tb testing.TB, c *store.Changes, w *world) {
	tb.Helper()
	for _, s := range c.Serials {
		row := *s
		db.serials = append(db.serials, &row)
	}
	for _, p := range c.Placeholders {
		row := *p
		db.placeholders = append(db.placeholders, &row)
	}
	for _, s := range c.ChangedSerials {
		at := slices.IndexFunc(db.serials, func(row *seriald.Serial) bool { return row.ID == s.ID && row.Source == s.Source })
		if at < 0 || slices.Contains(c.Serials, s) {
			tb.Fatalf("%+v is changed and was not there before", s)
		}
		row := db.serials[at]
		row.Status, row.RejectionReason, row.RetirementReason, row.InternalSerialID = s.Status, s.RejectionReason, s.RetirementReason, s.InternalSerialID
	}
	for _, p := range c.ChangedPlaceholders {
		at := slices.IndexFunc(db.placeholders, func(row *seriald.Placeholder) bool { return row.ID == p.ID })
		if at < 0 || slices.Contains(c.Placeholders, p) {
			tb.Fatalf("%+v is changed and was not there before", p)
		}
		row := db.placeholders[at]
		row.Status, row.SerialID, row.FailureReason, row.Notes = p.Status, p.SerialID, p.FailureReason, p.Notes
	}
	for _, row := range c.Inbox {
		if db.inbox == nil {
			db.inbox = map[seriald.EventID]store.Processed{}
		}
		processed := store.Processed{Outcome: []byte(row.Outcome)}
		if row.Announcements != "" {
			processed.Announcements = []byte(row.Announcements)
		}
		db.inbox[row.EventID] = processed
	}
	db.writeConflicts(tb, c, w)
	db.audit = append(db.audit, c.Audit...)
	db.change(tb, c.Master)
	db.ledger.commit(w)
}

// change makes changes of the master data.
func (db *tables) change(tb testing.TB, changes []store.MasterChange) {
	tb.Helper()
	if len(changes) == 0 {
		return
	}
	c := *db.catalog.Catalog
	c.Version++
	c.Sites, c.Parts, c.Formats = maps.Clone(c.Sites), maps.Clone(c.Parts), maps.Clone(c.Formats)
	c.GTINs, c.Triggers = map[string]*seriald.Part{}, map[string][]*seriald.Trigger{}
	triggers := slices.Concat(slices.Collect(maps.Values(db.catalog.Triggers))...)
	for _, one := range changes {
		switch one := one.(type) {
		case *store.SiteChange:
			put(c.Sites, one.Site.ID, one.Site, one.Deleted)
		case *store.PartChange:
			put(c.Parts, one.Part.ID, one.Part, one.Deleted)
		case *store.FormatChange:
			format := one.Format
			put(c.Formats, format.ID, &format, one.Deleted)
			c.Assignments = slices.Concat(slices.DeleteFunc(slices.Clone(c.Assignments), func(a *seriald.FormatAssignment) bool { return a.FormatID == format.ID }), one.Assignments)
		case *store.TriggerChange:
			triggers = slices.DeleteFunc(triggers, func(t *seriald.Trigger) bool { return t.ID == one.Trigger.ID })
			if !one.Deleted {
				triggers = append(triggers, one.Trigger)
			}
		default:
			tb.Fatalf("no table for %T", one)
		}
	}
	for _, part := range c.Parts {
		if part.GTIN != "" {
			c.GTINs[part.GTIN] = part
		}
	}
	slices.SortStableFunc(triggers, func(a, b *seriald.Trigger) int { return cmp.Compare(a.Priority, b.Priority) })
	for _, t := range triggers {
		c.Triggers[t.PartID] = append(c.Triggers[t.PartID], t)
	}
	db.catalog, _ = compile(&c) // one of the formats may be meant to be broken
}

func put[T any](table map[string]T, key string, row T, deleted bool) {
	if table[key] = row; deleted {
		delete(table, key)
	}
}

// process decides a batch as a processor does, as far as it can be decided at once.
func (db *tables) process(tb testing.TB, items []*item) (decisions []*decision, rest []*item) {
	tb.Helper()
	st := &state{now: db.now, newID: db.newID, random: func(b []byte) { clear(b) }, catalog: db.catalog}
	n := &numbering{counters: db.ledger, claims: db.ledger, known: newFacts(), taken: map[store.Counter]*values64{}}
	found := db.read(refs(items, db.catalog))
	st.use = found.Use
	decisions, err := n.decide(tb.Context(), items, st, found)
	if err != nil {
		tb.Fatal(err)
	}
	if len(decisions) == 0 && len(items) > 0 {
		tb.Fatalf("%s %s can never be decided", items[0].event.Type, items[0].event.Data)
	}
	db.write(tb, changes(decisions, nil, st), st.world)
	return decisions, items[len(decisions):]
}

// answer processes items to the end, as a processor does: what changes the master data
// by itself, and what was processed before from the inbox.
func (db *tables) answer(tb testing.TB, items ...*item) []reply {
	tb.Helper()
	var all []reply
	for len(items) > 0 {
		batch, behind := inTurn(items)
		found := &store.Found{Inbox: maps.Clone(db.inbox)}
		fresh := unprocessed(batch, found)
		decisions, left := db.process(tb, fresh)
		if len(left) > 0 {
			at := slices.Index(batch, left[0])
			batch, behind = batch[:at:at], slices.Concat(batch[at:], behind)
		}
		answers, err := replies(batch, decisions, found)
		if err != nil {
			tb.Fatal(err)
		}
		all, items = append(all, answers...), behind
	}
	return all
}

// state is what is left, line by line.
func (db *tables) state() []string {
	var lines []string
	for _, s := range db.serials {
		lines = append(lines, fmt.Sprint("serial ", s.ID, s.Number, s.PartID, s.SiteID, s.VendorName, s.Status, s.InternalSerialID))
	}
	for _, p := range db.placeholders {
		lines = append(lines, fmt.Sprint("placeholder ", p.ID, p.PartID, p.WorkOrderID, p.LotNumber, p.Status, p.SerialID))
	}
	for key, row := range db.ledger.claims {
		lines = append(lines, fmt.Sprint("claim ", key.scope, key.key, key.canonical, holderKey(row.SerialID, row.EventID)))
	}
	for _, c := range db.conflicts {
		lines = append(lines, conflictLine(c))
	}
	slices.Sort(lines)
	return lines
}
