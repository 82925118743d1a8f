package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream/streamtest"
)

// listed is a line of dlq list --json.
type listed struct {
	ID, Reason, Origin, EventID string
	ReceivedAt                  time.Time
	ReplayedAt                  *time.Time
}

func (d *daemon) list(args ...string) []listed {
	d.tb.Helper()
	out, stderr, code := d.call(append([]string{"dlq", "list", "--json"}, args...)...)
	var letters []listed
	if err := json.Unmarshal([]byte(out), &letters); err != nil || code != 0 {
		d.tb.Fatalf("dlq list: exit %d, %v\n%s%s", code, err, out, stderr)
	}
	return letters
}

// waitListed waits until n letters are listed.
func (d *daemon) waitListed(n int, args ...string) []listed {
	d.tb.Helper()
	for deadline := time.Now().Add(patience); ; {
		if letters := d.list(args...); len(letters) >= n {
			return letters
		}
		if time.Now().After(deadline) {
			d.tb.Fatalf("%d letters never come\n%s", n, d.output)
		}
	}
}

// publishRaw publishes bytes as a device does.
func (d *daemon) publishRaw(topicType, payload string) {
	d.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := loadSettings("", d.env, nil)
	if err != nil {
		d.tb.Fatal(err)
	}
	device, err := ingest.DialDevice(ctx, s.broker(), seriald.Origin{Site: "plant1", Line: "line1", Device: "raw"}, ingest.SessionPassing, func([]byte) {})
	if err != nil {
		d.tb.Fatal(err)
	}
	defer device.Close()
	if err := device.Publish(seriald.EventType(topicType), []byte(payload)).Wait(ctx); err != nil {
		d.tb.Fatal(err)
	}
}

// A message that nobody understands goes into the table; mended, it is published
// again with its id and the time it came.
func TestDeadLetterIsMendedAndReplayed(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.start()
	d.publishRaw("operation_complete", `{"partId":"PART-001","operationCode":`)
	letter := d.waitListed(1)[0]
	if letter.Reason != "VALIDATION_ERROR" || letter.Origin != "machshop/plant1/line1/raw/event/operation_complete" {
		t.Errorf("letter %+v", letter)
	}
	if out, _, code := d.call("dlq", "list"); code != 0 || !strings.Contains(out, letter.ID) || !strings.Contains(out, "VALIDATION_ERROR") {
		t.Errorf("dlq list: %d\n%s", code, out)
	}
	if out, _, code := d.call("dlq", "show", letter.ID); code != 0 || !strings.Contains(out, `{"partId":"PART-001","operationCode":`+"\n") || !strings.Contains(out, "Machshop-Reason: VALIDATION_ERROR") {
		t.Errorf("dlq show: %d\n%s", code, out)
	}
	if out, _, code := d.call("dlq", "show", "--raw", letter.ID); code != 0 || out != `{"partId":"PART-001","operationCode":` {
		t.Errorf("dlq show --raw: %d %q", code, out)
	}
	// As it is, it can't be read this time either.
	if _, stderr, code := d.call("dlq", "replay", letter.ID); code != 1 || !strings.Contains(stderr, "not valid JSON") {
		t.Errorf("dlq replay: %d\n%s", code, stderr)
	}
	if len(d.list()) != 1 {
		t.Error("the letter that was not replayed is gone")
	}
	file := filepath.Join(t.TempDir(), "mended")
	if err := os.WriteFile(file, []byte(`{"partId":"PART-001","operationCode":"OP-010"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	// Twice, as a person does who is not sure: one effect.
	for range 2 {
		out, stderr, code := d.call("dlq", "replay", letter.ID, "--payload", file)
		if code != 0 || !strings.Contains(out, "/api/v1/events/"+letter.ID) {
			t.Fatalf("dlq replay --payload: %d\n%s%s", code, out, stderr)
		}
	}
	d.eventually("/api/v1/events/"+letter.ID, `"status":"accepted"`)
	d.eventually("/api/v1/devices", `"device":"raw","online":null`)
	if len(d.list()) != 0 {
		t.Error("the letter still waits")
	}
	if all := d.list("--all"); len(all) != 1 || all[0].ReplayedAt == nil {
		t.Errorf("all letters: %+v", all)
	}
	if out, _, code := d.call("devices", "--site", "plant1"); code != 0 || !strings.Contains(out, "raw") || !strings.Contains(out, "unknown") {
		t.Errorf("devices: %d\n%s", code, out)
	}
	if out, _, code := d.call("devices", "--site", "plant2", "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("devices of plant2: %d %s", code, out)
	}
	conn, err := pgx.Connect(context.Background(), strings.TrimSpace(first(d.call("db", "url"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	at := storetest.Value[time.Time](t, conn, "SELECT device_time FROM audit_events WHERE event_id = $1 LIMIT 1", letter.ID)
	if !at.Equal(letter.ReceivedAt) {
		t.Errorf("the event's time is %s, want %s", at, letter.ReceivedAt)
	}
	if n := storetest.Value[int](t, conn, "SELECT count(*)::int FROM serials WHERE event_id = $1", letter.ID); n != 1 {
		t.Errorf("%d serials of two replays, want 1", n)
	}
}

// Letters of a reason, some of which can be read by now: they go, the others stay.
func TestReplayByReason(t *testing.T) {
	t.Parallel()
	url := streamtest.Start(t, true)
	dsn := storetest.DSN(t, storetest.Fast)
	d := newDaemon(t, "NATS_URL="+url, "DATABASE_URL="+dsn)
	db := storetest.Open(t, dsn)
	conn := streamtest.Connect(t, url)
	ctx := context.Background()
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	id := func(n byte) seriald.ID { return seriald.ID{6: 0x70, 15: n} }
	const topic = "machshop/plant1/line1/raw/event/operation_complete"
	event := &seriald.Event{ID: "mes-1", Type: seriald.TypeSerialGenerate, Key: "PART-001", Time: at, Data: []byte(`{"partId":"PART-001"}`)}
	letters := []store.DeadLetter{
		{ID: id(1), Origin: topic, EventID: "made", Payload: []byte(`{"partId":"PART-001"}`), ReceivedAt: at},
		{ID: id(2), Origin: topic, Payload: []byte(`{"partId":"PART-001","id":"own","time":"2026-03-02T11:00:00Z"}`), ReceivedAt: at.Add(1)},
		{ID: id(3), Origin: topic, Payload: []byte("\x1b[2Jno json"), ReceivedAt: at.Add(2)},
		{ID: id(4), Origin: topic, Payload: []byte(`{"partId":"PA`), Size: 1 << 20, ReceivedAt: at.Add(3)},
		{ID: id(5), Origin: "machshop.event.7.plant1.serial_generate.PART-001", EventID: "mes-1", Payload: event.Encode(), ReceivedAt: at.Add(4)},
		{ID: id(6), Origin: "other/topic", Payload: []byte(`{}`), ReceivedAt: at.Add(5)},
	}
	for i := range letters {
		letters[i].Reason = "PROCESSING_FAILED"
		letters[i].Size = max(letters[i].Size, int64(len(letters[i].Payload)))
	}
	if _, err := db.RecordDeadLetters(ctx, letters); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := d.call("dlq", "replay", "--reason", "processing_failed")
	if code != 1 || strings.Count(out, "replayed as event") != 3 || strings.Count(stderr, "not replayed: ") != 3 {
		t.Errorf("exit %d\n%s\n%s", code, out, stderr)
	}
	for _, want := range []string{"3 of 6 not replayed", "first 13 of its 1048576 bytes", "--payload", id(3).String(), "topic must be"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, stderr)
		}
	}
	if waiting, err := db.WaitingDeadLetters(ctx, "PROCESSING_FAILED", 10); len(waiting) != 3 || err != nil {
		t.Errorf("%v wait, %v; want 3", waiting, err)
	}
	var got []string
	s, err := conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		m, err := s.GetMsg(ctx, n+1)
		if err != nil {
			t.Fatal(err)
		}
		e, err := seriald.DecodeEvent(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.ID)+" "+e.Time.Format(time.RFC3339)+" "+m.Header.Get(nats.MsgIdHdr)+m.Subject[:15])
	}
	for i, want := range []string{"made 2026-03-02T12:00:00Z", "own 2026-03-02T11:00:00Z", "mes-1 2026-03-02T12:00:00Z"} {
		if !strings.HasPrefix(got[i], want+" machshop.event.") {
			t.Errorf("event %d is %s, want %s without a message id", i, got[i], want)
		}
	}
	if out, _, _ := d.call("dlq", "show", id(3).String()); strings.Contains(out, "\x1b") || !strings.Contains(out, "1b 5b 32 4a") {
		t.Errorf("bytes that are no text are shown as %q", out)
	}
}

func TestDLQArguments(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "DATABASE_URL="+storetest.DSN(t, storetest.Fast), "NATS_URL=nats://127.0.0.1:1")
	const id = "01900000-0000-7000-8000-000000000001"
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no letters":       {[]string{"replay"}, 2, "--reason"},
		"both":             {[]string{"replay", id, "--reason", "X"}, 2, "--reason"},
		"fixed, of many":   {[]string{"replay", id, id, "--payload", "/dev/null"}, 2, "--payload"},
		"no id":            {[]string{"show", "x"}, 2, "dlq list"},
		"no such letter":   {[]string{"show", id}, 1, "not found"},
		"no letters at -1": {[]string{"list", "--limit=-1"}, 2, "--limit"},
	} {
		if _, stderr, code := d.call(append([]string{"dlq"}, tt.args...)...); code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit %d, want %d with %q\n%s", name, code, tt.code, tt.says, stderr)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	set := defaultSettings()
	set.EmbeddedNATSPort = 1
	if _, err := connectNATS(ctx, &set); err == nil || !strings.Contains(err.Error(), "EMBEDDED_NATS_PORT") || !strings.Contains(err.Error(), "127.0.0.1:"+strconv.Itoa(1)) {
		t.Errorf("no NATS: %v", err)
	}
}

// An event as the processors buried it goes back to the subject it came on.
func TestReplayedEventKeepsItsSubject(t *testing.T) {
	t.Parallel()
	e := &seriald.Event{ID: "e", Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "s", Line: "l", Device: "d"}, Key: "P.1", Data: []byte(`{}`)}
	set := defaultSettings()
	router, err := set.ingest(embeddedMQTT).Router()
	if err != nil {
		t.Fatal(err)
	}
	msg, id, err := replayed(&store.DeadLetter{Origin: "machshop.event.15.s.serial_generate.P_1", Payload: e.Encode()}, router)
	if err != nil || id != "e" || msg.Subject != seriald.EventSubject("s", e.Type, e.Key) || string(msg.Data) != string(e.Encode()) {
		t.Errorf("%+v, %s, %v", msg, id, err)
	}
	if _, _, err := replayed(&store.DeadLetter{Origin: "machshop.event.15.s.serial_generate.P_1", Payload: []byte("{}")}, router); err == nil {
		t.Error("what is no event is replayed")
	}
}
