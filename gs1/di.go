package gs1

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// DI is a data identifier: what up to three digits and a capital letter in front
// of a value say that the value is (ANS MH10.8.2).
type DI struct {
	Code  string // "1P"
	Title string // what the value is, in a few words: "Supplier's part number"
	// DateFormat is the format with which a date's value begins, "YYYYMMDD" of 14D;
	// "" if it is no date, or one whose format is agreed upon. DDD is the day of the
	// year, WW the week, hhmm the time of day.
	DateFormat string
}

// LookupDI returns the data identifier with this code, if it is listed. One that
// isn't may still be in a message: trading partners have their own.
func LookupDI(code string) (DI, bool) {
	title := titleOfDI(code)
	if title == "" {
		return DI{}, false
	}
	di := DI{Code: code, Title: title}
	if letter, number, _ := splitDI(code); letter == 'D' && number < len(diDateFormats) {
		di.DateFormat = diDateFormats[number]
	}
	return di, true
}

// titleOfDI returns the title of a data identifier; "" if it is not listed.
func titleOfDI(code string) string {
	letter, number, ok := splitDI(code)
	if !ok {
		return ""
	}
	if titles := diTitles[letter-'A']; number < len(titles) {
		return titles[number]
	}
	if letter == 'Z' && 11 <= number && number <= 99 {
		return "Structured free text, a line"
	}
	return ""
}

// splitDI returns the letter of a code and the number in front of it, 0 for none.
// A number is written without zeros in front, so each has one code.
func splitDI(code string) (letter byte, number int, ok bool) {
	if lead, ok := leadingDI(code); !ok || lead != code || code[0] == '0' {
		return 0, 0, false
	}
	last := len(code) - 1
	for i := range last {
		number = 10*number + int(code[i]-'0')
	}
	return code[last], number, true
}

// leadingDI returns the data identifier with which an item begins: up to three
// digits and a capital letter, listed or not.
func leadingDI(item string) (code string, ok bool) {
	n := digitsBeforeLetter(item)
	if n == len(item) || item[n] < 'A' || item[n] > 'Z' {
		return "", false
	}
	return item[:n+1], true
}

// digitsBeforeLetter returns how many digits an item begins with, at most as many
// as a data identifier has.
func digitsBeforeLetter(item string) int {
	const most = 3
	n := 0
	for n < len(item) && n < most && item[n] >= '0' && item[n] <= '9' {
		n++
	}
	return n
}

// parseDI parses a data identifier with its value, "1PABC-123", which begins at a
// place of the scan, and appends it to es. The same once more is passed over.
// Another value of the same identifier is kept, in order: MH10.8.2 allows lists,
// of serial numbers (S) or of a pack's numbers in several countries (8P).
func parseDI(item string, at int, es *Elements) error {
	code, ok := leadingDI(item)
	if !ok {
		return noDI(item, at)
	}
	value := item[len(code):]
	if err := checkDI(code, value, at+len(code)); err != nil {
		return err
	}
	for i := range *es {
		if had := &(*es)[i]; had.DI == code && had.Value == value {
			return nil
		}
	}
	*es = append(*es, Element{DI: code, Value: value})
	return nil
}

// noDI says why no data identifier begins at a place.
func noDI(item string, at int) error {
	e := &Error{Position: at, Rule: RuleUnknownDI}
	n := digitsBeforeLetter(item)
	switch {
	case item == "":
		e.Rule, e.Detail = RuleEmpty, "no data identifier and no value"
	case n < len(item) && item[n] >= 'a' && item[n] <= 'z':
		e.Detail = fmt.Sprintf("%s is no data identifier: its letter must be a capital", quoted(item[:n+1]))
	default:
		e.Detail = fmt.Sprintf("no data identifier begins with %s: must be up to three digits and a capital letter, like 1P", quoted(item))
	}
	return e
}

// checkDI judges a value that begins at a place of the scan. It is lenient: labels
// fill most identifiers as partners agreed, dates and quantities too, so only check
// digits are judged, where a value has the length that has one.
func checkDI(code, value string, at int) error {
	wrong := func(offset int, rule Rule, detail string) error {
		return &Error{ID: code, Position: at + offset, Rule: rule, Detail: detail}
	}
	if value == "" {
		return wrong(0, RuleLength, "has no value")
	}
	if bad := indexUnprintable(value); bad >= 0 {
		r, size := utf8.DecodeRuneInString(value[bad:])
		if r == utf8.RuneError && size <= 1 {
			return wrong(bad, RuleCharacter, fmt.Sprintf("byte 0x%02X is not UTF-8: make the reader send UTF-8", value[bad]))
		}
		return wrong(bad, RuleCharacter, fmt.Sprintf("%q is not printable", r))
	}
	switch {
	case code == "8P" && len(value) == 14 && digits(value), code == "8S" && len(value) == 18 && digits(value):
		if f := csum(value); f != nil {
			return wrong(f.at, "csum", f.detail)
		}
	case code == "9N":
		return checkPPN(value, wrong)
	}
	return nil
}

// checkPPN judges a pharmacy product number: two characters of the agency, the
// product's own number, and two check digits modulo 97 over the characters' codes
// (IFA, Specification PPN-Code).
func checkPPN(ppn string, wrong func(int, Rule, string) error) error {
	const least, most = 5, 22
	if len(ppn) < least || len(ppn) > most {
		return wrong(0, RuleLength, fmt.Sprintf("has %d characters, must have %d to %d", len(ppn), least, most))
	}
	last := len(ppn) - 2
	sum := 0
	for i := range len(ppn) {
		c := ppn[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z' || i >= last) {
			return wrong(i, RuleCharacter, fmt.Sprintf("%q must be a digit or a capital letter, a digit if it is one of the last two", rune(c)))
		}
		if i < last {
			sum += (i + 2) * int(c)
		}
	}
	if sum %= 97; twoDigits(ppn[last:]) != sum {
		return wrong(last, "csum", fmt.Sprintf("check digits are %s, must be %02d", ppn[last:], sum))
	}
	return nil
}

// indexUnprintable returns the place of the first character of a value that is not
// printable; -1 if all are. Values are of ISO/IEC 646, and UTF-8 beyond it, which
// MH10.8.2 allows for some (54P): a byte of another code says nothing.
func indexUnprintable(value string) int {
	for i := 0; i < len(value); i++ {
		if c := value[i]; ' ' <= c && c <= '~' {
			continue
		}
		r, size := utf8.DecodeRuneInString(value[i:])
		if r == utf8.RuneError && size <= 1 || !unicode.IsGraphic(r) {
			return i
		}
		i += size - 1
	}
	return -1
}
