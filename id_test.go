package seriald_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func ids() *rapid.Generator[seriald.ID] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) seriald.ID { return seriald.ID(b) })
}

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := ids().Draw(rt, "id")
		for name, text := range map[string]string{"lower case": want.String(), "upper case": strings.ToUpper(want.String())} {
			if got, err := seriald.ParseID(text); err != nil || got != want {
				rt.Fatalf("%s: got %v, %v, want %v", name, got, err, want)
			}
		}
		var got struct{ ID seriald.ID }
		text := encode(t, struct{ ID seriald.ID }{want})
		if err := json.Unmarshal(text, &got); err != nil || got.ID != want {
			rt.Fatalf("through %s: got %v, %v, want %v", text, got.ID, err, want)
		}
	})
}

func TestIDString(t *testing.T) {
	t.Parallel()
	id := seriald.ID{0x01, 0x96, 0xab, 0xcd, 0xef, 0x01, 0x7a, 0x3b, 0x8c, 0x5d, 0, 1, 2, 3, 4, 0xff}
	if got, want := id.String(), "0196abcd-ef01-7a3b-8c5d-0001020304ff"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if id.IsZero() {
		t.Error("is taken for the zero ID")
	}
}

func TestZeroIDIsWrittenEmpty(t *testing.T) {
	t.Parallel()
	var zero seriald.ID
	if got := zero.String(); got != "" || !zero.IsZero() {
		t.Errorf("got %q, IsZero %t, want an empty text and true", got, zero.IsZero())
	}
	type named struct {
		ID      seriald.ID `json:"id"`
		Omitted seriald.ID `json:"omitted,omitzero"`
	}
	text := encode(t, named{})
	if got, want := string(text), `{"id":""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got := named{ID: seriald.ID{1}}
	if err := json.Unmarshal(text, &got); err != nil || got.ID != zero {
		t.Errorf("got %v, %v, want the zero ID", got.ID, err)
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no UUID":                "PART-001",
		"no hyphens":             "0196abcdef017a3b8c5d0001020304ff",
		"hyphens elsewhere":      "0196abc-def01-7a3b-8c5d-0001020304ff",
		"a letter that is no x":  "0196abcd-ef01-7a3b-8c5d-00010203040g",
		"braces":                 "{0196abcd-ef01-7a3b-8c5d-0001020304}",
		"one character too long": "0196abcd-ef01-7a3b-8c5d-0001020304ff0",
		"a space in front":       " 0196abcd-ef01-7a3b-8c5d-0001020304f",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := seriald.ParseID(text); err == nil || !got.IsZero() || !strings.Contains(err.Error(), text) {
				t.Errorf("got %v, %v, want the zero ID and an error with the text", got, err)
			}
			id := seriald.ID{1}
			if err := id.UnmarshalText([]byte(text)); err == nil || id != (seriald.ID{1}) {
				t.Errorf("UnmarshalText: got %v, %v, want an error and the ID as it was", id, err)
			}
		})
	}
}
