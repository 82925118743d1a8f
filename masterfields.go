package seriald

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// SitePut returns the site that a site_put says, whole: what is left out has its
// default. The error is a *[Rejection] naming the field.
func (e *Event) SitePut() (*Site, error) {
	var f struct {
		SiteID   string `json:"siteId"`
		Name     string `json:"name"`     // the id
		TimeZone string `json:"timeZone"` // UTC
	}
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return nil, jsonRejection(err)
	}
	if err := checkText("name", f.Name); err != nil {
		return nil, err
	}
	if !ValidToken(f.SiteID) {
		return nil, Reject(CodeValidation, "siteId", "%q must be 1 to 64 letters, digits, - or _: it stands in topics", f.SiteID)
	}
	zone := cmp.Or(f.TimeZone, "UTC")
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, Reject(CodeValidation, "timeZone", "%.100q is not the IANA name of a time zone, such as Europe/Berlin", zone)
	}
	return &Site{ID: f.SiteID, Name: cmp.Or(f.Name, f.SiteID), Location: location}, nil
}

// MarshalJSON implements [json.Marshaler]: the names are those of site_put.
func (s *Site) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID       string `json:"siteId"`
		Name     string `json:"name"`
		TimeZone string `json:"timeZone"`
	}{s.ID, s.Name, s.Location.String()})
}

// numberRule is a [NumberRule] as part_put has it.
type numberRule struct {
	MinLength int     `json:"minLength"`
	MaxLength int     `json:"maxLength"`
	Pattern   string  `json:"pattern"`
	Charset   Charset `json:"charset"` // any
	Case      string  `json:"case"`    // exact
}

// partFields are the fields of a part_put.
type partFields struct {
	PartID           string      `json:"partId"`
	Name             string      `json:"name"`     // the id
	PartType         string      `json:"partType"` // the id: a family of its own
	GTIN             string      `json:"gtin,omitempty"`
	FormatConfigID   string      `json:"formatConfigId,omitempty"`
	UniquenessScopes []Scope     `json:"uniquenessScopes"` // SITE and PART_TYPE
	VendorScopes     []Scope     `json:"vendorScopes"`     // VENDOR
	NumberRule       *numberRule `json:"numberRule"`
}

// The longest numbers and patterns that a number rule speaks of.
const maxRuleLength = MaxFieldLength

// PartPut returns the part that a part_put says, whole: what is left out has its
// default. What of it names other master data is not judged here. The error is a
// *[Rejection] naming the field.
func (e *Event) PartPut() (*Part, error) {
	var f partFields
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return nil, jsonRejection(err)
	}
	if f.UniquenessScopes == nil {
		f.UniquenessScopes = []Scope{ScopeSite, ScopePartType}
	}
	if f.VendorScopes == nil {
		f.VendorScopes = []Scope{ScopeVendor}
	}
	if f.NumberRule == nil {
		f.NumberRule = &numberRule{}
	}
	for _, t := range []struct{ name, value string }{
		{"name", f.Name}, {"partType", f.PartType}, {"formatConfigId", f.FormatConfigID}, {"numberRule", f.NumberRule.Pattern},
	} {
		if err := checkText(t.name, t.value); err != nil {
			return nil, err
		}
	}
	gtin := Fields{GTIN: f.GTIN}
	if err := gtin.normalizeGTIN(); err != nil {
		return nil, err
	}
	p := &Part{
		ID: f.PartID, Name: cmp.Or(f.Name, f.PartID), Type: cmp.Or(f.PartType, f.PartID), GTIN: gtin.GTIN, DefaultFormat: f.FormatConfigID,
		UniquenessScopes: f.UniquenessScopes, VendorScopes: f.VendorScopes,
		Rule: NumberRule{MinLength: f.NumberRule.MinLength, MaxLength: f.NumberRule.MaxLength, Charset: cmp.Or(f.NumberRule.Charset, CharsetAny)},
	}
	if err := checkScopes("uniquenessScopes", p.UniquenessScopes, ScopeSite, ScopePartType, ScopeEnterprise); err != nil {
		return nil, err
	}
	if err := checkScopes("vendorScopes", p.VendorScopes, ScopeSite, ScopePartType, ScopeEnterprise, ScopeVendor); err != nil {
		return nil, err
	}
	return p, p.Rule.set(f.NumberRule)
}

// set checks and adds what of a rule needs it.
func (r *NumberRule) set(f *numberRule) error {
	switch {
	case f.MinLength < 0 || f.MinLength > maxRuleLength || f.MaxLength < 0 || f.MaxLength > maxRuleLength:
		return Reject(CodeValidation, "numberRule", "minLength and maxLength must be from 0, which is no bound, to %d", maxRuleLength)
	case f.MaxLength > 0 && f.MinLength > f.MaxLength:
		return Reject(CodeValidation, "numberRule", "minLength %d is above maxLength %d: no number has it", f.MinLength, f.MaxLength)
	case !slices.Contains([]Charset{CharsetAny, CharsetNumeric, CharsetAlphanumeric}, r.Charset):
		return Reject(CodeValidation, "numberRule", "charset must be any, numeric or alphanumeric, not %q", f.Charset)
	case f.Case != "" && f.Case != "exact" && f.Case != "fold":
		return Reject(CodeValidation, "numberRule", "case must be exact or fold, not %q", f.Case)
	}
	r.Fold = f.Case == "fold"
	var err error
	if r.Pattern, err = CompileRule(f.Pattern); err != nil {
		return Reject(CodeValidation, "numberRule", "pattern: %v", err)
	}
	return nil
}

func checkScopes(field string, scopes []Scope, known ...Scope) error {
	if len(scopes) == 0 {
		return Reject(CodeValidation, field, "must name a scope: numbers that are unique nowhere say nothing")
	}
	for i, s := range scopes {
		if !slices.Contains(known, s) {
			return Reject(CodeValidation, field, "%q must be one of %v", s, known)
		}
		if slices.Contains(scopes[:i], s) {
			return Reject(CodeValidation, field, "%s is there twice", s)
		}
	}
	return nil
}

// MarshalJSON implements [json.Marshaler]: the names are those of part_put.
func (p *Part) MarshalJSON() ([]byte, error) {
	rule := &numberRule{p.Rule.MinLength, p.Rule.MaxLength, p.Rule.Source(), p.Rule.Charset, "exact"}
	if p.Rule.Fold {
		rule.Case = "fold"
	}
	return json.Marshal(partFields{p.ID, p.Name, p.Type, p.GTIN, p.DefaultFormat, p.UniquenessScopes, p.VendorScopes, rule})
}
