package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ExampleParseFields() {
	fields, err := ParseFields([]string{"partId=PART-001", "lotNumber=007", "quantity=3", `context={"shift":"A"}`})
	if err != nil {
		panic(err)
	}
	b, _ := json.Marshal(fields)
	fmt.Println(string(b))
	// Output: {"context":{"shift":"A"},"lotNumber":"007","partId":"PART-001","quantity":3}
}

func TestParseFields(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]any{
		"partId=PART-001":              "PART-001",
		"serialNumber=007":             "007",
		"serialNumber=1e5":             "1e5",
		"lotNumber=-1":                 "-1",
		"notes=":                       "",
		"notes=a=b":                    "a=b",
		"notes= a ":                    " a ",
		"notes=null":                   "null",
		"notes=trueish":                "trueish",
		"vendorSerialNumber=[)>":       "[)>",
		"notes={":                      "{",
		`notes="`:                      `"`,
		`notes="a"b"`:                  `"a"b"`,
		`notes="true"`:                 "true",
		`notes="ü\n"`:                  "ü\n",
		"partial=true":                 true,
		"partial=false":                false,
		"quantity=3":                   json.Number("3"),
		"routingSequence=-10":          json.Number("-10"),
		"leaseSeconds=1.5":             json.Number("1.5"),
		"batchSize=123456789012345678": json.Number("123456789012345678"),
		"priority=0":                   json.Number("0"),
		"counterStart=5":               json.Number("5"),
		"increment=2":                  json.Number("2"),
		"pattern={SEQ:6}":              "{SEQ:6}",
		"pattern=true":                 "true",
		`context={"a":[1,"2",{}]}`:     map[string]any{"a": []any{json.Number("1"), "2", map[string]any{}}},
		"used=[]":                      []any{},
		`used=["A","B"]`:               []any{"A", "B"},
		"revision:=7":                  json.Number("7"),
		"revision:= 7 ":                json.Number("7"),
		"revision:=null":               nil,
		`revision:="7"`:                "7",
		`quantity:="ten"`:              "ten",
		"a:b=1":                        "1",
	} {
		name, _, _ := strings.Cut(arg, "=")
		name = strings.TrimSuffix(name, ":")
		got, err := ParseFields([]string{arg})
		if diff := cmp.Diff(map[string]any{name: want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", arg, err, diff)
		}
	}
	for args, say := range map[string]string{
		"partId":        `"partId": write field=value`,
		"":              `"": write field=value`,
		"=x":            `"=x": write field=value`,
		":=7":           `":=7": write field=value`,
		"part Id=x":     "no space",
		`"partId"=x`:    "no space or quote",
		"a=1\na=2":      "a: is given twice",
		"a=1\na:=2":     "a: is given twice",
		"quantity=ten":  `quantity: must be a number, not "ten"`,
		"quantity=":     "quantity: must be a number",
		"quantity=03":   "quantity: must be a number",
		"quantity=1 2":  "quantity: must be a number",
		`quantity="3"`:  "quantity: must be a number",
		"ids={SEQ:6}":   `ids: what is in brackets must be JSON: invalid character 'S' looking for beginning of object key string (for text write ids:='"{SEQ:6}"')`,
		"ids=[a,b]":     "ids: what is in brackets must be JSON",
		"used=[1][2]":   "something follows",
		"revision:=":    "revision: what follows := must be JSON",
		"revision:=x":   "revision: what follows := must be JSON",
		"revision:=1 2": "something follows",
		"notes=\xff":    "not valid UTF-8",
	} {
		if _, err := ParseFields(strings.Split(args, "\n")); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: got error %v, want one that says %q", args, err, say)
		}
	}
}

func FuzzParseFields(f *testing.F) {
	for _, arg := range []string{"partId=PART-001", "quantity=3", "quantity=1e999", `a={"b":1}`, "a=[1]", "a:=null", `a="b"`, "=", "a=true", "a={}x", ""} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		fields, err := ParseFields([]string{arg})
		if err != nil {
			if err.Error() == "" || fields != nil {
				t.Fatalf("error %q with fields %v", err, fields)
			}
			return
		}
		name, value, _ := strings.Cut(arg, "=")
		got, ok := fields[strings.TrimSuffix(name, ":")]
		if !ok || len(fields) != 1 {
			t.Fatalf("got fields %v", fields)
		}
		if s, ok := got.(string); ok && !strings.HasSuffix(name, ":") && s != value && !within(value, '"', '"') {
			t.Errorf("text %q became %q", value, s)
		}
		// As it is sent, and as the other side reads it.
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseJSON(string(b))
		if diff := cmp.Diff(any(fields), again); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", b, err, diff)
		}
	})
}
