package cache

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// text is any bytes, often those that separate.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune{':', '%', '+', ' ', '\x1f', '1', 'A', 'ä'}), 0, 6, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }),
	)
}

// What a name is made of can be read from it, so that no two keys have one.
func TestNameIsUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Key{seriald.Scope(text().Draw(t, "scope")), text().Draw(t, "scope key"), text().Draw(t, "canonical")}
		var parts [3]string
		rest, ok := strings.CutPrefix(name(want), prefix)
		if n := copy(parts[:], strings.Split(rest, ":")); !ok || n != 3 || strings.Count(rest, ":") != 2 {
			t.Fatalf("%q is not a name", name(want))
		}
		for i := range parts {
			var err error
			if parts[i], err = url.QueryUnescape(parts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if got := (Key{seriald.Scope(parts[0]), parts[1], parts[2]}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// The names and values are an interface: other releases read them.
func TestEncoding(t *testing.T) {
	t.Parallel()
	id, err := seriald.ParseID("01980000-0000-7000-8000-000000000001")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := name(Key{seriald.ScopeVendor, "acme\x1fP-100", "SN 4711"}), "machshop:claim:VENDOR:acme%1FP-100:SN+4711"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := encode(time.UnixMilli(1750000000123), Holder{id, "P-100", "SN:4711"}),
		"1:1750000000123:01980000-0000-7000-8000-000000000001:P-100:SN%3A4711"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncodedIsDecoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-1e15, 1e15).Draw(t, "at"))
		want := Holder{PartID: text().Draw(t, "part"), Number: text().Draw(t, "number")}
		copy(want.SerialID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		value := encode(at, want)
		if gotAt, got, ok := decode(value); !ok || !gotAt.Equal(at) || got != want {
			t.Errorf("%q is read as %v %q, %t, want %v %q", value, gotAt, got, ok, at, want)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	id := "01980000-0000-7000-8000-000000000001"
	for name, value := range map[string]string{
		"nothing":          "",
		"another version":  "2:0:" + id + ":P:N",
		"no time":          "1::" + id + ":P:N",
		"not a time":       "1:now:" + id + ":P:N",
		"not an id":        "1:0:" + id[1:] + ":P:N",
		"part not escaped": "1:0:" + id + ":P%:N",
		"number neither":   "1:0:" + id + ":P:N%zz",
		"too short":        "1:0:" + id + ":P",
		"too long":         "1:0:" + id + ":P:N:",
		"cut":              "1:0:" + id,
	} {
		if at, h, ok := decode(value); ok {
			t.Errorf("%s: read as %v %q", name, at, h)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "1:0:::", "1:1750000000123:01980000-0000-7000-8000-000000000001:P-100:SN%3A4711", "1:0::P%1FQ:+",
		"2:0::P:N", "1:-1::P:N", "1:9223372036854775807::P:N", "1:0:01980000-0000-7000-8000-00000000000:P:N", "1:0::P:%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		at, h, ok := decode(value)
		if !ok {
			return
		}
		again, same, ok := decode(encode(at, h))
		if !ok || !again.Equal(at) || same != h {
			t.Errorf("%q is %v %q, which is written and read as %v %q, %t", value, at, h, again, same, ok)
		}
	})
}
