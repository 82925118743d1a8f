package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/machshop/seriald"
)

// defaultField is a field that a route puts into an event that has none of that
// name.
type defaultField struct {
	name string
	// parts make a text; value is what is no text, as JSON.
	parts []part
	value json.RawMessage
}

// part of a default's text: literal, or what name stands for.
type part struct {
	literal string
	place   place // of a segment that has a name
	origin  int   // 1, 2, 3: site, line, device; 0: none of them
	named   bool
}

// setDefaults checks a route's defaults.
func (r *route) setDefaults(defaults map[string]any, segments map[string]int) error {
	var problems []error
	names := slices.Sorted(maps.Keys(defaults))
	for i, name := range names {
		if err := checkField("defaults", name); err != nil {
			problems = append(problems, err)
			continue
		}
		if slices.ContainsFunc(names[:i], func(n string) bool { return strings.EqualFold(n, name) }) {
			problems = append(problems, fmt.Errorf("defaults: %s is there twice", name))
		}
		field, err := newDefault(name, defaults[name], segments)
		if err != nil {
			problems = append(problems, fmt.Errorf("defaults: %s: %w", name, err))
			continue
		}
		r.defaults = append(r.defaults, field)
	}
	const workCenter = "workCenterId"
	if r.decoder == DecoderScan && r.typ.fixed == string(seriald.TypeOperationComplete) &&
		!slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, workCenter) }) {
		r.defaults = append(r.defaults, defaultField{name: workCenter, parts: []part{{origin: 3, named: true}}})
	}
	return errors.Join(problems...)
}

func newDefault(name string, value any, segments map[string]int) (defaultField, error) {
	f := defaultField{name: name}
	switch v := value.(type) {
	case string:
		var err error
		f.parts, err = parseText(v, segments)
		return f, err
	case bool, int, int64, uint64, float64:
		var err error
		f.value, err = json.Marshal(v)
		return f, err // a number that is none
	}
	return f, fmt.Errorf("%v must be a text, a number, true or false; put a text with {} into quotes", value)
}

func parseText(text string, segments map[string]int) ([]part, error) {
	if !utf8.ValidString(text) || len(text) > seriald.MaxFieldLength {
		return nil, fmt.Errorf("must be UTF-8 of at most %d bytes", seriald.MaxFieldLength)
	}
	var parts []part
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		if !found {
			break
		}
		name, rest, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("a } is missing in %q", text)
		}
		text = rest
		if i := slices.Index([]string{"site", "line", "device"}, name); i >= 0 {
			parts = append(parts, part{origin: i + 1, named: true})
			continue
		}
		level, ok := segments[name]
		if !ok || name == "type" {
			return nil, fmt.Errorf("{%s} is not in the topic", name)
		}
		parts = append(parts, part{place: place{level: level}, named: true})
	}
	return parts, nil
}

// text returns the default for a message from o.
func (f *defaultField) text(o seriald.Origin, levels []string) string {
	var b strings.Builder
	for _, p := range f.parts {
		switch {
		case !p.named:
			b.WriteString(p.literal)
		case p.origin > 0:
			b.WriteString([...]string{o.Site, o.Line, o.Device}[p.origin-1])
		default:
			b.WriteString(p.place.of(levels))
		}
	}
	return b.String()
}

// withDefaults returns data, a JSON object, with the defaults of the fields that
// it does not have behind its own, and the key's fields of both. A field that is
// null is there: the device said so.
func (r *route) withDefaults(data json.RawMessage, o seriald.Origin, levels []string) (json.RawMessage, seriald.KeyFields, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, seriald.KeyFields{}, seriald.Reject(seriald.CodeValidation, "", "payload must be a JSON object")
	}
	body := bytes.TrimRight(data, " \t\r\n")
	body = append(make([]byte, 0, len(body)+64*len(r.defaults)), body[:len(body)-1]...)
	body = r.appendDefaults(body, len(fields) > 0, func(name string) bool { return hasField(fields, name) }, o, levels)
	key, err := readKey(body)
	return body, key, err
}

// appendDefaults ends a JSON object with the defaults of what it has not; comma
// tells that it has something.
func (r *route) appendDefaults(b []byte, comma bool, has func(name string) bool, o seriald.Origin, levels []string) []byte {
	for i := range r.defaults {
		f := &r.defaults[i]
		if has(f.name) {
			continue
		}
		value := f.value
		if value == nil {
			value = quote(f.text(o, levels))
		}
		b = appendMember(b, comma, f.name, value)
		comma = true
	}
	return append(b, '}')
}

// hasField looks as the decoders of fields do, which don't mind the case.
func hasField(fields map[string]json.RawMessage, name string) bool {
	if _, ok := fields[name]; ok {
		return true
	}
	for k := range fields {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func appendMember(b []byte, comma bool, name string, value []byte) []byte {
	if comma {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...) // letters and digits
	b = append(b, '"', ':')
	return append(b, value...)
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("ingest: a string that does not encode: " + err.Error()) // there is none
	}
	return b
}

// renameFields returns data, a JSON object, with its fields renamed and the rest
// as it came.
func renameFields(data []byte, rename map[string]string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil { // {
		return nil, seriald.Reject(seriald.CodeValidation, "", "payload must be a JSON object")
	}
	var out []byte
	copied := 0
	names := map[string]string{} // folded, and what it came as if it was renamed
	for dec.More() {
		from := int(dec.InputOffset())
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, seriald.Reject(seriald.CodeValidation, "", "payload is not a JSON object")
		}
		from += bytes.IndexByte(data[from:], '"') // behind a comma and white space
		to, renamed := rename[name]
		if renamed {
			out = append(out, data[copied:from]...)
			out = append(out, quote(to)...)
			copied = int(dec.InputOffset())
		} else {
			to = name
		}
		folded := strings.ToLower(to)
		if other, twice := names[folded]; twice && (renamed || rename[other] != "") {
			// Which one is meant must not be guessed.
			return nil, seriald.Reject(seriald.CodeValidation, to, "is given twice: as %q and as %q", other, name)
		}
		names[folded] = name
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, seriald.Reject(seriald.CodeValidation, "", "payload is not a JSON object")
		}
	}
	return append(out, data[copied:]...), nil
}
