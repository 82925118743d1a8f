package seriald_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// What the database could not keep as it is, is refused with the field's name; all else
// is kept.
func TestJSONThatCannotBeKept(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"\ud800"`:             "half of a surrogate pair",
		`"\udc00"`:             "half of a surrogate pair",
		`"a\ud800b\udc00"`:     "half of a surrogate pair",
		`"\uD83D\ud83d\uDE00"`: "half of a surrogate pair",
		`"\ud800`:              "", // no JSON at all
		`"\u0000"`:             "NUL",
		`[{"\u0000":1}]`:       "NUL",
		`"\\\u0000"`:           "NUL",
		`1e400000`:             "64-bit float",
		`[1,-1e309]`:           "64-bit float",
		`1e-400000`:            "64-bit float",
		`0.0001e-330`:          "64-bit float",
	} {
		for _, field := range []string{"attributes", "context"} {
			data := `{"partId":"P","` + field + `":{"a":` + value + `}}`
			_, err := fieldsOf(seriald.TypeSerialGenerate, data)
			r, ok := errors.AsType[*seriald.Rejection](err)
			if !ok || r.Code != seriald.CodeValidation || want != "" && (r.Field != field || !strings.Contains(r.Message, want)) {
				t.Errorf("%s: %v, want %q", data, err, want)
			}
		}
		if want == "" || strings.Contains(want, "float") { // conditions on such numbers have their own words
			continue
		}
		e := seriald.Event{Type: seriald.TypeTriggerCreate, Data: json.RawMessage(`{"partId":"P","triggerType":"OPERATION_COMPLETE","assignmentType":"SYSTEM_GENERATED","conditions":{"notes":{"in":[` + value + `]}}}`)}
		if _, err := e.Trigger(seriald.Trigger{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", e.Data, err, want)
		}
	}
	for _, value := range []string{
		`"\ud83d\ude00"`, `"😀"`, `"\\ud800"`, `"\\u0000"`, `"\"\\"`, `"\ufffd"`, `"\u001f"`, `"1e400000"`, `1e308`, `-5e-324`, `0e400000`, `0.0e-9999`, `123456789012345678901234567890`, `[{"1e999":[]}]`,
	} {
		if f, err := fieldsOf(seriald.TypeSerialGenerate, `{"partId":"P","attributes":{"a":`+value+`}}`); err != nil || !strings.Contains(string(f.Attributes), value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// What Go encodes, it takes.
func TestJSONOfTextsIsTaken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x00", "")
		number := rapid.Float64().Draw(t, "number")
		data, err := json.Marshal(map[string]any{"partId": "P", "attributes": map[string]any{text: []any{text, number}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fieldsOf(seriald.TypeSerialGenerate, string(data)); err != nil && len(data) < seriald.MaxAttributesLength {
			t.Errorf("%s: %v", data, err)
		}
	})
}
