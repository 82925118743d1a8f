package gs1

import (
	"slices"
	"strings"
)

// Parser parses what a reader reads. The zero value is strict: it takes what the
// standards describe. It can be used by several goroutines.
type Parser struct {
	// Profile says what the reader does to what it reads.
	Profile Profile
}

// longestScan is the most bytes of a scan: twice what the largest symbol holds.
const longestScan = 16 << 10

// Parse parses a scan by the standards, as a [Parser] without a profile does.
func Parse(scan string) (Message, error) { return Parser{}.Parse(scan) }

// Parse parses one scan. What no standard describes is plain text, and no error;
// what a standard describes and is wrong is an *[Error], never plain text.
//
// The form is told by the symbology identifier, and where there is none by what
// no other form has: a GS (0x1D), "(01)", "^01", "[)>", "https://". What could
// be an element string with a key in front, or plain text, is ambiguous: a number
// on a part is too important to guess.
func (p Parser) Parse(scan string) (Message, error) {
	data := strings.TrimRight(scan, "\r\n\t")
	symbology, text := splitSymbology(data)
	at := len(symbology) + 1
	if p.Profile.Leading {
		n := p.leading(text)
		text, at = text[n:], at+n
	}
	m := Message{Kind: KindPlain, Symbology: symbology, Text: text}
	switch {
	case text == "":
		return m, &Error{Position: at, Rule: RuleEmpty, Detail: "nothing was read"}
	case len(text) > longestScan:
		return m, &Error{Position: at, Rule: RuleLength, Detail: "is longer than any symbol can hold"}
	}
	if p.Profile.Plain {
		return m, nil
	}
	err := p.parse(&m, at)
	if err == nil && !p.Profile.Partial && len(m.Elements) > 0 {
		err = m.Elements.CheckAssociations()
		if e, ok := err.(*Error); ok && e.Rule == RuleRequired { //nolint:errorlint // made just here
			e.Detail += ": if another symbol of the item says the rest, use profile partial"
		}
	}
	if err != nil {
		m.Kind, m.Elements, m.Warnings = KindPlain, nil, nil
	}
	return m, err
}

// leading returns how many bytes of symbology identifiers and separators text
// begins with.
func (p Parser) leading(text string) int {
	done := 0
	for {
		rest := text[done:]
		symbology, _ := splitSymbology(rest)
		switch separator := p.Profile.separator(); {
		case symbology != "":
			done += len(symbology)
		case strings.HasPrefix(rest, separator):
			done += len(separator)
		case strings.HasPrefix(rest, groupSeparator):
			done += len(groupSeparator)
		default:
			return done
		}
	}
}

// parse parses m's text, which begins at a place of the scan.
func (p Parser) parse(m *Message, at int) error {
	carrier := m.Symbology.carries()
	switch carrier {
	case carrierGS1:
		return p.parseElements(m, at)
	case carrierEAN13, carrierEAN13Plus, carrierEAN8:
		return parseEAN(m, carrier, at)
	case carrierITF14:
		if len(m.Text) != 14 || !digits(m.Text) {
			return nil // ITF is not GS1's alone
		}
		return m.setGTIN(m.Text, at)
	case carrierUnknown, carrierText:
	}
	switch {
	case looksLikeEnvelope(m.Text):
		es, warnings, err := parseEnvelope(m.Text, at)
		m.Kind, m.Elements, m.Warnings = KindISO15434, es, warnings
		return err
	case isURI(m.Text):
		es, link, warnings, err := parseDigitalLink(m.Text, at)
		if link {
			m.Kind, m.Elements, m.Warnings = KindDigitalLink, es, warnings
		}
		return err
	case carrier == carrierUnknown && isNotation(m.Text):
		return parseNotation(m, at)
	case carrier == carrierUnknown && p.Profile.GTIN && isGTIN(m.Text):
		err := m.setGTIN(m.Text, at)
		if err != nil && p.Profile.GS1 {
			return p.parseElements(m, at)
		}
		return err
	case p.Profile.GS1:
		return p.parseElements(m, at)
	case p.Profile.DI:
		es := make(Elements, 0, 1)
		if err := parseDI(m.Text, at, &es); err != nil {
			return err
		}
		m.Kind, m.Elements = KindISO15434, es
		return nil
	case strings.Contains(m.Text, groupSeparator):
		if carrier == carrierText {
			return &Error{
				Position: at + strings.Index(m.Text, groupSeparator), Rule: RuleSymbology,
				Detail: "a GS (0x1D), but " + string(m.Symbology) + " says that this is no GS1 symbol: if it is meant to be, use profile gs1",
			}
		}
		return p.parseElements(m, at)
	}
	if carrier == carrierUnknown {
		p.doubt(m, at)
	}
	return nil
}

// doubt says that m is ambiguous if, without a symbology identifier, it may be an
// element string as well as plain text.
func (p Parser) doubt(m *Message, at int) {
	if ai := leadingAI(m.Text); ai == nil || !ai.certain() {
		return
	}
	gs1 := Message{Text: m.Text}
	if p.parseElements(&gs1, at) != nil || !p.Profile.Partial && gs1.Elements.CheckAssociations() != nil {
		return
	}
	m.Ambiguous = gs1.Ambiguous
	if m.Ambiguous == nil {
		m.Ambiguous = []Message{gs1}
	}
	m.Ambiguous = append(m.Ambiguous, Message{Kind: KindPlain, Text: m.Text})
}

// isNotation reports whether text is in a form for people: "(01)…" or "^01…".
func isNotation(text string) bool {
	return bracketsFirst(text) || len(text) > 2 && text[0] == '^' && digits(text[1:3])
}

func parseNotation(m *Message, at int) (err error) {
	m.Kind = KindGS1
	if m.Text[0] == '(' {
		m.Elements, m.Warnings, err = parseBracketed(m.Text, at)
		return err
	}
	m.Elements = make(Elements, 0, usualElements)
	return parseSeparated(m.Text[1:], "^", at+1, &m.Elements)
}

// bracketsFirst reports whether text begins like the human readable form.
func bracketsFirst(text string) bool {
	end := strings.IndexByte(text[:min(len(text), maxAI+2)], ')')
	if end < 0 || text[0] != '(' {
		return false
	}
	_, ok := LookupAI(text[1:end])
	return ok
}

// certain reports whether a text that begins with ai and its check digit is
// hardly anything else by chance.
func (ai *AI) certain() bool {
	return ai.Key() && slices.ContainsFunc(ai.components, func(c component) bool {
		return slices.ContainsFunc(c.checks, func(k check) bool { return k.name == "csum" })
	})
}

// parseElements parses m's text as element strings, in the form of the profile.
func (p Parser) parseElements(m *Message, at int) (err error) {
	m.Kind = KindGS1
	switch {
	case p.Profile.Brackets && m.Text[0] == '(':
		m.Elements, m.Warnings, err = parseBracketed(m.Text, at)
		return err
	case p.Profile.Lost:
		return p.parseLost(m, at)
	}
	m.Elements = make(Elements, 0, usualElements)
	err = parseSeparated(m.Text, p.Profile.separator(), at, &m.Elements)
	if e, ok := err.(*Error); ok && (e.Position == at || e.Rule == RuleSeparator) { //nolint:errorlint // made just here
		switch {
		case e.ID != "":
			e.Detail += " If the reader drops it, use profile lost"
		case strings.HasPrefix(m.Text, p.Profile.separator()):
			e.Detail += ": if the reader sends the FNC1 in front, use profile leading"
		case m.Text[0] == '(':
			e.Detail += ": if brackets are in the symbol, use profile brackets"
		case m.Text[0] == ']':
			e.Detail += ": if a symbology identifier is in the symbol, use profile leading"
		case looksLikeEnvelope(m.Text):
			e.Detail += ": an ISO/IEC 15434 message can't be in a GS1 symbol; the label is wrong"
		}
	}
	return err
}

// isGTIN reports whether text is as long as a GTIN, in digits.
func isGTIN(text string) bool {
	switch len(text) {
	case 8, 12, 13, 14:
		return digits(text)
	}
	return false
}

// setGTIN makes of m what a symbol with nothing but a GTIN says.
func (m *Message) setGTIN(gtin string, at int) error {
	ai := byCode[slot("01")]
	if err := ai.check(gtin14(gtin), 0); err != nil {
		e := err.(*Error) //nolint:errorlint,forcetypeassert // made just here
		e.Position = at
		return e
	}
	m.Kind, m.Elements = KindGS1, Elements{{AI: ai.Code, Value: gtin14(gtin)}}
	return nil
}

// parseEAN parses what an EAN or UPC symbol says (GS1 General Specifications,
// section 5.2). UPC-A and UPC-E are sent as 13 digits.
func parseEAN(m *Message, carrier carrier, at int) error {
	wrong := func(want string) error {
		return &Error{Position: at, Rule: RuleSymbology, Detail: string(m.Symbology) + " must be followed by " + want}
	}
	text := m.Text
	switch {
	case !digits(text):
		return wrong("digits only")
	case carrier == carrierEAN8:
		if len(text) != 8 {
			return wrong("8 digits")
		}
	case carrier == carrierEAN13Plus:
		if len(text) != 15 && len(text) != 18 {
			return wrong("13 digits and an add-on of 2 or 5")
		}
		m.Warnings = []string{"the add-on " + text[13:] + " is passed over"}
		text = text[:13]
	case len(text) == 12:
		m.Warnings = []string{"12 digits after " + string(m.Symbology) + ": the reader should send UPC-A with its leading zero"}
	case len(text) != 13:
		return wrong("13 digits")
	}
	return m.setGTIN(text, at)
}

// isURI reports whether text is a URI of the web.
func isURI(text string) bool {
	scheme, _, ok := strings.Cut(text[:min(len(text), len("https://"))], "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}
