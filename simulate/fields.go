package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// numeric are the fields whose value is a number. All others are text: a number
// on a label is text, always, with its leading zeros.
var numeric = []string{"quantity", "routingSequence", "leaseSeconds", "batchSize", "priority", "counterStart", "increment", "targetQuantity"}

// text are the fields that are text also where they stand in brackets.
var text = []string{"pattern"}

// ParseFields reads an event's fields as they are written on a command line:
//
//	partId=PART-001          text, whatever it looks like: lotNumber=007
//	quantity=3               a number, for the few fields that are numbers
//	context={"shift":"A"}    an object or an array, for what is in brackets
//	partial=true             true or false
//	notes='"true"'           text in quotes, for what would be taken for another
//	revision:=7              JSON, for all else
//
// Numbers become a [json.Number], so that none is rounded. The error names the
// argument and says how to write it.
func ParseFields(args []string) (map[string]any, error) {
	fields := make(map[string]any, len(args))
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		name, asJSON := strings.CutSuffix(name, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: write field=value", arg)
		}
		if !utf8.ValidString(arg) {
			return nil, fmt.Errorf("%q: is not valid UTF-8", arg)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }) {
			return nil, fmt.Errorf("%q: write field=value, with no space or quote in the field's name", arg)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%s: is given twice", name)
		}
		v, err := parseValue(name, value, asJSON)
		if err != nil {
			return nil, err
		}
		fields[name] = v
	}
	return fields, nil
}

func parseValue(name, value string, asJSON bool) (any, error) {
	switch {
	case asJSON:
		v, err := parseJSON(value)
		if err != nil {
			return nil, fmt.Errorf("%s: what follows := must be JSON: %w", name, err)
		}
		return v, nil
	case slices.Contains(text, name):
		return value, nil
	case slices.Contains(numeric, name):
		v, err := parseJSON(value)
		if n, ok := v.(json.Number); ok && err == nil {
			return n, nil
		}
		return nil, fmt.Errorf("%s: must be a number, not %q", name, value)
	case value == "true", value == "false":
		return value == "true", nil
	case within(value, '{', '}'), within(value, '[', ']'):
		v, err := parseJSON(value)
		if err != nil {
			return nil, fmt.Errorf("%s: what is in brackets must be JSON: %w (for text write %s:=%s)", name, err, name, quote(value))
		}
		return v, nil
	case within(value, '"', '"'):
		if v, err := parseJSON(value); err == nil {
			return v, nil
		}
	}
	return value, nil
}

func within(s string, first, last byte) bool {
	return len(s) >= 2 && s[0] == first && s[len(s)-1] == last
}

// quote writes text as JSON, and that as one word of a shell.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string can be encoded, always
	return "'" + strings.ReplaceAll(string(b), "'", `'\''`) + "'"
}

// parseJSON reads one JSON value and leaves its numbers as they are written.
func parseJSON(s string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows at byte %d", d.InputOffset())
	}
	return v, nil
}
