package gs1

import (
	"fmt"
	"strings"
)

// This file judges the coupons of North America: values in which digits say how
// long the next part is, and which parts follow.

// couponCode judges a coupon with its offer in itself, AI (8110) (GS1 US, North
// American Coupon Application Guideline Using GS1 DataBar Expanded Symbols).
func couponCode(value string) *fault {
	if f := digitsOnly(value); f != nil {
		return f
	}
	c := coupon{value: value}
	c.sized("company prefix", "0123456", 6)
	c.take("offer code", 6)
	c.sized("save value", "12345", 0)
	c.purchase("first")
	// What follows is optional, in this order.
	if c.field('1') {
		c.code("additional purchase rules code", "", "0123")
		c.purchase("second")
		c.otherPrefix("second")
	}
	if c.field('2') {
		c.purchase("third")
		c.otherPrefix("third")
	}
	expires := ""
	if c.field('3') {
		expires = c.date("expiration date")
	}
	if c.field('4') {
		at := c.at
		if starts := c.date("start date"); starts != "" && expires != "" && before(expires, starts) {
			return &fault{at, "start date is " + starts + ", must not be after the expiration date, " + expires}
		}
	}
	if c.field('5') {
		c.sized("serial number", "0123456789", 6)
	}
	if c.field('6') {
		c.sized("retailer's company prefix or GLN", "1234567", 6)
	}
	if c.field('9') {
		c.code("save value code", "", "01256")
		c.code("item that the save value applies to", "", "012")
		c.code("store coupon flag", "", "0123456789")
		c.code("don't multiply flag", "", "01")
	}
	return c.end("begins no field: what is optional has the numbers 1 to 6 and 9, in this order, each once")
}

// couponPosOffer judges a coupon whose offer is in a file, AI (8112) (GS1 AI (8112)
// Coupon Data Specification).
func couponPosOffer(value string) *fault {
	if f := digitsOnly(value); f != nil {
		return f
	}
	c := coupon{value: value}
	c.code("format code", "", "01")
	c.sized("funder's company prefix", "0123456", 6)
	c.take("offer code", 6)
	c.sized("serial number", "0123456789", 6)
	return c.end("is behind the serial number, where nothing may be")
}

// coupon reads a value of digits part by part. Once something is wrong, nothing is
// read any more.
type coupon struct {
	value string
	at    int
	fault *fault
}

// take reads a part of so many digits; "" if something is wrong.
func (c *coupon) take(what string, count int) string {
	if c.fault != nil {
		return ""
	}
	rest := c.value[c.at:]
	if len(rest) < count {
		c.fault = &fault{c.at, fmt.Sprintf("%s has %d digits, must have %d", what, len(rest), count)}
		return ""
	}
	c.at += count
	return rest[:count]
}

// code reads a digit that must be one of those allowed, and returns its value. It is
// that of what, or an aspect of it.
func (c *coupon) code(what, aspect, allowed string) int {
	if c.fault != nil {
		return 0
	}
	if c.at == len(c.value) {
		c.fault = &fault{c.at, what + aspect + " is missing"}
		return 0
	}
	digit := c.value[c.at]
	if strings.IndexByte(allowed, digit) < 0 {
		c.fault = &fault{c.at, fmt.Sprintf("%s%s is %c, must be one of %s", what, aspect, digit, strings.Join(strings.Split(allowed, ""), ", "))}
		return 0
	}
	c.at++
	return int(digit - '0')
}

// sized reads a part behind the digit that says how long it is: so many digits and
// some more.
func (c *coupon) sized(what, allowed string, more int) {
	c.take(what, c.code(what, "'s length indicator", allowed)+more)
}

// purchase reads what must be bought.
func (c *coupon) purchase(which string) {
	if c.fault != nil {
		return
	}
	at := c.at
	c.sized("purchase requirement", "12345", 0)
	c.code("purchase requirement code", "", "012349")
	c.take("purchase family code", 3)
	c.of(which, at)
}

// otherPrefix reads the company prefix of a purchase: 9 is that of the coupon.
func (c *coupon) otherPrefix(which string) {
	if c.fault != nil || c.field('9') {
		return
	}
	at := c.at
	c.sized("purchase's company prefix", "0123456", 6)
	c.of(which, at)
}

// of says which of several parts is wrong, if one is from a place on.
func (c *coupon) of(which string, from int) {
	if c.fault != nil && c.fault.at >= from {
		c.fault.detail = which + " " + c.fault.detail
	}
}

// date reads YYMMDD; "" if something is wrong.
func (c *coupon) date(what string) string {
	at := c.at
	date := c.take(what, 6)
	if c.fault != nil {
		return ""
	}
	if f := shortDate(date, 1); f != nil {
		c.fault = &fault{at + f.at, what + ": " + f.detail}
		return ""
	}
	return date
}

// before reports whether a date of YYMMDD is before another. As no century is given,
// that of the other is the one that brings it nearest.
func before(date, other string) bool {
	if ahead := (twoDigits(date) - twoDigits(other) + 100) % 100; ahead != 0 {
		return ahead > 50
	}
	return date < other
}

// field reports whether an optional field begins, and passes over its number.
func (c *coupon) field(number byte) bool {
	if c.fault != nil || c.at == len(c.value) || c.value[c.at] != number {
		return false
	}
	c.at++
	return true
}

// end returns what is wrong; if nothing was, whether there is more to read.
func (c *coupon) end(detail string) *fault {
	if c.fault == nil && c.at < len(c.value) {
		return &fault{c.at, fmt.Sprintf("%c %s", c.value[c.at], detail)}
	}
	return c.fault
}
