package gs1

import "unicode/utf8"

// AppendJSON appends m as a JSON object: kind, symbology, elements (each with ai
// or di, title and value), canonical, what the accessors of [Elements] give, the
// canonical Digital Link and, where one of prefixes is the item's, the EPC URI;
// ambiguous with candidates; warnings. What isn't there is left out. year decides
// the century of dates.
func (m *Message) AppendJSON(b []byte, prefixes CompanyPrefixes, year int) []byte {
	b = append(b, `{"kind":"`...)
	b = append(b, m.Kind...)
	b = append(b, '"')
	b = appendMember(b, "symbology", string(m.Symbology))
	b = append(b, `,"elements":`...)
	b = m.Elements.appendJSON(b)
	b = appendMember(b, "canonical", m.Canonical())
	b = appendMember(b, "gtin", m.Elements.GTIN())
	b = appendMember(b, "partNumber", m.Elements.PartNumber())
	b = appendMember(b, "serial", m.Elements.Serial())
	b = appendMember(b, "lot", m.Elements.Lot())
	b = appendMember(b, "quantity", m.Elements.Quantity())
	if d, ok := m.Elements.Production(year); ok {
		b = appendMember(b, "productionDate", d.String())
	}
	if d, ok := m.Elements.Expiry(year); ok {
		b = appendMember(b, "expiryDate", d.String())
	}
	if link, err := m.Elements.DigitalLink(""); err == nil {
		b = appendMember(b, "digitalLink", link)
	}
	if len(prefixes) > 0 {
		if epc, err := m.Elements.EPC(prefixes); err == nil {
			b = appendMember(b, "epcUri", epc.String())
		}
	}
	if len(m.Ambiguous) == 0 {
		b = append(b, `,"ambiguous":false`...)
	} else {
		b = append(b, `,"ambiguous":true,"candidates":[`...)
		for i := range m.Ambiguous {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"kind":"`...)
			b = append(b, m.Ambiguous[i].Kind...)
			b = append(b, `","elements":`...)
			b = m.Ambiguous[i].Elements.appendJSON(b)
			b = appendMember(b, "canonical", m.Ambiguous[i].Canonical())
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	b = append(b, `,"warnings":[`...)
	for i, w := range m.Warnings {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, w)
	}
	return append(b, "]}"...)
}

func (es Elements) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, e := range es {
		if i > 0 {
			b = append(b, ',')
		}
		if e.AI != "" {
			b = append(b, `{"ai":`...)
		} else {
			b = append(b, `{"di":`...)
		}
		b = appendString(b, e.ID())
		b = appendMember(b, "title", e.Title())
		b = append(b, `,"value":`...)
		b = appendString(b, e.Value)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendMember appends a member of an object that has one already, unless value is "".
func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return appendString(b, value)
}

// appendString appends a JSON string (RFC 8259, section 7). What is not UTF-8 becomes
// U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		case c == utf8.RuneError:
			b = append(b, "\ufffd"...)
		case c < utf8.RuneSelf:
			b = append(b, s[i])
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}
