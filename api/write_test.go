package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/command"
)

// plant answers events as a plant of one site would: their notes say how.
type plant struct{ got chan *seriald.Event }

func (p plant) Send(_ context.Context, e *seriald.Event) ([]byte, error) {
	p.got <- e
	var of struct {
		Answer string `json:"answer"`
	}
	if err := json.Unmarshal(e.Data, &of); err != nil {
		return nil, err
	}
	o := seriald.Outcome{EventID: e.ID, Status: seriald.StatusAccepted, ProcessedAt: noon}
	switch of.Answer {
	case "pending":
		return nil, command.ErrPending
	case "away":
		return nil, errors.New("no stream")
	case "conflict":
		o.Status, o.Code, o.Message = seriald.StatusConflict, seriald.CodeDuplicateSerial, "number S-1 is taken"
		o.Conflict = &seriald.Conflict{SerialNumber: "S-1", Scopes: []seriald.Scope{"SITE"}}
	case "rejected":
		o.Status, o.Code, o.Field, o.Message = seriald.StatusRejected, seriald.CodePartNotFound, "partId", "is not known"
	case "ignored":
		o.Status, o.Code = seriald.StatusIgnored, seriald.CodeNoTrigger
	case "repeat":
		o.Duplicate = true
	case "another":
		return nil, command.ErrAnotherRequest
	case "two":
		o.FormatConfigID = "f"
		o.Serials = []seriald.SerialRef{{ID: seriald.ID{15: 1}, SerialNumber: "S-1", PartID: "P", Status: "ACTIVE"}, {ID: seriald.ID{15: 2}, SerialNumber: "S-2", PartID: "P", Status: "ACTIVE"}}
	default:
		o.Serials = []seriald.SerialRef{{ID: seriald.ID{15: 1}, SerialNumber: "S-1", PartID: "P", Status: "ACTIVE"}}
		o.Placeholders = []seriald.PlaceholderRef{{ID: seriald.ID{15: 9}, PartID: "P", Status: "PENDING"}}
	}
	return o.Encode(), nil
}

// send sends a request of somebody with a role, "" for nobody.
func send(t *testing.T, role, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+role)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(t, req)
}

func TestWritesBecomeEvents(t *testing.T) {
	t.Parallel()
	const id = "00000000-0000-0000-0000-000000000001"
	for name, tt := range map[string]struct {
		method, path, body string
		code               int
		typ                seriald.EventType
		data, answer       string
	}{
		"receive": {
			"POST", "/vendor/receive", `{"vendorSerialNumber":"S-1","vendorName":"ACME","partId":"P","receivedDate":"2024-11-01","performedBy":"somebody else"}`, 201, seriald.TypeVendorSerialReceive,
			`{"partId":"P","performedBy":"some operator","receivedDate":"2024-11-01","vendorName":"ACME","vendorSerialNumber":"S-1"}`,
			`{"id":"` + id + `","vendorSerialNumber":"S-1","vendorName":"ACME","partId":"P","status":"ACTIVE","receivedAt":"2026-03-02T12:00:00Z","eventId":"key"}`,
		},
		"accept":        {"POST", "/vendor/" + id + "/accept", `{}`, 200, seriald.TypeVendorSerialAccept, `{"performedBy":"some operator","vendorSerialId":"` + id + `"}`, `"status":"accepted"`},
		"reject":        {"POST", "/vendor/" + id + "/reject", `{"rejectionReason":"bent","vendorSerialId":"another"}`, 200, seriald.TypeVendorSerialReject, `{"performedBy":"some operator","rejectionReason":"bent","vendorSerialId":"` + id + `"}`, `"status":"accepted"`},
		"generate one":  {"POST", "/system-generated/generate", `{"partId":"P"}`, 201, seriald.TypeSerialGenerate, `{"partId":"P","performedBy":"some operator"}`, `{"id":"` + id + `","serialNumber":"S-1","partId":"P","status":"ACTIVE","generatedAt":"2026-03-02T12:00:00Z","eventId":"key"}`},
		"generate two":  {"POST", "/system-generated/generate", `{"partId":"P","quantity":2,"formatConfigId":"f","answer":"two"}`, 201, seriald.TypeSerialGenerate, "", `{"data":[{"id":"` + id + `","serialNumber":"S-1","partId":"P","formatConfigId":"f","status":"ACTIVE"`},
		"an occurrence": {"POST", "/system-generated/trigger", `{"triggerType":"BATCH_COMPLETION","partId":"P"}`, 200, seriald.TypeBatchCompletion, "", `"status":"accepted"`},
		"one ignored":   {"POST", "/system-generated/trigger", `{"triggerType":"BATCH_COMPLETION","partId":"P","answer":"ignored"}`, 200, seriald.TypeBatchCompletion, "", `"status":"ignored","code":"NO_TRIGGER"`},
		"a placeholder": {"POST", "/late-assignment/placeholder", `{"partId":"P"}`, 201, seriald.TypePlaceholderCreate, "", `{"id":"00000000-0000-0000-0000-000000000009","partId":"P","status":"PENDING","data":[{"id":`},
		"assign":        {"POST", "/late-assignment/placeholder/" + id + "/assign", `{"serialNumber":"S-1"}`, 200, seriald.TypePlaceholderAssign, `{"performedBy":"some operator","placeholderId":"` + id + `","serialNumber":"S-1"}`, `"status":"accepted"`},
		"fail":          {"POST", "/late-assignment/placeholder/" + id + "/fail", `{"reason":"r"}`, 200, seriald.TypePlaceholderFail, "", `"status":"accepted"`},
		"retire":        {"POST", "/serials/" + id + "/retire", `{"reason":"r"}`, 200, seriald.TypeSerialRetire, `{"performedBy":"some operator","reason":"r","serialId":"` + id + `"}`, `"status":"accepted"`},
		"pass":          {"POST", "/propagation/pass-through", `{"sourceSerialId":"` + id + `","operationCode":"OP"}`, 201, seriald.TypePropagationPassThrough, "", `"status":"accepted"`},
		"register":      {"POST", "/uniqueness/register", `{"partId":"P","serialNumber":"S"}`, 201, seriald.TypeUniquenessRegister, "", `"status":"accepted"`},
		"resolve":       {"POST", "/uniqueness/conflict/resolve", `{"conflictId":"` + id + `"}`, 200, seriald.TypeConflictResolve, "", `"status":"accepted"`},
		"a trigger":     {"POST", "/triggers", `{"partId":"P"}`, 201, seriald.TypeTriggerCreate, "", `"status":"accepted"`},
		"its change":    {"PATCH", "/triggers/" + id, `{"priority":3}`, 200, seriald.TypeTriggerUpdate, `{"performedBy":"some supervisor","priority":3,"triggerId":"` + id + `"}`, `"status":"accepted"`},
		"enable":        {"POST", "/triggers/" + id + "/enable", ``, 200, seriald.TypeTriggerEnable, `{"performedBy":"some supervisor","triggerId":"` + id + `"}`, `"status":"accepted"`},
		"disable":       {"POST", "/triggers/" + id + "/disable", ``, 200, seriald.TypeTriggerDisable, "", `"status":"accepted"`},
		"delete":        {"DELETE", "/triggers/" + id, ``, 200, seriald.TypeTriggerDelete, "", `"status":"accepted"`},
		"a part":        {"PUT", "/parts/P%2F1", `{"name":"N"}`, 200, seriald.TypePartPut, `{"name":"N","partId":"P/1","performedBy":"some supervisor"}`, `"status":"accepted"`},
		"no part":       {"DELETE", "/parts/P", ``, 200, seriald.TypePartDelete, "", `"status":"accepted"`},
		"a site":        {"PUT", "/sites/s9", `{"timeZone":"UTC"}`, 200, seriald.TypeSitePut, `{"performedBy":"some supervisor","siteId":"s9","timeZone":"UTC"}`, `"status":"accepted"`},
		"no site":       {"DELETE", "/sites/s9", ``, 200, seriald.TypeSiteDelete, "", `"status":"accepted"`},
		"a format":      {"PUT", "/formats/f", `{"pattern":"{SEQ:4}"}`, 200, seriald.TypeFormatPut, `{"formatConfigId":"f","pattern":"{SEQ:4}","performedBy":"some supervisor"}`, `"status":"accepted"`},
		"no format":     {"DELETE", "/formats/f", ``, 200, seriald.TypeFormatDelete, "", `"status":"accepted"`},
		"a conflict":    {"POST", "/vendor/receive", `{"answer":"conflict"}`, 409, seriald.TypeVendorSerialReceive, "", `"code":"DUPLICATE_SERIAL","eventId":"key","conflict":{"serialNumber":"S-1","scopes":["SITE"]}`},
		"a refusal":     {"POST", "/vendor/receive", `{"answer":"rejected"}`, 422, seriald.TypeVendorSerialReceive, "", `"detail":"partId is not known","code":"PART_NOT_FOUND","errors":[{"field":"partId","message":"is not known"}],"eventId":"key"`},
		"late":          {"POST", "/vendor/receive", `{"answer":"pending"}`, 202, seriald.TypeVendorSerialReceive, "", `{"eventId":"key","status":"pending"}`},
		"no stream":     {"POST", "/vendor/receive", `{"answer":"away"}`, 503, seriald.TypeVendorSerialReceive, "", `send it again with the Idempotency-Key key`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plant{make(chan *seriald.Event, 1)}
			deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
			deps.Database, deps.Commands = &watchedDatabase{catalog: catalogOf(1, "plant1")}, p
			url := serve(t, Config{Host: "127.0.0.1"}, deps) + prefix + tt.path
			role := "operator"
			if tt.typ.Configures() || tt.typ == seriald.TypeConflictResolve {
				// What takes a supervisor is refused to an operator, and becomes no event.
				if res, body := send(t, "operator", tt.method, url, tt.body); res.StatusCode != 403 || !strings.Contains(body, `"code":"FORBIDDEN"`) {
					t.Errorf("an operator: %d %s", res.StatusCode, body)
				}
				role = "supervisor"
			}
			for _, nobody := range []string{"", "viewer"} {
				if res, body := send(t, nobody, tt.method, url, tt.body); res.StatusCode != 401 && res.StatusCode != 403 {
					t.Errorf("%q: %d %s", nobody, res.StatusCode, body)
				}
			}
			if len(p.got) > 0 {
				t.Fatal("what was refused became an event")
			}
			res, body := send(t, role, tt.method, url, tt.body, "Idempotency-Key", "key", "Content-Type", "application/json")
			if res.StatusCode != tt.code || !strings.Contains(body, tt.answer) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, body, tt.code, tt.answer)
			}
			if location := res.Header.Get("Location"); tt.code == 202 && location != "/api/v1/events/key" {
				t.Errorf("Location %s", location)
			}
			e := <-p.got
			if e.Type != tt.typ || e.ID != "key" || e.Origin.Line != command.Line || tt.data != "" && string(e.Data) != tt.data {
				t.Errorf("event %+v with %s, want %s", e, e.Data, tt.data)
			}
		})
	}
}

func TestWritesThatAreNoEvents(t *testing.T) {
	t.Parallel()
	p := plant{make(chan *seriald.Event, 1)}
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled) // of two sites
	deps.Commands = p
	url := serve(t, Config{Host: "127.0.0.1"}, deps) + prefix
	for name, tt := range map[string]struct{ path, body, key, want string }{
		"no site":        {"/vendor/receive", `{}`, "", `"field":"siteId","message":"is required: there are 2 sites"`},
		"a wrong site":   {"/vendor/receive", `{"siteId":"a/b"}`, "", `"field":"siteId"`},
		"no JSON":        {"/vendor/receive", `{`, "", `"field":"body"`},
		"no object":      {"/vendor/receive", `[1]`, "", `"field":"body"`},
		"null":           {"/vendor/receive", `null`, "", `"field":"body"`},
		"a wrong key":    {"/vendor/receive", `{"siteId":"plant1"}`, strings.Repeat("k", 129), `"field":"Idempotency-Key"`},
		"no occurrence":  {"/system-generated/trigger", `{"triggerType":"SUNRISE"}`, "", `"field":"triggerType"`},
		"a wrong letter": {"/system-generated/trigger", `{"triggerType":1}`, "", `"field":"body"`},
	} {
		headers := []string{"Content-Type", "application/json"}
		if tt.key != "" {
			headers = append(headers, "Idempotency-Key", tt.key)
		}
		if res, body := send(t, "operator", "POST", url+tt.path, tt.body, headers...); res.StatusCode != 400 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want 400 with %s", name, res.StatusCode, body, tt.want)
		}
	}
	if res, body := send(t, "operator", "POST", url+"/vendor/receive", `{"a":"`+strings.Repeat("x", maxWriteBody)+`"}`); res.StatusCode != 413 || !strings.Contains(body, `"code":"PAYLOAD_TOO_LARGE"`) {
		t.Errorf("too long: %d %s", res.StatusCode, body)
	}
	if len(p.got) > 0 {
		t.Error("one of them became an event")
	}
}

// Every operation takes the role that it says, and is described with what it answers.
func TestOperationsTakeTheirRole(t *testing.T) {
	t.Parallel()
	s := &Server{}
	s.describe(http.NewServeMux())
	open := map[string]bool{"/health": true, "/health/live": true, "/health/ready": true, "/api/v1/health/db": true, "/api/v1/auth/token": true}
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
	deps.Commands, deps.Events = plant{make(chan *seriald.Event, 1000)}, http.NotFoundHandler()
	deps.Replay = func(context.Context, seriald.ID, []byte) (seriald.EventID, error) { return "e", nil }
	url := serve(t, Config{Host: "127.0.0.1"}, deps)
	paths := s.api.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		for method, op := range operationsOf(item) {
			if open[path] {
				continue
			}
			needed, _ := op.Metadata["role"].(auth.Role)
			at := url + strings.NewReplacer("{id}", "00000000-0000-0000-0000-000000000001", "{partId}", "P", "{serialNumber}", "S").Replace(path)
			if res, body := send(t, "", method, at, "{}"); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == "" || !strings.Contains(body, `"code":"UNAUTHORIZED"`) {
				t.Errorf("%s %s without a token: %d %s", method, path, res.StatusCode, body)
			}
			for _, role := range auth.Roles() {
				res, body := send(t, string(role), method, at, "{}", "Content-Type", "application/json")
				if allowed := role.Allows(needed); (res.StatusCode == 403) == allowed || res.StatusCode == 500 {
					t.Errorf("%s %s as %s, which takes %s: %d %s", method, path, role, needed, res.StatusCode, body)
				}
				if _, described := op.Responses[strconv.Itoa(res.StatusCode)]; !described && path != "/api/v1/events/stream" {
					t.Errorf("%s %s answers %d, which is not described", method, path, res.StatusCode)
				}
			}
		}
	}
}

// A repeat gets the outcome of the first only if it asks for the same.
func TestRepeats(t *testing.T) {
	t.Parallel()
	const first = `{"gtin":"09506000134352","operationCode":"OP-010","quantity":25,"lotNumber":"L","answer":"repeat"}`
	with := func(more string) string { return strings.TrimSuffix(first, "}") + "," + more + "}" }
	for name, tt := range map[string]struct {
		key, path, body string
		code            int
		want            string
	}{
		"the same":                {"recorded", "/system-generated/trigger", with(`"triggerType":"OPERATION_COMPLETE"`), 200, `"duplicate":true`},
		"by another":              {"recorded", "/system-generated/trigger", with(`"triggerType":"OPERATION_COMPLETE","performedBy":"x"`), 200, `"duplicate":true`},
		"other fields":            {"recorded", "/system-generated/trigger", with(`"triggerType":"OPERATION_COMPLETE","quantity":26`), 422, `the Idempotency-Key recorded was used for another request`},
		"another operation":       {"recorded", "/system-generated/generate", first, 422, `"code":"INVALID_STATE","eventId":"recorded"`},
		"no longer known":         {"archived", "/system-generated/trigger", with(`"triggerType":"OPERATION_COMPLETE","quantity":26`), 200, `"duplicate":true`},
		"not to be found out":     {"away", "/system-generated/trigger", with(`"triggerType":"OPERATION_COMPLETE"`), 503, `"code":"UNAVAILABLE"`},
		"another is on its way":   {"recorded", "/vendor/receive", `{"answer":"another"}`, 422, `was used for another request`},
		"not what it answers for": {"archived", "/vendor/receive", `{"answer":"repeat"}`, 422, `was used for another request`},
	} {
		deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
		deps.Database, deps.Commands = &watchedDatabase{catalog: catalogOf(1, "plant1")}, plant{make(chan *seriald.Event, 1)}
		url := serve(t, Config{Host: "127.0.0.1"}, deps) + prefix + tt.path
		if res, body := send(t, "operator", "POST", url, tt.body, "Idempotency-Key", tt.key); res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", name, res.StatusCode, body, tt.code, tt.want)
		}
	}
}
