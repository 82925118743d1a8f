package ingest

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/machshop/seriald"
)

// plainText returns a text without the white space that readers put around it, or
// refuses what no label says: a wrong number in the history can't be mended.
// payload is all that was read.
func plainText(text string, payload []byte) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", seriald.Reject(seriald.CodeBadScan, "", format, args...)
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return refuse("nothing was read")
	case text[0] == '{' && json.Valid([]byte(text)):
		return refuse("is JSON, not what a reader reads: publish it to …/event/{type}")
	}
	if at, c := unprintable(text); at >= 0 {
		// As the device sent it, white space before it included.
		at += strings.Index(string(payload), text)
		if c == utf8.RuneError {
			return refuse("byte %d (0x%02X) is not valid UTF-8", at+1, payload[at])
		}
		return refuse("byte %d is %U, a character that is not printed", at+1, c)
	}
	return text, nil
}

// unprintable returns the place of the first character that is neither seen nor
// a space, which makes two numbers that look the same, or of broken UTF-8
// ([utf8.RuneError]); -1 if there is none.
func unprintable(text string) (at int, c rune) {
	for i, c := range text {
		if c == utf8.RuneError || !unicode.IsGraphic(c) {
			return i, c
		}
	}
	return -1, 0
}
