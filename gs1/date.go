package gs1

import "fmt"

// Date is a day of the calendar.
type Date struct {
	Year, Month, Day int // Month and Day from 1
}

// ParseDate reads YYMMDD. Day 00 is the last of the month. The century is the one
// that brings the year nearest to the current one: from 49 years before to 50 after
// (GS1 General Specifications, section 7.12). ok is false if there is no such day.
func ParseDate(yymmdd string, year int) (d Date, ok bool) {
	if len(yymmdd) != 6 || !digits(yymmdd) {
		return Date{}, false
	}
	d = Date{twoDigits(yymmdd), twoDigits(yymmdd[2:]), twoDigits(yymmdd[4:])}
	century := year / 100 * 100
	switch ahead := d.Year - year%100; {
	case ahead >= 51:
		century -= 100
	case ahead <= -50:
		century += 100
	}
	d.Year += century
	return d.valid()
}

// parseLongDate reads YYYYMMDD.
func parseLongDate(text string) (Date, bool) {
	if len(text) != 8 || !digits(text) {
		return Date{}, false
	}
	d := Date{100*twoDigits(text) + twoDigits(text[2:]), twoDigits(text[4:]), twoDigits(text[6:])}
	if d.Day == 0 {
		return Date{}, false
	}
	return d.valid()
}

func twoDigits(s string) int { return 10*int(s[0]-'0') + int(s[1]-'0') }

// valid returns d with day 0 replaced, if it is a day of the calendar.
func (d Date) valid() (Date, bool) {
	if d.Month < 1 || d.Month > 12 {
		return Date{}, false
	}
	last := daysIn(d.Year, d.Month)
	if d.Day > last {
		return Date{}, false
	}
	if d.Day == 0 {
		d.Day = last
	}
	return d, true
}

// daysIn returns the number of days of a month.
func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// String returns YYYY-MM-DD (ISO 8601).
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }
