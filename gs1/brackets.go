package gs1

import "strings"

// ParseBracketed parses the human readable form: each application identifier in
// brackets, its value behind it, as in "(01)09506000134352(21)A1" (GS1 General
// Specifications, section 4.14). A bracket in a value is written "\(". A GTIN of
// 8, 12 or 13 digits gets the zeros that make it 14, and a warning says so.
func ParseBracketed(text string) (es Elements, warnings []string, err error) {
	return parseBracketed(text, 1)
}

func parseBracketed(text string, at int) (es Elements, warnings []string, err error) {
	if text == "" {
		return nil, nil, &Error{Position: at, Rule: RuleEmpty, Detail: "no element string"}
	}
	es = make(Elements, 0, usualElements)
	for done := 0; done < len(text); {
		ai, err := bracketedAI(text[done:], at+done)
		if err != nil {
			return nil, nil, err
		}
		done += len(ai.Code) + 2
		value, length, err := bracketedValue(text[done:], at+done)
		if err != nil {
			return nil, nil, err
		}
		value, warnings = padGTIN(ai, value, warnings)
		if err := es.add(ai, value, at+done); err != nil {
			return nil, nil, err
		}
		done += length
	}
	return es, warnings, nil
}

// bracketedAI returns the AI that text begins with, in brackets.
func bracketedAI(text string, at int) (*AI, error) {
	end := strings.IndexByte(text, ')')
	if text[0] != '(' || end < 0 || !digits(text[1:end]) {
		return nil, &Error{Position: at, Rule: RuleSyntax, Detail: `must be an application identifier in brackets, like (01); a bracket in a value is written \(`}
	}
	ai, ok := LookupAI(text[1:end])
	if !ok {
		return nil, &Error{Position: at, Rule: RuleUnknownAI, Detail: "there is no application identifier " + text[:end+1]}
	}
	return ai, nil
}

// bracketedValue returns the value that text begins with, without its escapes,
// and how many bytes of text it takes.
func bracketedValue(text string, at int) (value string, length int, err error) {
	end := strings.IndexAny(text, `(\`)
	if end < 0 {
		return text, len(text), nil
	}
	if text[end] == '(' {
		return text[:end], end, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(':
			return b.String(), i, nil
		case '\\':
			i++
			if i == len(text) || text[i] != '(' && text[i] != ')' && text[i] != '\\' {
				return "", 0, &Error{Position: at + i - 1, Rule: RuleSyntax, Detail: `a \ must be followed by ( or )`}
			}
		}
		b.WriteByte(text[i])
	}
	return b.String(), len(text), nil
}

// padGTIN makes a GTIN of 8, 12 or 13 digits one of 14 (GS1 General
// Specifications, section 3.2).
func padGTIN(ai *AI, value string, warnings []string) (string, []string) {
	switch ai.Code {
	case "01", "02", "03":
	default:
		return value, warnings
	}
	if len(value) == 14 || !isGTIN(value) {
		return value, warnings
	}
	return gtin14(value), append(warnings, "a GTIN of less than 14 digits: zeros were put in front")
}

// gtin14 returns the digits of a GTIN with zeros in front, as 14.
func gtin14(digits string) string { return "00000000000000"[:14-len(digits)] + digits }

// Bracketed returns the elements in human readable form, "(01)…(21)…". ok is
// false if data identifiers are among them.
func (es Elements) Bracketed() (text string, ok bool) {
	b := make([]byte, 0, es.size())
	for i := range es {
		if es[i].AI == "" {
			return "", false
		}
		b = append(b, '(')
		b = append(b, es[i].AI...)
		b = append(b, ')')
		for _, c := range []byte(es[i].Value) {
			if c == '(' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
		}
	}
	return string(b), len(es) > 0
}
