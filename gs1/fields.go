package gs1

import (
	"cmp"
	"strings"
)

// first returns the value of the first of some identifiers that is there.
func (es Elements) first(ais, dis []string) string {
	for _, code := range ais {
		if value, ok := es.AI(code); ok {
			return value
		}
	}
	for _, code := range dis {
		if value, ok := es.DI(code); ok {
			return value
		}
	}
	return ""
}

// GTIN returns the item's Global Trade Item Number, 14 digits: of AI 01, of a
// piece (8006), of made-to-order goods (03), or of data identifier 8P. "" if it
// has none.
func (es Elements) GTIN() string {
	if value := es.first([]string{"01", "03"}, nil); value != "" {
		return value
	}
	if piece, ok := es.AI("8006"); ok {
		return piece[:14]
	}
	if value, _ := es.DI("8P"); isGTIN(value) && ValidCheckDigit(value) {
		return gtin14(value)
	}
	return ""
}

// PartNumber returns the number that the customer, or else the supplier, has for
// the item: data identifiers P and 1P, AI 241. "" if there is none.
func (es Elements) PartNumber() string { return es.first([]string{"241"}, []string{"P", "1P"}) }

// Serial returns the serial number: AI 21, or data identifier S; "" if there is none.
func (es Elements) Serial() string { return es.first([]string{"21"}, []string{"S"}) }

// Lot returns the batch or lot number: AI 10, or data identifiers 1T (the
// supplier's) and T; "" if there is none.
func (es Elements) Lot() string { return es.first([]string{"10"}, []string{"1T", "T"}) }

// Quantity returns a count in decimal digits: AI 37 (of what a logistic unit
// contains) or 30, without zeros in front, or data identifier Q as it is; "" if there
// is none.
func (es Elements) Quantity() string {
	if count := es.first([]string{"37", "30"}, nil); count != "" {
		return cmp.Or(strings.TrimLeft(count, "0"), "0")
	}
	return es.first(nil, []string{"Q"})
}

// Expiry returns the last day of use: AI 17 or 7003, data identifiers 14D and 15D,
// or D beside a Pharmacy Product Number (9N). year is the current one, which
// decides the century of two digits.
func (es Elements) Expiry(year int) (Date, bool) {
	if _, pharmacy := es.DI("9N"); pharmacy {
		if value, ok := es.DI("D"); ok {
			return ParseDate(value, year)
		}
	}
	return es.date(year, []string{"17", "7003"}, "14D", "15D")
}

// Production returns the day of production: AI 11 or 8008, or data identifiers 16D
// and 17D.
func (es Elements) Production(year int) (Date, bool) {
	return es.date(year, []string{"11", "8008"}, "16D", "17D")
}

// date returns the day in the first of ais, or in a data identifier with the year
// in front, or in one with the day in front.
func (es Elements) date(year int, ais []string, yearFirst, dayFirst string) (Date, bool) {
	if value := es.first(ais, nil); value != "" {
		return ParseDate(value[:6], year)
	}
	if value, ok := es.DI(yearFirst); ok {
		return parseLongDate(value)
	}
	value, _ := es.DI(dayFirst)
	if len(value) != 8 {
		return Date{}, false
	}
	return parseLongDate(value[4:] + value[2:4] + value[:2])
}
