package seriald

import (
	"time"
)

// Site is a plant. Date tokens and counter resets follow its local time.
type Site struct {
	ID       string
	Name     string
	Location *time.Location
}

// Part is what is made or bought.
type Part struct {
	ID            string
	Name          string
	Type          string // the part family
	GTIN          string // 14 digits; "" if the part has none
	DefaultFormat string // "" if the part has none
	// UniquenessScopes say where numbers of ours must be unique, VendorScopes
	// where a vendor's must.
	UniquenessScopes []Scope
	VendorScopes     []Scope
	Rule             NumberRule
}

// CounterScope says which events share a counter of a format.
type CounterScope string

// The counter scopes.
const (
	CounterPerFormat   CounterScope = "FORMAT"
	CounterPerSite     CounterScope = "SITE"
	CounterPerPart     CounterScope = "PART"
	CounterPerSitePart CounterScope = "SITE_PART"
)

// Key returns the counter's name within its format.
func (s CounterScope) Key(site, part string) string {
	switch s {
	case CounterPerSite:
		return site
	case CounterPerPart:
		return part
	case CounterPerSitePart:
		return site + "/" + part
	}
	return ""
}

// Reset says when a counter starts again.
type Reset string

// The counter resets, all by the site's local time.
const (
	ResetNever   Reset = "never"
	ResetYearly  Reset = "yearly"
	ResetMonthly Reset = "monthly"
	ResetWeekly  Reset = "weekly" // ISO 8601 weeks
	ResetDaily   Reset = "daily"
)

// Period names the stretch of time that local lies in: a counter's value is
// unique within its period.
func (r Reset) Period(local time.Time) string {
	switch r {
	case ResetYearly:
		return local.Format("2006")
	case ResetMonthly:
		return local.Format("2006-01")
	case ResetWeekly:
		year, week := local.ISOWeek()
		return isoWeek(year, week)
	case ResetDaily:
		return local.Format("2006-01-02")
	}
	return ""
}

func isoWeek(year, week int) string {
	return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") + "-W" + string([]byte{'0' + byte(week/10), '0' + byte(week%10)})
}

// Unit is what r starts the counter again with each of: "day"; "" if it never does.
func (r Reset) Unit() string {
	return map[Reset]string{ResetYearly: "year", ResetMonthly: "month", ResetWeekly: "week", ResetDaily: "day"}[r]
}

// Format is a named, versioned pattern template with its counter rule.
type Format struct {
	ID           string
	Version      int
	Name         string
	Active       bool // whether numbers are made by it
	Pattern      string
	Start        int64 // the counter's first value
	Increment    int64
	Reset        Reset
	CounterScope CounterScope
	// Key is the secret of the permutation behind {SERIAL_RANDOM:n}, 16 bytes. It
	// never leaves the service.
	Key []byte
}

// FormatAssignment says that a format makes the numbers of a part, or of a family,
// for a time.
type FormatAssignment struct {
	FormatID   string
	PartID     string    // "" if it is for a family
	PartType   string    // the family; "" if it is for a part
	Priority   int       // the lowest wins, then the part before the family
	ValidFrom  time.Time // zero: always
	ValidUntil time.Time // the first instant at which it no longer holds; zero: for ever
}

// Holds reports whether a is valid at a time.
func (a *FormatAssignment) Holds(at time.Time) bool {
	return !at.Before(a.ValidFrom) && (a.ValidUntil.IsZero() || at.Before(a.ValidUntil))
}

// Catalog is the master data at one version. It is never changed, only replaced.
type Catalog struct {
	Version int64
	Sites   map[string]*Site
	Parts   map[string]*Part
	GTINs   map[string]*Part // the parts that have one, by it
	Formats map[string]*Format
	// Assignments are of all parts, in the order in which they win.
	Assignments []*FormatAssignment
	Triggers    map[string][]*Trigger // by part, in the order in which they fire
}
