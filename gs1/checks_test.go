package gs1

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkCases are values at the borders of each check. Many are those that the GS1
// Barcode Syntax Dictionary is tested with (Copyright (c) 2022-2025 GS1 AISBL, Apache
// License, Version 2.0).
var checkCases = map[Rule]struct {
	good []string
	bad  []badCase
}{
	"csum": {
		[]string{"09506000134352", "376104250021234569", "6291041500213", "95050003"},
		[]badCase{
			{"09506000134351", 13, "check digit is 1, must be 2"},
			{"0950600013435A", 13, "'A' is not a digit"},
			{"0950A000134352", 4, "'A' is not a digit"},
			{"", 0, "too short"},
			{"0", 0, "too short"},
		},
	},
	"csumalpha": {
		pairs,
		[]badCase{
			{"1987654Ad4X4bL5ttr2310cXK", 23, `are "XK", must be 2K`},
			{"1987654Ad4X4bL5ttr2310c2X", 23, `are "2X", must be 2K`},
			{"123456789 1234567890123NT", 9, "' ' is not in"},
			{"", 0, "too short"},
			{"22", 0, "too short"},
			{"123456789012345678901234NT", 0, "has 26 characters, can have 25"},
		},
	},
	"gcppos1": {
		[]string{"1234", "01234A", "9506000134352"},
		[]badCase{{"", 0, "too short"}, {"123", 3, "too short"}, {"123A5", 3, "'A'"}, {"A1234", 0, "'A'"}},
	},
	"gcppos2": {
		[]string{"I0123", "I01234A", "09506000134352"},
		[]badCase{{"", 0, "too short"}, {"I", 1, "too short"}, {"I012", 4, "too short"}, {"I012A", 4, "'A'"}, {"IA123", 1, "'A'"}},
	},
	"hasnondigit": {[]string{"/", "1A1", "012345678:"}, []badCase{{"", 0, "no digit"}, {"0123456789", 0, "no digit"}}},
	"hh":          {[]string{"00", "23"}, []badCase{{"24", 0, "hour is 24, must be 00 to 23"}, {"1", 0, "must have 2"}, {"1x", 1, "'x'"}}},
	"hhmi": {
		[]string{"0000", "2359"},
		[]badCase{{"2400", 0, "hour is 24"}, {"0060", 2, "minute is 60"}, {"00x0", 2, "'x'"}, {"000", 0, "must have 4"}, {"00000", 0, "must have 4"}},
	},
	"mi":     {[]string{"00", "59"}, []badCase{{"60", 0, "minute is 60, must be 00 to 59"}, {"", 0, "must have 2"}}},
	"ss":     {[]string{"00", "59"}, []badCase{{"60", 0, "second is 60, must be 00 to 59"}, {"001", 0, "must have 2"}}},
	"hyphen": {[]string{"-", "--"}, []badCase{{"", 0, "must be -"}, {"X", 0, "is 'X'"}, {"-+", 1, "is '+'"}}},
	"iban": {
		[]string{
			"FR7630006000011234567890189", "DE91100000000123456789", "GR9608100010000001234567890", "MU43BOMM0101123456789101000MUR",
			"PK70BANK0000123456789000", "PL10105000997603123456789123", "RO09BCYP0000001234567890", "SA4420000001234567891234",
			"ES7921000813610123456789", "CH5604835012345678009", "GB98MIDL07009312345678", "BE71096123456769",
			"LC14BOSL123456789012345678901234", "NO9386011117947", "XK051212012345678906",
		},
		[]badCase{
			{"BE71096123456760", 2, "check digits are 71, must be "},
			{"GB82WEST12345698765431", 2, "must be "},
			{"LC14BOSLxx3456789012345678901230", 8, "'x'"},
			{"XX3612345678901", 0, `"XX"`},
			{"BE7A096123456769", 3, "'A'"},
			{"BE71", 0, "has 4 characters"},
			{"", 0, "has 0 characters"},
		},
	},
	"importeridx": {[]string{"-", "_", "0", "9", "A", "Z", "a", "z"}, []badCase{{"", 0, "importer"}, {"AA", 0, "importer"}, {"=", 0, `"="`}, {"\xff", 0, "importer"}}},
	"iso3166":     {[]string{"004", "276", "840", "894"}, []badCase{{"000", 0, `"000"`}, {"999", 0, "ISO 3166"}, {"04", 0, "ISO 3166"}, {"", 0, "ISO 3166"}}},
	"iso3166999":  {[]string{"276", "999"}, []badCase{{"998", 0, `"998"`}, {"", 0, "ISO 3166"}}},
	"iso3166alpha2": {
		[]string{"AD", "DE", "ZW"},
		[]badCase{{"AA", 0, `"AA"`}, {"XK", 0, "ISO 3166"}, {"de", 0, "ISO 3166"}, {"D", 0, "ISO 3166"}, {"", 0, "ISO 3166"}},
	},
	"iso4217": {
		[]string{"978", "840", "999", "532", "924", "926", "396", "975"}, // the Caribbean guilder, Zimbabwe gold, the digital bolívar, the Arab accounting dinar, the old lev
		[]badCase{{"000", 0, `"000"`}, {"280", 0, "ISO 4217"}, {"97", 0, "ISO 4217"}, {"", 0, "ISO 4217"}},
	},
	"iso5218":   {[]string{"0", "1", "2", "9"}, []badCase{{"3", 0, "2 (female)"}, {"", 0, "must be"}, {"01", 0, "must be"}}},
	"latitude":  {[]string{"0000000000", "0279085848", "1800000000"}, []badCase{{"1800000001", 0, "latitude is 1800000001"}, {"027908584", 0, "must have 10"}, {"02790858x8", 8, "'x'"}}},
	"longitude": {[]string{"0000000000", "3015297971", "3600000000"}, []badCase{{"3600000001", 0, "longitude is"}, {"30152979711", 0, "must have 10"}}},
	"mediatype": {[]string{"01", "10", "80", "99"}, []badCase{{"00", 0, "is 00"}, {"11", 0, "01 to 10"}, {"79", 0, "80 to 99"}, {"1", 0, "must have 2"}, {"A1", 0, "'A'"}}},
	"nonzero":   {[]string{"1", "0010", "9000"}, []badCase{{"0", 0, "zero"}, {"0000", 0, "zero"}, {"", 0, "zero"}, {"9A99", 1, "'A'"}}},
	"nozeroprefix": {
		[]string{"", "1", "10", "1234567890"},
		[]badCase{{"0", 0, "begin with 0"}, {"012", 0, "begin with 0"}, {"99A9", 2, "'A'"}},
	},
	"packagetype": {[]string{"1A", "200", "8", "9", "APE", "X3", "ZZ"}, []badCase{{"", 0, "package type"}, {"0", 0, `"0"`}, {"1A_", 0, "package type"}, {"zz", 0, "package type"}, {"X3 ", 0, "package type"}}},
	"pcenc": {
		[]string{"", "ABC", "%00", "%fF", "ABC%20XYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ%00+12345"},
		[]badCase{{"%fg", 0, "hexadecimal"}, {"%g", 0, "hexadecimal"}, {"ABC%", 3, "hexadecimal"}, {"%20%2", 3, "hexadecimal"}, {"ABC%gXYZ", 3, "hexadecimal"}, {"%%20", 0, "hexadecimal"}},
	},
	"pieceoftotal": {
		[]string{"11", "89", "0101", "0203", "9999", "001003"},
		[]badCase{
			{"", 0, "as many"},
			{"010", 0, "has 3 digits"},
			{"0001", 0, "piece is 0"},
			{"0100", 2, "total is 0"},
			{"0000", 0, "piece is 0"},
			{"0302", 0, "piece is 03, must not be above the total, 02"},
			{"1009", 0, "piece is 10"},
			{"555x5555", 3, "'x'"},
		},
	},
	"posinseqslash": {
		[]string{"1/1", "2/3", "9/10", "999/999"},
		[]badCase{
			{"", 0, "like 1/3"},
			{"/", 0, "like"},
			{"1/", 0, "like"},
			{"/1", 0, "like"},
			{"1//2", 0, "like"},
			{"x/y", 0, "like"},
			{"1/2/3", 0, "like"},
			{"0/1", 0, "begin with 0"},
			{"1/02", 2, "begin with 0"},
			{"3/2", 0, "position is 3"},
			{"10/9", 0, "position is 10"},
		},
	},
	"winding": {[]string{"0", "1", "9"}, []badCase{{"2", 0, "face out"}, {"", 0, "must be"}, {"01", 0, "must be"}}},
	"yesno":   {[]string{"0", "1"}, []badCase{{"2", 0, "0 (no)"}, {"", 0, "must be"}, {"x", 0, "must be"}}},
	"yymmd0": {
		[]string{"000229", "240229", "960229", "250430", "991231", "200600"},
		[]badCase{
			{"250010", 2, "month is 00"},
			{"251310", 2, "month is 13"},
			{"250229", 4, "day is 29, must be 00 to 28"},
			{"240230", 4, "day is 30"},
			{"250431", 4, "day is 31"},
			{"20x131", 2, "'x'"},
			{"25010", 0, "must have 6"},
			{"", 0, "must have 6"},
		},
	},
	"yymmdd": {
		[]string{"240229", "250101"},
		[]badCase{{"200600", 4, "day is 00, must be 01 to 30"}, {"210229", 4, "day is 29"}, {"250000", 2, "month is 00"}, {"2501011", 0, "must have 6"}},
	},
	"yyyymmdd": {
		[]string{"20240229", "20000229", "24000229", "19991231"},
		[]badCase{{"21000229", 6, "day is 29"}, {"20210229", 6, "day is 29"}, {"20200600", 6, "day is 00"}, {"20201310", 4, "month is 13"}, {"2020013x", 7, "'x'"}, {"200613", 0, "must have 8"}},
	},
	"zero":           {[]string{"0", "00"}, []badCase{{"1", 0, "must be 0"}, {"01", 1, "is '1'"}, {"", 0, "must be 0"}}},
	"couponcode":     {[]string{"012345612345611110123", "012345612345611110123101101239350060645006065012345661123456790000"}, []badCase{{"", 0, "indicator is missing"}, {"a12345612345611110123", 0, "'a' is not a digit"}}},
	"couponposoffer": {[]string{"001234561234560123456", "061234567890121234569123456789012345"}, []badCase{{"", 0, "format code is missing"}, {"00123456123456012345a", 20, "'a'"}}},
}

type badCase struct {
	value  string
	at     int
	detail string // a part of it
}

func TestChecksTakeWhatIsRightAndPointAtWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, find := range checks {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			c := checkCases[name]
			if len(c.good) == 0 || len(c.bad) == 0 {
				t.Fatal("has no cases")
			}
			for _, value := range c.good {
				if f := find(value); f != nil {
					t.Errorf("%q: %q at %d", value, f.detail, f.at)
				}
			}
			for _, b := range c.bad {
				if f := find(b.value); f == nil {
					t.Errorf("%q is taken", b.value)
				} else if f.at != b.at || !strings.Contains(f.detail, b.detail) {
					t.Errorf("%q: %q at %d, want %q at %d", b.value, f.detail, f.at, b.detail, b.at)
				}
			}
		})
	}
	for name := range checkCases {
		if checks[name] == nil {
			t.Errorf("there are cases for %s, which is no check", name)
		}
	}
}

// What a check takes costs no memory: it runs for each scan.
func TestChecksDoNotAllocate(t *testing.T) { //nolint:paralleltest // allocations of other tests would be counted
	for name, c := range checkCases {
		for _, value := range c.good {
			if n := testing.AllocsPerRun(10, func() { checks[name](value) }); n != 0 {
				t.Errorf("%s of %q allocates %v times", name, value, n)
			}
		}
	}
}

// A date passes if and only if it can be read, whatever the century.
func TestDatesThatPassAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	for n := range 1000000 {
		text := fmt.Sprintf("%06d", n)
		_, want := ParseDate(text, 2026)
		if got := shortDate(text, 0) == nil; got != want {
			t.Fatalf("yymmd0 takes %s: %t, want %t", text, got, want)
		}
		if got := shortDate(text, 1) == nil; got != (want && text[4:] != "00") {
			t.Fatalf("yymmdd takes %s: %t", text, got)
		}
	}
}

// One wrong character of an IBAN is always found, and so are two that changed places.
func TestIBANFindsWhatTheSchemePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		account := rapid.StringMatching(`[A-Z]{4}[0-9]{14}`).Draw(t, "account")
		var good []string
		for n := range 100 {
			if value := fmt.Sprintf("GB%02d%s", n, account); iban(value) == nil {
				good = append(good, value)
			}
		}
		if len(good) != 1 {
			t.Fatalf("%d check digits are taken: %v", len(good), good)
		}
		at := rapid.IntRange(8, len(good[0])-2).Draw(t, "at")
		for c := byte('0'); c <= '9'; c++ {
			if wrong := replaced(good[0], at, c); wrong != good[0] && iban(wrong) == nil {
				t.Fatalf("%s is taken as %s is", wrong, good[0])
			}
		}
		if wrong := swapped(good[0], at, at+1); wrong != good[0] && iban(wrong) == nil {
			t.Fatalf("%s is taken as %s is", wrong, good[0])
		}
	})
}

// ISO 3166-1 has 249 countries. The lists are written in order, each code once.
func TestCodeListsAreWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		written string
		list    []string
		want    int
	}{
		"country names":   {countries, countryNames, 249},
		"country numbers": {countries, countryNumbers, 249},
		"currencies":      {currencies, currencyCodes, 183},
		"packages":        {packages, packageTypes, 431},
	} {
		if len(c.list) != c.want || len(slices.Compact(slices.Clone(c.list))) != c.want {
			t.Errorf("%s: %d codes, want %d, each once", name, len(c.list), c.want)
		}
		if !slices.IsSorted(strings.Fields(c.written)) {
			t.Errorf("%s are not written in order", name)
		}
	}
}

// Whatever the value, no check panics, and what it finds is in the value or at its end.
func FuzzChecks(f *testing.F) {
	for _, c := range checkCases {
		for _, value := range c.good {
			f.Add(value)
		}
		for _, b := range c.bad {
			f.Add(b.value)
		}
	}
	f.Add("0123456123456111101231011012302110123931231234101011234565012345661123456790000")
	f.Add("\xff\x00%\xff")
	names := slices.Sorted(maps.Keys(checks))
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range names {
			if found := checks[name](value); found != nil && (found.at < 0 || found.at > len(value) || found.detail == "") {
				t.Errorf("%s of %q: %+v", name, value, *found)
			}
		}
	})
}
