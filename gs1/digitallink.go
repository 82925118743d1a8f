package gs1

import (
	"slices"
	"strings"
)

// canonicalStem is the stem of a canonical Digital Link.
const canonicalStem = "https://id.gs1.org"

// ParseDigitalLink parses an uncompressed GS1 Digital Link URI (GS1 Digital Link
// Standard: URI Syntax): any http or https domain and stem, a key with its
// qualifiers in the path, attributes in the query. The elements are in this order.
// A GTIN of 8, 12 or 13 digits gets the zeros that make it 14. A URI without a key
// in its path is an error here, by [RuleSyntax]; to [Parse] it is plain text.
func ParseDigitalLink(uri string) (Elements, error) {
	if !isURI(uri) {
		return nil, &Error{Position: 1, Rule: RuleSyntax, Detail: "must begin with https:// or http://"}
	}
	es, link, _, err := parseDigitalLink(uri, 1)
	if err == nil && !link {
		return nil, &Error{
			Position: 1, Rule: RuleSyntax,
			Detail: "has no key in its path, like /01/ and a GTIN: it is no GS1 Digital Link, or a compressed one, which is not supported",
		}
	}
	return es, err
}

// parseDigitalLink parses a URI that begins at a place of the scan, from 1.
// isLink is false for all URIs whose path has no key with a value.
func parseDigitalLink(uri string, at int) (es Elements, isLink bool, warnings []string, err error) {
	if !isURI(uri) {
		return nil, false, nil, nil
	}
	whole, _, _ := strings.Cut(uri, "#")
	whole, query, _ := strings.Cut(whole, "?")
	host := strings.Index(whole, "://") + len("://")
	root := strings.IndexByte(whole[host:], '/')
	if root < 0 {
		return nil, false, nil, nil
	}
	l := link{path: whole[host+root:], pathAt: at + host + root, query: query, queryAt: at + len(whole) + 1}
	key := l.key()
	if key < 0 {
		return nil, false, nil, nil
	}
	if root == 0 {
		return nil, true, nil, &Error{Position: at + host, Rule: RuleSyntax, Detail: "the URI has no domain"}
	}
	l.es = make(Elements, 0, usualElements)
	if err := l.parsePath(key); err != nil {
		return nil, true, nil, err
	}
	l.warnOfStem(key)
	if err := l.parseQuery(); err != nil {
		return nil, true, nil, err
	}
	return l.es, true, l.warnings, nil
}

// link is a Digital Link that is being parsed.
type link struct {
	path, query     string // as they were received
	pathAt, queryAt int    // in the scan, from 1
	es              Elements
	inPath          int // elements that the path has
	warnings        []string
}

// key returns where in the path the slash before the key is; -1 if there is none.
// The stem may have segments that look like a key, so it is looked for from the
// right, in pairs of identifier and value: the first key is it.
func (l *link) key() int {
	for end := len(l.path); ; {
		value := strings.LastIndexByte(l.path[:end], '/')
		if value <= 0 {
			break
		}
		name := strings.LastIndexByte(l.path[:value], '/')
		ai, ok := LookupAI(l.path[name+1 : value])
		if !ok {
			break
		}
		if ai.Key() && value+1 < len(l.path) {
			return name
		}
		end = name
	}
	return l.brokenKey()
}

// brokenKey returns the same for a path that does not end in pairs but has a key
// with a value that is meant as one: it is a link with something wrong in it, not
// any URL.
func (l *link) brokenKey() int {
	for at := 0; ; {
		name, rest, _ := strings.Cut(l.path[at+1:], "/")
		if ai, ok := LookupAI(name); ok && ai.Key() && ai.likely(rest) {
			return at
		}
		next := strings.IndexByte(l.path[at+1:], '/')
		if next < 0 {
			return -1
		}
		at += 1 + next
	}
}

// likely reports whether text begins with as many digits as nobody writes in a
// path by chance: those of the shortest GTIN, or of the shortest company prefix
// where letters may follow it.
func (ai *AI) likely(text string) bool {
	n := 4
	if ai.components[0].set == numeric {
		n = 8
	}
	return len(text) >= n && digits(text[:n])
}

// parsePath parses the key that begins at a place of the path, and its qualifiers.
func (l *link) parsePath(at int) error {
	var key *AI
	for at < len(l.path) {
		name, rest, hasValue := strings.Cut(l.path[at+1:], "/")
		place := l.pathAt + at + 1
		ai, ok := LookupAI(name)
		switch {
		case name == "" && rest == "":
			return &Error{Position: place - 1, Rule: RuleSyntax, Detail: "a Digital Link must not have a / at the end of its path"}
		case !ok && !hasValue:
			return &Error{
				Position: place, Rule: RuleUnknownAI,
				Detail: quoted(name) + " in the path is no application identifier with a value: compressed Digital Links are not supported",
			}
		case !ok:
			return &Error{Position: place, Rule: RuleUnknownAI, Detail: quoted(name) + " in the path is no application identifier"}
		case key == nil:
			key = ai
		default:
			if err := l.judgeQualifier(key, ai, place); err != nil {
				return err
			}
		}
		raw, _, _ := strings.Cut(rest, "/")
		if at += 1 + len(name); hasValue {
			at++
		}
		if err := l.add(ai, raw, l.pathAt+at, isPathChar); err != nil {
			return err
		}
		at += len(raw)
		l.inPath++
	}
	return nil
}

// judgeQualifier reports a qualifier that can't follow what the path has so far.
func (l *link) judgeQualifier(key, ai *AI, at int) error {
	for _, sequence := range key.qualifiers {
		if l.fits(sequence, l.inPath, ai.Code) {
			return nil
		}
	}
	known := slices.ContainsFunc(key.qualifiers, func(sequence []string) bool { return slices.Contains(sequence, ai.Code) })
	if known {
		return &Error{ID: ai.Code, Position: at, Rule: RuleSyntax, Detail: "must not follow (" + l.es[l.inPath-1].AI + ") in the path"}
	}
	detail := "is no qualifier of (" + key.Code + ")"
	if ai.Attribute {
		detail += ": it must be in the query"
	}
	return &Error{ID: ai.Code, Position: at, Rule: RuleSyntax, Detail: detail}
}

// fits reports whether the qualifiers of the path, and code put in at a place
// among its elements, are in the order of a sequence.
func (l *link) fits(sequence []string, place int, code string) bool {
	for i := 1; i < l.inPath; i++ {
		if i == place {
			n := slices.Index(sequence, code)
			if n < 0 {
				return false
			}
			sequence = sequence[n+1:]
		}
		n := slices.Index(sequence, l.es[i].AI)
		if n < 0 {
			return false
		}
		sequence = sequence[n+1:]
	}
	return place < l.inPath || slices.Contains(sequence, code)
}

// warnOfStem tells of a key in the stem: the standard takes the last one only.
func (l *link) warnOfStem(key int) {
	stem := link{path: l.path[:key]}
	if key > 0 && stem.brokenKey() >= 0 {
		l.warnings = append(l.warnings, "the path has a key in front of ("+l.es[0].AI+"): it is passed over")
	}
}

// parseQuery parses the attributes.
func (l *link) parseQuery() error {
	for done := 0; done < len(l.query); {
		parameter := l.query[done:]
		if end := strings.IndexAny(parameter, "&;"); end >= 0 {
			parameter = parameter[:end]
		}
		at := l.queryAt + done
		done += len(parameter) + 1
		name, raw, hasValue := strings.Cut(parameter, "=")
		if name == "" || !digits(name) {
			continue
		}
		ai, ok := LookupAI(name)
		if !ok {
			l.warnings = append(l.warnings, quoted(name)+" in the query is no application identifier: it is passed over")
			continue
		}
		if err := l.judgeAttribute(ai, at); err != nil {
			return err
		}
		if at += len(name); hasValue {
			at++
		}
		if err := l.add(ai, raw, at, isQueryChar); err != nil {
			return err
		}
	}
	return nil
}

// judgeAttribute reports an AI that may not be in the query.
func (l *link) judgeAttribute(ai *AI, at int) error {
	key, _ := LookupAI(l.es[0].AI)
	for _, sequence := range key.qualifiers {
		for place := 1; place <= l.inPath; place++ {
			if l.fits(sequence, place, ai.Code) {
				return &Error{ID: ai.Code, Position: at, Rule: RuleSyntax, Detail: "must be in the path, as it is a qualifier of (" + key.Code + ")"}
			}
		}
	}
	if !ai.Attribute {
		return &Error{ID: ai.Code, Position: at, Rule: RuleSyntax, Detail: "must not be in the query of a Digital Link"}
	}
	return nil
}

// add decodes a value that begins at a place of the scan and adds it.
func (l *link) add(ai *AI, raw string, at int, allowed func(byte) bool) error {
	value, err := percentDecode(raw, at, allowed)
	if err != nil {
		err.ID = ai.Code
		return err
	}
	padded, warnings := padGTIN(ai, value, l.warnings)
	l.warnings = warnings
	fault := l.es.add(ai, padded, 1)
	if e, ok := fault.(*Error); ok { //nolint:errorlint // made just here
		// It is about the value as it was decoded and padded; the place is in
		// what was received.
		e.Position = at + received(raw, e.Position-1-(len(padded)-len(value)))
	}
	return fault
}

// DigitalLink returns the elements as a GS1 Digital Link URI in its canonical form
// (GS1 Digital Link Standard: URI Syntax, "Canonical GS1 Digital Link URIs"): the key and its qualifiers
// in the path, all else in the query in the order of the AIs' digits. The stem is
// a domain with or without a path, "https://example.com/some/path"; with "" it is
// "https://id.gs1.org", and the URI is canonical as a whole.
//
// The key is the first element that can be one such that all others have a place:
// (01) with (21) and (414) begins with /01/, wherever (414) is. Errors are those
// of the values; [RuleSyntax] for a stem that is none, [RuleRepeat] for an AI with
// two values, and [RuleNotEncodable] if no element is a key, or one of the others
// is no qualifier of it and may not be in the query, or is a data identifier.
func (es Elements) DigitalLink(stem string) (string, error) {
	if stem == "" {
		stem = canonicalStem
	} else if err := checkStem(stem); err != nil {
		return "", err
	}
	if err := es.checkForLink(); err != nil {
		return "", err
	}
	var missing error
	for i := range es {
		key, _ := LookupAI(es[i].AI)
		if !key.Key() {
			continue
		}
		for _, sequence := range key.qualifiers {
			homeless := es.homeless(key.Code, sequence)
			if homeless == "" {
				return es.link(strings.TrimSuffix(stem, "/"), key.Code, sequence), nil
			}
			if missing == nil {
				missing = &Error{ID: homeless, Rule: RuleNotEncodable, Detail: "has no place in a Digital Link that begins with (" + key.Code + ")"}
			}
		}
	}
	if missing == nil {
		missing = &Error{Rule: RuleNotEncodable, Detail: "a Digital Link needs a key, like (01) or (00)"}
	}
	return "", missing
}

// checkStem reports a stem that no key can follow.
func checkStem(stem string) error {
	_, host, _ := strings.Cut(stem, "://")
	if !isURI(stem) || host == "" || host[0] == '/' {
		return &Error{Rule: RuleSyntax, Detail: "the stem must be https:// or http:// and a domain"}
	}
	_, err := percentDecode(stem, 1, isPathOrSlash)
	if err != nil {
		return &Error{Rule: RuleSyntax, Detail: "the stem must be a URI without query and fragment: " + err.Error()}
	}
	return nil
}

// checkForLink reports elements that are not good for any link.
func (es Elements) checkForLink() error {
	for i := range es {
		ai, ok := LookupAI(es[i].AI)
		switch {
		case es[i].AI == "":
			return &Error{ID: es[i].DI, Rule: RuleNotEncodable, Detail: "is a data identifier: a Digital Link has application identifiers only"}
		case !ok:
			return &Error{ID: es[i].AI, Rule: RuleUnknownAI, Detail: "is no application identifier"}
		}
		if err := ai.check(es[i].Value, 0); err != nil {
			return err
		}
		if had, _ := es.AI(ai.Code); had != es[i].Value {
			return &Error{ID: ai.Code, Rule: RuleRepeat, Detail: "is there twice, with different values"}
		}
	}
	return nil
}

// homeless returns an AI that has no place beside a key with a sequence of
// qualifiers; "" if all have one.
func (es Elements) homeless(key string, sequence []string) string {
	for i := range es {
		code := es[i].AI
		if ai, _ := LookupAI(code); code != key && !ai.Attribute && !slices.Contains(sequence, code) {
			return code
		}
	}
	return ""
}

// link writes the link.
func (es Elements) link(stem, key string, sequence []string) string {
	b := append(make([]byte, 0, len(stem)+2*es.size()), stem...)
	b = es.appendLinked(append(b, '/'), key, '/')
	for _, code := range sequence {
		if _, ok := es.AI(code); ok {
			b = es.appendLinked(append(b, '/'), code, '/')
		}
	}
	separator, last := byte('?'), ""
	for {
		// The next code in order: there are few, so looking is cheaper than sorting.
		next := ""
		for i := range es {
			code := es[i].AI
			if code > last && (next == "" || code < next) && code != key && !slices.Contains(sequence, code) {
				next = code
			}
		}
		if next == "" {
			return string(b)
		}
		b = es.appendLinked(append(b, separator), next, '=')
		separator, last = '&', next
	}
}

// appendLinked appends an AI and its value, of which only what may stand anywhere
// in a URI stands as it is.
func (es Elements) appendLinked(b []byte, code string, separator byte) []byte {
	b = append(append(b, code...), separator)
	value, _ := es.AI(code)
	for _, c := range []byte(value) {
		if isUnreserved(c) {
			b = append(b, c)
		} else {
			b = appendPercent(b, c)
		}
	}
	return b
}
