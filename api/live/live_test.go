package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/stream/streamtest"
)

func TestEventsAsTheyHappen(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.publish(numbered(1, 3)...)
	until(t, "the tail is read", func() bool { return s.position().sequence == 3 })
	b := s.open("", "").ready()
	s.publish(numbered(4, 2)...)
	e, err := b.next()
	if err != nil {
		t.Fatal(err)
	}
	if want := "4-" + s.position().identity; e.id != want || e.event != "assigned" || e.eventID() != "e4" || !json.Valid([]byte(e.data)) {
		t.Errorf("got %+v, want id %s, event assigned, of e4", e, want)
	}
	b.want("e5")
	if got := value(t, s.clients); got != 1 {
		t.Errorf("seriald_sse_clients is %v, want 1", got)
	}
	b.close()
	until(t, "the client has gone", func() bool { return value(t, s.clients) == 0 })
	if got := value(t, s.events); got != 2 {
		t.Errorf("seriald_sse_events_total is %v, want 2", got)
	}
}

func TestLongLinesAndNonsense(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	b := s.open("", "").ready()
	lines := body("e1", "s", "assigned", "P", "1")
	lines.Data = []byte(strings.ReplaceAll(string(lines.Data), ",", ",\r\n"))
	nonsense := body("e2", "s", "assigned", "P", "2")
	nonsense.Data = []byte("no\nJSON")
	s.publish(lines, nonsense)
	s.publish(numbered(3, 1)...)
	b.want("e1", "e3")
	// Nonsense at the place to resume from is passed over.
	s.stop()
	again := serve(t, s.conn, nil)
	again.open("site=s", "1").want("e3")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	often := func(h *Hub) { h.heartbeat = 10 * time.Millisecond }
	s := start(t, often)
	s.publish(
		body("e1", "a", "assigned", "P1", "1"), body("e2", "b", "received", "P1", "2"),
		body("e3", "a", "conflict", "P2", "3"), body("e4", "b", "assigned", "P2", "4"),
	)
	until(t, "the tail is read", func() bool { return s.position().sequence == 4 })
	cold := serve(t, s.conn, often) // which remembers nothing, and has to read the stream
	cold.awaitTail()
	for query, want := range map[string]string{
		"":                        "e1 e2 e3 e4",
		"site=a":                  "e1 e3",
		"event=assigned":          "e1 e4",
		"event=assigned,received": "e1 e2 e4",
		"site=b&event=assigned":   "e4",
		"partId=P1":               "e1 e2",
		"serialNumber=3":          "e3",
		"workOrderId=WO-P2":       "e3 e4",
		"lotNumber=L-2":           "e2",
		"partId=P2&site=a&event=conflict,assigned&lotNumber=L-3": "e3",
		"site=none": "",
	} {
		for name, from := range map[string]*served{"recent": s, "stream": cold} {
			b := from.open(query, "0")
			var got []string
			for beats := b.beats; b.beats == beats || !strings.HasPrefix(b.last, "4-"); {
				e, err := b.block()
				if err != nil {
					t.Fatal(err)
				}
				if e.data != "" {
					got = append(got, e.eventID())
				}
			}
			b.close()
			if strings.Join(got, " ") != want {
				t.Errorf("%s, %s: got %v, want %s", name, query, got, want)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, func(h *Hub) { h.maxClients = 1 })
	for query, field := range map[string]string{
		"sites=a": "sites", "site=": "site", "site=a&site=b": "site", "site=a.b": "site", "site=*": "site",
		"event=assigned,assignd": "event", "event=": "event",
		"lastEventId=x": "lastEventId", "lastEventId=1-xyz": "lastEventId", "lastEventId=-1": "lastEventId",
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?"+query, nil))
		var p struct {
			Status int
			Code   string
			Errors []fieldProblem
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != 400 || p.Status != 400 || p.Code != "VALIDATION_ERROR" || len(p.Errors) != 1 || p.Errors[0].Field != field ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s", query, w.Code, w.Body)
		}
	}
	refused := func(method string, status int) {
		t.Helper()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != status {
			t.Errorf("got %d %s, want %d", w.Code, w.Body, status)
		}
	}
	refused(http.MethodPost, 405)
	refused(http.MethodGet, 500) // a recorder has no deadlines
	b := s.open("", "").ready()
	refused(http.MethodGet, 503)
	s.stop()
	if e := b.wantNotice("end"); !strings.Contains(e.data, b.last) {
		t.Errorf("got %+v, want the last event id %s", e, b.last)
	}
	if _, err := b.next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of the stream", err)
	}
	refused(http.MethodGet, 503)
}

func TestHeartbeatTellsWhereTheTailIs(t *testing.T) {
	t.Parallel()
	s := start(t, func(h *Hub) { h.heartbeat = 10 * time.Millisecond })
	b := s.open("site=elsewhere", "").ready()
	s.publish(numbered(1, 5)...)
	want := "5-" + s.position().identity
	for b.last != want {
		if _, err := b.block(); err != nil {
			t.Fatal(err)
		}
	}
	if b.beats == 0 {
		t.Error("no heartbeat")
	}
}

func TestStreamMadeAnew(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	live := s.open("", "").ready()
	s.publish(numbered(1, 3)...)
	live.want(ids(1, 3)...)
	was := live.last

	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := s.conn.JS.DeleteStream(ctx, seriald.StreamSerials); err != nil {
		t.Fatal(err)
	}
	if err := s.conn.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	s.publish(numbered(4, 2)...)
	late := s.open("", was)
	for _, b := range []*browser{live, late} {
		b.wantNotice("reset")
		b.want("e4", "e5")
		if b.last == was {
			t.Errorf("the id is still %s", was)
		}
	}
	// And once the hub knows.
	b := s.open("", was)
	b.wantNotice("reset")
	b.want("e4", "e5")
}

func TestGap(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.publish(numbered(1, 10)...)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	serials, err := s.conn.JS.Stream(ctx, seriald.StreamSerials)
	if err != nil {
		t.Fatal(err)
	}
	if err := serials.Purge(ctx, jetstream.WithPurgeSequence(7)); err != nil {
		t.Fatal(err)
	}
	s.stop()
	cold := serve(t, s.conn, nil)
	for _, query := range []string{"", "site=s", "site=other"} {
		b := cold.open(query, "2")
		e := b.wantNotice("gap")
		if e.data != `{"from":3,"to":6}` || !strings.HasPrefix(e.id, "6-") {
			t.Errorf("got %+v, want the gap from 3 to 6", e)
		}
		if query != "site=other" {
			b.want(ids(7, 10)...)
		}
	}
	if err := serials.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	colder := serve(t, s.conn, nil)
	b := colder.open("", "6")
	if e := b.wantNotice("gap"); e.data != `{"from":7,"to":10}` {
		t.Errorf("got %+v, want the gap from 7 to 10", e)
	}
	s.publish(numbered(11, 1)...)
	b.want("e11")
}

func TestNATSAway(t *testing.T) {
	t.Parallel()
	url := streamtest.Start(t, true)
	proxy, err := faulttest.Listen(strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	direct := streamtest.Connect(t, url)
	s := serve(t, streamtest.Connect(t, "nats://"+proxy.Addr()), func(h *Hub) { h.heartbeat = 20 * time.Millisecond })
	s.awaitTail()
	b := s.open("", "").ready()
	publish(t, direct, numbered(1, 1)...)
	b.want("e1")
	for n := range 3 {
		proxy.Refuse(true)
		proxy.Cut()
		until(t, "the connection is lost", func() bool { return !s.conn.Up() })
		first := 2 + 600*n
		publish(t, direct, numbered(first, 600)...) // more than a buffer
		resumed := s.open("", b.last)
		for beats := b.beats; b.beats < beats+3; {
			if _, err := b.block(); err != nil {
				t.Fatalf("disconnected while NATS is away: %v", err)
			}
		}
		proxy.Refuse(false)
		b.want(ids(first, first+599)...)
		resumed.want(ids(first, first+599)...)
		resumed.close()
	}
}

// Debian 12's nats-server has what is asked of it.
func TestOldServer(t *testing.T) {
	t.Parallel()
	s := serve(t, streamtest.Connect(t, streamtest.StartOld(t).URL), nil)
	s.awaitTail()
	b := s.open("", "").ready()
	s.publish(numbered(1, 400)...)
	b.want(ids(1, 400)...)
	s.open("event=assigned,retired&site=s", "10").want(ids(11, 400)...)
	s.open("site=other", "10-"+s.position().identity).awaitJoin(400)
}

func TestAheadOfThisTail(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	identity := s.position().identity
	// An id from a process whose tail was further. This one reaches it.
	b := s.open("", "2-"+identity)
	s.publish(numbered(1, 4)...)
	b.want("e3", "e4")
	// An id that the stream never had: it was restored from a copy.
	b = s.open("", fmt.Sprint("9-", identity))
	b.wantNotice("reset")
	b.want(ids(1, 4)...)
}
