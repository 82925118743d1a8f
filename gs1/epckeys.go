package gs1

// scheme says how an EPC is made of the elements of a key (GS1 EPC Tag Data
// Standard, sections 6.3 and 7): its URI has the company prefix, the reference,
// of an ITIP the piece and the total, and the serial number, with a "." between.
type scheme struct {
	name  string
	class bool // it is that of a class of things, not of one of them
	thing bool // it is that of what is marked; others may stand beside it
	key   string

	lead      string // digits of the key in front of all others, not in the EPC
	indicator bool   // the reference's first digit is in front of the company prefix in the key
	digits    int    // of company prefix and reference; a check digit follows. 0 if it isn't fixed; then
	set       charset
	most      int // … are the characters of the reference, and the most of it with the company prefix

	pieces    bool   // the key ends with piece and total
	serial    string // AI of the serial number; "" if the key ends with it, or there is none
	serialSet charset
	serialMax int // characters of the serial number; 0 if there is none

	needs string // what else the key needs to have an EPC
}

// schemes are those of GS1 keys, in the order in which elements are tried for them.
var schemes = []scheme{
	{name: "sscc", thing: true, key: "00", indicator: true, digits: 17},
	{name: "sgtin", thing: true, key: "01", indicator: true, digits: 13, serial: "21", serialSet: cset82, serialMax: 20, needs: needsOfGTIN},
	{name: "upui", thing: true, key: "01", indicator: true, digits: 13, serial: "235", serialSet: cset82, serialMax: 28, needs: needsOfGTIN},
	{name: "itip", thing: true, key: "8006", indicator: true, digits: 13, pieces: true, serial: "21", serialSet: cset82, serialMax: 20, needs: "(21) beside it"},
	{name: "grai", thing: true, key: "8003", lead: "0", digits: 12, serialSet: cset82, serialMax: 16, needs: "a serial number"},
	{name: "giai", thing: true, key: "8004", set: cset82, most: 30},
	{name: "cpi", thing: true, key: "8010", set: cset39, most: 30, serial: "8011", serialSet: numeric, serialMax: 12, needs: "(8011) beside it"},
	{name: "lgtin", thing: true, class: true, key: "01", indicator: true, digits: 13, serial: "10", serialSet: cset82, serialMax: 20, needs: needsOfGTIN},
	{name: "gdti", key: "253", digits: 12, serialSet: cset82, serialMax: 17, needs: "a serial number"},
	{name: "sgcn", key: "255", digits: 12, serialSet: numeric, serialMax: 12, needs: "a serial number"},
	{name: "gsrn", key: "8018", digits: 17},
	{name: "gsrnp", key: "8017", digits: 17},
	{name: "gsin", key: "402", digits: 16},
	{name: "ginc", key: "401", set: cset82, most: 30},
	{name: "sgln", key: "414", digits: 12, serial: glnExtension, serialSet: cset82, serialMax: 20},
	{name: "pgln", key: "417", digits: 12},
}

const (
	needsOfGTIN = "(21), (235) or (10) beside it"

	// glnExtension is the AI that a GLN may be without; the EPC then has noExtension.
	glnExtension = "254"
	noExtension  = "0"

	sgtin = "sgtin"
)

// schemeOf returns a scheme by its name; nil if there is none.
func schemeOf(name string, class bool) *scheme {
	for i := range schemes {
		if s := &schemes[i]; s.name == name && s.class == class {
			return s
		}
	}
	return nil
}

// body is what the URI of an EPC of s begins with.
func (s *scheme) body() string {
	if s.class {
		return classURI + s.name + ":"
	}
	return identityURI + s.name + ":"
}

// referenceSet and referenceSize say what the reference behind a company prefix is.
func (s *scheme) referenceSet() charset {
	if s.digits > 0 {
		return numeric
	}
	return s.set
}

func (s *scheme) referenceSize(prefix string) (least, most int) {
	if s.digits > 0 {
		return s.digits - len(prefix), s.digits - len(prefix)
	}
	return 1, s.most - len(prefix)
}

// keyOf returns the key's value of an EPC.
func (s *scheme) keyOf(e EPC) string {
	b := append(make([]byte, 0, 40), s.lead...)
	reference := e.reference
	if s.indicator {
		b = append(b, reference[0])
		reference = reference[1:]
	}
	b = append(append(b, e.prefix...), reference...)
	if s.digits > 0 {
		digit, _ := checkDigit(string(b))
		b = append(b, digit)
	}
	b = append(b, e.pieces...)
	if s.serial == "" {
		b = append(b, e.serial...)
	}
	return string(b)
}

// split makes an EPC of a key's value and a serial number that were judged.
func (s *scheme) split(key, serial string, prefixes CompanyPrefixes) (EPC, error) {
	e := EPC{scheme: s, serial: serial}
	unit := key[len(s.lead):]
	indicator := ""
	if s.pieces {
		e.pieces = unit[s.digits+1:]
	}
	if s.digits > 0 {
		unit = unit[:s.digits]
	}
	if s.indicator {
		indicator, unit = unit[:1], unit[1:]
	}
	e.prefix = prefixes.Of(unit)
	switch n := len(e.prefix); {
	case n == 0:
		return EPC{}, &Error{ID: s.key, Rule: RulePrefix, Detail: "the company prefix of " + unit + " is not known: it must be configured"}
	case n < leastPrefix || n > mostPrefix || !digits(e.prefix):
		return EPC{}, &Error{
			ID: s.key, Rule: RulePrefix,
			Detail: "company prefix " + e.prefix + " can't be in an EPC: configure it with 6 to 12 digits, a shorter one as each of the prefixes of 6 that begin with it",
		}
	case n == len(unit) && s.digits == 0:
		return EPC{}, &Error{ID: s.key, Rule: RuleNotEncodable, Detail: "has nothing behind the company prefix " + e.prefix}
	}
	if e.reference = unit[len(e.prefix):]; s.indicator {
		e.reference = indicator + e.reference
	}
	return e, nil
}
