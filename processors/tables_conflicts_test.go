package processors

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// holderKey names who holds a claim: a serial, or the event that registered a number.
func holderKey(serial seriald.ID, event seriald.EventID) string {
	if serial.IsZero() {
		return "registered:" + string(event)
	}
	return serial.String()
}

// readConflicts adds what r names, with what is read of conflicts that are open: their
// challengers, and the serials and placeholders that they are about.
func (db *tables) readConflicts(r *store.ConflictRefs, found *store.Found) {
	for _, row := range db.conflicts {
		if !slices.Contains(r.IDs, row.ID) && !slices.Contains(r.Canonical, row.Canonical) {
			continue
		}
		c := *row
		c.Challengers = slices.Clone(row.Challengers)
		if found.Conflicts = append(found.Conflicts, &c); c.Resolution != "" {
			c.Challengers = nil
			continue
		}
		for _, s := range db.serials {
			if s.ID == c.Holder.SerialID {
				found.Serials = append(found.Serials, readSerial(s))
			}
		}
		for _, p := range db.placeholders {
			if slices.ContainsFunc(c.Challengers, func(h store.Challenger) bool { return h.PlaceholderID == p.ID }) &&
				!slices.ContainsFunc(found.Placeholders, func(read *seriald.Placeholder) bool { return read.ID == p.ID }) {
				found.Placeholders = append(found.Placeholders, readPlaceholder(p))
			}
		}
	}
}

// writeConflicts does to the conflicts what store.Batch does: first what was registered
// goes to those that took it over.
func (db *tables) writeConflicts(tb testing.TB, c *store.Changes, w *world) {
	tb.Helper()
	for _, a := range w.adopted {
		db.moveConflict(a.EventID, a.SerialID)
	}
	for i := range c.Challengers {
		db.join(tb, &c.Challengers[i])
	}
	r := c.Resolution
	if r == nil {
		return
	}
	at := slices.IndexFunc(db.conflicts, func(row *store.Conflict) bool { return row.ID == r.ConflictID })
	if at < 0 || db.conflicts[at].Resolution != "" {
		tb.Fatalf("%+v ends no conflict that is open", r)
	}
	row := db.conflicts[at]
	row.Resolution, row.Reason, row.ResolvedBy, row.ResolvedEvent, row.ResolvedAt = r.Resolution, r.Reason, r.PerformedBy, r.EventID, db.now
	for i := range row.Challengers {
		row.Challengers[i].SerialID = r.Serials[row.Challengers[i].ID]
	}
}

// open returns the conflict with a holder that is open, nil if none is.
func (db *tables) open(holder string) *store.Conflict {
	for _, c := range db.conflicts {
		if c.Resolution == "" && holderKey(c.Holder.SerialID, c.Holder.EventID) == holder {
			return c
		}
	}
	return nil
}

// moveConflict makes a serial the holder of what was registered by an event. If the
// conflict with it is open, those who asked for the other number join it.
func (db *tables) moveConflict(event seriald.EventID, serial seriald.ID) {
	moved, other := db.open(holderKey(seriald.ID{}, event)), db.open(serial.String())
	if moved == nil {
		return
	}
	moved.Holder.SerialID, moved.Holder.EventID = serial, ""
	if other == nil {
		return
	}
	if slices.Index(db.conflicts, moved) < slices.Index(db.conflicts, other) { // they lie in the order in which they were opened
		moved, other = other, moved
	}
	other.Challengers = append(other.Challengers, moved.Challengers...)
	db.conflicts = slices.DeleteFunc(db.conflicts, func(c *store.Conflict) bool { return c == moved })
}

// join adds a challenger to the conflict with the holder.
func (db *tables) join(tb testing.TB, r *store.ChallengerRow) {
	tb.Helper()
	c := db.open(holderKey(r.Holder.SerialID, r.Holder.EventID))
	if c == nil {
		h := r.Holder
		h.ClaimID, h.Number = seriald.ID{}, cmp.Or(h.Number, r.Number)
		if !h.SerialID.IsZero() {
			h.EventID = ""
		}
		c = &store.Conflict{ID: r.ConflictID, Holder: h, Canonical: r.Canonical, CreatedAt: db.now}
		db.conflicts = append(db.conflicts, c)
	}
	if c.Canonical != r.Canonical {
		tb.Fatalf("%+v joins the conflict about %s", r, c.Canonical)
	}
	row := r.Challenger
	row.CreatedAt = db.now
	if s := r.Serial; s != nil {
		row.Serial = &seriald.Serial{
			PartID: row.PartID, Number: row.Number, Source: s.Source, SiteID: s.SiteID, VendorName: s.VendorName, ReceivedDate: s.ReceivedDate,
			WorkOrderID: s.WorkOrderID, LotNumber: s.LotNumber, OperationCode: s.OperationCode, Line: s.Line, Device: s.Device,
			Attributes: s.Attributes, TriggerID: s.TriggerID,
		}
	}
	c.Challengers = append(c.Challengers, row)
}

// challengers counts those of an event, in all conflicts.
func (db *tables) challengers(event seriald.EventID) (n int) {
	for _, c := range db.conflicts {
		for _, h := range c.Challengers {
			if h.EventID == event {
				n++
			}
		}
	}
	return n
}

// conflictLine is what is left of a conflict, with its challengers in any order.
func conflictLine(c *store.Conflict) string {
	var challengers []string
	for _, h := range c.Challengers {
		unit := "no unit"
		if h.Serial != nil {
			unit = fmt.Sprint(h.Serial.SiteID, " ", h.Serial.VendorName)
		}
		challengers = append(challengers, fmt.Sprint(h.EventID, " ", h.PartID, " ", h.Number, " ", unit, " ", h.PlaceholderID, " ", h.SerialID))
	}
	slices.Sort(challengers)
	return fmt.Sprint("conflict ", c.ID, " ", holderKey(c.Holder.SerialID, c.Holder.EventID), " ", c.Holder.PartID, " ", c.Canonical, " ", c.Resolution, challengers)
}
