package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestPreviewFormat(t *testing.T) {
	t.Parallel()
	url := serve(t, Config{Host: "127.0.0.1"}, Dependencies{}) + "/api/v1/serialization/formats/preview"
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"numbers": {
			`{"pattern":"SN-{YYYY}-{SEQ:6}","count":2,"counterStart":5,"increment":2,"reset":"yearly","at":"2026-03-02T12:00:00Z"}`, 200,
			`{"numbers":["SN-2026-000005","SN-2026-000007"],"problems":[],"warnings":[],"minLength":14,"maxLength":14,"values":499998,"space":1}`,
		},
		"what comes with an event": {`{"pattern":"{SITE}{PART}{LINE}{WO}{LOT}{OP}{SEQ:4}","count":1,"siteId":"s","partId":"p","lotNumber":"l"}`, 200, `{"numbers":["spline1WO-1lOP-0100001"],`},
		"a permutation":            {`{"pattern":"{SERIAL_RANDOM:6}"}`, 200, `"space":1000000`},
		"a problem":                {`{"pattern":"{SEQ:6}","reset":"daily"}`, 200, `"problems":[{"message":"the counter starts again each day`},
		"a warning":                {`{"pattern":"A{SEQ:6}{CHECK:luhn}"}`, 200, `"warnings":[{"position":9,"message":"luhn does not cover \"A\"`},
		"used up":                  {`{"pattern":"{SEQ:1}","counterStart":10}`, 200, `{"numbers":[],"problems":[{"position":1,`},
		"a pattern that is none":   {`{"pattern":"{SEQ}"}`, 400, `"field":"pattern","message":"pattern \"{SEQ}\": position 1:`},
		"no pattern":               {`{}`, 400, `"field":"pattern"`},
		"all that is wrong":        {`{"pattern":"{SEQ:6}","count":0,"counterStart":-1,"increment":0,"reset":"x"}`, 400, `"field":"count"`},
		"and the last of it":       {`{"pattern":"{SEQ:6}","count":0,"counterStart":-1,"increment":0,"reset":"x"}`, 400, `{"field":"reset","message":"must be never`},
		"a check of nothing":       {`{"pattern":"{LOT}{CHECK:luhn}{SEQ:4}","lotNumber":"A"}`, 400, "covers digits"},
		"no JSON":                  {`x`, 400, `"field":"body"`},
		"a book":                   {`{"pattern":"` + strings.Repeat("x", 64<<10) + `"}`, 413, `"code":"PAYLOAD_TOO_LARGE"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, got := callWith(t, http.MethodPost, url, tc.body)
			if res.StatusCode != tc.status || !strings.Contains(got, tc.want) {
				t.Errorf("%d %s, want %d with\n%s", res.StatusCode, got, tc.status, tc.want)
			}
		})
	}
}
