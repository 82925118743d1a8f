package processors

import (
	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// refs returns what the rules need to know for items. It must name all that they look
// for: what is not read is not there for them.
func refs(items []*item, c *catalog) store.Refs {
	r := store.Refs{EventIDs: make([]string, len(items))}
	waiting := map[store.PendingRef]bool{}
	asked := map[string]int{} // placeholders that wait, by part
	for i, it := range items {
		r.EventIDs[i] = string(it.event.ID)
		f := it.fields
		if f == nil {
			continue
		}
		switch t := it.event.Type; t {
		case seriald.TypeVendorSerialAccept, seriald.TypeVendorSerialReject:
			name(&r.Change, f.VendorSerialID, f.VendorSerialNumber)
			if t == seriald.TypeVendorSerialAccept {
				name(&r.Change, f.InternalSerialID, f.InternalSerial)
				name(&r.Internal, f.InternalSerialID, f.InternalSerial)
			}
		case seriald.TypeSerialRetire:
			name(&r.Change, f.SerialID, f.SerialNumber)
		case seriald.TypePropagationPassThrough:
			name(&r.Find, f.SourceSerialID, f.SourceSerial)
		case seriald.TypeOperationComplete, seriald.TypeQualityCheckpoint:
			name(&r.Find, f.SerialID, f.SerialNumber)
		case seriald.TypeConflictResolve:
			if !f.ConflictID.IsZero() {
				r.Conflicts.IDs = append(r.Conflicts.IDs, f.ConflictID)
			} else {
				r.Conflicts.Canonical = append(r.Conflicts.Canonical, claim.Canonical(f.SerialNumber, false), claim.Canonical(f.SerialNumber, true))
			}
		case seriald.TypeSiteDelete:
			r.SiteUse = f.SiteID
		case seriald.TypePartDelete:
			r.PartUse = f.PartID
		}
		if !f.PlaceholderID.IsZero() {
			r.Placeholders = append(r.Placeholders, f.PlaceholderID)
			continue
		}
		if part, n := waitsFor(it, c); n > 0 {
			waiting[store.PendingRef{PartID: part, WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber}] = true
			asked[part] += n
		}
	}
	for p := range waiting {
		// Others of the batch may take some of them before, by what they ask for or by
		// name.
		p.Count = min(asked[p.PartID], seriald.MaxQuantity) + len(r.Placeholders)
		r.Pending = append(r.Pending, p)
	}
	return r
}

// name adds a serial by its id or, if that is zero, by its number.
func name(r *store.SerialRefs, id seriald.ID, number string) {
	switch {
	case !id.IsZero():
		r.IDs = append(r.IDs, id)
	case number != "":
		r.Numbers = append(r.Numbers, trimmed(number))
	}
}

// waitsFor returns how many placeholders of a part that wait an event asks for, at
// most.
func waitsFor(it *item, c *catalog) (part string, n int) {
	f := it.fields
	part = f.PartID
	if part == "" {
		if p := c.GTINs[f.GTIN]; f.GTIN != "" && p != nil {
			part = p.ID
		}
	}
	if part == "" {
		return "", 0
	}
	switch it.event.Type {
	case seriald.TypePlaceholderAssign, seriald.TypePlaceholderFail:
		return part, 1
	}
	occurrence, ok := it.event.Type.TriggerType()
	if !ok || occurrence.Begins() {
		return part, 0
	}
	for _, t := range c.Triggers[part] {
		if t.Active && t.Type == occurrence && t.AssignmentType == seriald.AssignLate {
			units, _ := t.Units(f.Quantity)
			n += units
		}
	}
	return part, n
}
