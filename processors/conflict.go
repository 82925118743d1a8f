package processors

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// register claims a number that was made elsewhere, without a unit yet: the first serial
// of its part that is given this number has it.
func (d *decision) register(st *state, site *seriald.Site, part *seriald.Part) error {
	f := d.item.fields
	if f.SiteID != "" {
		if site = st.catalog.Sites[f.SiteID]; site == nil {
			return seriald.Reject(seriald.CodeSiteNotFound, "siteId", "site %q is not known: add it, or mend the event", f.SiteID)
		}
	}
	number := trimmed(f.SerialNumber)
	if err := part.Rule.Check("serialNumber", number); err != nil {
		return err
	}
	scopes := part.UniquenessScopes
	if len(f.Scopes) > 0 {
		scopes = f.Scopes
	}
	var claims []store.ClaimRow
	e := d.item.event
	for _, c := range claim.In(scopes, &seriald.Serial{Number: number, PartID: part.ID, SiteID: site.ID, VendorName: trimmed(f.VendorName)}, part) {
		claims = append(claims, store.ClaimRow{ID: st.newID(), EventID: e.ID, Claim: c})
	}
	free, lost, holder, err := st.world.addRegistration(claims, store.Holder{PartID: part.ID, EventID: e.ID, Number: number})
	switch {
	case err != nil:
		return err
	case len(lost) > 0:
		return &takenError{lost: lost, holder: holder}
	}
	d.claims = append(d.claims, free...)
	a := d.auditEvent(st, seriald.AuditNumberRegistered, seriald.AuditSuccess)
	a.SerialNumber, a.SiteID = number, site.ID
	a.NewValues = values(struct {
		Scopes  []seriald.Scope `json:"scope"`
		Request json.RawMessage `json:"request"`
	}{scopes, e.Data})
	d.audit = append(d.audit, a)
	return nil
}

// resolve ends a conflict as a person says.
func (d *decision) resolve(st *state) error {
	f := d.item.fields
	part, err := d.namedPart(st)
	if err != nil {
		return err
	}
	d.partID = part
	c, err := d.openConflict(st, part)
	if err != nil {
		return err
	}
	d.partID = c.Holder.PartID
	d.resolution = &store.ConflictResolution{
		ConflictID: c.ID, Resolution: f.ConflictResolution, Reason: trimmed(f.ResolutionReason),
		PerformedBy: d.item.performedBy(), EventID: d.item.event.ID, Serials: map[seriald.ID]seriald.ID{},
	}
	d.outcome.Conflict = &seriald.Conflict{
		SerialNumber: c.Holder.Number, HolderID: c.Holder.SerialID, HolderPartID: c.Holder.PartID, Scopes: scopesOf(c),
		ConflictID: c.ID, Resolution: f.ConflictResolution,
	}
	holder := st.world.serials[c.Holder.SerialID]     // nil of what is registered without a unit
	if holder == nil && !c.Holder.SerialID.IsZero() { // it took that over while this was read
		return errLater
	}
	switch f.ConflictResolution {
	case seriald.ResolveRetire:
		err = d.resolveRetire(st, c, holder)
	case seriald.ResolveInvalid:
		d.resolveInvalid(st, c, holder)
	default:
		d.resolved(st, c, holder, nil)
	}
	return err
}

// scopesOf are those in which the number of a conflict was asked for.
func scopesOf(c *store.Conflict) []seriald.Scope {
	all := []seriald.Scope{}
	for i := range c.Challengers {
		for _, s := range c.Challengers[i].Scopes {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// openConflict returns the conflict that an event means: by its id, or the one about a
// number of a part, whoever has it.
func (d *decision) openConflict(st *state, part string) (*store.Conflict, error) {
	f := d.item.fields
	var found, open []*store.Conflict
	if !f.ConflictID.IsZero() {
		found = st.world.conflicts
	} else {
		p := st.catalog.Parts[part]
		if p == nil {
			return nil, seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known: add it, or mend the event", part)
		}
		canonical := claim.Canonical(f.SerialNumber, p.Rule.Fold)
		for _, c := range st.world.conflicts {
			isPart := func(h store.Challenger) bool { return h.PartID == part }
			if c.Canonical == canonical && (c.Holder.PartID == part || slices.ContainsFunc(c.Challengers, isPart)) {
				found = append(found, c)
			}
		}
	}
	for _, c := range found {
		if c.Resolution == "" {
			open = append(open, c)
		}
	}
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) > 1:
		return nil, seriald.Reject(seriald.CodeValidation, "conflictId", "%d conflicts about number %q of part %s are open: name the id of the one that is meant",
			len(open), trimmed(f.SerialNumber), part)
	case len(found) > 0:
		c := slices.MaxFunc(found, func(a, b *store.Conflict) int { return a.ResolvedAt.Compare(b.ResolvedAt) })
		return nil, seriald.Reject(seriald.CodeInvalidState, "conflictId", "the conflict about number %q was resolved by %s as %s on %s",
			c.Holder.Number, c.ResolvedBy, c.Resolution, c.ResolvedAt.Format("2006-01-02 15:04:05Z07:00"))
	case !f.ConflictID.IsZero():
		return nil, seriald.Reject(seriald.CodeSerialNotFound, "conflictId", "there is no conflict %s", f.ConflictID)
	}
	return nil, seriald.Reject(seriald.CodeSerialNotFound, "serialNumber", "there is no conflict about number %q of part %s", trimmed(f.SerialNumber), part)
}

// resolvedValues are those of a resolution in the audit, of each serial that it is about.
type resolvedValues struct {
	Status     seriald.SerialStatus `json:"status,omitempty"`
	ConflictID seriald.ID           `json:"conflictId,omitzero"`
	Resolution seriald.Resolution   `json:"resolution,omitempty"`
	Reason     string               `json:"reason,omitempty"`
	Request    json.RawMessage      `json:"request,omitempty"`
}

// resolved tells of a resolution and changes the holder, if it is a serial, by set; nil
// changes nothing.
func (d *decision) resolved(st *state, c *store.Conflict, holder *seriald.Serial, set func(*seriald.Serial)) {
	a := d.auditEvent(st, seriald.AuditConflictResolved, seriald.AuditSuccess)
	a.SerialNumber = c.Holder.Number
	after := resolvedValues{
		ConflictID: c.ID, Resolution: d.resolution.Resolution, Reason: d.resolution.Reason, Request: d.item.event.Data,
	}
	if holder != nil {
		a.SerialID, a.OldValues = holder.ID, values(resolvedValues{Status: holder.Status})
		if set != nil {
			st.world.setSerial(holder, func() { set(holder) })
		}
		after.Status = holder.Status
		d.outcome.Serials = append(d.outcome.Serials, holder.Ref())
	}
	a.NewValues = values(after)
	d.audit = append(d.audit, a)
	d.announce(seriald.EventResolved, 0, len(d.outcome.Serials), seriald.ID{})
}

// resolveInvalid takes all out that have the number. Their claims stay, so that nobody
// gets it again.
func (d *decision) resolveInvalid(st *state, c *store.Conflict, holder *seriald.Serial) {
	d.resolved(st, c, holder, func(s *seriald.Serial) { s.Status = seriald.SerialInvalid })
	for i := range c.Challengers {
		h := &c.Challengers[i]
		if h.Serial == nil {
			continue
		}
		s := d.challengersSerial(st, h, seriald.SerialInvalid)
		d.serials = append(d.serials, s)
		d.outcome.Serials = append(d.outcome.Serials, s.Ref())
		d.auditSerial(st, seriald.AuditConflictResolved, s, nil, resolvedValues{Status: s.Status, ConflictID: c.ID, Resolution: d.resolution.Resolution})
	}
	d.announcements[0].Count = len(d.outcome.Serials)
}

// challengersSerial is the serial that a challenger asked for, with the number that was
// taken.
func (d *decision) challengersSerial(st *state, h *store.Challenger, status seriald.SerialStatus) *seriald.Serial {
	s := *h.Serial
	s.ID, s.Status, s.EventID, s.CreatedAt = st.newID(), status, d.item.event.ID, st.now
	d.resolution.Serials[h.ID] = s.ID
	return &s
}

// resolveRetire ends the life of the holder, and gives the number to a challenger.
func (d *decision) resolveRetire(st *state, c *store.Conflict, holder *seriald.Serial) error {
	f := d.item.fields
	if !f.RetiredSerialID.IsZero() && f.RetiredSerialID != c.Holder.SerialID {
		return seriald.Reject(seriald.CodeValidation, "retiredSerialId", "serial %s does not hold the number: %s does", f.RetiredSerialID, heldBy(c.Holder))
	}
	h, err := chooseChallenger(c, f.ChallengerEventID)
	if err != nil {
		return err
	}
	if st.catalog.Parts[h.PartID] == nil {
		return seriald.Reject(seriald.CodePartNotFound, "challengerEventId", "part %q of the challenger is not known any more: add it, or resolve otherwise", h.PartID)
	}
	var p *seriald.Placeholder
	if !h.PlaceholderID.IsZero() {
		switch p = st.world.placeholders[h.PlaceholderID]; {
		case p == nil: // it joined the conflict while this was read
			return errLater
		case p.Status != seriald.PlaceholderPending:
			return seriald.Reject(seriald.CodeInvalidState, "challengerEventId", "placeholder %s, which asked for the number, is %s by now: resolve otherwise", p.ID, p.Status)
		}
	}
	var retire func(*seriald.Serial)
	if holder != nil && holder.Status != seriald.SerialRetired && holder.Status != seriald.SerialRejected { // its life ended before
		retire = func(s *seriald.Serial) { s.Status, s.RetirementReason = seriald.SerialRetired, d.resolution.Reason }
	}
	d.resolved(st, c, holder, retire)
	status := seriald.SerialActive
	if h.Serial.Source == seriald.SourceVendor {
		status = seriald.SerialPending
	}
	s := d.challengersSerial(st, h, status)
	at := len(d.outcome.Serials)
	st.world.give(appendClaims(nil, s, st), c.Holder)
	if err := d.add(s, st); err != nil {
		return stillTaken(err)
	}
	d.announcements[0].Count = len(d.outcome.Serials)
	if retire != nil {
		d.announce(seriald.EventRetired, 0, 1, seriald.ID{})
		d.auditSerial(st, seriald.AuditSerialRetired, holder, nil, resolvedValues{Status: holder.Status, ConflictID: c.ID, Reason: d.resolution.Reason})
	}
	return d.tellOfChallenger(st, s, p, at)
}

// chooseChallenger returns the one that gets the number: the only one, or that of an
// event.
func chooseChallenger(c *store.Conflict, event string) (*store.Challenger, error) {
	var able []*store.Challenger
	for i := range c.Challengers {
		if h := &c.Challengers[i]; h.Serial != nil && (event == "" || string(h.EventID) == event) {
			able = append(able, h)
		}
	}
	switch {
	case len(able) == 1:
		return able[0], nil
	case event != "":
		return nil, seriald.Reject(seriald.CodeValidation, "challengerEventId", "event %q did not ask for number %q on a unit", event, c.Holder.Number)
	case len(able) == 0:
		return nil, seriald.Reject(seriald.CodeInvalidState, "conflictResolution", "no unit waits for number %q: KEEP and MARK_INVALID are left", c.Holder.Number)
	}
	return nil, seriald.Reject(seriald.CodeValidation, "challengerEventId", "%d events asked for number %q: name the one that gets it", len(able), c.Holder.Number)
}

// tellOfChallenger tells of the serial that a challenger became, at its place in the
// outcome, and of the placeholder that got it.
func (d *decision) tellOfChallenger(st *state, s *seriald.Serial, p *seriald.Placeholder, at int) error {
	if s.Source == seriald.SourceVendor {
		d.announce(seriald.EventReceived, at, 1, s.TriggerID)
		d.auditSerial(st, seriald.AuditVendorReceived, s, nil, vendorValues{Status: s.Status, VendorName: s.VendorName, TriggerID: s.TriggerID})
		return nil
	}
	d.announce(seriald.EventAssigned, at, 1, s.TriggerID)
	after := placeholderValues{}
	if p != nil {
		d.settlePlaceholder(st, p, func() { p.Status, p.SerialID = seriald.PlaceholderSerialized, s.ID })
		d.announce(seriald.EventPlaceholder, 0, 1, seriald.ID{})
		after.PlaceholderID, after.Status = p.ID, p.Status
	}
	d.auditSerial(st, seriald.AuditLateAssignment, s, nil, after)
	return nil
}

// stillTaken is the refusal of a resolution that gives a challenger a number which
// somebody else holds, too.
func stillTaken(err error) error {
	taken, ok := errors.AsType[*takenError](err)
	if !ok {
		return err
	}
	return seriald.Reject(seriald.CodeInvalidState, "conflictResolution", "number %q is held by another in scope %s: %s of part %s; resolve that first",
		taken.lost[0].Number, taken.lost[0].Scope, heldBy(taken.holder), taken.holder.PartID)
}

func heldBy(h store.Holder) string {
	if h.SerialID.IsZero() {
		return "the registration by event " + string(h.EventID)
	}
	return "serial " + h.SerialID.String()
}
