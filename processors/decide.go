package processors

import (
	"encoding/json"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// state is all that the rules may know. Nothing in this file, assign.go and
// vendor.go reads anything else, so that all of them are tested without I/O.
type state struct {
	now     time.Time
	newID   func() seriald.ID
	catalog *catalog
	serials map[string][]seriald.SerialRef // by number, those that events refer to
}

// decision is what becomes of one event.
type decision struct {
	item          *item
	partID        string
	outcome       seriald.Outcome
	body          []byte // the outcome as JSON, once it is final
	announcements []seriald.Announcement
	serials       []*seriald.Serial // that are made
	runs          []run             // of serials that need numbers
	claims        []store.ClaimRow  // set by claimAll
	conflicts     []store.ConflictRow
	audit         []seriald.AuditEvent
}

// run is a run of serials that take their numbers from one counter.
type run struct {
	format  *seriald.Format
	local   time.Time // the site's time, for the dates in the number
	counter store.Counter
	serials []*seriald.Serial
}

// decide applies the rules to one event.
func decide(it *item, st *state) *decision {
	d := &decision{item: it}
	if it.refused != nil {
		return d.refuse(st, it.refused)
	}
	d.partID = it.fields.PartID
	if rejection := d.apply(st); rejection != nil {
		return d.refuse(st, rejection)
	}
	return d
}

func (d *decision) apply(st *state) *seriald.Rejection {
	site := st.catalog.Sites[d.item.event.Origin.Site]
	if site == nil {
		return seriald.Reject(seriald.CodeSiteNotFound, "site", "site %q is not known: add it, or mend the topic", d.item.event.Origin.Site)
	}
	if d.partID == "" {
		partID, rejection := partOf(d.item.fields.SerialNumber, st)
		if rejection != nil {
			return rejection
		}
		d.partID = partID
	}
	part := st.catalog.Parts[d.partID]
	if part == nil {
		return seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known: add it, or mend the event", d.partID)
	}
	d.outcome = seriald.Outcome{EventID: d.item.event.ID, Status: seriald.StatusAccepted, ProcessedAt: st.now}
	switch d.item.event.Type {
	case seriald.TypeSerialGenerate:
		return d.generate(st, site, part)
	case seriald.TypeVendorSerialReceive:
		return d.receive(st, site, part)
	case seriald.TypeOperationComplete:
		return d.occur(st, site, part)
	}
	return seriald.UnknownType(string(d.item.event.Type))
}

// partOf finds the part of an event that names a serial only.
func partOf(number string, st *state) (string, *seriald.Rejection) {
	found := st.serials[number]
	if len(found) == 0 {
		return "", seriald.Reject(seriald.CodeSerialNotFound, "serialNumber", "serial %q is not known", number)
	}
	for _, s := range found[1:] {
		if s.PartID != found[0].PartID {
			return "", seriald.Reject(seriald.CodeValidation, "partId",
				"serial %q is one of %s and one of %s: name the partId", number, found[0].PartID, s.PartID)
		}
	}
	return found[0].PartID, nil
}

// refuse makes d the refusal of its event: nothing is changed but the audit.
func (d *decision) refuse(st *state, r *seriald.Rejection) *decision {
	*d = decision{item: d.item, partID: d.partID, outcome: seriald.Rejected(d.item.event.ID, r, st.now)}
	a := d.auditEvent(st, seriald.AuditEventRefused, seriald.AuditFailed)
	a.NewValues = values(struct {
		Code    seriald.Code    `json:"code"`
		Field   string          `json:"field,omitempty"`
		Message string          `json:"message"`
		Request json.RawMessage `json:"request"`
	}{r.Code, r.Field, r.Message, d.item.event.Data})
	d.audit = append(d.audit, a)
	return d
}

// ignore makes d the answer to an event that there is nothing to do for.
func (d *decision) ignore(st *state, code seriald.Code, message string) {
	d.outcome.Status, d.outcome.Code, d.outcome.Message = seriald.StatusIgnored, code, message
	a := d.auditEvent(st, seriald.AuditEventIgnored, seriald.AuditSuccess)
	a.NewValues = values(struct {
		Code    seriald.Code    `json:"code"`
		Request json.RawMessage `json:"request"`
	}{code, d.item.event.Data})
	d.audit = append(d.audit, a)
}

// conflict makes d the answer to an event one of whose numbers is taken. Nothing
// of the event is done, and nothing of the holder changes.
func (d *decision) conflict(st *state, lost []store.ClaimRow, holder store.Holder) {
	c := &seriald.Conflict{SerialNumber: lost[0].Number, HolderID: holder.SerialID, HolderPartID: holder.PartID}
	rows := make([]store.ConflictRow, len(lost))
	id := st.newID()
	for i, l := range lost {
		c.Scopes = append(c.Scopes, l.Scope)
		rows[i] = store.ConflictRow{ID: st.newID(), ConflictID: id, EventID: l.EventID, Claim: l.Claim}
	}
	*d = decision{
		item: d.item, partID: d.partID, conflicts: rows,
		outcome: seriald.Outcome{
			EventID: d.item.event.ID, Status: seriald.StatusConflict, Code: seriald.CodeDuplicateSerial,
			Message:  "number " + c.SerialNumber + " is taken",
			Conflict: c, ProcessedAt: st.now,
		},
		announcements: []seriald.Announcement{{
			Event: seriald.EventConflict, WorkOrderID: d.item.fields.WorkOrderID,
			LotNumber: d.item.fields.LotNumber, OperationCode: d.item.fields.OperationCode,
		}},
	}
	a := d.auditEvent(st, seriald.AuditConflictDetected, seriald.AuditFailed)
	a.SerialNumber = c.SerialNumber
	a.NewValues = values(struct {
		Conflict *seriald.Conflict `json:"conflict"`
		Request  json.RawMessage   `json:"request"`
	}{c, d.item.event.Data})
	d.audit = append(d.audit, a)
}

// claimAll sets the claims that the numbers of d need.
func (d *decision) claimAll(st *state) {
	d.claims = d.claims[:0]
	for _, s := range d.serials {
		d.claims = append(d.claims, claimRows(s, st)...)
	}
}

func claimRows(s *seriald.Serial, st *state) []store.ClaimRow {
	claims := claim.Of(s, st.catalog.Parts[s.PartID])
	rows := make([]store.ClaimRow, len(claims))
	for i, c := range claims {
		rows[i] = store.ClaimRow{ID: st.newID(), EventID: s.EventID, Claim: c}
	}
	return rows
}

// auditEvent returns an audit event of d's event; the caller adds what it is
// about.
func (d *decision) auditEvent(st *state, t seriald.AuditType, s seriald.AuditStatus) seriald.AuditEvent {
	e := d.item.event
	return seriald.AuditEvent{
		ID: st.newID(), Type: t, Status: s, EventID: e.ID, PartID: d.partID, SiteID: e.Origin.Site,
		PerformedBy: d.item.performedBy(), PerformedAt: st.now, DeviceTime: e.Time,
	}
}

// values is the JSON of an audit event's values, whose types always encode: the
// raw part of them was decoded before.
func values(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("processors: audit values: " + err.Error())
	}
	return b
}
