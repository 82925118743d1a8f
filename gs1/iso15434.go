package gs1

import (
	"slices"
	"strings"
)

// The control characters of an ISO/IEC 15434 message. One of them separates,
// whatever it is: none can be in a value.
const (
	charGS  byte = 0x1d // after the format indicator, and between items
	charRS  byte = 0x1e // after "[)>", and at the end of each format
	charEOT byte = 0x04 // at the end of the message
)

const messageHeader = "[)>"

// The formats that are understood.
const (
	formatAI = "05" // GS1 application identifiers
	formatDI = "06" // data identifiers of MH10.8.2
)

// standIn are printable characters that stand for the control characters: some
// label programs encode them as they were typed, some readers make them visible.
type standIn struct{ gs, rs, eot string }

var standIns = [...]standIn{
	{"{GS}", "{RS}", "{EOT}"},
	{"<GS>", "<RS>", "<EOT>"},
	{"[GS]", "[RS]", "[EOT]"},
	{"^029", "^030", "^004"},
	{"~d029", "~d030", "~d004"},
	{"␝", "␞", "␄"},
	{"^]", "^^", "^D"},
}

// What is put up with.
const (
	warnBefore   = `the message should begin with "[)>": what is in front was passed over`
	warnStandIn  = "printable characters stand for the control characters: the label or the reader should have RS, GS and EOT"
	warnHeaderRS = `an RS is missing after "[)>"`
	warnHeaderGS = `a GS stands after "[)>" where an RS should`
	warnFormatGS = "a GS is missing after the format indicator"
	warnItemRS   = "an RS stands between two items where a GS should"
	warnSpare    = "a separator stands where none should: it was passed over"
	warnEndRS    = "an RS is missing at the end of a format"
	warnEOT      = "the EOT is missing at the end of the message"
)

// looksLikeEnvelope reports whether data begins like an ISO/IEC 15434 message.
func looksLikeEnvelope(data string) bool { return headerLength(data) > 0 }

// headerLength returns how many bytes the message header of data takes, with the
// ">" or "?>" that some labels have in front; 0 if there is none.
func headerLength(data string) int {
	rest := strings.TrimPrefix(strings.TrimPrefix(data, "?"), ">")
	if !strings.HasPrefix(rest, messageHeader) {
		return 0
	}
	return len(data) - len(rest) + len(messageHeader)
}

// envelope is a message that is being parsed. Places in it count from 0; at is
// the place of the scan where it begins.
type envelope struct {
	data     string
	at       int
	printed  *standIn // nil if the separators are control characters
	es       Elements
	warnings []string

	understood bool
	other      string // indicator of the first format that isn't
	otherAt    int
}

// parseEnvelope parses an ISO/IEC 15434 message that begins at a place of the
// scan: "[)>" RS, formats, each with two digits, GS and items separated by GS, RS
// at the end of each, EOT at the end of all. Formats 05 and 06 are understood;
// another is passed over beside one of them, and alone is an error. What labels
// are known to have wrong, and is clear all the same, is a warning; so is an
// identifier without value, as labels have it where nothing was to be said.
func parseEnvelope(data string, at int) (es Elements, warnings []string, err error) {
	e := envelope{data: data, at: at, es: make(Elements, 0, max(usualElements, strings.Count(data, groupSeparator)))}
	if err := e.formats(e.header()); err != nil {
		return nil, nil, err
	}
	switch {
	case e.other != "" && !e.understood:
		return nil, nil, &Error{Position: at + e.otherAt, Rule: RuleSyntax, Detail: "format " + e.other +
			" is not understood: must be 05 (application identifiers) or 06 (data identifiers)"}
	case len(e.es) == 0:
		return nil, nil, &Error{Position: at, Rule: RuleEmpty, Detail: "the message has no data"}
	case e.other != "":
		e.warn("format " + e.other + " was passed over: only 05 and 06 are understood")
	}
	return e.es, e.warnings, nil
}

// warn adds a warning once.
func (e *envelope) warn(text string) {
	if !slices.Contains(e.warnings, text) {
		e.warnings = append(e.warnings, text)
	}
}

// header passes over the message header and returns the place behind it.
func (e *envelope) header() int {
	pos := headerLength(e.data)
	if pos > len(messageHeader) {
		e.warn(warnBefore)
	}
	if e.printed = findStandIn(e.data[pos:]); e.printed != nil {
		e.warn(warnStandIn)
	}
	switch kind, n := e.separator(pos); kind {
	case charRS:
		return pos + n
	case charGS:
		e.warn(warnHeaderGS)
		return pos + n
	}
	e.warn(warnHeaderRS)
	return pos
}

// findStandIn returns what stands for the control characters, as what follows
// "[)>" shows; nil if they are there.
func findStandIn(data string) *standIn {
	body := strings.TrimPrefix(data, string(rune(charRS)))
	for i := range standIns {
		s := &standIns[i]
		if strings.HasPrefix(data, s.rs) || len(body) > 2 && digits(body[:2]) && strings.HasPrefix(body[2:], s.gs) {
			return s
		}
	}
	return nil
}

// separator returns which separator is at a place and how many bytes it takes;
// zeros if none is.
func (e *envelope) separator(pos int) (kind byte, length int) {
	if pos >= len(e.data) {
		return 0, 0
	}
	switch c := e.data[pos]; c {
	case charGS, charRS, charEOT:
		return c, 1
	}
	if e.printed == nil {
		return 0, 0
	}
	switch rest := e.data[pos:]; {
	case strings.HasPrefix(rest, e.printed.gs):
		return charGS, len(e.printed.gs)
	case strings.HasPrefix(rest, e.printed.rs):
		return charRS, len(e.printed.rs)
	case strings.HasPrefix(rest, e.printed.eot):
		return charEOT, len(e.printed.eot)
	}
	return 0, 0
}

// next returns the place of the next separator, which it is, and how many bytes
// it takes; the end of the data and zeros if there is none.
func (e *envelope) next(pos int) (at int, kind byte, length int) {
	for ; pos < len(e.data); pos++ {
		if e.printed == nil && e.data[pos] > charRS {
			continue // the most
		}
		if kind, n := e.separator(pos); n > 0 {
			return pos, kind, n
		}
	}
	return pos, 0, 0
}

// formats parses all formats, up to the end of the message.
func (e *envelope) formats(pos int) (err error) {
	for {
		switch kind, n := e.separator(pos); {
		case kind == charEOT && pos+n < len(e.data):
			return &Error{Position: e.at + pos + n, Rule: RuleSyntax, Detail: "something follows the EOT, which ends a message"}
		case kind == charEOT:
			return nil
		case kind != 0:
			e.warn(warnSpare)
			pos += n
		case pos == len(e.data):
			e.warn(warnEOT)
			return nil
		default:
			if pos, err = e.format(pos); err != nil {
				return err
			}
		}
	}
}

// format parses one format and returns the place behind its RS.
func (e *envelope) format(pos int) (end int, err error) {
	if len(e.data)-pos < 2 || !digits(e.data[pos:pos+2]) {
		return 0, &Error{Position: e.at + pos, Rule: RuleSyntax, Detail: "must be the two digits of a format, not " + quoted(e.data[pos:])}
	}
	indicator := e.data[pos : pos+2]
	if indicator != formatAI && indicator != formatDI {
		if e.other == "" {
			e.other, e.otherAt = indicator, pos
		}
		return e.pass(pos + 2), nil
	}
	e.understood = true
	pos += 2
	if kind, n := e.separator(pos); kind == charGS {
		pos += n
	} else {
		e.warn(warnFormatGS)
	}
	return e.items(pos, indicator)
}

// items parses the items of a format.
func (e *envelope) items(pos int, indicator string) (end int, err error) {
	for {
		end, kind, n := e.next(pos)
		if end == pos {
			e.warn(warnSpare)
		} else if err := e.item(e.data[pos:end], indicator, e.at+pos); err != nil {
			return 0, err
		}
		pos = end + n
		switch kind {
		case charRS:
			next, ends := e.endsFormat(pos, indicator)
			if ends {
				return next, nil
			}
			e.warn(warnItemRS)
			pos = next
		case charEOT:
			e.warn(warnEndRS)
			return end, nil
		case 0:
			e.warn(warnEndRS)
			return end, nil
		}
	}
}

// item parses one item, which begins at a place of the scan.
func (e *envelope) item(item, indicator string, at int) error {
	if indicator == formatAI {
		return parseElementString(item, at, &e.es)
	}
	if code, ok := leadingDI(item); ok && code == item {
		e.warn("data identifier " + code + " has no value: it was passed over")
		return nil
	}
	return parseDI(item, at, &e.es)
}

// endsFormat reports whether an RS in front of a place ends a format, and where
// what follows begins: another format, or nothing. If it is an item, the RS is one
// that should be a GS.
func (e *envelope) endsFormat(pos int, indicator string) (next int, ends bool) {
	for next = pos; ; {
		kind, n := e.separator(next)
		if kind == charEOT || next == len(e.data) {
			return next, true
		}
		if kind == 0 {
			return next, e.beginsFormat(next, indicator)
		}
		e.warn(warnSpare)
		next += n
	}
}

// beginsFormat reports whether a format begins at a place, after one with an
// indicator. No data identifier begins with a zero, but application identifiers
// 00 and 01 do, and 02 and 03 hardly after an RS.
func (e *envelope) beginsFormat(pos int, indicator string) bool {
	rest := e.data[pos:]
	if len(rest) < 2 || !digits(rest[:2]) {
		return false
	}
	if kind, _ := e.separator(pos + 2); kind == charGS {
		return true
	}
	return rest[0] == '0' && rest[1] != '0' && (indicator != formatAI || rest[1] != '1')
}

// pass passes over a format that is not understood, and returns the place behind
// its RS. It may be binary (09) and have anything in it.
func (e *envelope) pass(pos int) (end int) {
	for {
		end, kind, n := e.next(pos)
		pos = end + n
		switch {
		case kind == 0, kind == charEOT && pos == len(e.data):
			e.warn(warnEndRS)
			return end
		case kind != charRS:
		case pos == len(e.data), e.beginsFormat(pos, ""):
			return pos
		default:
			if kind, n := e.separator(pos); kind == charEOT && pos+n == len(e.data) {
				return pos
			}
		}
	}
}

// envelope returns the elements as a well-formed ISO/IEC 15434 message: of data
// identifiers as format 06, of application identifiers as format 05. ok is false
// if there are both, or none, or what no message can hold.
func (es Elements) envelope() (text string, ok bool) {
	if len(es) == 0 {
		return "", false
	}
	indicator := formatDI
	if es[0].AI != "" {
		indicator = formatAI
	}
	b := make([]byte, 0, es.size()+len(messageHeader)+len(formatDI)+3)
	b = append(b, messageHeader...)
	b = append(b, charRS)
	b = append(b, indicator...)
	for i := range es {
		if !es[i].fits(indicator) {
			return "", false
		}
		b = append(b, charGS)
		b = append(b, es[i].ID()...)
		b = append(b, es[i].Value...)
	}
	return string(append(b, charRS, charEOT)), true
}

// fits reports whether a format can hold e.
func (e *Element) fits(indicator string) bool {
	if e.Value == "" || indexUnprintable(e.Value) >= 0 {
		return false
	}
	if indicator == formatAI {
		_, ok := LookupAI(e.AI)
		return ok && e.DI == ""
	}
	code, ok := leadingDI(e.DI)
	return ok && code == e.DI && e.AI == ""
}
