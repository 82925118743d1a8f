package gs1

import "strconv"

// Rule names what a scan breaks. Checks of a value's content have the name that
// the GS1 Barcode Syntax Dictionary gives them: csum, yymmd0, iso3166 …; the
// rules below are about a scan's structure.
type Rule string

// The rules about structure.
const (
	RuleEmpty        Rule = "empty"         // nothing was read
	RuleUnknownAI    Rule = "unknown-ai"    // no application identifier
	RuleUnknownDI    Rule = "unknown-di"    // no data identifier
	RuleLength       Rule = "length"        // a value is too short or too long
	RuleCharacter    Rule = "character"     // a character that the value's set does not have
	RuleSeparator    Rule = "separator"     // an FNC1 is missing, or is where none may be
	RuleRepeat       Rule = "repeat"        // an identifier comes twice, with two values
	RuleRequired     Rule = "required"      // an AI needs another beside it
	RuleExcluded     Rule = "excluded"      // an AI must not be beside another
	RuleSymbology    Rule = "symbology"     // the symbol can't carry what was read
	RuleSyntax       Rule = "syntax"        // brackets, a URI, an envelope, or a profile
	RuleAmbiguous    Rule = "ambiguous"     // it can be read in more than one way
	RulePrefix       Rule = "prefix"        // the GS1 Company Prefix does not fit, or isn't known
	RuleNotEncodable Rule = "not-encodable" // the form can't hold these elements
)

// Error says what is wrong with a scan, where, and by which rule.
type Error struct {
	ID       string `json:"id,omitempty"`       // the application or data identifier; "" if it is none's
	Position int    `json:"position,omitempty"` // in bytes of the scan as it was received, from 1; 0 if nowhere
	Rule     Rule   `json:"rule"`
	Detail   string `json:"detail"` // what is wrong and, where it helps, what to do
}

// Error returns "(01) at byte 6: check digit is 2, must be 1".
func (e *Error) Error() string {
	text := e.Detail
	at := ""
	if e.Position > 0 {
		at = "byte " + strconv.Itoa(e.Position)
	}
	switch {
	case e.ID != "" && at != "":
		return "(" + e.ID + ") at " + at + ": " + text
	case e.ID != "":
		return "(" + e.ID + "): " + text
	case at != "":
		return at + ": " + text
	}
	return text
}
