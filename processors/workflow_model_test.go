package processors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// model is what the rules say, one event after the other and as simply as can be said.
// Ids, and the numbers that formats make, are what the service says they are.
type model struct {
	catalog      *seriald.Catalog
	units        []unit
	placeholders []waiting
	holders      map[string]string // of claims: the id of a unit, or a registration
	registered   map[string]string // the parts of registrations
	conflicts    []dispute
	// evicted held a number that a unit in front of its rejection in a batch got:
	// it must be rejected when the batch ends.
	evicted []string
}

type unit struct {
	id                         seriald.ID
	number, part, site, vendor string
	status                     seriald.SerialStatus
	internal                   seriald.ID // that a vendor's is
}

type waiting struct {
	id               seriald.ID
	part, order, lot string
	status           seriald.PlaceholderStatus
	serial           seriald.ID
}

type answer struct {
	status       seriald.Status
	code         seriald.Code
	serials      []seriald.SerialRef
	placeholders []seriald.PlaceholderRef
}

// turn is the model's work on one event.
type turn struct {
	*model
	*seriald.Fields
	event seriald.EventID
	site  string
	said  *decision
	answer
	losses []loss // numbers are taken, unless something else is wrong
}

// answer applies an event of which the service has said its outcome.
func (m *model) answer(it *item, said *decision) answer {
	before := m.clone()
	t := &turn{model: m, Fields: it.fields, event: it.event.ID, site: it.event.Origin.Site, said: said, answer: answer{status: seriald.StatusAccepted}}
	code := t.apply(it.event.Type)
	switch {
	case code != "":
		*m = before
		return answer{status: seriald.StatusRejected, code: code}
	case len(t.losses) > 0:
		*m = before
		return answer{status: seriald.StatusConflict, code: m.join(t.losses, said)}
	}
	return t.answer
}

func (m *model) clone() model {
	c := *m
	c.units, c.placeholders, c.evicted = slices.Clone(m.units), slices.Clone(m.placeholders), slices.Clone(m.evicted)
	c.holders, c.registered = maps.Clone(m.holders), maps.Clone(m.registered)
	c.conflicts = slices.Clone(m.conflicts)
	for i := range c.conflicts {
		c.conflicts[i].challengers = slices.Clone(c.conflicts[i].challengers)
	}
	return c
}

// committed checks what must hold when a batch ends.
func (m *model) committed(t *rapid.T) {
	for _, id := range m.evicted {
		for _, u := range m.units {
			if u.id.String() == id && u.status != seriald.SerialRejected {
				t.Fatalf("%s of %s has lost its number", u.number, u.part)
			}
		}
	}
	m.evicted = nil
}

func (m *model) state() []string {
	var lines []string
	for _, u := range m.units {
		lines = append(lines, fmt.Sprint("serial ", u.id, u.number, u.part, u.site, u.vendor, u.status, u.internal))
	}
	for _, p := range m.placeholders {
		lines = append(lines, fmt.Sprint("placeholder ", p.id, p.part, p.order, p.lot, p.status, p.serial))
	}
	for key, holder := range m.holders {
		lines = append(lines, "claim "+key+holder)
	}
	for i := range m.conflicts {
		lines = append(lines, m.conflicts[i].String())
	}
	slices.Sort(lines)
	return lines
}

func (t *turn) apply(typ seriald.EventType) seriald.Code {
	switch typ {
	case seriald.TypeVendorSerialAccept:
		return t.accept()
	case seriald.TypeVendorSerialReject:
		return t.reject()
	case seriald.TypeSerialRetire:
		u, code := t.unit(t.SerialID, t.SerialNumber, t.named())
		if code == "" {
			code = t.move(u, seriald.SerialRetired, seriald.SerialActive, seriald.SerialAccepted)
		}
		return code
	case seriald.TypePropagationPassThrough:
		u, code := t.unit(t.SourceSerialID, t.SourceSerial, t.named())
		if code == "" {
			code = t.move(u, u.status, seriald.SerialActive, seriald.SerialAccepted)
		}
		return code
	case seriald.TypePlaceholderFail:
		p, code := t.placeholder()
		if code == "" {
			t.settle(p, seriald.PlaceholderFailed, seriald.ID{})
		}
		return code
	case seriald.TypeConflictResolve:
		return t.resolve()
	}
	if t.catalog.Sites[t.site] == nil {
		return seriald.CodeSiteNotFound
	}
	if typ == seriald.TypePlaceholderAssign {
		p, code := t.placeholder()
		if code != "" {
			return code
		}
		id, code := t.add(p.part, "", t.SerialNumber, seriald.SerialActive)
		if len(t.losses) > 0 {
			t.losses[0].placeholder = p.id
		} else if code == "" {
			t.settle(p, seriald.PlaceholderSerialized, id)
		}
		return code
	}
	part := t.named()
	switch {
	case part != "":
	case !t.PlaceholderID.IsZero():
		p := t.placeholderBy(t.PlaceholderID)
		if p == nil {
			return seriald.CodePlaceholderNotFound
		}
		part = p.part
	default:
		u, code := t.unit(t.SerialID, t.SerialNumber, "")
		if code != "" {
			return code
		}
		part = u.part
	}
	if t.catalog.Parts[part] == nil {
		return seriald.CodePartNotFound
	}
	units := 1
	if t.Quantity != nil {
		units = *t.Quantity
	}
	switch typ {
	case seriald.TypeVendorSerialReceive:
		_, code := t.add(part, t.VendorName, t.VendorSerialNumber, seriald.SerialPending)
		return code
	case seriald.TypeSerialGenerate:
		return t.generate(part, t.FormatConfigID, make([]*waiting, units))
	case seriald.TypePlaceholderCreate:
		t.wait(part, units)
		return ""
	case seriald.TypeUniquenessRegister:
		return t.register(part)
	}
	return t.occur(typ, part)
}

// occur is an occurrence on the floor.
func (t *turn) occur(typ seriald.EventType, part string) seriald.Code {
	if typ == seriald.TypeQualityCheckpoint && t.Result == "FAIL" {
		t.status, t.code = seriald.StatusIgnored, seriald.CodeNoTrigger
		return ""
	}
	fired, numbered := false, false
	operation := typ == seriald.TypeOperationComplete
	var unknown seriald.Code
	if t.SerialNumber != "" || !t.SerialID.IsZero() {
		u, code := t.unit(t.SerialID, t.SerialNumber, part)
		numbered = code == ""
		if operation && numbered {
			code = t.move(u, u.status, seriald.SerialActive, seriald.SerialAccepted)
		}
		if unknown = code; operation && code != "" && code != seriald.CodeSerialNotFound {
			return code
		}
	}
	occurrence, _ := typ.TriggerType()
	for _, trigger := range t.catalog.Triggers[part] {
		ends := typ != seriald.TypeMaterialReceipt && typ != seriald.TypeWorkOrderCreate
		if trigger.Type != occurrence || trigger.OperationCode != "" && trigger.OperationCode != t.OperationCode {
			continue
		}
		if trigger.AssignmentType == seriald.AssignLate && ends && numbered {
			continue
		}
		fired = true
		if code := t.fire(trigger, part, ends); code != "" {
			return code
		}
	}
	switch {
	case fired || operation && numbered:
	case operation && unknown != "":
		return unknown
	default:
		t.status, t.code = seriald.StatusIgnored, seriald.CodeNoTrigger
	}
	return ""
}

func (t *turn) fire(trigger *seriald.Trigger, part string, ends bool) seriald.Code {
	units := 1
	if trigger.BatchMode {
		units = trigger.BatchSize
	}
	if t.Quantity != nil {
		units = *t.Quantity
	}
	switch {
	case trigger.AssignmentType == seriald.AssignVendor:
		return t.receiveAll(part)
	case trigger.AssignmentType == seriald.AssignGenerated:
		return t.generate(part, "", make([]*waiting, units))
	case !ends:
		t.wait(part, units)
		return ""
	case t.PlaceholderID.IsZero():
		oldest := t.oldest(part, units)
		if len(oldest) < units {
			return seriald.CodePlaceholderNotFound
		}
		return t.generate(part, "", oldest)
	case units != 1:
		return seriald.CodeValidation
	}
	p, code := t.placeholder()
	if code != "" {
		return code
	}
	return t.generate(part, "", []*waiting{p})
}

func (t *turn) receiveAll(part string) seriald.Code {
	numbers := t.VendorSerialNumbers
	if t.VendorSerialNumber != "" {
		numbers = []string{t.VendorSerialNumber}
	}
	if strings.TrimSpace(t.VendorName) == "" || t.Quantity != nil && *t.Quantity != len(numbers) {
		return seriald.CodeValidation
	}
	for i, number := range numbers {
		for _, before := range numbers[:i] {
			if t.canonical(part, before) == t.canonical(part, number) {
				return seriald.CodeValidation
			}
		}
		if _, code := t.add(part, t.VendorName, number, seriald.SerialPending); code != "" {
			return code
		}
	}
	return ""
}

// generate makes a unit for each of those that wait; one that is nil is nobody.
func (t *turn) generate(part, format string, all []*waiting) seriald.Code {
	if format == "" {
		format = t.catalog.Parts[part].DefaultFormat
	}
	switch {
	case format == "":
		return seriald.CodeNoFormat
	case t.catalog.Formats[format] == nil:
		return seriald.CodeFormatNotFound
	}
	for _, p := range all {
		number := "?"
		if n := len(t.serials); n < len(t.said.outcome.Serials) {
			number = t.said.outcome.Serials[n].SerialNumber
		}
		for _, c := range t.claims(part, "", t.site, number) {
			holder, held := t.holders[c.key]
			if _, registered := t.registered[holder]; registered {
				return "REGISTERED"
			}
			if held {
				t.evicted = append(t.evicted, holder)
				delete(t.holders, c.key)
			}
		}
		id, code := t.add(part, "", number, seriald.SerialActive)
		if code != "" {
			return code
		}
		if p != nil {
			t.settle(p, seriald.PlaceholderSerialized, id)
		}
	}
	return ""
}
