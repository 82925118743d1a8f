package gs1

import (
	"fmt"
	"strings"
)

// CheckDigit returns the check digit that belongs behind digits: '3' for
// "629104150021". It is that of all GS1 keys with a check digit, of any length: a
// GTIN or a GLN without its last digit, an SSCC (GS1 General Specifications, section
// 7.9.1). The error is an *[Error] with the place of what is no digit, from 1.
func CheckDigit(digits string) (byte, error) {
	if digits == "" {
		return 0, &Error{Rule: ruleCheckDigit, Detail: "has no digits to calculate a check digit from"}
	}
	digit, bad := checkDigit(digits)
	if bad >= 0 {
		return 0, &Error{Position: bad + 1, Rule: ruleCheckDigit, Detail: notDigit(digits[bad])}
	}
	return digit, nil
}

// ValidCheckDigit reports whether all of digits are digits, and the last is the
// check digit of those before it, at least one (GS1 General Specifications, section
// 7.9.1).
func ValidCheckDigit(digits string) bool { return csum(digits) == nil }

// CheckPair returns the two check characters that belong behind value: "2K" for the
// Global Model Number "1987654Ad4X4bL5ttr2310c". Value has 1 to 23 characters of
// CSET 82 (GS1 General Specifications, section 7.9.5). The error is an *[Error] with
// the place of a character that isn't, from 1.
func CheckPair(value string) (string, error) {
	switch {
	case value == "":
		return "", &Error{Rule: ruleCheckPair, Detail: "has no characters to calculate check characters from"}
	case len(value) > len(pairWeights):
		return "", &Error{Rule: ruleCheckPair, Detail: fmt.Sprintf("has %d characters, can have %d without the check characters", len(value), len(pairWeights))}
	}
	first, second, bad := checkPair(value)
	if bad >= 0 {
		return "", &Error{Position: bad + 1, Rule: ruleCheckPair, Detail: fmt.Sprintf("%q is not %s", rune(value[bad]), cset82)}
	}
	return string([]byte{first, second}), nil
}

const (
	ruleCheckDigit Rule = "csum"
	ruleCheckPair  Rule = "csumalpha"
)

// checkDigit returns the check digit of text; bad is the place of the first
// character that is no digit, -1 if all are.
func checkDigit(text string) (digit byte, bad int) {
	sum := 0
	for i := range len(text) {
		d := int(text[i]) - '0'
		if d < 0 || d > 9 {
			return 0, i
		}
		// Weights are given from the right, where every length begins with 3.
		if (len(text)-i)%2 != 0 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10), -1
}

// csum is the check of a check digit at the end.
func csum(value string) *fault {
	last := len(value) - 1
	if last < 1 {
		return &fault{0, "is too short to have a check digit"}
	}
	digit, bad := checkDigit(value[:last])
	switch got := value[last]; {
	case bad >= 0:
		return &fault{bad, notDigit(value[bad])}
	case got < '0' || got > '9':
		return &fault{last, notDigit(got)}
	case got != digit:
		return &fault{last, fmt.Sprintf("check digit is %c, must be %c", got, digit)}
	}
	return nil
}

const (
	// pairValues are the characters of CSET 82, each at the place of its value
	// (figure 7.11-1).
	pairValues = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	// pairChars are the check characters, each at the place of its value: none can
	// be taken for another.
	pairChars = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	// pairModulus is a prime above all values and weights, so it divides no product of
	// their differences: no wrong character and no two that changed places go unseen.
	pairModulus = 1021
)

// pairWeights are the weights of the characters, from the right: the first primes.
var pairWeights = [...]int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83}

// checkPair returns the check characters of text, which has no more characters than
// there are weights; bad is the place of the first character that is not in CSET 82,
// -1 if all are.
func checkPair(text string) (first, second byte, bad int) {
	sum := 0
	for i := range len(text) {
		value := strings.IndexByte(pairValues, text[i])
		if value < 0 {
			return 0, 0, i
		}
		sum += value * pairWeights[len(text)-1-i]
	}
	sum %= pairModulus
	return pairChars[sum/len(pairChars)], pairChars[sum%len(pairChars)], -1
}

// csumalpha is the check of a pair of check characters at the end.
func csumalpha(value string) *fault {
	end := len(value) - 2
	switch {
	case end < 1:
		return &fault{0, "is too short to have two check characters"}
	case end > len(pairWeights):
		return &fault{0, fmt.Sprintf("has %d characters, can have %d with the check characters", len(value), len(pairWeights)+2)}
	}
	first, second, bad := checkPair(value[:end])
	switch {
	case bad >= 0:
		return &fault{bad, fmt.Sprintf("%q is not %s", rune(value[bad]), cset82)}
	case value[end] != first || value[end+1] != second:
		return &fault{end, fmt.Sprintf("check characters are %s, must be %c%c", quoted(value[end:]), first, second)}
	}
	return nil
}
