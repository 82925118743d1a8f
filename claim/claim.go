// Package claim says what a number claims: the canonical form in which numbers
// are compared, and the scopes they must be unique in. It is pure; who holds a
// claim is the unique index's to say.
package claim

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/machshop/seriald"
)

// Canonical returns the form of number that is compared: Unicode normal form C
// without surrounding white space, case-folded (Unicode's full folding) if fold
// is set.
func Canonical(number string, fold bool) string {
	number = strings.TrimSpace(number)
	if ascii(number) {
		if fold {
			return strings.ToLower(number)
		}
		return number
	}
	number = norm.NFC.String(number)
	if fold {
		number = norm.NFC.String(cases.Fold().String(number))
	}
	return number
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Of returns the claims that serial needs as a number of part: one per scope,
// to be had together or not at all.
func Of(serial *seriald.Serial, part *seriald.Part) []seriald.Claim {
	scopes := part.UniquenessScopes
	if serial.Source == seriald.SourceVendor {
		scopes = part.VendorScopes
	}
	return In(scopes, serial, part)
}

// In returns the claims of serial's number as one of part in scopes.
func In(scopes []seriald.Scope, serial *seriald.Serial, part *seriald.Part) []seriald.Claim {
	canonical := Canonical(serial.Number, part.Rule.Fold)
	claims := make([]seriald.Claim, 0, len(scopes))
	for _, scope := range scopes {
		claims = append(claims, seriald.Claim{
			Scope: scope, ScopeKey: scopeKey(scope, serial, part), Canonical: canonical,
			Number: serial.Number, SerialID: serial.ID, PartID: serial.PartID,
		})
	}
	return claims
}

// scopeKey separates vendor and part by a character that neither can contain.
func scopeKey(scope seriald.Scope, serial *seriald.Serial, part *seriald.Part) string {
	switch scope {
	case seriald.ScopeSite:
		return serial.SiteID
	case seriald.ScopePartType:
		return part.Type
	case seriald.ScopeVendor:
		return Canonical(serial.VendorName, true) + "\x1f" + serial.PartID
	}
	return ""
}
