package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestParseScan(t *testing.T) {
	t.Parallel()
	url := serve(t, Config{Host: "127.0.0.1", CompanyPrefixes: []string{"9506000"}}, Dependencies{}) + "/api/v1/serialization/scan/parse"
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"GS1": {
			`{"data":"]d2010950600013435221A1\u001d10L1"}`, 200,
			`{"kind":"gs1","symbology":"]d2","elements":[{"ai":"01","title":"GTIN","value":"09506000134352"},{"ai":"21","title":"SERIAL","value":"A1"},{"ai":"10","title":"BATCH/LOT","value":"L1"}],` +
				`"canonical":"^010950600013435221A1^10L1","gtin":"09506000134352","serial":"A1","lot":"L1","digitalLink":"https://id.gs1.org/01/09506000134352/10/L1/21/A1",` +
				`"epcUri":"urn:epc:id:sgtin:9506000.013435.A1","ambiguous":false,"warnings":[]}`,
		},
		"plain":            {`{"data":"SN-1"}`, 200, `{"kind":"plain","elements":[],"canonical":"SN-1","ambiguous":false,"warnings":[]}`},
		"a profile":        {`{"data":"10L1|0109506000134352","profile":"gs1,separator=|"}`, 200, `"canonical":"^10L1^0109506000134352"`},
		"ambiguous":        {`{"data":"0109506000134352"}`, 200, `"ambiguous":true,"candidates":[{"kind":"gs1",`},
		"a check digit":    {`{"data":"]d20109506000134353"}`, 422, `"code":"BAD_SCAN"`},
		"where it is":      {`{"data":"]d20109506000134353"}`, 422, `"scan":{"id":"01","position":19,"rule":"csum"`},
		"nothing":          {`{"data":""}`, 422, "nothing was read"},
		"no data":          {`{}`, 400, `"field":"data","message":"is required`},
		"null":             {`null`, 400, "expected object"},
		"no JSON":          {`data`, 400, "invalid character"},
		"of another type":  {`{"data":1}`, 400, `"field":"data","message":"expected string"`},
		"no such profile":  {`{"data":"A","profile":"gs2"}`, 400, `"field":"profile","message":"profile: \"gs2\" is no word of a profile`},
		"a book":           {`{"data":"` + strings.Repeat("x", 64<<10) + `"}`, 413, `"code":"PAYLOAD_TOO_LARGE"`},
		"a serial, quoted": {`{"data":"A\"\\<é"}`, 200, `"canonical":"A\"\\<é"`},
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
