package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
)

// contract is a service that is asked for all that api/openapi.json describes.
type contract struct {
	t              *testing.T
	daemon         *daemon
	env            []string // of another daemon of the plant
	postgres, nats *faulttest.Proxy
	dsn            string // of its database, past the proxy
	client         *http.Client
	description    *description
	operations     map[string]*described
	names          map[string]string // what $name stands for

	mu   sync.Mutex
	seen map[string]map[string]bool // statuses by operation
}

func newContract(t *testing.T) *contract {
	t.Helper()
	dsn, natsURL := storetest.DSN(t, storetest.Fast), startNATSServer(t)
	c := &contract{
		t: t, dsn: dsn, client: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		postgres: newProxy(t, hostOf(t, dsn)), nats: newProxy(t, hostOf(t, natsURL)),
		names: map[string]string{"unknown": "00000000-0000-7000-8000-000000000001"}, seen: map[string]map[string]bool{},
	}
	c.description, c.operations = readDescription(t)
	c.env = []string{"MQTT_URL=" + brokertest.Start(t).URL, "NATS_URL=nats://" + c.nats.Addr(), "DATABASE_URL=" + dsnAt(t, dsn, c.postgres.Addr())}
	c.daemon = newDaemon(t, c.env...)
	c.daemon.start()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("correct horse battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := userCall(t, dsn, "", "add", "ann", "--role", "viewer", "--password-file", password); err != nil {
		t.Fatal(err)
	}
	return c
}

// named is text with what its $names stand for.
func (c *contract) named(text string) string {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(c.names))) { // $late2 before $late
		text = strings.ReplaceAll(text, "$"+name, c.names[name])
	}
	return text
}

// request is one to the contract's service.
type request struct {
	op       *described
	base     string // "" is the contract's daemon
	role     string // "" is nobody
	at, body string // the path below /api/v1/serialization, or a whole one
	headers  []string
}

// answer is what came of a request.
type answer struct {
	status int
	body   string
	header http.Header
	wrong  string // how it is not as it is described
}

// ask sends a request, and holds the answer to what is described of it.
func (c *contract) ask(r request) (a answer, err error) {
	at := c.named(r.at)
	if !strings.HasPrefix(at, "/api/") && !strings.HasPrefix(at, "/health") {
		at = "/api/v1/serialization" + at
	}
	req, err := http.NewRequestWithContext(c.t.Context(), r.op.method, cmp.Or(r.base, c.daemon.api)+at, strings.NewReader(c.named(r.body)))
	if err != nil {
		return a, err
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.role != "" {
		req.Header.Set("Authorization", "Bearer "+token(c.t, "some "+r.role, r.role))
	}
	for i := 0; i < len(r.headers); i += 2 {
		req.Header.Set(r.headers[i], c.named(r.headers[i+1]))
	}
	res, err := c.client.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	a.status, a.header = res.StatusCode, res.Header
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if mediaType == "text/event-stream" { // it has no end
		a.body, err = bufio.NewReader(res.Body).ReadString('\n')
	} else {
		var b []byte
		b, err = io.ReadAll(res.Body)
		a.body = string(b)
	}
	a.wrong = c.wrong(r.op, a.status, mediaType, a.body)
	return a, err
}

// do sends a request whose answer has to be as it is described.
func (c *contract) do(r request) answer {
	c.t.Helper()
	a, err := c.ask(r)
	if err != nil {
		c.t.Fatalf("%s: %v", r.op.ID, err)
	}
	if a.wrong != "" {
		c.t.Errorf("%s %s: %d %s: %.500s", r.op.method, c.named(r.at), a.status, a.wrong, a.body)
	}
	return a
}

// wrong says how an answer is not as it is described, "" if it is.
func (c *contract) wrong(op *described, status int, mediaType, body string) string {
	code := strconv.Itoa(status)
	c.mu.Lock()
	if c.seen[op.ID] == nil {
		c.seen[op.ID] = map[string]bool{}
	}
	c.seen[op.ID][code] = true
	c.mu.Unlock()
	answer, ok := op.Responses[code]
	if !ok {
		return "is not described"
	}
	if len(answer.Content) == 0 {
		return ""
	}
	of, ok := answer.Content[mediaType]
	if !ok {
		return mediaType + " is not described"
	}
	if !strings.HasSuffix(mediaType, "json") {
		return ""
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber() // the audit keeps what was sent, 1e400000 too
	if err := decoder.Decode(&value); err != nil {
		return err.Error()
	}
	return c.description.check(&of.Schema, value, "body")
}

// want sends a request and requires a status and what the answer says.
func (c *contract) want(r request, status int, says string) answer {
	c.t.Helper()
	a := c.do(r)
	if a.status != status || !strings.Contains(a.body, c.named(says)) {
		c.t.Errorf("%s %s as %q: %d %.500s, want %d with %s", r.op.ID, c.named(r.at), r.role, a.status, a.body, status, c.named(says))
	}
	return a
}

// value is what an answer has at a path, as data.0.id.
func value(body, path string) string {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return ""
	}
	for step := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok {
			if n, _ := strconv.Atoi(step); n < len(list) {
				v = list[n]
			}
			continue
		}
		object, _ := v.(map[string]any)
		v = object[step]
	}
	return fmt.Sprint(v)
}

// Every operation of the description: for nobody, for who may not, with what is no
// request, with each problem that is described, and when all is well. Whatever it answers
// is described, down to the fields.
func TestContract(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	for _, call := range contractCalls {
		op := c.operations[call.op]
		if op == nil {
			t.Errorf("%s is not described", call.op)
			continue
		}
		r := request{op: op, role: op.Role, at: call.at, body: call.body}
		if call.op == "deadLetters" { // it comes by itself
			c.daemon.publishRaw("operation_complete", `{"id":"broken`)
			c.daemon.waitListed(1)
		}
		for deadline := time.Now().Add(patience); call.later && time.Now().Before(deadline); {
			if c.do(r).status == call.status {
				break
			}
		}
		a := c.want(r, call.status, call.says)
		if t.Failed() {
			t.FailNow() // what comes next builds on it
		}
		if name, path, ok := strings.Cut(call.save, "="); ok {
			c.names[name] = value(a.body, path)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.operations)) {
		if good, ok := c.good(c.operations[id]); ok {
			c.refuses(good)
		} else {
			t.Errorf("no call of %s that succeeds", id)
		}
	}
	c.limits()
	c.withoutNATS()
	c.withoutDatabase()
	for id, op := range c.operations {
		for status := range op.Responses {
			if !c.seen[id][status] && !cannotBe(op, status) {
				t.Errorf("%s never answered %s, which is described", id, status)
			}
		}
	}
}

// good returns the last call of an operation that succeeded.
func (c *contract) good(op *described) (r request, ok bool) {
	for _, call := range contractCalls {
		if call.op == op.ID && call.status < 300 {
			r, ok = request{op: op, role: op.Role, at: call.at, body: call.body}, true
		}
	}
	return r, ok
}

// cannotBe tells of statuses that are described and take more than a test has.
func cannotBe(op *described, status string) bool {
	switch status {
	case "422": // too much to look through
		return op.method == http.MethodGet
	case "503": // a minute without a database, or tokens that can't be verified
		return !needsDatabase(op) || op.ID == "serialEvents"
	}
	return false
}

// needsDatabase reports whether an operation can't be answered without.
func needsDatabase(op *described) bool {
	return !slices.Contains([]string{"parseScan", "previewFormat", "live", "serialEvents"}, op.ID)
}

// isWrite reports whether an operation becomes an event.
func (op *described) isWrite() bool {
	return slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == "Idempotency-Key" })
}

// refuses has a request refused in all ways that do not depend on what it says.
func (c *contract) refuses(good request) {
	c.t.Helper()
	bad := func(change func(*request), status int, says string) {
		c.t.Helper()
		r := good
		change(&r)
		c.want(r, status, says)
	}
	if good.role != "" {
		bad(func(r *request) { r.role = "" }, http.StatusUnauthorized, `"code":"UNAUTHORIZED"`)
		bad(func(r *request) { r.role, r.headers = "", []string{"Authorization", "Bearer nonsense"} }, http.StatusUnauthorized, `"code":"UNAUTHORIZED"`)
		bad(func(r *request) { r.role = "janitor" }, http.StatusForbidden, `"code":"FORBIDDEN"`)
		for _, role := range auth.Roles() {
			if !role.Allows(auth.Role(good.role)) {
				bad(func(r *request) { r.role = string(role) }, http.StatusForbidden, "this takes the role "+good.role)
			}
		}
	}
	separator := "?"
	if strings.Contains(good.at, "?") {
		separator = "&"
	}
	bad(func(r *request) { r.at += separator + "misspelt=1" }, http.StatusBadRequest, `"code":"VALIDATION_ERROR"`)
	if good.op.Body != nil {
		for _, body := range []string{"{", "[]", "7", `"x"`, "{\"a\":\"\xff", "\x00"} {
			bad(func(r *request) { r.body = body }, http.StatusBadRequest, `"code":"VALIDATION_ERROR"`)
		}
		if _, ok := good.op.Responses["413"]; ok {
			bad(func(r *request) { r.body = `{"x":"` + strings.Repeat("x", 2<<20) + `"}` }, http.StatusRequestEntityTooLarge, `"code":"PAYLOAD_TOO_LARGE"`)
		}
		if _, ok := good.op.Responses["415"]; ok {
			bad(func(r *request) { r.headers = []string{"Content-Type", "text/plain"} }, http.StatusUnsupportedMediaType, "")
		}
	}
	if _, ok := good.op.Responses["304"]; ok {
		header := c.want(good, http.StatusOK, "").header
		bad(func(r *request) { r.headers = []string{"If-None-Match", header.Get("ETag")} }, http.StatusNotModified, "")
	}
	if good.op.isWrite() {
		// An id that was used for something else gets no outcome that is not its own.
		bad(func(r *request) { r.headers = []string{"Idempotency-Key", "$lost"} }, http.StatusUnprocessableEntity, `"code":"INVALID_STATE","eventId":"$lost"`)
		bad(func(r *request) { r.headers = []string{"Idempotency-Key", strings.Repeat("k", 129)} }, http.StatusBadRequest, `"field":"Idempotency-Key"`)
	}
}
