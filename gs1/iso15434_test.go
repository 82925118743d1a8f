package gs1

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// ctl puts control characters where a test shows their pictures.
func ctl(text string) string {
	return strings.NewReplacer("␝", "\x1d", "␞", "\x1e", "␄", "\x04").Replace(text)
}

// dis reads "P=a 1P=b": a test's way to write data identifiers. "_" is a space.
func dis(text string) (es Elements) {
	for item := range strings.FieldsSeq(text) {
		code, value, _ := strings.Cut(item, "=")
		es = append(es, Element{DI: code, Value: strings.ReplaceAll(value, "_", " ")})
	}
	return es
}

// Most are as public projects that read labels have them in their tests (some
// shortened), or examples of the standard that is named; those marked "like" are
// made by its rules.
func TestParseEnvelopeReadsRealLabels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		want       Elements
		warnings   []string
	}{
		{
			"EIGP 114", ctl("[)>␞06␝P596-777A1-ND␝1PXAF4444␝Q3␝10D1452␝1TBF1103␝4LUS␞␄"),
			dis("P=596-777A1-ND 1P=XAF4444 Q=3 10D=1452 1T=BF1103 4L=US"), nil,
		},
		{
			"Mouser", ctl("[)>␞06␝KP0-1337␝14K011␝1PMC34063ADR␝Q3␝11K073121337␝4LMX␝1VTI␞␄"),
			dis("K=P0-1337 14K=011 1P=MC34063ADR Q=3 11K=073121337 4L=MX 1V=TI"), nil,
		},
		{
			"Mouser, old", ctl(">[)>06␝K21421337␝14K033␝1PLDK320ADU33R␝Q32␝11K060931337␝4LCN␝1VSTMicro"),
			dis("K=21421337 14K=033 1P=LDK320ADU33R Q=32 11K=060931337 4L=CN 1V=STMicro"),
			[]string{warnBefore, warnHeaderRS, warnEndRS, warnEOT},
		},
		{
			"Digi-Key, no order number", ctl("[)>␞06␝P296-LM358BIDDFRCT-ND␝1PLM358BIDDFR␝K␝1K72991337␝10K85781337␝11K1␝4LPH␝Q10␝11ZPICK␝12Z15221337␝13Z361337␝20Z0000"),
			dis("P=296-LM358BIDDFRCT-ND 1P=LM358BIDDFR 1K=72991337 10K=85781337 11K=1 4L=PH Q=10 11Z=PICK 12Z=15221337 13Z=361337 20Z=0000"),
			[]string{"data identifier K has no value: it was passed over", warnEndRS, warnEOT},
		},
		{
			"Digi-Key", ctl("[)>␞06␝PQ1045-ND␝1P364019-01␝30PQ1045-ND␝K12432 TRAVIS FOSS P␝1K85732873␝10K103332956␝9D231013␝1TQJ13P␝11K1␝4LTW␝Q3␝11ZPICK␝12Z7360988␝13Z999999␝20Z00␞␄"),
			dis("P=Q1045-ND 1P=364019-01 30P=Q1045-ND K=12432_TRAVIS_FOSS_P 1K=85732873 10K=103332956 9D=231013 1T=QJ13P 11K=1 4L=TW Q=3 11Z=PICK 12Z=7360988 13Z=999999 20Z=00"), nil,
		},
		{
			"like a distributor's reel", ctl("[)>␞06␝1PERJ-3EKF1001V␝Q5000␝9D2340␝1T2340A17␝4LJP␝VPANASONIC␝13ERoHS␞␄"),
			dis("1P=ERJ-3EKF1001V Q=5000 9D=2340 1T=2340A17 4L=JP V=PANASONIC 13E=RoHS"), nil,
		},
		{
			"IFA PPN", ctl("[)>␞06␝9N111234567842␝1T1A234B5␝D151231␝S1234567890123456␞␄"),
			dis("9N=111234567842 1T=1A234B5 D=151231 S=1234567890123456"), nil,
		},
		{
			"securPharm multi-market pack", ctl("[)>␞06␝9N111234567842␝S1234567890ABCD␝1T1234AB␝D210600␝8P08701234567896␝8P03400912345676␞␄"),
			dis("9N=111234567842 S=1234567890ABCD 1T=1234AB D=210600 8P=08701234567896 8P=03400912345676"), nil,
		},
		{
			"like a global transport label (Odette, VDA 4994)", ctl("[)>␞06␝12V123456789␝1JUN123456789A2B4C6D8␝P12345678␝Q1200␝16K98765␝2L007␝16D20240315␝B0201␝7Q25KG␞␄"),
			dis("12V=123456789 1J=UN123456789A2B4C6D8 P=12345678 Q=1200 16K=98765 2L=007 16D=20240315 B=0201 7Q=25KG"), nil,
		},
		{
			"MIL-STD-130, CAGE code", ctl("[)>␞06␝17V98897␝1P4L0014-163B␝SSA10197␞␄"),
			dis("17V=98897 1P=4L0014-163B S=SA10197"), nil,
		},
		{
			"like MIL-STD-130, enterprise", ctl("[)>␞06␝18VLE0614141␝1P99999␝SMH80312␞␄"),
			dis("18V=LE0614141 1P=99999 S=MH80312"), nil,
		},
		{
			"MIL-STD-130, concatenated", ctl("[)>␞06␝25SUN123456789RGM0000000123␞␄"),
			dis("25S=UN123456789RGM0000000123"), nil,
		},
		{
			"MIL-STD-130, format 05", ctl("[)>␞05␝800406141419999960MH80312␝21MH80312␝950614141␝24099999␞␄"),
			Elements{{AI: "8004", Value: "06141419999960MH80312"}, {AI: "21", Value: "MH80312"}, {AI: "95", Value: "0614141"}, {AI: "240", Value: "99999"}},
			nil,
		},
		{
			"format 05, element strings in one item", ctl("[)>␞05␝010950600013435217261231␝10ABC␝21S1␞␄"),
			Elements{{AI: "01", Value: "09506000134352"}, {AI: "17", Value: "261231"}, {AI: "10", Value: "ABC"}, {AI: "21", Value: "S1"}},
			nil,
		},
		{
			"MH10.8.2, two formats", ctl("[)>␞06␝25SUN123456789PA12345␝4LUS␝16D20131108␝34LHTTP://WWW.SECUREUID.COM/ITEMDATA/?SCAN=␞05␝13131108␞␄"),
			append(dis("25S=UN123456789PA12345 4L=US 16D=20131108 34L=HTTP://WWW.SECUREUID.COM/ITEMDATA/?SCAN="), Element{AI: "13", Value: "131108"}), nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			es, warnings, err := parseEnvelope(c.data, 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, es); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEnvelopePutsUpWithWhatIsClear(t *testing.T) {
	t.Parallel()
	good := dis("1P=A Q=1 10K=7")
	for _, c := range []struct {
		name, data string
		warnings   []string
	}{
		{"well-formed", ctl("[)>␞06␝1PA␝Q1␝10K7␞␄"), nil},
		{"> in front", ctl(">[)>␞06␝1PA␝Q1␝10K7␞␄"), []string{warnBefore}},
		{"?> in front", ctl("?>[)>␞06␝1PA␝Q1␝10K7␞␄"), []string{warnBefore}},
		{"no RS in the header", ctl("[)>06␝1PA␝Q1␝10K7␞␄"), []string{warnHeaderRS}},
		{"GS in the header", ctl("[)>␝06␝1PA␝Q1␝10K7␞␄"), []string{warnHeaderGS}},
		{"no GS after the format", ctl("[)>␞061PA␝Q1␝10K7␞␄"), []string{warnFormatGS}},
		{"neither", ctl("[)>061PA␝Q1␝10K7␞␄"), []string{warnHeaderRS, warnFormatGS}},
		{"GS twice after the format", ctl("[)>␞06␝␝1PA␝Q1␝10K7␞␄"), []string{warnSpare}},
		{"GS twice", ctl("[)>␞06␝1PA␝␝Q1␝␝10K7␞␄"), []string{warnSpare}},
		{"GS at the end", ctl("[)>␞06␝1PA␝Q1␝10K7␝␞␄"), []string{warnSpare}},
		{"RS twice", ctl("[)>␞06␝1PA␝Q1␝10K7␞␞␄"), []string{warnSpare}},
		{"RS for GS", ctl("[)>␞06␝1PA␞Q1␝10K7␞␄"), []string{warnItemRS}},
		{"RS for GS, and an item that begins like a format", ctl("[)>␞06␝1PA␞Q1␞10K7␞␄"), []string{warnItemRS}},
		{"RS and GS", ctl("[)>␞06␝1PA␞␝Q1␝10K7␞␄"), []string{warnSpare, warnItemRS}},
		{"no EOT", ctl("[)>␞06␝1PA␝Q1␝10K7␞"), []string{warnEOT}},
		{"no RS at the end", ctl("[)>␞06␝1PA␝Q1␝10K7␄"), []string{warnEndRS}},
		{"no end", ctl("[)>␞06␝1PA␝Q1␝10K7"), []string{warnEndRS, warnEOT}},
		{"GS as end", ctl("[)>␞06␝1PA␝Q1␝10K7␝"), []string{warnSpare, warnEndRS, warnEOT}},
		{"no values", ctl("[)>␞06␝K␝1PA␝1T␝Q1␝10K7␞␄"), []string{"data identifier K has no value: it was passed over", "data identifier 1T has no value: it was passed over"}},
		{"{RS}", "[)>{RS}06{GS}1PA{GS}Q1{GS}10K7{RS}{EOT}", []string{warnStandIn}},
		{"<RS>", "[)><RS>06<GS>1PA<GS>Q1<GS>10K7<RS><EOT>", []string{warnStandIn}},
		{"[RS]", "[)>[RS]06[GS]1PA[GS]Q1[GS]10K7[RS][EOT]", []string{warnStandIn}},
		{"^030", "[)>^03006^0291PA^029Q1^02910K7^030^004", []string{warnStandIn}},
		{"~d030", "[)>~d03006~d0291PA~d029Q1~d02910K7~d030~d004", []string{warnStandIn}},
		{"pictures", "[)>␞06␝1PA␝Q1␝10K7␞␄", []string{warnStandIn}},
		{"carets", "[)>^^06^]1PA^]Q1^]10K7^^^D", []string{warnStandIn}},
		{"stand-ins, no RS in the header", "[)>06<GS>1PA<GS>Q1<GS>10K7", []string{warnStandIn, warnHeaderRS, warnEndRS, warnEOT}},
		{"stand-ins for GS only", ctl("[)>␞06") + "<GS>1PA<GS>Q1<GS>10K7" + ctl("␞␄"), []string{warnStandIn}},
		{"another format first", ctl("[)>␞07free text␞06␝1PA␝Q1␝10K7␞␄"), []string{"format 07 was passed over: only 05 and 06 are understood"}},
		{"another format last", ctl("[)>␞06␝1PA␝Q1␝10K7␞12␝SER 1␝MFR 2␞␄"), []string{"format 12 was passed over: only 05 and 06 are understood"}},
		{"a binary format", ctl("[)>␞06␝1PA␝Q1␝10K7␞09␝JPEG␝␝3␝␞a␄b␞␄c␞␄"), []string{"format 09 was passed over: only 05 and 06 are understood"}},
		{"format 06 twice", ctl("[)>␞06␝1PA␞06␝Q1␝10K7␞␄"), nil},
		{"format 06 twice, no GS", ctl("[)>␞06␝1PA␞06Q1␝10K7␞␄"), []string{warnFormatGS}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			es, warnings, err := parseEnvelope(c.data, 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(good, es); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEnvelopeLeavesStandInsInValuesUnlessTheHeaderHasThem(t *testing.T) {
	t.Parallel()
	es, warnings, err := parseEnvelope(ctl("[)>␞06␝3Za<GS>b{RS}c^029d␞␄"), 1)
	if diff := cmp.Diff(dis("3Z=a<GS>b{RS}c^029d"), es); diff != "" || len(warnings) > 0 || err != nil {
		t.Error(diff, warnings, err)
	}
}

func TestParseEnvelopePutsUpWithRSForGSBetweenApplicationIdentifiers(t *testing.T) {
	t.Parallel()
	want := Elements{{AI: "21", Value: "S1"}, {AI: "01", Value: "09506000134352"}, {AI: "10", Value: "A"}}
	es, warnings, err := parseEnvelope(ctl("[)>␞05␝21S1␞0109506000134352␞10A␞␄"), 1)
	if diff := cmp.Diff(want, es); diff != "" || err != nil || !slices.Equal(warnings, []string{warnItemRS}) {
		t.Error(diff, warnings, err)
	}
}

func TestParseEnvelopeSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data string
		want Error
	}{
		{"[)>", Error{Position: 4, Rule: RuleEmpty, Detail: "the message has no data"}},
		{ctl("[)>␞06␝␞␄"), Error{Position: 4, Rule: RuleEmpty, Detail: "the message has no data"}},
		{ctl("[)>␞06␝K␞␄"), Error{Position: 4, Rule: RuleEmpty, Detail: "the message has no data"}},
		{ctl("[)>␞␝1PA␞␄"), Error{Position: 9, Rule: RuleSyntax, Detail: `must be the two digits of a format, not "1PA\x1e…"`}},
		{ctl("[)>␞6␞␄"), Error{Position: 8, Rule: RuleSyntax, Detail: `must be the two digits of a format, not "6\x1e\x04"`}},
		{ctl("[)>␞12␝SER 1␞␄"), Error{Position: 8, Rule: RuleSyntax, Detail: "format 12 is not understood: must be 05 (application identifiers) or 06 (data identifiers)"}},
		{ctl("[)>␞01␝96841706672␝840␞07x␞␄"), Error{Position: 8, Rule: RuleSyntax, Detail: "format 01 is not understood: must be 05 (application identifiers) or 06 (data identifiers)"}},
		{ctl("[)>␞06␝1pA␞␄"), Error{Position: 11, Rule: RuleUnknownDI, Detail: `"1p" is no data identifier: its letter must be a capital`}},
		{ctl("[)>␞06␝Q1␝-␞␄"), Error{Position: 14, Rule: RuleUnknownDI, Detail: `no data identifier begins with "-": must be up to three digits and a capital letter, like 1P`}},
		{ctl("[)>␞06␝Q1␝1PA\tB␞␄"), Error{ID: "1P", Position: 17, Rule: RuleCharacter, Detail: `'\t' is not printable`}},
		{ctl("[)>␞06␝9N111234567843␞␄"), Error{ID: "9N", Position: 23, Rule: "csum", Detail: "check digits are 43, must be 42"}},
		{ctl("[)>␞05␝21A␝05XYZ␞␄"), Error{Position: 15, Rule: RuleUnknownAI, Detail: `no application identifier begins with "05XY…"`}},
		{ctl("[)>␞05␝21A␝21B␞␄"), Error{ID: "21", Position: 17, Rule: RuleRepeat, Detail: "is there twice, with different values"}},
		{ctl("[)>␞06␝Q1␞␄[)>"), Error{Position: 15, Rule: RuleSyntax, Detail: "something follows the EOT, which ends a message"}},
		{"[)><RS>06<GS>Q1<GS>1p", Error{Position: 23, Rule: RuleUnknownDI, Detail: `"1p" is no data identifier: its letter must be a capital`}},
	} {
		es, warnings, err := parseEnvelope(c.data, 4)
		if got, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("parseEnvelope(%q) = %v, %v", c.data, es, err)
		} else if diff := cmp.Diff(&c.want, got); diff != "" || es != nil || warnings != nil {
			t.Errorf("parseEnvelope(%q): %s %v %v", c.data, diff, es, warnings)
		}
	}
}

func TestLooksLikeEnvelopeTellsByTheHeader(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]bool{
		"[)>": true, ">[)>06": true, "?>[)>06": true, "[)>\x1e06\x1dQ1": true,
		"": false, "[)": false, ")>[": false, "1PABC": false, ">1P": false, "]d1[)>": false,
		"{pbn:PICK2009291337,on:SO2009291337,pc:C312270,pm:ST-1-102-A01-T000-RS,qty:2,mc:,cc:1,pdi:34421807}": false, // LCSC
	} {
		if got := looksLikeEnvelope(data); got != want {
			t.Errorf("looksLikeEnvelope(%q) = %v", data, got)
		}
	}
}

func TestEnvelopeIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		es   Elements
		want string
	}{
		{dis("17V=98897 1P=4L0014-163B S=SA10197"), ctl("[)>␞06␝17V98897␝1P4L0014-163B␝SSA10197␞␄")},
		{Elements{{AI: "01", Value: "09506000134352"}, {AI: "21", Value: "A1"}}, ctl("[)>␞05␝0109506000134352␝21A1␞␄")},
	} {
		if got, ok := c.es.envelope(); !ok || got != c.want {
			t.Errorf("envelope of %v = %q, %v, want %q", c.es, got, ok, c.want)
		}
	}
}

func TestEnvelopeHoldsOneKindOfWhatItCanHold(t *testing.T) {
	t.Parallel()
	for _, es := range []Elements{
		nil,
		{{AI: "21", Value: "A"}, {DI: "S", Value: "A"}},
		{{DI: "S", Value: "A"}, {AI: "21", Value: "A"}},
		{{AI: "21", DI: "S", Value: "A"}},
		{{AI: "999", Value: "A"}},
		{{DI: "s", Value: "A"}},
		{{DI: "SS", Value: "A"}},
		{{DI: "1", Value: "A"}},
		{{DI: "S"}},
		{{DI: "S", Value: "A\x1dQ1"}},
		{{Value: "A"}},
	} {
		if got, ok := es.envelope(); ok {
			t.Errorf("envelope of %v = %q", es, got)
		}
	}
}

// genDIs draws elements with data identifiers that parseDI takes as they are.
func genDIs(t *rapid.T) (es Elements) {
	code := rapid.StringMatching(`[0-9]{0,3}[A-Z]`).Filter(func(c string) bool { return c != "9N" && c != "8P" && c != "8S" })
	value := rapid.StringMatching(`[ -~]{1,12}|[ -~kΩ±é]{1,6}`)
	for range rapid.IntRange(1, 8).Draw(t, "items") {
		e := Element{DI: code.Draw(t, "code"), Value: value.Draw(t, "value")}
		if !slices.Contains(es, e) {
			es = append(es, e)
		}
	}
	return es
}

func TestEnvelopeOfElementsParsesToTheSameElements(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		es := genDIs(t)
		if rapid.Bool().Draw(t, "application identifiers") {
			es = es[:0]
			for _, code := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"10", "21", "240", "241", "250", "400", "90", "99"}), 1, 8, rapid.ID).Draw(t, "codes") {
				es = append(es, Element{AI: code, Value: rapid.StringMatching(`[!"%-?A-Z_a-z]{1,20}`).Draw(t, "value")})
			}
		}
		data, ok := es.envelope()
		if !ok {
			t.Fatalf("%v has no envelope", es)
		}
		got, warnings, err := parseEnvelope(data, 1)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%q: %v %v", data, warnings, err)
		}
		if diff := cmp.Diff(es, got); diff != "" {
			t.Fatalf("%q: %s", data, diff)
		}
	})
}

// A label without its end, or with stand-ins, says the same as the whole one.
func TestMalformedEnvelopeSaysTheSameWithAWarning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		es := genDIs(t)
		whole, _ := es.envelope()
		data := whole
		if rapid.Bool().Draw(t, "without end") {
			data = strings.TrimSuffix(data, "\x1e\x04")
		}
		if rapid.Bool().Draw(t, "without RS") {
			data = strings.Replace(data, "\x1e", "", 1)
		}
		if rapid.Bool().Draw(t, "printed") && !strings.ContainsAny(whole, "{}") {
			data = strings.NewReplacer("\x1d", "{GS}", "\x1e", "{RS}", "\x04", "{EOT}").Replace(data)
		}
		if rapid.Bool().Draw(t, "something in front") {
			data = ">" + data
		}
		got, warnings, err := parseEnvelope(data, 1)
		if err != nil || (data == whole) != (len(warnings) == 0) {
			t.Fatalf("%q: %v %v", data, warnings, err)
		}
		if diff := cmp.Diff(es, got); diff != "" {
			t.Fatalf("%q: %s", data, diff)
		}
	})
}

func TestParseEnvelopeAllocatesForItsElementsOnly(t *testing.T) {
	data := ctl("[)>␞06␝P596-777A1-ND␝1PXAF4444␝Q3␝10D1452␝1TBF1103␝4LUS␝8P08701234567896␝9N111234567842␞␄")
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, err := parseEnvelope(data, 1); err != nil {
			t.Error(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	data := ctl("[)>␞06␝PQ1045-ND␝1P364019-01␝30PQ1045-ND␝K12432 TRAVIS FOSS P␝1K85732873␝10K103332956␝9D231013␝1TQJ13P␝11K1␝4LTW␝Q3␝11ZPICK␝12Z7360988␝13Z999999␝20Z00␞␄")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := parseEnvelope(data, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, data := range []string{
		"", "[)>", "[)>06", "[)>␞06␝", ">[)>06␝K2142␝14K033␝1PLDK320␝Q32", "[)>␞06␝9N111234567842␝1T1A␝D151231␝S1␞␄",
		"[)>␞05␝0109506000134352␝21A1␞␄", "[)>␞06␝1PA␞05␝21A␞07x␞␄", "[)>␞06␝1PA␞Q1␞10K7␝␝␞␞␄", "[)>␞09␝JPEG␝␝3␝␞a␄b␞␄",
		"[)>␞061PA", "[)>␞06␝3ZΩ±␞␄", "[)>␞06␝1pA␞␄", "[)>␞12␝SER 1␞␄x",
	} {
		f.Add(ctl(data))
		f.Add(data)
	}
	f.Add("[)>{RS}06{GS}1PA{GS}Q1{RS}{EOT}")
	f.Add("[)>^03006^0291PA^030^004")
	f.Fuzz(func(t *testing.T, data string) {
		const at = 4
		es, warnings, err := parseEnvelope(data, at)
		if e, ok := errors.AsType[*Error](err); ok {
			if e.Position < at || e.Position > at+len(data) || e.Detail == "" || es != nil {
				t.Errorf("%q: %+v", data, e)
			}
			return
		}
		if err != nil || len(es) == 0 {
			t.Fatalf("%q: %v, %v", data, es, err)
		}
		again, ok := es.envelope()
		if !ok {
			return // application and data identifiers
		}
		es2, warnings2, err := parseEnvelope(again, 1)
		if err != nil || len(warnings2) > 0 {
			t.Fatalf("%q, built %q: %v %v", data, again, warnings2, err)
		}
		if diff := cmp.Diff(es, es2); diff != "" {
			t.Errorf("%q (warnings %v), built %q: %s", data, warnings, again, diff)
		}
	})
}
