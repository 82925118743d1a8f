package processors

import (
	"encoding/json"
	"strings"

	"github.com/machshop/seriald"
)

// receive takes a vendor's number on a bought part, if it keeps the part's rule;
// whether it is free is for the claims to say.
func (d *decision) receive(st *state, site *seriald.Site, part *seriald.Part) *seriald.Rejection {
	f := d.item.fields
	number := strings.TrimSpace(f.VendorSerialNumber)
	if err := part.Rule.Check("vendorSerialNumber", number); err != nil {
		return asRejection(err)
	}
	s := &seriald.Serial{
		ID: st.newID(), Number: number, PartID: part.ID, SiteID: site.ID,
		Source: seriald.SourceVendor, Status: seriald.SerialPending,
		VendorName: strings.TrimSpace(f.VendorName), ReceivedDate: f.ReceivedDate,
		WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
		EventID: d.item.event.ID, CreatedAt: st.now,
	}
	d.serials = append(d.serials, s)
	d.outcome.Serials = append(d.outcome.Serials, s.Ref())
	d.announcements = append(d.announcements, seriald.Announcement{
		Event: seriald.EventReceived, Count: 1,
		WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
	})
	a := d.auditEvent(st, seriald.AuditVendorReceived, seriald.AuditSuccess)
	a.SerialID, a.SerialNumber = s.ID, s.Number
	a.NewValues = values(struct {
		Status  seriald.SerialStatus `json:"status"`
		Vendor  string               `json:"vendorName"`
		Request json.RawMessage      `json:"request"`
	}{s.Status, s.VendorName, d.item.event.Data})
	d.audit = append(d.audit, a)
	return nil
}
