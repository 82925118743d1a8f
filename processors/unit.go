package processors

import (
	"encoding/json"

	"github.com/machshop/seriald"
)

// retire ends the life of a unit. Its number stays claimed.
func (d *decision) retire(st *state) error {
	f := d.item.fields
	part, err := d.namedPart(st)
	if err != nil {
		return err
	}
	d.partID = part
	s, err := st.world.serialBy(f.SerialID, f.SerialNumber, part, "serialNumber")
	if err != nil {
		return err
	}
	d.partID = s.PartID
	if !s.InUse() {
		what := "only an ACTIVE or ACCEPTED one can be retired"
		if s.Status == seriald.SerialPending {
			what = "a vendor's that was not accepted is rejected"
		}
		return seriald.Reject(seriald.CodeInvalidState, "serialId", "serial %s is %s: %s", s.Number, s.Status, what)
	}
	type statusValues struct {
		Status  seriald.SerialStatus `json:"status"`
		Reason  string               `json:"reason,omitempty"`
		Request json.RawMessage      `json:"request,omitempty"`
	}
	before := statusValues{Status: s.Status}
	st.world.setSerial(s, func() { s.Status, s.RetirementReason = seriald.SerialRetired, trimmed(f.Reason) })
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	d.announce(seriald.EventRetired, 0, 1, seriald.ID{})
	d.auditSerial(st, seriald.AuditSerialRetired, s, before, statusValues{s.Status, s.RetirementReason, d.item.event.Data})
	return nil
}

// passThrough records that a unit passed an operation.
func (d *decision) passThrough(st *state) error {
	f := d.item.fields
	part, err := d.namedPart(st)
	if err != nil {
		return err
	}
	d.partID = part
	s, err := st.world.serialBy(f.SourceSerialID, f.SourceSerial, part, "sourceSerial")
	if err != nil {
		return err
	}
	d.partID = s.PartID
	return d.pass(st, s, "sourceSerialId")
}

// pass records that a unit passed the event's operation. field is the one that names
// the unit.
func (d *decision) pass(st *state, s *seriald.Serial, field string) error {
	f := d.item.fields
	if !s.InUse() {
		why := "it does not go on"
		if s.Status == seriald.SerialPending {
			why = "accept it first"
		}
		return seriald.Reject(seriald.CodeInvalidState, field, "serial %s is %s: %s", s.Number, s.Status, why)
	}
	p := &seriald.Propagation{
		ID: st.newID(), SerialID: s.ID, Type: seriald.PassThrough, PropagationID: st.newID(),
		OperationCode: f.OperationCode, WorkCenterID: f.WorkCenterID, RoutingSequence: f.RoutingSequence, Quantity: f.Quantity,
		Notes: trimmed(f.Notes), EventID: d.item.event.ID, CreatedAt: st.now,
	}
	d.propagations = append(d.propagations, p)
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	d.announce(seriald.EventPropagated, len(d.outcome.Serials)-1, 1, seriald.ID{})
	d.auditSerial(st, seriald.AuditPropagated, s, nil, struct {
		PropagationID   seriald.ID              `json:"propagationId"`
		Type            seriald.PropagationType `json:"propagationType"`
		OperationCode   string                  `json:"operationCode,omitempty"`
		WorkCenterID    string                  `json:"workCenterId,omitempty"`
		RoutingSequence *int                    `json:"routingSequence,omitempty"`
		Request         json.RawMessage         `json:"request"`
	}{p.PropagationID, p.Type, p.OperationCode, p.WorkCenterID, p.RoutingSequence, d.item.event.Data})
	return nil
}
