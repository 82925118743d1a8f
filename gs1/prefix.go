package gs1

import "slices"

// CompanyPrefixes are GS1 Company Prefixes, of 4 to 12 digits each. How long a
// prefix is can't be seen in a key: only who knows the prefix can split it.
type CompanyPrefixes []string

// Check reports a prefix that is none.
func (ps CompanyPrefixes) Check() error {
	for i, p := range ps {
		if len(p) < 4 || len(p) > 12 || !digits(p) {
			return &Error{Rule: RulePrefix, Detail: "company prefix " + quoted(p) + " must have 4 to 12 digits"}
		}
		if slices.Contains(ps[:i], p) {
			return &Error{Rule: RulePrefix, Detail: "company prefix " + p + " is there twice"}
		}
	}
	return nil
}

// Of returns the longest prefix that a key begins with (a GTIN without its
// indicator digit, an SSCC without its extension digit); "" if none is known.
func (ps CompanyPrefixes) Of(key string) string {
	longest := ""
	for _, p := range ps {
		if len(p) > len(longest) && len(p) <= len(key) && key[:len(p)] == p {
			longest = p
		}
	}
	return longest
}
