package simulate

import "github.com/machshop/seriald"

// payload is the JSON of an event while it is written. All that is written into it
// is of [A-Za-z0-9_.-], so that nothing needs escaping.
type payload struct {
	json   []byte
	script *script
}

// add appends fields as they are.
func (p *payload) add(fields string) { p.json = append(p.json, fields...) }

// named appends a field whose value is prefix and the id of event n.
func (p *payload) named(field, prefix string, n uint32) {
	p.add(`,"` + field + `":"` + prefix)
	p.json = p.script.appendID(p.json, n)
	p.add(`"`)
}

// serial appends a field with the number of a unit, and the part that it is of.
func (p *payload) serial(field string, u unit) {
	p.add(`,"partId":"` + partOf(u) + `","` + field + `":`)
	p.number(u)
}

// partOf returns the part of the demo plant that a unit is of.
func partOf(u unit) string {
	if u.from == seriald.TypePlaceholderAssign {
		return "PART-003"
	}
	return "PART-002"
}

// number appends the number of a unit.
func (p *payload) number(u unit) {
	if u.from == seriald.TypePlaceholderAssign {
		p.add(`"SN-`)
	} else {
		p.add(`"VS-`)
	}
	p.json = p.script.appendID(p.json, u.event)
	if u.from == seriald.TypeMaterialReceipt {
		p.add("." + string(rune('1'+u.nth))) // no device's name has a point
	}
	p.add(`"`)
}

// placeholder appends the fields that tell which placeholder is meant: one of those
// that an event brought.
func (p *payload) placeholder(u unit) {
	p.add(`,"partId":"PART-003"`)
	if u.from == seriald.TypeWorkOrderCreate {
		p.named("workOrderId", "WO-", u.event)
	} else {
		p.named("lotNumber", "LOT-", u.event)
	}
}

// quantity appends how many units there are.
func (p *payload) quantity(units int) { p.add(`,"quantity":` + string(rune('0'+units))) }

// fields appends the fields of event n.
func (p *payload) fields(n uint32, s scene) {
	switch s.typ {
	case seriald.TypeMaterialReceipt:
		p.add(`,"partId":"PART-002","vendorName":"Simulated","vendorSerialNumbers":`)
		for i := range s.brings {
			p.add([]string{"[", ",", ","}[i])
			p.number(unit{s.typ, n, i})
		}
		p.add("]")
		p.quantity(s.brings)
		p.named("purchaseOrderId", "PO-", n)
	case seriald.TypeWorkOrderCreate, seriald.TypePlaceholderCreate:
		p.placeholder(unit{from: s.typ, event: n})
		p.quantity(s.brings)
	case seriald.TypeOperationComplete:
		p.add(`,"partId":"PART-001","operationCode":"OP-010"`)
	case seriald.TypeQualityCheckpoint:
		p.add(`,"partId":"PART-001","operationCode":"OP-010","result":"` + []string{seriald.ResultPass, seriald.ResultFail}[s.dice&1] + `"`)
	case seriald.TypeBatchCompletion:
		p.add(`,"partId":"PART-001","quantity":5`)
		p.named("lotNumber", "LOT-", n)
	case seriald.TypeVendorSerialReceive:
		p.serial("vendorSerialNumber", unit{from: s.typ, event: n})
		p.add(`,"vendorName":"Simulated"`)
	case seriald.TypeVendorSerialAccept:
		p.serial("vendorSerialNumber", s.about)
		p.add(`,"vendorName":"Simulated"`)
	case seriald.TypeVendorSerialReject:
		p.serial("vendorSerialNumber", s.about)
		p.add(`,"vendorName":"Simulated","rejectionReason":"scratched"`)
	case seriald.TypeSerialGenerate:
		p.add(`,"partId":"PART-001"`)
	case seriald.TypeSerialRetire:
		p.serial("serialNumber", s.about)
		p.add(`,"reason":"worn"`)
	case seriald.TypePlaceholderAssign:
		p.placeholder(s.about)
		p.add(`,"serialNumber":`)
		p.number(unit{from: s.typ, event: n})
	case seriald.TypePlaceholderFail:
		p.placeholder(s.about)
		p.add(`,"reason":"scrapped"`)
	case seriald.TypePropagationPassThrough:
		p.serial("sourceSerial", s.about)
		p.add(`,"operationCode":"OP-020","workCenterId":"WC-1","routingSequence":20`)
	case seriald.TypeUniquenessRegister:
		p.add(`,"partId":"PART-003"`)
		p.named("serialNumber", "REG-", n)
	default:
		p.masterData(n, s)
	}
}

// masterData appends the fields of event n, which changes the master data: that of
// the device, and none of the demo plant's.
func (p *payload) masterData(n uint32, s scene) {
	switch s.typ {
	case seriald.TypeTriggerCreate:
		p.named("partId", "P-", s.about.event)
		p.add(`,"triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED"`)
	case seriald.TypeSitePut:
		p.named("siteId", "S-", n)
		p.add(`,"timeZone":"UTC"`)
	case seriald.TypeSiteDelete:
		p.named("siteId", "S-", s.about.event)
	case seriald.TypePartPut:
		p.named("partId", "P-", n)
	case seriald.TypePartDelete:
		p.named("partId", "P-", s.about.event)
	case seriald.TypeFormatPut:
		p.named("formatConfigId", "F-", n)
		p.add(`,"pattern":"F-`)
		p.json = p.script.appendID(p.json, n)
		p.add(`-{SEQ:4}"`)
	case seriald.TypeFormatDelete:
		p.named("formatConfigId", "F-", s.about.event)
	}
}
