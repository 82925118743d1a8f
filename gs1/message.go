package gs1

// Kind says in which form a scan was.
type Kind string

// The forms of a scan.
const (
	KindGS1         Kind = "gs1"         // GS1 element string, bracketed or not, or a GTIN of an EAN, UPC or ITF-14 symbol
	KindDigitalLink Kind = "digitalLink" // GS1 Digital Link URI
	KindISO15434    Kind = "iso15434"    // ISO/IEC 15434 message, or a data identifier with its value
	KindPlain       Kind = "plain"       // text that none of the standards describes
)

// Message is what a scan says.
type Message struct {
	Kind      Kind
	Symbology Symbology // as the reader told it; "" if it didn't
	Elements  Elements  // in the order in which they were read; none if it is plain
	Text      string    // what was read, without symbology identifier and without CR, LF and tab at its end

	// Ambiguous are all readings if there is more than one that nothing
	// decides between; then Elements are those of none, and Kind is plain.
	Ambiguous []Message
	// Warnings tell what was put up with: it is no error, but the label or the
	// reader should be mended.
	Warnings []string
}

// Element is an identifier with its value.
type Element struct {
	AI    string // application identifier, "01"; or
	DI    string // data identifier of MH10.8.2, "1P"
	Value string // without separators
}

// ID returns the identifier, of either kind.
func (e Element) ID() string {
	if e.AI != "" {
		return e.AI
	}
	return e.DI
}

// Title returns the identifier's title: "BATCH/LOT", "Serial number"; "" if it has none.
func (e Element) Title() string {
	if e.AI != "" {
		if ai, ok := LookupAI(e.AI); ok {
			return ai.Title
		}
		return ""
	}
	return titleOfDI(e.DI)
}

// Elements are identifiers with their values, in an order that has no meaning.
type Elements []Element

// AI returns the value of an application identifier.
func (es Elements) AI(code string) (value string, ok bool) {
	for i := range es {
		if es[i].AI == code {
			return es[i].Value, true
		}
	}
	return "", false
}

// DI returns the value of a data identifier.
func (es Elements) DI(code string) (value string, ok bool) {
	for i := range es {
		if es[i].DI == code {
			return es[i].Value, true
		}
	}
	return "", false
}

// Repeated returns the first identifier that is there more than once, "" if none
// is: a data identifier, with different values. The accessors give its first value.
func (es Elements) Repeated() string {
	for i := range es {
		for j := range i {
			if es[i].DI != "" && es[i].DI == es[j].DI {
				return es[i].DI
			}
		}
	}
	return ""
}

// add judges a value of ai that begins at a place of the scan, and appends it.
// The same value once more is passed over: an item's symbols repeat each other.
// Another value is an error.
func (es *Elements) add(ai *AI, value string, at int) error {
	if err := ai.check(value, at); err != nil {
		return err
	}
	if had, ok := es.AI(ai.Code); ok {
		if had == value {
			return nil
		}
		return &Error{ID: ai.Code, Position: at, Rule: RuleRepeat, Detail: "is there twice, with different values"}
	}
	*es = append(*es, Element{AI: ai.Code, Value: value})
	return nil
}

// Canonical returns the one form of all scans that say the same in the same order:
// of GS1 elements the element string with "^" for FNC1 ([Elements.Caret]), of data
// identifiers the well-formed ISO/IEC 15434 message, else the text.
func (m *Message) Canonical() string {
	if text, ok := m.Elements.Caret(); ok {
		return text
	}
	if text, ok := m.Elements.envelope(); ok {
		return text
	}
	return m.Text
}
