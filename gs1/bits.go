package gs1

import "strings"

// This file has how bytes are written: as percent escapes, hexadecimal, bits.

// percentDecode decodes "%2F"; text begins at a place of the scan. A "+" is a "+"
// in the query too (RFC 3986, not HTML's forms). What a URI can't have is an error.
func percentDecode(text string, at int, allowed func(byte) bool) (string, *Error) {
	var b []byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || unhex(text[i+1]) < 0 || unhex(text[i+2]) < 0 {
				return "", &Error{Position: at + i, Rule: RuleSyntax, Detail: "a % must be followed by two hexadecimal digits; % itself is written %25"}
			}
			if b == nil {
				b = append(make([]byte, 0, len(text)), text[:i]...)
			}
			b = append(b, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
			i += 2
			continue
		}
		if !allowed(c) {
			return "", &Error{Position: at + i, Rule: RuleCharacter, Detail: "a URI can't have the character " + quoted(text[i:i+1]) + ": it must be written " + string(appendPercent(nil, c))}
		}
		if b != nil {
			b = append(b, c)
		}
	}
	if b == nil {
		return text, nil
	}
	return string(b), nil
}

// received returns where in raw a byte of its decoded value is.
func received(raw string, decoded int) int {
	at := 0
	for ; decoded > 0 && at < len(raw); decoded-- {
		if raw[at] == '%' {
			at += 2
		}
		at++
	}
	return at
}

// unhex returns the value of a hexadecimal digit; -1 if it is none.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// isUnreserved, isPathChar and isQueryChar report what RFC 3986 lets stand as it
// is: anywhere, in a segment of a path, in a query.
func isUnreserved(c byte) bool {
	return letter(c) || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isPathChar(c byte) bool { return isUnreserved(c) || strings.IndexByte("!$&'()*+,;=:@", c) >= 0 }

func isQueryChar(c byte) bool { return isPathChar(c) || c == '/' || c == '?' }

func isPathOrSlash(c byte) bool { return isPathChar(c) || c == '/' || c == '[' || c == ']' }

// appendPercent appends a byte as "%2F".
func appendPercent(b []byte, c byte) []byte {
	const figures = "0123456789ABCDEF"
	return append(b, '%', figures[c>>4], figures[c&15])
}

// putBits writes the n lowest bits of v at a bit of b, from 0. b must be zero there.
func putBits(b []byte, at, n int, v uint64) {
	for i := range n {
		if v>>(n-1-i)&1 != 0 {
			b[(at+i)/8] |= 0x80 >> ((at + i) % 8)
		}
	}
}

// getBits reads n bits of b that begin at a bit, from 0.
func getBits(b []byte, at, n int) uint64 {
	v := uint64(0)
	for i := at; i < at+n; i++ {
		v = v<<1 | uint64(b[i/8]>>(7-i%8)&1)
	}
	return v
}
