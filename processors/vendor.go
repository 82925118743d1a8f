package processors

import (
	"encoding/json"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
)

// vendorValues are those of a vendor serial in the audit.
type vendorValues struct {
	Status           seriald.SerialStatus `json:"status"`
	VendorName       string               `json:"vendorName,omitempty"`
	InternalSerialID seriald.ID           `json:"internalSerialId,omitzero"`
	RejectionReason  string               `json:"rejectionReason,omitempty"`
	TriggerID        seriald.ID           `json:"triggerId,omitzero"`
	Request          json.RawMessage      `json:"request,omitempty"`
}

// receive takes a vendor's number on a bought part, if it keeps the part's rule and
// is free.
func (d *decision) receive(st *state, site *seriald.Site, part *seriald.Part) error {
	if err := d.receiveOne(st, site, part, d.item.fields.VendorSerialNumber, "vendorSerialNumber", seriald.ID{}); err != nil {
		return err
	}
	d.announce(seriald.EventReceived, 0, 1, seriald.ID{})
	return nil
}

func (d *decision) receiveOne(st *state, site *seriald.Site, part *seriald.Part, number, field string, trigger seriald.ID) error {
	f := d.item.fields
	if err := part.Rule.Check(field, trimmed(number)); err != nil {
		return err
	}
	s := d.newSerial(st, site, part, seriald.SourceVendor, seriald.SerialPending)
	s.Number, s.VendorName, s.ReceivedDate, s.TriggerID = trimmed(number), trimmed(f.VendorName), f.ReceivedDate, trigger
	if err := d.add(&s, st); err != nil {
		return err
	}
	after := vendorValues{Status: s.Status, VendorName: s.VendorName, TriggerID: trigger}
	if trigger.IsZero() {
		after.Request = d.item.event.Data
	}
	d.auditSerial(st, seriald.AuditVendorReceived, &s, nil, after)
	return nil
}

// receiveAll takes the numbers that a receipt came with, told of in groups.
func (d *decision) receiveAll(st *state, site *seriald.Site, part *seriald.Part, t *seriald.Trigger) (units int, err error) {
	f := d.item.fields
	numbers, field := f.VendorSerialNumbers, "vendorSerialNumbers"
	if f.VendorSerialNumber != "" {
		if len(numbers) > 0 {
			return 0, seriald.Reject(seriald.CodeValidation, field, "is there beside vendorSerialNumber: leave one out")
		}
		numbers, field = []string{f.VendorSerialNumber}, "vendorSerialNumber"
	}
	switch {
	case len(numbers) == 0:
		return 0, seriald.Reject(seriald.CodeValidation, field, "is required: trigger %s takes the vendor's numbers", t.ID)
	case trimmed(f.VendorName) == "":
		return 0, seriald.Reject(seriald.CodeValidation, "vendorName", "is required: trigger %s takes the vendor's numbers", t.ID)
	case f.Quantity != nil && *f.Quantity != len(numbers):
		return 0, seriald.Reject(seriald.CodeValidation, "quantity", "is %d, and the numbers are %d", *f.Quantity, len(numbers))
	}
	seen := make(map[string]bool, len(numbers))
	for _, number := range numbers { // what is wrong by itself, before what is taken
		if trimmed(number) == "" {
			return 0, seriald.Reject(seriald.CodeValidation, field, "must not be empty")
		}
		canonical := claim.Canonical(number, part.Rule.Fold)
		if seen[canonical] {
			return 0, seriald.Reject(seriald.CodeValidation, field, "%q is there twice", trimmed(number))
		}
		seen[canonical] = true
		if err := part.Rule.Check(field, trimmed(number)); err != nil {
			return 0, err
		}
	}
	first := len(d.outcome.Serials)
	for _, number := range numbers {
		if err := d.receiveOne(st, site, part, number, field, t.ID); err != nil {
			return len(numbers), err
		}
	}
	_, group := t.Units(f.Quantity)
	d.announceGroups(seriald.EventReceived, first, len(numbers), group, t.ID)
	return len(numbers), nil
}

// announceGroups tells of count of the outcome's serials, or placeholders, in groups;
// 0 is one for all.
func (d *decision) announceGroups(event string, first, count, group int, trigger seriald.ID) {
	if group < 1 {
		group = count
	}
	for from := 0; from < count; from += group {
		d.announce(event, first+from, min(group, count-from), trigger)
	}
}

// vendorSerial returns the vendor serial that an event means.
func (d *decision) vendorSerial(st *state) (*seriald.Serial, error) {
	f := d.item.fields
	part, err := d.namedPart(st)
	if err != nil {
		return nil, err
	}
	if id := f.VendorSerialID; !id.IsZero() {
		s := st.world.serials[id]
		if s == nil || s.Source != seriald.SourceVendor {
			return nil, seriald.Reject(seriald.CodeVendorSerialNotFound, "vendorSerialId", "vendor serial %s is not known", id)
		}
		d.partID = s.PartID
		if part != "" && part != s.PartID {
			return nil, seriald.Reject(seriald.CodeValidation, "vendorSerialId", "vendor serial %s (%s) is of part %s, not of %s", s.Number, id, s.PartID, part)
		}
		return s, nil
	}
	d.partID = part
	number, vendor := trimmed(f.VendorSerialNumber), claim.Canonical(f.VendorName, true)
	found := only(st.world.numbers[number], func(s *seriald.Serial) bool {
		return s.Source == seriald.SourceVendor && s.PartID == part && claim.Canonical(s.VendorName, true) == vendor
	})
	// A number that was rejected may have been received again, and that of one which was
	// retired or taken out may be another unit's.
	if open := only(found, func(s *seriald.Serial) bool { return s.Status == seriald.SerialPending || s.InUse() }); len(open) > 0 {
		found = open
	}
	switch {
	case len(found) == 0:
		return nil, seriald.Reject(seriald.CodeVendorSerialNotFound, "vendorSerialNumber", "serial %q of vendor %s and part %s is not known", number, trimmed(f.VendorName), part)
	case len(found) > 1 && found[0].Status != seriald.SerialRejected:
		return nil, seriald.Reject(seriald.CodeValidation, "vendorSerialId", "%d serials of vendor %s have the number %q: name the id of the one that is meant", len(found), trimmed(f.VendorName), number)
	}
	return found[len(found)-1], nil
}

// accept takes a vendor's unit in, as the unit of a number of ours if one is named.
func (d *decision) accept(st *state) error {
	s, err := d.vendorSerial(st)
	if err != nil {
		return err
	}
	if s.Status != seriald.SerialPending {
		return seriald.Reject(seriald.CodeInvalidState, "vendorSerialId", "vendor serial %s is %s: only a PENDING one can be accepted", s.Number, s.Status)
	}
	internal, err := d.internalSerial(st, s)
	if err != nil {
		return err
	}
	before := vendorValues{Status: s.Status}
	st.world.setSerial(s, func() {
		s.Status = seriald.SerialAccepted
		if internal != nil {
			s.InternalSerialID = internal.ID
		}
	})
	if internal != nil {
		st.world.linked[internal.ID] = s.ID
		st.world.change(func() { delete(st.world.linked, internal.ID) })
	}
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	d.announce(seriald.EventAccepted, 0, 1, seriald.ID{})
	d.auditSerial(st, seriald.AuditVendorAccepted, s, before,
		vendorValues{Status: s.Status, InternalSerialID: s.InternalSerialID, Request: d.item.event.Data})
	return nil
}

// internalSerial returns the serial of ours that a vendor's is accepted for, nil if
// none is named.
func (d *decision) internalSerial(st *state, vendor *seriald.Serial) (*seriald.Serial, error) {
	f := d.item.fields
	if f.InternalSerialID.IsZero() && f.InternalSerial == "" {
		return nil, nil
	}
	s, err := st.world.serialBy(f.InternalSerialID, f.InternalSerial, vendor.PartID, "internalSerial")
	if err != nil {
		return nil, err
	}
	switch other, linked := st.world.linked[s.ID]; {
	case s.Source == seriald.SourceVendor:
		return nil, seriald.Reject(seriald.CodeValidation, "internalSerialId", "serial %s is a vendor's, not one of ours", s.Number)
	case s.Status != seriald.SerialActive:
		return nil, seriald.Reject(seriald.CodeInvalidState, "internalSerialId", "serial %s is %s: only an ACTIVE one can be linked", s.Number, s.Status)
	case linked:
		return nil, seriald.Reject(seriald.CodeInvalidState, "internalSerialId", "serial %s is that of vendor serial %s already", s.Number, other)
	}
	return s, nil
}

// reject sends a vendor's unit back. Its number may be received again.
func (d *decision) reject(st *state) error {
	s, err := d.vendorSerial(st)
	if err != nil {
		return err
	}
	if s.Status != seriald.SerialPending {
		return seriald.Reject(seriald.CodeInvalidState, "vendorSerialId", "vendor serial %s is %s: only a PENDING one can be rejected", s.Number, s.Status)
	}
	before := vendorValues{Status: s.Status}
	st.world.release(s, st)
	st.world.setSerial(s, func() { s.Status, s.RejectionReason = seriald.SerialRejected, trimmed(d.item.fields.RejectionReason) })
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	d.announce(seriald.EventRejected, 0, 1, seriald.ID{})
	d.auditSerial(st, seriald.AuditVendorRejected, s, before,
		vendorValues{Status: s.Status, RejectionReason: s.RejectionReason, Request: d.item.event.Data})
	return nil
}
