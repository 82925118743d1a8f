package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
)

const serialization = "/api/v1/serialization"

// token is one of this installation for an hour.
func token(tb testing.TB, subject, role string) string {
	tb.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "role": role, "iss": "seriald", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(testSecret))
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

// ask is a request with what it is to be answered.
type ask struct {
	method, path, body string
	token              string
	header             map[string]string

	status int
	says   string // in the body
}

// anonymous adds nothing to requests, as client does.
var anonymous = &http.Client{Timeout: 2 * patience}

// try does a and reports what is answered otherwise.
func (d *daemon) try(a ask) (header http.Header, body string) {
	d.tb.Helper()
	status, header, body := d.do(a)
	if status != a.status || !strings.Contains(body, a.says) {
		d.tb.Errorf("%s %s %s: %d %s, want %d %s", a.method, a.path, a.body, status, body, a.status, a.says)
	}
	return header, body
}

func (d *daemon) do(a ask) (status int, header http.Header, body string) {
	d.tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), a.method, d.api+a.path, strings.NewReader(a.body))
	if err != nil {
		d.tb.Fatal(err)
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	for name, value := range a.header {
		req.Header.Set(name, value)
	}
	res, body := d.read(anonymous.Do(req))
	return res.StatusCode, res.Header, body
}

// A write that is sent again with its key is answered as the first time, and is done
// once; and who did it is who the token says.
func TestHTTPWriteAgain(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	mia := token(t, "mia", "operator")
	for name, a := range map[string]ask{
		"receive":  {path: "/vendor/receive", body: `{"vendorSerialNumber":"A-1","vendorName":"Acme","partId":"PART-002","performedBy":"mallory"}`, status: 201, says: `"status":"PENDING"`},
		"generate": {path: "/system-generated/generate", body: `{"partId":"PART-001","quantity":3,"performedBy":"mallory"}`, status: 201, says: `"data":[{`},
		"refused":  {path: "/system-generated/generate", body: `{"partId":"GONE","performedBy":"mallory"}`, status: 422, says: "PART_NOT_FOUND"},
	} {
		a.method, a.path, a.token, a.header = http.MethodPost, serialization+a.path, mia, map[string]string{"Idempotency-Key": "again-" + name}
		_, first := f.daemon.try(a)
		before := rows(t, f.db)
		_, second := f.daemon.try(a)
		if second != first {
			t.Errorf("%s: the repeat got %s, want %s", name, second, first)
		}
		other := a
		other.token = token(t, "tom", "operator")
		if _, third := f.daemon.try(other); third != first {
			t.Errorf("%s: another user's repeat got %s, want %s", name, third, first)
		}
		// With another body it is another request, which must not take that outcome for its own.
		other.body = strings.Replace(a.body, `{`, `{"lotNumber":"L-2",`, 1)
		other.status, other.says = 422, `was used for another request`
		f.daemon.try(other)
		other.path, other.body = serialization+"/late-assignment/placeholder", a.body
		f.daemon.try(other)
		if after := rows(t, f.db); after != before {
			t.Errorf("%s: %s, and %s before the repeats", name, after, before)
		}
		by := storetest.Value[string](t, f.db, `SELECT string_agg(DISTINCT performed_by, ' ') FROM audit_events WHERE event_id = $1`, "again-"+name)
		if by != "mia" {
			t.Errorf("%s: performed by %s, want mia", name, by)
		}
	}
}

// What comes over HTTP is judged and audited as what comes over MQTT.
func TestHTTPAndMQTTAreOnePath(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	for i, s := range []struct {
		typ  seriald.EventType
		path string
		// fields, in which @ stands for what tells the two apart
		fields string
		want   string
	}{
		{seriald.TypeVendorSerialReceive, "/vendor/receive", `{"vendorSerialNumber":"V-@","vendorName":"Acme","partId":"PART-002"}`, "accepted"},
		{seriald.TypeVendorSerialReceive, "/vendor/receive", `{"vendorSerialNumber":"V-@","vendorName":"ACME","partId":"PART-002"}`, "conflict DUPLICATE_SERIAL"},
		{seriald.TypeVendorSerialReceive, "/vendor/receive", `{"vendorName":"Acme","partId":"PART-002"}`, "rejected VALIDATION_ERROR"},
		{seriald.TypeSerialGenerate, "/system-generated/generate", `{"partId":"PART-001","quantity":2}`, "accepted"},
		{seriald.TypeSerialGenerate, "/system-generated/generate", `{"partId":"PART-001","formatConfigId":"none"}`, "rejected FORMAT_NOT_FOUND"},
		{seriald.TypeOperationComplete, "/system-generated/trigger", `{"triggerType":"OPERATION_COMPLETE","partId":"PART-001","operationCode":"OP-010"}`, "accepted"},
		{seriald.TypeOperationComplete, "/system-generated/trigger", `{"triggerType":"OPERATION_COMPLETE","partId":"PART-001","operationCode":"none"}`, "ignored NO_TRIGGER"},
		{seriald.TypeUniquenessRegister, "/uniqueness/register", `{"partId":"PART-003","serialNumber":"R-@"}`, "accepted"},
		{seriald.TypeUniquenessRegister, "/uniqueness/register", `{"partId":"PART-003","serialNumber":"R-@"}`, "conflict DUPLICATE_SERIAL"},
		{seriald.TypePlaceholderCreate, "/late-assignment/placeholder", `{"partId":"PART-003","quantity":2,"workOrderId":"WO-@"}`, "accepted"},
		{seriald.TypePlaceholderAssign, "/late-assignment/placeholder/00000000-0000-7000-8000-000000000001/assign", `{"serialNumber":"L-@","placeholderId":"00000000-0000-7000-8000-000000000001"}`, "rejected PLACEHOLDER_NOT_FOUND"},
	} {
		mqtt, web := fmt.Sprintf("mqtt-%02d", i), fmt.Sprintf("http-%02d", i)
		f.send(s.typ, mqtt, strings.ReplaceAll(s.fields, "@", "mqtt"))
		f.daemon.do(ask{
			method: http.MethodPost, path: serialization + s.path, body: strings.ReplaceAll(s.fields, "@", "http"),
			token: token(t, "tester", "operator"), header: map[string]string{"Idempotency-Key": web},
		})
		if got, want := f.remembered(web), f.remembered(mqtt); got != want || !strings.HasPrefix(got, s.want) {
			t.Errorf("%s %s:\nHTTP %s\nMQTT %s\nwant %s", s.typ, s.fields, got, want, s.want)
		}
	}
}

// told apart are ids, times, and the numbers that two of the same can't both have.
var toldApart = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|mqtt|http|TST-[0-9]+-[0-9]+`)

// remembered is what the service keeps of an event: its outcome and its audit.
func (f *floor) remembered(id string) string {
	f.t.Helper()
	_, _, body := f.daemon.do(ask{method: http.MethodGet, path: "/api/v1/events/" + id, token: token(f.t, "tester", "viewer")})
	var o seriald.Outcome
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		f.t.Fatalf("outcome of %s: %v: %s", id, err, body)
	}
	audit := storetest.Value[string](f.t, f.db, `SELECT COALESCE(string_agg(event_type || '/' || status || '/' || COALESCE(part_id, '') || '/' || COALESCE(site_id, ''), ' ' ORDER BY id), '')
		FROM audit_events WHERE event_id = $1`, id)
	text := fmt.Sprintf("%s %s %s %s lists %s; audit %s", o.Status, o.Code, o.Field, o.Message, unitsOf(&o), audit)
	return toldApart.ReplaceAllString(text, "…")
}

// A write while nobody processes is stored, and says where its outcome will be.
func TestHTTPWriteIsPending(t *testing.T) {
	t.Parallel()
	env := []string{"MQTT_URL=" + brokertest.Start(t).URL, "NATS_URL=" + startNATSServer(t), "DATABASE_URL=" + storetest.DSN(t, storetest.Fast)}
	api, processor := newDaemon(t, env...), newDaemon(t, env...)
	api.start("--roles", "api")
	write := ask{
		method: http.MethodPost, path: serialization + "/system-generated/generate", body: `{"partId":"PART-001"}`,
		token: token(t, "mia", "operator"), header: map[string]string{"Idempotency-Key": "early bird"}, status: 202, says: `"status":"pending"`,
	}
	header, _ := api.try(write)
	location := header.Get("Location")
	if location != "/api/v1/events/early%20bird" {
		t.Errorf("Location %q", location)
	}
	api.try(ask{method: http.MethodGet, path: location, token: write.token, status: 404, says: "NOT_FOUND"})
	processor.launch("--roles", "processor")
	api.eventually(location, `"status":"accepted"`)
	write.status, write.says = 201, `"status":"ACTIVE"`
	api.try(write)
	if n := storetest.Value[int](t, storetest.Conn(t, strings.TrimPrefix(env[2], "DATABASE_URL=")), `SELECT count(*) FROM serials`); n != 1 {
		t.Errorf("%d serials, want 1", n)
	}
	if code := processor.stop(); code != exitOK {
		t.Errorf("exit %d\n%s", code, processor.output)
	}
}

// sse is a client of the stream of serial events.
type sse struct {
	tb    testing.TB
	body  io.ReadCloser
	lines *bufio.Scanner
}

// listen begins behind an id, or at the tail. It returns when the service has begun to
// answer: what is written from then on comes.
func (d *daemon) listen(last string) *sse {
	d.tb.Helper()
	req, err := http.NewRequestWithContext(d.tb.Context(), http.MethodGet, d.api+"/api/v1/events/stream?partId=PART-001", http.NoBody)
	if err != nil {
		d.tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token(d.tb, "mes", "viewer"))
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := anonymous.Do(req)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		d.tb.Fatalf("events: %s", res.Status)
	}
	return &sse{d.tb, res.Body, bufio.NewScanner(res.Body)}
}

// next returns the next event; its name is "" at the end of the stream.
func (s *sse) next() (id, name, data string) {
	s.tb.Helper()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return id, name, data
			}
		}
	}
	return "", "", ""
}

// Who listens gets every event once and in order, through a connection that breaks; and
// does not keep the service from ending.
func TestHTTPStreamGoesOn(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "DATABASE_URL="+storetest.DSN(t, storetest.Fast))
	d.start()
	written := 0
	write := func(n int) {
		for range n {
			written++
			d.try(ask{
				method: http.MethodPost, path: serialization + "/system-generated/generate", body: `{"partId":"PART-001"}`,
				token: token(t, "mia", "operator"), status: 201, header: map[string]string{"Idempotency-Key": fmt.Sprintf("sse-%d", written)},
			})
		}
	}
	stream, last, seen := d.listen(""), "", 0
	read := func(n int) {
		t.Helper()
		for range n {
			seen++
			id, name, data := stream.next()
			if want := fmt.Sprintf(`"eventId":"sse-%d"`, seen); name != seriald.EventAssigned || !strings.Contains(data, want) {
				t.Fatalf("event %d is %s %s %s, want %s", seen, id, name, data, want)
			}
			last = id
		}
	}
	write(5)
	read(3) // two have come, and were not read
	_ = stream.body.Close()
	write(5)
	stream = d.listen(last)
	write(2)
	read(9)

	began := time.Now()
	process := d.cmd
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if id, name, _ := stream.next(); name != "end" || id != last {
		t.Errorf("at the end: %s %s, want end with id %s", name, id, last)
	}
	_ = process.Wait() // the code says how
	if took := time.Since(began); process.ProcessState.ExitCode() != exitOK || took > 10*time.Second {
		t.Errorf("it ended with exit %d after %s\n%s", process.ProcessState.ExitCode(), took, d.output)
	}
}

// Who adds a part can ask about it at once: the process that took it, and any other.
func TestHTTPKnowsWhatWasJustAdded(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	boss := token(t, "boss", "supervisor")
	check := func(part string) {
		t.Helper()
		f.daemon.try(ask{
			method: http.MethodPost, path: serialization + "/uniqueness/check", body: `{"partId":"` + part + `","serialNumber":"N-1"}`,
			token: boss, status: 200, says: `"hasConflict":false`,
		})
	}
	check("PART-001")
	for i := range 20 {
		web, mqtt := fmt.Sprintf("WEB-%d", i), fmt.Sprintf("MQTT-%d", i)
		f.daemon.try(ask{method: http.MethodPut, path: serialization + "/parts/" + web, body: `{"name":"new","partType":"WIDGET"}`, token: boss, status: 200})
		check(web)
		f.send(seriald.TypePartPut, "put-"+mqtt, `{"partId":"`+mqtt+`","name":"new","partType":"WIDGET"}`)
		check(mqtt)
	}
}
