package seriald

import (
	"encoding/json"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"
)

// Encoding is written out by hand, because it is done several times per event:
// the reflection of encoding/json, which also checks and compacts each embedded
// document again, cost a tenth of the service's time. Tests hold it to
// encoding/json's reading.

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("seriald: a string that does not encode: " + err.Error()) // there is none
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendField appends `,"name":"value"`, or nothing if value is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendString(b, value)
}

func appendIDField(b []byte, name string, id ID) []byte {
	if id.IsZero() {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':', '"')
	b = id.append(b)
	return append(b, '"')
}

func appendTimeField(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':', '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// append appends ce; data, which must be valid JSON, comes last (see
// [ResultData]).
func (ce *cloudEvent) append(b []byte) []byte {
	b = append(b, `{"specversion":"1.0","id":`...)
	b = appendString(b, ce.ID)
	b = appendField(b, "source", ce.Source)
	b = appendField(b, "type", ce.Type)
	b = appendField(b, "subject", ce.Subject)
	b = appendTimeField(b, "time", ce.Time)
	b = append(b, `,"datacontenttype":"application/json"`...)
	b = appendField(b, "traceparent", ce.TraceParent)
	b = append(b, `,"data":`...)
	b = append(b, ce.Data...)
	return append(b, '}')
}

func appendSerialRefs(b []byte, refs []SerialRef) []byte {
	b = append(b, '[')
	for i := range refs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = refs[i].ID.append(b)
		b = append(b, `","serialNumber":`...)
		b = appendString(b, refs[i].SerialNumber)
		b = append(b, `,"partId":`...)
		b = appendString(b, refs[i].PartID)
		b = append(b, `,"status":`...)
		b = appendString(b, string(refs[i].Status))
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendPlaceholderRefs(b []byte, refs []PlaceholderRef) []byte {
	b = append(b, '[')
	for i := range refs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = refs[i].ID.append(b)
		b = append(b, `","partId":`...)
		b = appendString(b, refs[i].PartID)
		b = appendField(b, "status", string(refs[i].Status))
		b = appendIDField(b, "serialId", refs[i].SerialID)
		b = append(b, '}')
	}
	return append(b, ']')
}

// Encode returns o as JSON.
func (o *Outcome) Encode() []byte {
	b := make([]byte, 0, 192+160*(len(o.Serials)+len(o.Placeholders)))
	b = append(b, `{"eventId":`...)
	b = appendString(b, string(o.EventID))
	b = appendField(b, "status", string(o.Status))
	b = appendField(b, "code", string(o.Code))
	b = appendField(b, "message", o.Message)
	b = appendField(b, "field", o.Field)
	if len(o.Serials) > 0 {
		b = append(b, `,"serials":`...)
		b = appendSerialRefs(b, o.Serials)
	}
	if o.SerialsOmitted > 0 {
		b = append(b, `,"serialsOmitted":`...)
		b = strconv.AppendInt(b, int64(o.SerialsOmitted), 10)
	}
	if len(o.Placeholders) > 0 {
		b = append(b, `,"placeholders":`...)
		b = appendPlaceholderRefs(b, o.Placeholders)
	}
	if o.PlaceholdersOmitted > 0 {
		b = append(b, `,"placeholdersOmitted":`...)
		b = strconv.AppendInt(b, int64(o.PlaceholdersOmitted), 10)
	}
	b = appendIDField(b, "triggerId", o.TriggerID)
	b = appendField(b, "formatConfigId", o.FormatConfigID)
	if o.Conflict != nil {
		b = append(b, `,"conflict":`...)
		b = o.Conflict.append(b)
	}
	b = appendTimeField(b, "processedAt", o.ProcessedAt)
	if o.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}

// EncodeWithin returns o as JSON of at most most bytes: with as many of the
// serials and placeholders, from the first, as there is room for, and the count of
// the others beside them. What else there is is never cut.
func (o *Outcome) EncodeWithin(most int) []byte {
	if b := o.Encode(); len(b) <= most {
		return b
	}
	short := *o
	// Binary search over whole encodings: it is rare, and exact. A placeholder and
	// the number it got go together as long as there are both.
	units := max(len(o.Serials), len(o.Placeholders))
	cut := func(kept int) []byte {
		serials, placeholders := min(kept, len(o.Serials)), min(kept, len(o.Placeholders))
		short.Serials, short.SerialsOmitted = o.Serials[:serials], o.SerialsOmitted+len(o.Serials)-serials
		short.Placeholders, short.PlaceholdersOmitted = o.Placeholders[:placeholders], o.PlaceholdersOmitted+len(o.Placeholders)-placeholders
		return short.Encode()
	}
	omitted := sort.Search(units, func(omitted int) bool { return len(cut(units-omitted)) <= most })
	return cut(units - omitted)
}

// EncodeAnnouncements returns as as JSON, nil if there are none.
func EncodeAnnouncements(as []Announcement) []byte {
	if len(as) == 0 {
		return nil
	}
	b := make([]byte, 0, 160*len(as))
	b = append(b, '[')
	for i := range as {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"event":`...)
		b = appendString(b, as[i].Event)
		b = append(b, `,"first":`...)
		b = strconv.AppendInt(b, int64(as[i].First), 10)
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, int64(as[i].Count), 10)
		b = as[i].appendContext(b)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendContext appends what an announcement and its serial events both carry.
func (a *Announcement) appendContext(b []byte) []byte {
	b = appendIDField(b, "triggerId", a.TriggerID)
	b = appendField(b, "workOrderId", a.WorkOrderID)
	b = appendField(b, "lotNumber", a.LotNumber)
	return appendField(b, "operationCode", a.OperationCode)
}

func (d *serialEventData) append(b []byte) []byte {
	b = append(b, `{"eventId":`...)
	b = appendString(b, string(d.outcome.EventID))
	b = append(b, `,"site":`...)
	b = appendString(b, d.origin.Site)
	b = appendField(b, "line", d.origin.Line)
	b = appendField(b, "device", d.origin.Device)
	b = appendField(b, "partId", d.partID)
	b = append(b, `,"serials":`...)
	b = appendSerialRefs(b, d.serials)
	if len(d.placeholders) > 0 {
		b = append(b, `,"placeholders":`...)
		b = appendPlaceholderRefs(b, d.placeholders)
	}
	if d.outcome.Conflict != nil {
		b = append(b, `,"conflict":`...)
		b = d.outcome.Conflict.append(b)
	}
	b = d.announcement.appendContext(b)
	b = append(b, `,"part":`...)
	b = strconv.AppendInt(b, int64(d.part), 10)
	b = append(b, `,"parts":`...)
	b = strconv.AppendInt(b, int64(d.parts), 10)
	return append(b, '}')
}
