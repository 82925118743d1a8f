package gs1

import (
	"fmt"
	"strings"
)

// checks are the rules for the content of components, by the names that the GS1
// Barcode Syntax Dictionary gives them. A value has passed length and character set
// before, but no check relies on it. What a check finds is built only if it finds
// something.
var checks = map[Rule]func(value string) *fault{
	"couponcode":     couponCode,
	"couponposoffer": couponPosOffer,
	ruleCheckDigit:   csum,
	ruleCheckPair:    csumalpha,
	"gcppos1":        func(value string) *fault { return companyPrefix(value, 0) },
	"gcppos2":        func(value string) *fault { return companyPrefix(value, 1) },
	"hasnondigit":    hasNonDigit,
	"hh":             func(value string) *fault { return clock(value, hour) },
	"hhmi":           func(value string) *fault { return clock(value, hour, minute) },
	"hyphen":         func(value string) *fault { return only(value, '-', "must be -, which stands for below zero") },
	"iban":           iban,
	"importeridx":    importerIndex,
	"iso3166":        iso3166,
	"iso3166999":     iso3166999,
	"iso3166alpha2":  iso3166alpha2,
	"iso4217":        iso4217,
	"iso5218":        oneOf("0129", "must be 0 (not known), 1 (male), 2 (female) or 9 (not applicable)"),
	"latitude":       func(value string) *fault { return coordinate(value, "latitude", "1800000000") },
	"longitude":      func(value string) *fault { return coordinate(value, "longitude", "3600000000") },
	"mediatype":      mediaType,
	"mi":             func(value string) *fault { return clock(value, minute) },
	"nonzero":        nonZero,
	"nozeroprefix":   noZeroPrefix,
	"packagetype":    packageType,
	"pcenc":          percentEncoding,
	"pieceoftotal":   pieceOfTotal,
	"posinseqslash":  positionInSequence,
	"ss":             func(value string) *fault { return clock(value, second) },
	"winding":        oneOf("019", "must be 0 (face out), 1 (face in) or 9 (not defined)"),
	"yesno":          oneOf("01", "must be 0 (no) or 1 (yes)"),
	"yymmd0":         func(value string) *fault { return shortDate(value, 0) },
	"yymmdd":         func(value string) *fault { return shortDate(value, 1) },
	"yyyymmdd":       longDate,
	"zero":           func(value string) *fault { return only(value, '0', "must be 0") },
}

// notDigit says that a character is no digit.
func notDigit(c byte) string { return fmt.Sprintf("%q is not a digit", rune(c)) }

// digitsOnly finds the first character that is no digit.
func digitsOnly(value string) *fault {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return &fault{i, notDigit(value[i])}
		}
	}
	return nil
}

// exactDigits finds what keeps a value from being a number of digits.
func exactDigits(value string, count int) *fault {
	if len(value) != count {
		return &fault{0, fmt.Sprintf("has %d characters, must have %d", len(value), count)}
	}
	return digitsOnly(value)
}

// only finds what keeps a value from being nothing but one character.
func only(value string, c byte, must string) *fault {
	if value == "" {
		return &fault{0, must}
	}
	for i := range len(value) {
		if value[i] != c {
			return &fault{i, fmt.Sprintf("is %q, %s", rune(value[i]), must)}
		}
	}
	return nil
}

// oneOf is the check that a value is one of some characters.
func oneOf(chars, must string) func(string) *fault {
	return func(value string) *fault {
		if len(value) == 1 && strings.IndexByte(chars, value[0]) >= 0 {
			return nil
		}
		return &fault{0, "is " + quoted(value) + ", " + must}
	}
}

// companyPrefix finds what keeps a GS1 Company Prefix from being at a place. Which
// prefixes there are is not known here: all have four digits or more.
func companyPrefix(value string, at int) *fault {
	const least = 4
	for i := at; i < at+least; i++ {
		switch {
		case i >= len(value):
			return &fault{len(value), "is too short to have a GS1 Company Prefix of 4 digits or more"}
		case value[i] < '0' || value[i] > '9':
			return &fault{i, notDigit(value[i]) + ": a GS1 Company Prefix has 4 digits or more"}
		}
	}
	return nil
}

func hasNonDigit(value string) *fault {
	if digits(value) {
		return &fault{0, "must have a character that is no digit"}
	}
	return nil
}

func nonZero(value string) *fault {
	if f := digitsOnly(value); f != nil {
		return f
	}
	if strings.Trim(value, "0") == "" {
		return &fault{0, "must not be zero"}
	}
	return nil
}

func noZeroPrefix(value string) *fault {
	if f := digitsOnly(value); f != nil {
		return f
	}
	if strings.HasPrefix(value, "0") {
		return &fault{0, "must not begin with 0"}
	}
	return nil
}

// importerIndex judges the importer index of Regulation (EU) 2018/574, AI (7040).
func importerIndex(value string) *fault {
	if len(value) == 1 && (letter(value[0]) || digits(value) || value == "-" || value == "_") {
		return nil
	}
	return &fault{0, "importer index is " + quoted(value) + ", must be one letter or digit, - or _"}
}

// percentEncoding finds a % that is not followed by two hexadecimal digits (RFC
// 3986, section 2.1).
func percentEncoding(value string) *fault {
	for i := range len(value) {
		if value[i] != '%' {
			continue
		}
		if i+2 >= len(value) || unhex(value[i+1]) < 0 || unhex(value[i+2]) < 0 {
			return &fault{i, "a % must be followed by two hexadecimal digits; % itself is written %25"}
		}
	}
	return nil
}

// pieceOfTotal judges the number of a piece and the number of all, of as many digits
// each: "0103" is the first of three.
func pieceOfTotal(value string) *fault {
	half := len(value) / 2
	if half == 0 || len(value)%2 != 0 {
		return &fault{0, fmt.Sprintf("has %d digits, must have as many for the piece as for the total", len(value))}
	}
	if f := digitsOnly(value); f != nil {
		return f
	}
	piece, total := value[:half], value[half:]
	switch {
	case strings.Trim(piece, "0") == "":
		return &fault{0, "the piece is 0, must be 1 or more"}
	case strings.Trim(total, "0") == "":
		return &fault{half, "the total is 0, must be 1 or more"}
	case piece > total:
		return &fault{0, "the piece is " + piece + ", must not be above the total, " + total}
	}
	return nil
}

// positionInSequence judges "1/3", the first of three, without leading zeros.
func positionInSequence(value string) *fault {
	position, end, _ := strings.Cut(value, "/")
	switch {
	case position == "" || end == "" || !digits(position) || !digits(end):
		return &fault{0, "is " + quoted(value) + ", must be a position and the last one, like 1/3"}
	case position[0] == '0':
		return &fault{0, "the position must not begin with 0"}
	case end[0] == '0':
		return &fault{len(position) + 1, "the last position must not begin with 0"}
	case len(position) > len(end) || len(position) == len(end) && position > end:
		return &fault{0, "the position is " + position + ", must not be above the last one, " + end}
	}
	return nil
}

// coordinate judges ten millionths of a degree, AI (4309), which are never negative.
func coordinate(value, name, most string) *fault {
	if f := exactDigits(value, len(most)); f != nil {
		return f
	}
	if value > most {
		return &fault{0, name + " is " + value + ", must be 0000000000 to " + most}
	}
	return nil
}

// unit is a part of the time of day.
type unit struct {
	name string
	last int
}

var hour, minute, second = unit{"hour", 23}, unit{"minute", 59}, unit{"second", 59}

// clock judges parts of the time of day, of two digits each.
func clock(value string, units ...unit) *fault {
	if f := exactDigits(value, 2*len(units)); f != nil {
		return f
	}
	for i, u := range units {
		if n := twoDigits(value[2*i:]); n > u.last {
			return &fault{2 * i, fmt.Sprintf("%s is %02d, must be 00 to %02d", u.name, n, u.last)}
		}
	}
	return nil
}

// shortDate judges YYMMDD. February has the days that it has from 2000 to 2099:
// of all years that a value can stand for today, only 2000 ends with 00, and the
// others have 29 days by their last two digits alone.
func shortDate(value string, firstDay int) *fault {
	if f := exactDigits(value, 6); f != nil {
		return f
	}
	return monthAndDay(value, 2, 2000+twoDigits(value), firstDay)
}

// longDate judges YYYYMMDD.
func longDate(value string) *fault {
	if f := exactDigits(value, 8); f != nil {
		return f
	}
	return monthAndDay(value, 4, 100*twoDigits(value)+twoDigits(value[2:]), 1)
}

// monthAndDay judges the four digits of month and day at a place.
func monthAndDay(value string, at, year, firstDay int) *fault {
	month, day := twoDigits(value[at:]), twoDigits(value[at+2:])
	if month < 1 || month > 12 {
		return &fault{at, fmt.Sprintf("month is %02d, must be 01 to 12", month)}
	}
	if last := daysIn(year, month); day < firstDay || day > last {
		return &fault{at + 2, fmt.Sprintf("day is %02d, must be %02d to %02d", day, firstDay, last)}
	}
	return nil
}

func iso3166(value string) *fault {
	if listed(countryNumbers, value) {
		return nil
	}
	return &fault{0, quoted(value) + " is no numeric country code of ISO 3166"}
}

// iso3166999 takes 999 too: several countries.
func iso3166999(value string) *fault {
	if value == "999" {
		return nil
	}
	return iso3166(value)
}

func iso3166alpha2(value string) *fault {
	if listed(countryNames, value) {
		return nil
	}
	return &fault{0, quoted(value) + " is no alpha-2 country code of ISO 3166"}
}

func iso4217(value string) *fault {
	if listed(currencyCodes, value) {
		return nil
	}
	return &fault{0, quoted(value) + " is no numeric currency code of ISO 4217"}
}

func packageType(value string) *fault {
	if listed(packageTypes, value) {
		return nil
	}
	return &fault{0, quoted(value) + " is no package type of UN/ECE Recommendation 21 or of GS1"}
}

// mediaType judges the AIDC media type: 01 to 10 are assigned by ICCBBA, 80 to 99
// are for local and national use, the others are reserved.
func mediaType(value string) *fault {
	if f := exactDigits(value, 2); f != nil {
		return f
	}
	if n := twoDigits(value); n < 1 || n > 10 && n < 80 {
		return &fault{0, "media type is " + value + ", must be 01 to 10 or 80 to 99"}
	}
	return nil
}

// iban judges an International Bank Account Number (ISO 13616-1): a country, two
// check digits, and the account. It is 1 modulo 97, with its first four characters at
// the end and letters as 10 to 35. How long it is in which country is not judged.
func iban(value string) *fault {
	const least, kosovo = 15, "XK"
	if len(value) < least {
		return &fault{0, fmt.Sprintf("has %d characters, an IBAN has %d or more", len(value), least)}
	}
	// The IBAN registry has Kosovo, which has no code of ISO 3166.
	if country := value[:2]; country != kosovo && !listed(countryNames, country) {
		return &fault{0, quoted(country) + " is not the country of an IBAN"}
	}
	if f := digitsOnly(value[2:4]); f != nil {
		return &fault{2 + f.at, f.detail}
	}
	// Other digits, 97 apart, have the remainder 1 too: 01 for 98, 97 for 00. Only
	// those that the standard calculates are right, 02 to 98.
	rest := 0
	for i := range len(value) {
		at := (i + 4) % len(value)
		switch c := value[at]; {
		case at == 2 || at == 3:
			rest = rest * 10 % 97
		case '0' <= c && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case 'A' <= c && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return &fault{at, fmt.Sprintf("%q is not a digit or a capital letter", rune(c))}
		}
	}
	if got, want := twoDigits(value[2:]), 98-rest; got != want {
		return &fault{2, fmt.Sprintf("check digits are %02d, must be %02d", got, want)}
	}
	return nil
}
