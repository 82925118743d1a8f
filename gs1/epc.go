package gs1

import (
	"strconv"
	"strings"
)

// EPC is an Electronic Product Code: a GS1 key, with its serial number where it
// needs one, split at the company prefix (GS1 EPC Tag Data Standard, section 6).
// It is good by how it is made: by [ParseEPC], [Elements.EPC] or from a [Tag]. The
// zero value is none. EPCs can be compared with ==.
type EPC struct {
	scheme    *scheme
	prefix    string
	reference string
	pieces    string // piece and total of an ITIP, two digits each
	serial    string // without escapes
}

const (
	identityURI = "urn:epc:id:"
	classURI    = "urn:epc:class:"
	tagURI      = "urn:epc:tag:"

	leastPrefix, mostPrefix = 6, 12
)

// Scheme returns the name of its scheme, "sgtin"; "" of the zero value.
func (e EPC) Scheme() string {
	if e.scheme == nil {
		return ""
	}
	return e.scheme.name
}

// CompanyPrefix returns its GS1 Company Prefix, of 6 to 12 digits.
func (e EPC) CompanyPrefix() string { return e.prefix }

// Reference returns what follows the company prefix, without escapes: of an SGTIN
// the indicator digit and the item reference. It can be "" where the company
// prefix has 12 digits.
func (e EPC) Reference() string { return e.reference }

// Serial returns the serial number without escapes, of an LGTIN the lot, of an
// SGLN the extension; "" if the scheme has none.
func (e EPC) Serial() string { return e.serial }

// ParseEPC parses the pure identity URI of a GS1 key, "urn:epc:id:sgtin:…", and the
// class URI of a lot, "urn:epc:class:lgtin:…" (GS1 EPC Tag Data Standard, section
// 6.3). What is not written as the standard writes it is an error, so that what
// is parsed is what [EPC.String] gives: [RuleSyntax] for the URI's form,
// [RulePrefix], [RuleLength] and [RuleCharacter] for its parts, and what the AIs
// ask of their values. Positions are in uri.
func ParseEPC(uri string) (EPC, error) {
	for _, start := range []string{identityURI, classURI} {
		rest, ok := strings.CutPrefix(uri, start)
		if !ok {
			continue
		}
		name, body, _ := strings.Cut(rest, ":")
		s := schemeOf(name, start == classURI)
		if s == nil {
			return EPC{}, &Error{Position: 1 + len(start), Rule: RuleSyntax, Detail: "there is no scheme " + strconv.Quote(name) + " of a GS1 key in " + start}
		}
		return s.parse(body, 1+len(uri)-len(body))
	}
	detail := "an EPC must begin with " + identityURI + " or " + classURI
	if len(uri) >= len(tagURI) && uri[:len(tagURI)] == tagURI {
		detail += "; this is what is on a tag"
	}
	return EPC{}, &Error{Position: 1, Rule: RuleSyntax, Detail: detail}
}

// parse parses the parts of a URI; they begin at a place of it, from 1.
func (s *scheme) parse(text string, at int) (EPC, error) {
	e := EPC{scheme: s}
	p := parts{rest: text, at: at}
	e.prefix, _ = p.next(true)
	if n := len(e.prefix); n < leastPrefix || n > mostPrefix || !digits(e.prefix) {
		return EPC{}, &Error{Position: at, Rule: RulePrefix, Detail: "company prefix " + strconv.Quote(e.prefix) + " must have 6 to 12 digits"}
	}
	var err error
	least, most := s.referenceSize(e.prefix)
	if e.reference, err = p.value("the reference", s.referenceSet(), least, most, s.serialMax > 0); err != nil {
		return EPC{}, err
	}
	piecesAt := p.at
	if s.pieces {
		for _, what := range []string{"the piece", "the total"} {
			digits, err := p.value(what, numeric, 2, 2, true)
			if err != nil {
				return EPC{}, err
			}
			e.pieces += digits
		}
	}
	serialAt := p.at
	if s.serialMax > 0 {
		if e.serial, err = p.value("the serial number", s.serialSet, 1, s.serialMax, false); err != nil {
			return EPC{}, err
		}
	}
	if err := e.checkElements(at, piecesAt, serialAt); err != nil {
		return EPC{}, err
	}
	return e, nil
}

// checkElements judges what no part of the URI shows: what the AIs ask of the
// values' content.
func (e EPC) checkElements(at, piecesAt, serialAt int) error {
	for _, element := range e.Elements() {
		ai, _ := LookupAI(element.AI)
		err := ai.check(element.Value, 1)
		if err == nil {
			continue
		}
		found := err.(*Error) //nolint:errorlint,forcetypeassert // made just here
		switch {
		case element.AI == e.scheme.serial:
			found.Position = serialAt
		case e.scheme.pieces && found.Position > e.scheme.digits+1:
			found.Position = piecesAt
		default:
			found.Position = at
		}
		return found
	}
	return nil
}

// parts are the parts of a URI that are still to be parsed.
type parts struct {
	rest string
	at   int // of rest in the URI, from 1
	done bool
}

// next returns the text up to the next "."; all of it if none must follow. ok is
// false if there is no more.
func (p *parts) next(more bool) (text string, ok bool) {
	if p.done {
		return "", false
	}
	end := len(p.rest)
	if n := strings.IndexByte(p.rest, '.'); more && n >= 0 {
		end = n
	}
	text = p.rest[:end]
	p.done = end == len(p.rest)
	if p.at += end; !p.done {
		p.rest = p.rest[end+1:]
		p.at++
	}
	return text, true
}

// value returns the next part without its escapes.
func (p *parts) value(what string, set charset, least, most int, more bool) (string, error) {
	at := p.at
	raw, ok := p.next(more)
	if !ok {
		return "", &Error{Position: at, Rule: RuleSyntax, Detail: "the URI has no more parts: " + what + " is missing"}
	}
	value, err := unescape(raw, at)
	if err != nil {
		return "", err
	}
	if bad := set.indexNot(value); bad >= 0 {
		return "", &Error{Position: at + received(raw, bad), Rule: RuleCharacter, Detail: quoted(value[bad:bad+1]) + " in " + what + " is not " + set.String()}
	}
	if len(value) < least || len(value) > most {
		size := strconv.Itoa(most)
		if least < most {
			size = strconv.Itoa(least) + " to " + size
		}
		return "", &Error{Position: at, Rule: RuleLength, Detail: what + " has " + strconv.Itoa(len(value)) + " characters, must have " + size}
	}
	return value, nil
}

// escaped reports whether a character is written as an escape in an EPC URI, and
// in no other way (GS1 EPC Tag Data Standard, annex A).
func escaped(c byte) bool { return strings.IndexByte(`"#%&/<>?`, c) >= 0 }

// unescape returns a part of a URI, which begins at a place of it, without escapes.
func unescape(raw string, at int) (string, error) {
	value, err := percentDecode(raw, at, func(c byte) bool { return !escaped(c) })
	if err != nil {
		return "", err
	}
	for i, done := 0, 0; done < len(value) && len(raw) != len(value); done++ {
		if raw[i] == '%' {
			if text := string(appendPercent(nil, value[done])); !escaped(value[done]) || raw[i:i+3] != text {
				if !escaped(value[done]) {
					text = quoted(value[done : done+1])
				}
				return "", &Error{Position: at + i, Rule: RuleSyntax, Detail: raw[i:i+3] + " must be written " + text}
			}
			i += 2
		}
		i++
	}
	return value, nil
}

// String returns the URI, "urn:epc:id:sgtin:0614141.112345.400"; "" of the zero
// value.
func (e EPC) String() string {
	if e.scheme == nil {
		return ""
	}
	b := make([]byte, 0, 80)
	b = append(b, e.scheme.body()...)
	return string(e.appendParts(b))
}

// appendParts appends the parts of the URI.
func (e EPC) appendParts(b []byte) []byte {
	b = append(append(b, e.prefix...), '.')
	b = appendEscaped(b, e.reference)
	if e.scheme.pieces {
		b = append(append(b, '.'), e.pieces[:2]...)
		b = append(append(b, '.'), e.pieces[2:]...)
	}
	if e.scheme.serialMax > 0 {
		b = appendEscaped(append(b, '.'), e.serial)
	}
	return b
}

func appendEscaped(b []byte, text string) []byte {
	for _, c := range []byte(text) {
		if escaped(c) {
			b = appendPercent(b, c)
		} else {
			b = append(b, c)
		}
	}
	return b
}

// Elements returns the element strings of the key, with its check digit (GS1 EPC
// Tag Data Standard, section 7): one or two; none of the zero value. An SGLN with
// extension "0" has no (254).
func (e EPC) Elements() Elements {
	switch s := e.scheme; {
	case s == nil:
		return nil
	case s.serial == "", s.serial == glnExtension && e.serial == noExtension:
		return Elements{{AI: s.key, Value: s.keyOf(e)}}
	default:
		return Elements{{AI: s.key, Value: s.keyOf(e)}, {AI: s.serial, Value: e.serial}}
	}
}

// EPC returns the EPC of what the elements mark (GS1 EPC Tag Data Standard, section
// 7), in whatever order they are. (00) comes first, then (01) with (21) or (235),
// (8006), (8003), (8004), (8010), and (01) with (10); documents, coupons,
// services, shipments and places only if there is none of these. Elements that are
// no part of the EPC are passed over.
//
// Errors are [RulePrefix] if none of the prefixes is that of the key, those of the
// values, and [RuleNotEncodable] if there is no key, or it needs a serial number.
func (es Elements) EPC(prefixes CompanyPrefixes) (EPC, error) {
	var lacking *scheme
	for i := range schemes {
		s := &schemes[i]
		key, ok := es.AI(s.key)
		if !ok {
			continue
		}
		if lacking != nil && !s.thing {
			break
		}
		if err := checkValue(s.key, key); err != nil {
			return EPC{}, err
		}
		serial, ok, err := es.serialOf(s, key)
		if err != nil {
			return EPC{}, err
		}
		if ok {
			return s.split(key, serial, prefixes)
		}
		if lacking == nil {
			lacking = s
		}
	}
	if lacking != nil {
		return EPC{}, &Error{ID: lacking.key, Rule: RuleNotEncodable, Detail: "has an EPC only with " + lacking.needs}
	}
	return EPC{}, &Error{Rule: RuleNotEncodable, Detail: "there is no key that has an EPC"}
}

// serialOf returns the serial number that belongs to a key; ok is false if the
// scheme needs one and there is none.
func (es Elements) serialOf(s *scheme, key string) (serial string, ok bool, err error) {
	switch {
	case s.serialMax == 0:
		return "", true, nil
	case s.serial == "":
		serial = key[len(s.lead)+s.digits+1:]
		return serial, serial != "", nil
	}
	serial, ok = es.AI(s.serial)
	switch {
	case !ok && s.serial == glnExtension:
		return noExtension, true, nil
	case !ok:
		return "", false, nil
	case s.serial == glnExtension && serial == noExtension:
		return "", false, &Error{ID: s.serial, Rule: RuleNotEncodable, Detail: `is "0", which in an EPC says that there is no extension`}
	}
	return serial, true, checkValue(s.serial, serial)
}

// checkValue judges a value of an AI.
func checkValue(code, value string) error {
	ai, _ := LookupAI(code)
	return ai.check(value, 0)
}
