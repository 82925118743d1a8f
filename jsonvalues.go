package seriald

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// checkJSON refuses valid JSON that the database can't keep as it is (jsonb), or that not
// all who read it understand alike (RFC 7493): a NUL, half of a surrogate pair, and numbers
// beyond a 64-bit float.
func checkJSON(name string, b json.RawMessage) error {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			end, wrong := checkString(b, i+1)
			if wrong != "" {
				return Reject(CodeValidation, name, "%s", wrong)
			}
			i = end
		case c == '-' || '0' <= c && c <= '9':
			end := i
			for end < len(b) && strings.IndexByte("+-.0123456789eE", b[end]) >= 0 {
				end++
			}
			if !isFloat(string(b[i:end])) {
				return Reject(CodeValidation, name, "%.40s must not be beyond a 64-bit float: send it as a text", b[i:end])
			}
			i = end - 1
		}
	}
	return nil
}

// checkString returns where a string ends whose text begins at i, and what is wrong with it.
func checkString(b []byte, i int) (end int, wrong string) {
	for ; i < len(b) && b[i] != '"'; i++ {
		if b[i] != '\\' {
			continue
		}
		r, ok := escaped(b[i:])
		switch {
		case !ok:
			i++ // one character is escaped
		case r == 0:
			return 0, "must not contain a NUL"
		case !utf16.IsSurrogate(r):
			i += 5
		default:
			low, _ := escaped(b[i+6:])
			if utf16.DecodeRune(r, low) == '\uFFFD' {
				return 0, "must not contain half of a surrogate pair"
			}
			i += 11
		}
	}
	return i, ""
}

// escaped returns the code unit of a \u escape that b begins with.
func escaped(b []byte) (unit rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// isFloat reports whether a JSON number is one of IEEE 754 binary64, rounded: neither
// beyond the largest, nor nothing where there is something.
func isFloat(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) {
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return f != 0 || !strings.ContainsAny(mantissa, "123456789")
}
