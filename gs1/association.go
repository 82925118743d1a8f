package gs1

import "strings"

// CheckAssociations reports an application identifier that needs another beside
// it, or must not be beside another (GS1 General Specifications, section 4.13,
// as the Syntax Dictionary has it). It is about all that marks one item: where an
// item has several symbols, one of them alone may well fail. Data identifiers
// have no such rules.
func (es Elements) CheckAssociations() error {
	for i := range es {
		ai, ok := LookupAI(es[i].AI)
		if !ok {
			continue
		}
		for _, pattern := range ai.excludes {
			if other, ok := es.matching(pattern, ai.Code); ok {
				return &Error{ID: ai.Code, Rule: RuleExcluded, Detail: "must not be together with (" + other + ")"}
			}
		}
		for _, groups := range ai.requires {
			if !es.haveOne(groups) {
				return &Error{ID: ai.Code, Rule: RuleRequired, Detail: "must be together with " + written(groups)}
			}
		}
	}
	return nil
}

func (es Elements) haveOne(alternatives []group) bool {
	for _, g := range alternatives {
		all := true
		for _, pattern := range g {
			if _, ok := es.matching(pattern, ""); !ok {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// matching returns an AI of es that matches pattern and is not except.
func (es Elements) matching(pattern, except string) (code string, ok bool) {
	for i := range es {
		if code := es[i].AI; code != except && matches(pattern, code) {
			return code, true
		}
	}
	return "", false
}

// matches compares a code with a pattern, in which n is any digit.
func matches(pattern, code string) bool {
	if len(pattern) != len(code) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'n' && pattern[i] != code[i] {
			return false
		}
	}
	return true
}

// written writes groups for people: "(01) and (21), or (02)".
func written(groups []group) string {
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteString(", or ")
		}
		for j, pattern := range g {
			if j > 0 {
				b.WriteString(" and ")
			}
			b.WriteString("(" + pattern + ")")
		}
	}
	return b.String()
}
