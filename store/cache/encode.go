package cache

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/machshop/seriald"
)

// prefix keeps our keys apart from those of others in the same database.
const prefix = "machshop:claim:"

// version begins every value, so that a later release can write others.
const version = "1"

// name returns the name of a key in Redis. Its parts are escaped, so that no text
// in one of them makes it the name of another key; they stay readable to whoever
// looks for one with redis-cli.
func name(k Key) string {
	return prefix + url.QueryEscape(string(k.Scope)) + ":" + url.QueryEscape(k.ScopeKey) + ":" + url.QueryEscape(k.Canonical)
}

func namesOf(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = name(k)
	}
	return names
}

// encode returns the value in Redis of a holder that was added at a time, which is
// kept to the millisecond.
func encode(at time.Time, h Holder) string {
	return version + ":" + strconv.FormatInt(at.UnixMilli(), 10) + ":" + h.SerialID.String() + ":" +
		url.QueryEscape(h.PartID) + ":" + url.QueryEscape(h.Number)
}

// decode reads what encode wrote; ok is false if value is anything else.
func decode(value string) (at time.Time, h Holder, ok bool) {
	parts := strings.Split(value, ":")
	if len(parts) != 5 || parts[0] != version {
		return time.Time{}, Holder{}, false
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return time.Time{}, Holder{}, false
	}
	if h.SerialID, err = seriald.ParseID(parts[2]); err != nil {
		return time.Time{}, Holder{}, false
	}
	if h.PartID, err = url.QueryUnescape(parts[3]); err != nil {
		return time.Time{}, Holder{}, false
	}
	if h.Number, err = url.QueryUnescape(parts[4]); err != nil {
		return time.Time{}, Holder{}, false
	}
	return time.UnixMilli(ms), h, true
}
