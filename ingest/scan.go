package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// defaultScanField is what a text is if its route doesn't say.
const defaultScanField = "serialNumber"

// setScan checks the options of a scan.
func (r *route) setScan(from *Route) error {
	var problems []error
	if from.Debounce != nil {
		r.debounce = *from.Debounce
		if r.debounce < 0 || r.debounce > maxDebounce {
			problems = append(problems, fmt.Errorf("debounce: must be from 0 to %s, not %s", maxDebounce, r.debounce))
		}
	}
	r.field = from.Field
	if r.field == "" {
		r.field = defaultScanField
	}
	problems = append(problems, checkField("field", r.field))
	if r.serial = r.field; slices.ContainsFunc(scannedFields, func(f string) bool { return strings.EqualFold(f, r.field) }) {
		r.serial = defaultScanField // the text is a part number, say; a serial number never is
	}
	profile, err := gs1.ParseProfile(from.Profile)
	if err != nil {
		problems = append(problems, err)
	}
	r.parser.Profile = profile
	if from.Pattern == "" {
		return errors.Join(problems...)
	}
	if from.Field != "" {
		problems = append(problems, errors.New("field: is set, and the pattern names fields: leave one out"))
	}
	if from.Profile != "" {
		problems = append(problems, errors.New("profile: is set, and a pattern takes scans as plain text: leave one out"))
	}
	r.parser.Profile = gs1.Profile{Plain: true}
	p, err := regexp.Compile(`\A(?:` + from.Pattern + `)\z`)
	if err != nil {
		return errors.Join(append(problems, fmt.Errorf("pattern: %w", err))...)
	}
	r.pattern = p
	groups := map[string]bool{}
	for _, name := range p.SubexpNames() {
		if name == "" {
			continue
		}
		problems = append(problems, checkField("pattern", name))
		if folded := strings.ToLower(name); groups[folded] {
			problems = append(problems, fmt.Errorf("pattern: the group %s is there twice", name))
		} else {
			groups[folded] = true
		}
	}
	if len(groups) == 0 {
		problems = append(problems, errors.New("pattern: has no named group: write (?P<serialNumber>…)"))
	}
	return errors.Join(problems...)
}

// decodeScan makes an event of what was read, and returns it in canonical form:
// what equal reads have in common. now decides the century of dates.
func (r *route) decodeScan(e *seriald.Event, levels []string, payload []byte, now time.Time) (code string, err error) {
	if !publishable(e.Type) {
		return "", seriald.UnknownType(string(e.Type))
	}
	scan := strings.TrimSpace(string(payload))
	m, err := r.parser.Parse(scan)
	if err != nil {
		return "", badScan(err)
	}
	if len(m.Ambiguous) > 0 {
		return "", ambiguous(&m)
	}
	var fields scanFields
	if m.Kind == gs1.KindPlain {
		if code, err = plainText(m.Text, payload); err != nil {
			return "", err
		}
		if r.pattern == nil {
			fields.text(r.field, code)
		} else if err := r.split(&fields, code); err != nil {
			return "", err
		}
	} else {
		code = m.Canonical()
		if err := fields.read(&m, r.serial, scan, now); err != nil {
			return "", err
		}
	}
	if e.Data, err = fields.object(r, e.Origin, levels); err != nil {
		return "", err
	}
	key, err := readKey(e.Data)
	if err != nil {
		return "", err
	}
	e.Key = key.Key(e.Origin.Device)
	return code, nil
}

// badScan is the refusal of a scan that breaks a standard's rule.
func badScan(err error) error {
	return seriald.Reject(seriald.CodeBadScan, "", "%v", err)
}

// ambiguous is the refusal of a scan that can be read in more than one way.
func ambiguous(m *gs1.Message) error {
	var readings []string
	for i := range m.Ambiguous {
		readings = append(readings, fmt.Sprintf("%s %.100q", m.Ambiguous[i].Kind, m.Ambiguous[i].Canonical()))
	}
	return seriald.Reject(seriald.CodeBadScan, "",
		"can be read in %d ways (%s): have the reader send symbology identifiers and FNC1, or say in the profile of its route what it reads",
		len(readings), strings.Join(readings, ", "))
}

// split adds the fields that the pattern finds in text.
func (r *route) split(fields *scanFields, text string) error {
	found := r.pattern.FindStringSubmatch(text)
	if found == nil {
		return seriald.Reject(seriald.CodeBadScan, "", "%.100q does not match the pattern of its route", text)
	}
	for i, name := range r.pattern.SubexpNames() {
		if name != "" && found[i] != "" {
			fields.text(name, found[i])
		}
	}
	if len(fields.names) == 0 {
		return seriald.Reject(seriald.CodeBadScan, "", "no field was found in %.100q", text)
	}
	return nil
}
