package gs1

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// textOf draws text of a set.
func textOf(set charset, least, most int) *rapid.Generator[string] {
	var all []byte
	for c := range byte(0x7f) {
		if set.indexNot(string(rune(c))) < 0 {
			all = append(all, c)
		}
	}
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(all), least, most), func(b []byte) string { return string(b) })
}

// epcs draws an EPC of any scheme and length of the company prefix.
func epcs(t *rapid.T, from []scheme) EPC {
	s := schemeOf(rapid.SampledFrom(from).Draw(t, "scheme").name, false)
	if s == nil {
		s = schemeOf("lgtin", true)
	}
	e := EPC{scheme: s, prefix: textOf(numeric, leastPrefix, mostPrefix).Draw(t, "prefix")}
	least, most := s.referenceSize(e.prefix)
	e.reference = textOf(s.referenceSet(), least, most).Draw(t, "reference")
	if s.pieces {
		e.pieces = rapid.SampledFrom([]string{"0101", "0102", "0202", "1299"}).Draw(t, "pieces")
	}
	if s.serialMax > 0 {
		e.serial = textOf(s.serialSet, 1, s.serialMax).Draw(t, "serial")
	}
	if s.name == "cpi" {
		e.serial = "1" + e.serial[1:]
	}
	return e
}

func TestEPCsAreTheirElementsAndTheirURI(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := epcs(t, schemes)
		if got, err := ParseEPC(e.String()); err != nil || got != e {
			t.Fatalf("%s is parsed as %s (%v)", e, got, err)
		}
		es := e.Elements()
		slices.Reverse(es)
		if got, err := es.EPC(CompanyPrefixes{e.prefix}); err != nil || got != e {
			t.Fatalf("EPC of %v is %s (%v), want %s", es, got, err, e)
		}
	})
}

func TestTagsAreTheirBits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := epcs(t, []scheme{*schemeOf(sgtin, false)})
		filter := rapid.Uint8Range(0, mostFilter).Draw(t, "filter")
		if rapid.Bool().Draw(t, "numeric") {
			e.serial = rapid.StringMatching(`0|[1-9][0-9]{0,10}|274877906943`).Draw(t, "number")
		}
		tag, err := NewTag(rapid.SampledFrom([]TagScheme{"", SGTIN198}).Draw(t, "scheme"), filter, e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeTag(tag.Bytes()); err != nil || got != tag {
			t.Fatalf("%s is decoded as %s (%v)", tag, got, err)
		}
		if got, err := ParseTagURI(tag.String()); err != nil || got != tag {
			t.Fatalf("%s is parsed as %s (%v)", tag, got, err)
		}
	})
}

// byID compares elements in whatever order.
var byID = cmpopts.SortSlices(func(a, b Element) bool { return a.AI < b.AI })

func TestElementsAreTheirDigitalLink(t *testing.T) {
	t.Parallel()
	var attributes []*AI
	for ai := range AIs() {
		if len(ai.components) == 1 && ai.components[0].set == cset82 && len(ai.components[0].checks) == 0 {
			attributes = append(attributes, ai)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		es := epcs(t, schemes).Elements()
		for range rapid.IntRange(0, 6).Draw(t, "more") {
			ai := rapid.SampledFrom(attributes).Draw(t, "AI")
			if _, ok := es.AI(ai.Code); !ok {
				es = append(es, Element{AI: ai.Code, Value: textOf(cset82, 1, ai.max).Draw(t, "value")})
			}
		}
		stem := rapid.SampledFrom([]string{"", "https://example.com", "http://a/01/10", "https://example.com/some/path/"}).Draw(t, "stem")
		link, err := es.DigitalLink(stem)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Rule != RuleNotEncodable {
				t.Fatalf("%v: %v", es, err)
			}
			return
		}
		got, err := ParseDigitalLink(link)
		if diff := cmp.Diff(es, got, byID); diff != "" || err != nil {
			t.Fatalf("%s: %v\n%s", link, err, diff)
		}
		again, err := got.DigitalLink(stem)
		if err != nil || again != link {
			t.Fatalf("%s becomes %s (%v)", link, again, err)
		}
	})
}

func FuzzDigitalLink(f *testing.F) {
	for _, uri := range []string{
		"https://id.gs1.org/01/09506000134352/10/ABC1/21/12345?17=180426",
		"https://example.org/01/9520123456788/10/ABC1/21/12345?17=180426",
		"https://id.gs1.org/414/9520123456788/254/32a%2Fb",
		"https://id.gs1.org/00/952012345678912345?02=09520123456788&37=25&10=ABC123",
		"HTTP://a/x/01/12312312312333/235/A;B?98=%41+&;999=1;x=%zz&10=L#f",
		"https://a/01/12312312312333/", "https://a/8010/952012A%23/8011/1", "https:///01/", "https://a/2024/01/15",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		es, link, warnings, err := parseDigitalLink(uri, 1)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !link || es != nil || warnings != nil || e.Position < 1 || e.Position > len(uri)+1 || e.Rule == "" || e.Detail == "" {
				t.Fatalf("%q: %v, %v, %#v", uri, es, link, err)
			}
			return
		}
		if link != (len(es) > 0) {
			t.Fatalf("%q: %v, %v", uri, es, link)
		}
		if !link {
			return
		}
		canonical, err := es.DigitalLink("")
		if err != nil {
			t.Fatalf("%q has %v: %v", uri, es, err)
		}
		got, err := ParseDigitalLink(canonical)
		if diff := cmp.Diff(es, got, byID); diff != "" || err != nil || got[0] != es[0] {
			t.Fatalf("%q is %q: %v\n%s", uri, canonical, err, diff)
		}
	})
}

func FuzzEPC(f *testing.F) {
	for _, one := range epcExamples {
		f.Add(one.uri)
	}
	f.Add("urn:epc:id:sgtin:0614141.112345.4%2f")
	f.Fuzz(func(t *testing.T, uri string) {
		e, err := ParseEPC(uri)
		if err != nil {
			var found *Error
			if !errors.As(err, &found) || found.Position < 1 || found.Position > len(uri)+1 || found.Detail == "" {
				t.Fatalf("%q: %#v", uri, err)
			}
			return
		}
		if got := e.String(); got != uri {
			t.Fatalf("%q is written as %q", uri, got)
		}
		for _, one := range e.Elements() {
			ai, ok := LookupAI(one.AI)
			if !ok || ai.Check(one.Value) != nil {
				t.Fatalf("%q has %v: %v", uri, one, ai.Check(one.Value))
			}
		}
		back, err := e.Elements().EPC(CompanyPrefixes{e.CompanyPrefix()})
		if err != nil || back != e {
			t.Fatalf("%q becomes %s (%v)", uri, back, err)
		}
	})
}

func FuzzTag(f *testing.F) {
	for _, one := range tagExamples {
		f.Add(one.hex)
	}
	f.Add("3666C4409047E159B2C2BF10000000000000000000000001")
	f.Fuzz(func(t *testing.T, text string) {
		tag, err := ParseTagHex(text)
		if err != nil {
			var found *Error
			if !errors.As(err, &found) || found.Position < 1 || found.Position > len(text)+1 || found.Detail == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if got := tag.Hex(); got != strings.ToUpper(text) {
			t.Fatalf("%q is encoded as %q", text, got)
		}
		back, err := ParseTagURI(tag.String())
		if err != nil || back != tag || !bytes.Equal(back.Bytes(), tag.Bytes()) {
			t.Fatalf("%s becomes %s (%v)", tag, back, err)
		}
		if _, err := ParseEPC(tag.EPC().String()); err != nil {
			t.Fatalf("%s: %v", tag, err)
		}
	})
}
