package processors

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// state is all that the rules may know. They read nothing else, so that all of them
// are tested without I/O.
type state struct {
	now     time.Time
	newID   func() seriald.ID
	random  func([]byte) // fills with what nobody can predict
	catalog *catalog
	world   *world
	use     store.Use // of the part or site that is to be deleted
}

// decision is what becomes of one event.
type decision struct {
	item          *item
	partID        string
	outcome       seriald.Outcome
	body          []byte // the outcome as JSON, once it is final
	announcements []seriald.Announcement
	serials       []*seriald.Serial // that are made
	runs          []*run            // of serials among them that need numbers
	claims        []store.ClaimRow  // of those whose number was asked for
	placeholders  []*seriald.Placeholder
	propagations  []*seriald.Propagation
	conflicts     []store.ConflictRow
	challenger    *store.ChallengerRow
	resolution    *store.ConflictResolution
	audit         []seriald.AuditEvent
	triggers      []store.TriggerCount
	master        []store.MasterChange
	policy        *seriald.Part // what its numbers claim is changed; nil if not
}

// run is a run of serials that take their numbers from one counter.
type run struct {
	catalog *catalog
	part    *seriald.Part
	format  *seriald.Format
	pattern *pattern.Pattern
	values  pattern.Values // what their numbers have in common
	counter store.Counter
	serials []*seriald.Serial
	first   int // index of the first of them in the outcome
	// placeholders are those that get the serials; nil if none do.
	placeholders []*seriald.Placeholder
}

// takenError is the fate of an event that asked for what somebody has.
type takenError struct {
	lost        []store.ClaimRow
	holder      store.Holder
	serial      *seriald.Serial // that would have had the number; nil if there was none to be made
	placeholder seriald.ID      // that would have got it
}

func (e *takenError) Error() string { return "number " + e.lost[0].Number + " is taken" }

// rule applies the rules of an event type: it returns nil, a *[seriald.Rejection], a
// *takenError or errLater.
type rule func(d *decision, st *state) error

// rules are those of all event types. Of an event that is about a part, the part and
// the site are found first.
var rules map[seriald.EventType]rule

func init() { // the rules use the table's types, not the table
	rules = map[seriald.EventType]rule{
		seriald.TypeMaterialReceipt:        aboutPart((*decision).occur),
		seriald.TypeWorkOrderCreate:        aboutPart((*decision).occur),
		seriald.TypeOperationComplete:      aboutPart((*decision).completeOperation),
		seriald.TypeQualityCheckpoint:      aboutPart((*decision).checkQuality),
		seriald.TypeBatchCompletion:        aboutPart((*decision).occur),
		seriald.TypeVendorSerialReceive:    aboutPart((*decision).receive),
		seriald.TypeVendorSerialAccept:     (*decision).accept,
		seriald.TypeVendorSerialReject:     (*decision).reject,
		seriald.TypeSerialGenerate:         aboutPart((*decision).generate),
		seriald.TypeSerialRetire:           (*decision).retire,
		seriald.TypePlaceholderCreate:      aboutPart((*decision).createPlaceholders),
		seriald.TypePlaceholderAssign:      (*decision).assignPlaceholder,
		seriald.TypePlaceholderFail:        (*decision).failPlaceholder,
		seriald.TypePropagationPassThrough: (*decision).passThrough,
		seriald.TypeUniquenessRegister:     aboutPart((*decision).register),
		seriald.TypeConflictResolve:        (*decision).resolve,
		seriald.TypeTriggerCreate:          (*decision).createTrigger,
		seriald.TypeTriggerUpdate:          (*decision).updateTrigger,
		seriald.TypeTriggerEnable:          (*decision).enableTrigger,
		seriald.TypeTriggerDisable:         (*decision).disableTrigger,
		seriald.TypeTriggerDelete:          (*decision).deleteTrigger,
		seriald.TypeSitePut:                (*decision).putSite,
		seriald.TypeSiteDelete:             (*decision).deleteSite,
		seriald.TypePartPut:                (*decision).putPart,
		seriald.TypePartDelete:             (*decision).deletePart,
		seriald.TypeFormatPut:              (*decision).putFormat,
		seriald.TypeFormatDelete:           (*decision).deleteFormat,
	}
}

// decideAll applies the rules to the events of a batch in their order. It returns
// fewer decisions than items if the next can only be decided when these are
// committed.
func decideAll(items []*item, st *state, known *facts) []*decision {
	all := make([]*decision, 0, len(items))
	for _, it := range items {
		d, err := decide(it, st, known.fates[it])
		if errors.Is(err, errLater) {
			break
		}
		all = append(all, d)
	}
	return all
}

// decide applies the rules to one event, unless its fate is known. The error is
// errLater.
func decide(it *item, st *state, fate error) (*decision, error) {
	d := &decision{item: it}
	switch {
	case fate != nil:
	case it.refused != nil:
		fate = it.refused
	default:
		d.partID = it.fields.PartID
		d.outcome = seriald.Outcome{EventID: it.event.ID, Status: seriald.StatusAccepted, ProcessedAt: st.now}
		if apply := rules[it.event.Type]; apply != nil {
			fate = apply(d, st)
		} else {
			fate = seriald.UnknownType(string(it.event.Type))
		}
	}
	if fate == nil {
		st.world.keep()
		return d, nil
	}
	st.world.back()
	if errors.Is(fate, errLater) {
		return nil, errLater
	}
	if it.fields != nil && d.partID == "" {
		d.partID = it.fields.PartID
	}
	if taken, ok := errors.AsType[*takenError](fate); ok {
		return d.conflict(st, taken), nil
	}
	return d.refuse(st, asRejection(fate)), nil
}

// aboutPart finds the part and the site of an event before its rule is applied.
func aboutPart(apply func(d *decision, st *state, site *seriald.Site, part *seriald.Part) error) rule {
	return func(d *decision, st *state) error {
		site, err := d.site(st)
		if err != nil {
			return err
		}
		if d.partID == "" {
			if d.partID, err = partOf(d.item.fields, st); err != nil {
				return err
			}
		}
		part, err := d.part(st)
		if err != nil {
			return err
		}
		return apply(d, st, site, part)
	}
}

// site returns the site that the event came from.
func (d *decision) site(st *state) (*seriald.Site, error) {
	id := d.item.event.Origin.Site
	site := st.catalog.Sites[id]
	if site == nil {
		return nil, seriald.Reject(seriald.CodeSiteNotFound, "site", "site %q is not known: add it, or mend the topic", id)
	}
	return site, nil
}

// part returns the part that was found for the event.
func (d *decision) part(st *state) (*seriald.Part, error) {
	part := st.catalog.Parts[d.partID]
	if part == nil {
		return nil, seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known: add it, or mend the event", d.partID)
	}
	if gtin := d.item.fields.GTIN; gtin != "" && part.GTIN != "" && gtin != part.GTIN {
		return nil, seriald.Reject(seriald.CodeValidation, "gtin", "%s is not the GTIN of part %s, which is %s", gtin, part.ID, part.GTIN)
	}
	return part, nil
}

// partOf finds the part of an event that names a GTIN, or a unit only.
func partOf(f *seriald.Fields, st *state) (string, error) {
	switch {
	case f.GTIN != "":
		part := st.catalog.GTINs[f.GTIN]
		if part == nil {
			return "", seriald.Reject(seriald.CodePartNotFound, "gtin", "no part has the GTIN %s: give it to its part", f.GTIN)
		}
		return part.ID, nil
	case !f.PlaceholderID.IsZero():
		p := st.world.placeholders[f.PlaceholderID]
		if p == nil {
			return "", placeholderNotFound(f.PlaceholderID)
		}
		return p.PartID, nil
	}
	s, err := st.world.serialBy(f.SerialID, f.SerialNumber, "", "serialNumber")
	if err != nil {
		return "", err
	}
	return s.PartID, nil
}

// namedPart returns the part that an event names by its id or its GTIN, "" if it names
// none.
func (d *decision) namedPart(st *state) (string, error) {
	f := d.item.fields
	if f.GTIN == "" {
		return f.PartID, nil
	}
	part, err := partOf(f, st)
	if err == nil && f.PartID != "" && f.PartID != part {
		return "", seriald.Reject(seriald.CodeValidation, "gtin", "%s is the GTIN of part %s, not of %s", f.GTIN, part, f.PartID)
	}
	return part, err
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
// of the event is done, and nothing of the holder changes; but it is kept what the event
// would have made, until a person has resolved the conflict.
func (d *decision) conflict(st *state, taken *takenError) *decision {
	c := &seriald.Conflict{SerialNumber: taken.lost[0].Number, HolderID: taken.holder.SerialID, HolderPartID: taken.holder.PartID}
	rows := make([]store.ConflictRow, len(taken.lost))
	id := st.newID()
	for i, l := range taken.lost {
		c.Scopes = append(c.Scopes, l.Scope)
		rows[i] = store.ConflictRow{ID: st.newID(), ChallengerID: id, EventID: l.EventID, Claim: l.Claim}
	}
	e := d.item.event
	*d = decision{
		item: d.item, partID: d.partID, conflicts: rows,
		challenger: &store.ChallengerRow{
			ConflictID: st.newID(), Holder: taken.holder, Canonical: taken.lost[0].Canonical,
			Challenger: store.Challenger{
				ID: id, EventID: e.ID, EventType: e.Type, PerformedBy: d.item.performedBy(), PartID: taken.lost[0].PartID, Number: c.SerialNumber,
				Scopes: c.Scopes, Serial: taken.serial, PlaceholderID: taken.placeholder,
			},
		},
		outcome: seriald.Outcome{
			EventID: d.item.event.ID, Status: seriald.StatusConflict, Code: seriald.CodeDuplicateSerial,
			Message:  "number " + c.SerialNumber + " is taken",
			Conflict: c, ProcessedAt: st.now,
		},
	}
	d.announce(seriald.EventConflict, 0, 0, seriald.ID{})
	a := d.auditEvent(st, seriald.AuditConflictDetected, seriald.AuditFailed)
	a.SerialNumber = c.SerialNumber
	a.NewValues = values(struct {
		Conflict *seriald.Conflict `json:"conflict"`
		Request  json.RawMessage   `json:"request"`
	}{c, d.item.event.Data})
	d.audit = append(d.audit, a)
	return d
}

// add makes a serial whose number was asked for.
func (d *decision) add(s *seriald.Serial, st *state) error {
	claims, lost, holder, err := st.world.addSerial(s, st)
	switch {
	case err != nil:
		return err
	case len(lost) > 0:
		return &takenError{lost: lost, holder: holder, serial: s}
	}
	d.serials, d.claims = append(d.serials, s), append(d.claims, claims...)
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	return nil
}

// announce tells of count serials, or placeholders, of the outcome.
func (d *decision) announce(event string, first, count int, trigger seriald.ID) {
	f := d.item.fields
	d.announcements = append(d.announcements, seriald.Announcement{
		Event: event, First: first, Count: count, TriggerID: trigger,
		WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
	})
}

// newSerial returns a serial of d's event without a number.
func (d *decision) newSerial(st *state, site *seriald.Site, part *seriald.Part, source seriald.Source, status seriald.SerialStatus) seriald.Serial {
	f, e := d.item.fields, d.item.event
	return seriald.Serial{
		ID: st.newID(), PartID: part.ID, SiteID: site.ID, Source: source, Status: status,
		WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
		Line: e.Origin.Line, Device: e.Origin.Device, Attributes: f.Attributes,
		EventID: e.ID, CreatedAt: st.now,
	}
}

// appendClaims appends the claims of a serial.
func appendClaims(rows []store.ClaimRow, s *seriald.Serial, st *state) []store.ClaimRow {
	for _, c := range claim.Of(s, st.catalog.Parts[s.PartID]) {
		rows = append(rows, store.ClaimRow{ID: st.newID(), EventID: s.EventID, Claim: c})
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

// auditSerial adds an audit event about a serial, with what it was and is.
func (d *decision) auditSerial(st *state, t seriald.AuditType, s *seriald.Serial, before, after any) {
	a := d.auditEvent(st, t, seriald.AuditSuccess)
	a.SerialID, a.SerialNumber, a.PartID = s.ID, s.Number, s.PartID
	if before != nil {
		a.OldValues = values(before)
	}
	a.NewValues = values(after)
	d.audit = append(d.audit, a)
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

func trimmed(s string) string { return strings.TrimSpace(s) }

// countTriggers sums up what triggers did, in the order of their ids.
func countTriggers(decisions []*decision) []store.TriggerCount {
	var all []store.TriggerCount
	index := map[seriald.ID]int{}
	for _, d := range decisions {
		for _, c := range d.triggers {
			i, known := index[c.ID]
			if !known {
				i = len(all)
				index[c.ID] = i
				all = append(all, store.TriggerCount{ID: c.ID, PartID: c.PartID})
			}
			all[i].Fired, all[i].Ignored, all[i].Units = all[i].Fired+c.Fired, all[i].Ignored+c.Ignored, all[i].Units+c.Units
		}
	}
	return slices.Clip(all)
}
