package ingest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// scanFields are the fields that a scan gives to an event.
type scanFields struct {
	names  []string
	texts  []string // "" for a number
	values []json.RawMessage
}

// text adds a text, unless it is "".
func (f *scanFields) text(name, value string) {
	if value == "" {
		return
	}
	f.names, f.texts, f.values = append(f.names, name), append(f.texts, value), append(f.values, quote(value))
}

func (f *scanFields) number(name string, value int) {
	f.names, f.texts = append(f.names, name), append(f.texts, "")
	f.values = append(f.values, strconv.AppendInt(nil, int64(value), 10))
}

// scannedFields are those that a scan gives beside the serial number.
var scannedFields = []string{"gtin", "partId", "lotNumber", "productionDate", "expiryDate", "quantity", "scan"}

// read adds what m says of an item, the serial number under the name serial, and
// the scan: it is the evidence.
func (f *scanFields) read(m *gs1.Message, serial, scan string, now time.Time) error {
	es := m.Elements
	if id := es.Repeated(); id != "" {
		return seriald.Reject(seriald.CodeBadScan, "", "(%s) is there more than once, with different values: which one is meant can't be known", id)
	}
	f.text("gtin", es.GTIN())
	f.text("partId", es.PartNumber())
	f.text(serial, es.Serial())
	f.text("lotNumber", es.Lot())
	if d, ok := es.Production(now.Year()); ok {
		f.text("productionDate", d.String())
	}
	if d, ok := es.Expiry(now.Year()); ok {
		f.text("expiryDate", d.String())
	}
	if text := es.Quantity(); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return seriald.Reject(seriald.CodeBadScan, "quantity", "%q is not a whole number", text)
		}
		f.number("quantity", n)
	}
	if len(f.names) == 0 {
		return seriald.Reject(seriald.CodeBadScan, "", "%.100q says neither which item it is nor which serial, lot or quantity", m.Canonical())
	}
	f.text("scan", scan)
	return nil
}

// object returns the fields as a JSON object, with the defaults of r for what is
// not among them.
func (f *scanFields) object(r *route, o seriald.Origin, levels []string) (json.RawMessage, error) {
	size := 64
	for i, name := range f.names {
		if n := len(f.texts[i]); n > seriald.MaxFieldLength && name != "scan" {
			return nil, seriald.Reject(seriald.CodeBadScan, name, "has %d bytes; at most %d are taken", n, seriald.MaxFieldLength)
		}
		size += len(name) + len(f.values[i]) + 4
	}
	data := append(make([]byte, 0, size), '{')
	for i, name := range f.names {
		data = appendMember(data, i > 0, name, f.values[i])
	}
	has := func(name string) bool {
		for _, n := range f.names {
			if strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	}
	return r.appendDefaults(data, true, has, o, levels), nil
}
