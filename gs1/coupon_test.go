package gs1

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Values that the GS1 Barcode Syntax Dictionary is tested with (Copyright (c)
// 2022-2024 GS1 AISBL, Apache License, Version 2.0).
func TestPublishedCoupons(t *testing.T) {
	t.Parallel()
	const required = "012345612345611110123"
	for _, optional := range []string{
		"", "101101230123456", "101101236123456789012", "101101239", "3200731", "3000229", "4960229", "35006064500606",
		"50123456", "59123456789012345", "611234567", "671234567890123",
	} {
		if f := couponCode(required + optional); f != nil {
			t.Errorf("%s %s: %+v", required, optional, *f)
		}
	}
	for optional, at := range map[string]int{
		"0": 21, "7": 21, "8": 21, "14": 22, "100": 23, "101": 24, "10115": 25, "1011012": 26, "10110123": 29, "101101237": 29,
		"1011012301": 30, "1011012391": 30, "320": 22, "3200631": 26, "3200600": 26, "4210229": 26, "35006064500607": 29,
		"501": 23, "60": 22, "68": 22, "6112": 23, "93": 22, "903": 23, "900": 24, "90002": 25, "501234560": 29,
	} {
		if f := couponCode(required + optional); f == nil {
			t.Errorf("%s %s is taken", required, optional)
		} else if f.at != at {
			t.Errorf("%s %s: %q at %d, want it at %d", required, optional, f.detail, f.at, at)
		}
	}
}

// Every coupon that is put together by the rules passes, and none that is cut in what
// it must have.
func TestCouponsOfAllShapesPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := func(what string, count int) string {
			return rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", count)).Draw(t, what)
		}
		one := func(what, of string) string { return string(rapid.SampledFrom([]byte(of)).Draw(t, what)) }
		sized := func(what, of string, more int) string {
			length := one("length of "+what, of)
			return length + number(what, int(length[0]-'0')+more)
		}
		purchase := func() string {
			return sized("requirement", "12345", 0) + one("code", "012349") + number("family", 3)
		}
		prefix := func() string {
			if rapid.Bool().Draw(t, "own prefix") {
				return "9"
			}
			return sized("prefix", "0123456", 6)
		}
		date := func(what string, from int) string {
			return fmt.Sprintf("%02d%02d%02d", rapid.IntRange(from, from+20).Draw(t, what), rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"))
		}
		required := sized("prefix", "0123456", 6) + number("offer", 6) + sized("save value", "12345", 0) + purchase()
		var optional strings.Builder
		for _, field := range []func() string{
			func() string { return "1" + one("rules", "0123") + purchase() + prefix() },
			func() string { return "2" + purchase() + prefix() },
			func() string { return "3" + date("expires", 30) },
			func() string { return "4" + date("starts", 9) },
			func() string { return "5" + sized("serial", "0123456789", 6) },
			func() string { return "6" + sized("retailer", "1234567", 6) },
			func() string {
				return "9" + one("save code", "01256") + one("item", "012") + number("store", 1) + one("flag", "01")
			},
		} {
			if rapid.Bool().Draw(t, "field") {
				optional.WriteString(field())
			}
		}
		whole := required + optional.String()
		if f := couponCode(whole); f != nil {
			t.Fatalf("%s: %+v", whole, *f)
		}
		for end := range required {
			if f := couponCode(required[:end]); f == nil || f.at > end {
				t.Fatalf("%s: %+v", required[:end], f)
			}
		}
	})
}

// A coupon that ends in the next century is not one that ends before it begins.
func TestCouponDatesHaveNoCentury(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		date, other string
		want        bool
	}{
		{"250930", "250930", false},
		{"250929", "250930", true},
		{"241231", "250101", true},
		{"250101", "241231", false},
		{"000131", "991231", false},
		{"991231", "000131", true},
	} {
		if got := before(c.date, c.other); got != c.want {
			t.Errorf("%s is before %s: %t, want %t", c.date, c.other, got, c.want)
		}
	}
}
