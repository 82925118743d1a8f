package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
)

// malformedEach is the environment variable that says how many good messages and
// how many bad ones TestMalformedAmongGood sends, from 1000; make bench has it send
// ten thousand of each.
const malformedEach = "SERIALD_TEST_MALFORMED"

// Malformed messages among as many good ones, of ten devices and an MES at once.
// Every good one has its outcome and its serial, in order; every bad one is a dead
// letter with the right reason, and nothing else is.
func TestMalformedAmongGood(t *testing.T) {
	t.Parallel()
	each := 1000
	if n := os.Getenv(malformedEach); n != "" {
		var err error
		if each, err = strconv.Atoi(n); err != nil || each < 1000 {
			t.Fatalf("%s: must be at least 1000, not %q", malformedEach, n)
		}
	}
	const devices = 10
	limited, direct := each*3/100, each/10
	broker := brokertest.Start(t)
	dsn := storetest.DSN(t, storetest.Fast)
	d := newDaemon(t, "MQTT_URL="+broker.URL, "DATABASE_URL="+dsn, "MQTT_SITES=plant1",
		// What is over a device's good events is too much; its bad ones don't count.
		"DEVICE_RATE_LIMIT=0.01", fmt.Sprintf("DEVICE_RATE_BURST=%d", each/devices))
	d.start()
	watched := watchResults(t, broker.URL)

	began := time.Now()
	plans := make([][]message, devices)
	// The first one sends too much, at the end and fast: its bucket gains a token
	// in a hundred seconds.
	plans[0] = append(interleave(0, each/devices, 0), tooMuch(0, limited)...)
	left := each - limited - direct
	for n := 1; n < devices; n++ {
		bad := left / (devices - n)
		left -= bad
		plans[n] = interleave(n, each/devices, bad)
	}
	mes := directly(direct)
	var senders sync.WaitGroup
	for n, plan := range plans {
		senders.Go(func() { publishAll(t, broker.URL, fmt.Sprintf("bad-%d", n), plan) })
	}
	senders.Go(func() { publishDirectly(t, d, mes) })
	senders.Wait()
	if t.Failed() {
		return
	}
	want := expect(slices.Concat(plans...), mes)

	conn := storetest.Conn(t, dsn)
	soFar, deadline := 0, time.Now()
	for ; ; <-time.After(20 * time.Millisecond) {
		accepted, rejected := watched.counts()
		dead := storetest.Value[int](t, conn, "SELECT count(*)::int FROM dead_letters")
		if accepted >= len(want.good) && rejected >= want.told && dead >= want.bad {
			break
		}
		if n := accepted + rejected + dead; n > soFar {
			soFar, deadline = n, time.Now().Add(patience)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d accepted, %d of %d refusals, %d of %d dead letters\n%s",
				accepted, len(want.good), rejected, want.told, dead, want.bad, d.output)
		}
	}
	t.Logf("%d good and %d bad messages in %s", len(want.good), want.bad, time.Since(began).Round(time.Millisecond))
	d.eventually("/metrics", "\nseriald_bridge_in_flight 0\n")
	if accepted, rejected := watched.counts(); accepted != len(want.good) || rejected != want.told {
		t.Errorf("%d accepted, %d refusals, want %d, %d", accepted, rejected, len(want.good), want.told)
	}
	checkGood(t, conn, want)
	checkLetters(t, conn, want)
	checkCounts(t, d, want)
	if code := d.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, d.output)
	}
}

// publishAll publishes a plan at QoS 1, in order, with some under way at a time.
func publishAll(tb testing.TB, url, clientID string, plan []message) {
	tb.Helper()
	c := dialPaho(tb, url, clientID)
	if c == nil {
		return
	}
	defer c.Disconnect(250)
	const underWay = 50
	tokens := make([]mqtt.Token, len(plan)+underWay)
	for i := range tokens {
		if i < len(plan) {
			tokens[i] = c.Publish(plan[i].topic, 1, false, plan[i].payload)
		}
		if i < underWay {
			continue
		}
		if done := tokens[i-underWay]; done != nil && (!done.WaitTimeout(patience) || done.Error() != nil) {
			tb.Errorf("%s: publish to %.80s: no PUBACK, %v", clientID, plan[i-underWay].topic, done.Error())
			return
		}
	}
}

// dialPaho connects a client that knows nothing of ours; nil if it failed.
func dialPaho(tb testing.TB, url, clientID string) mqtt.Client {
	tb.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(url, "mqtt://", "tcp://", 1)).
		SetClientID(clientID).SetCleanSession(true).SetAutoReconnect(false).SetOrderMatters(true).
		SetPingTimeout(patience)) // a machine that is slow has not lost its connection
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		tb.Errorf("%s: connect: %v", clientID, token.Error())
		return nil
	}
	return c
}

func publishDirectly(tb testing.TB, d *daemon, plan []message) {
	tb.Helper()
	s, err := loadSettings("", d.env, nil)
	if err != nil {
		tb.Error(err)
		return
	}
	nc, err := nats.Connect(s.nats())
	if err != nil {
		tb.Error(err)
		return
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Error(err)
		return
	}
	for _, m := range plan {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := js.Publish(ctx, m.topic, []byte(m.payload))
		cancel()
		if err != nil {
			tb.Errorf("publish to %s: %v", m.topic, err)
			return
		}
	}
}

// results is what the devices are told.
type results struct {
	mu       sync.Mutex           // guards what follows
	accepted map[string]time.Time // when it was told first, by event id
	doubled  int                  // told again as if it were new
	rejected int
}

func (r *results) counts() (accepted, rejected int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.accepted) + r.doubled, r.rejected
}

// watchResults reads the outcomes of all devices, until the test ends.
func watchResults(tb testing.TB, url string) *results {
	tb.Helper()
	r := &results{accepted: map[string]time.Time{}}
	c := dialPaho(tb, url, "watcher")
	if c == nil {
		tb.FailNow()
	}
	tb.Cleanup(func() { c.Disconnect(250) })
	token := c.Subscribe(seriald.TopicResults, 1, func(_ mqtt.Client, m mqtt.Message) {
		now := time.Now()
		var o struct {
			EventID, Status string
			Duplicate       bool
		}
		err := json.Unmarshal(m.Payload(), &o)
		r.mu.Lock()
		defer r.mu.Unlock()
		switch _, known := r.accepted[o.EventID]; {
		case err != nil || o.Status == "rejected":
			r.rejected++
		case known && o.Duplicate:
			// Where an event waits for more than seconds, JetStream delivers it
			// again, and its outcome is told again.
		case known:
			r.doubled++
		case o.Status == "accepted":
			r.accepted[o.EventID] = now
		}
	})
	if !token.WaitTimeout(patience) || token.Error() != nil {
		tb.Fatalf("subscribe: %v", token.Error())
	}
	return r
}

// letterKey is what tells a letter from others.
type letterKey struct{ origin, payload string }

// expectation is what must have come of plans.
type expectation struct {
	good      map[string]bool // event ids
	bad, told int
	kinds     map[letterKey]*badKind
	letters   map[letterKey]int
	byReason  map[string]int // all of them
	ofBridge  map[string]int // those that came over MQTT
}

func expect(plans ...[]message) *expectation {
	e := &expectation{
		good: map[string]bool{}, kinds: map[letterKey]*badKind{}, letters: map[letterKey]int{},
		byReason: map[string]int{}, ofBridge: map[string]int{},
	}
	for _, plan := range plans {
		for _, m := range plan {
			if m.kind == nil {
				e.good[m.id] = true
				continue
			}
			key := letterKey{m.topic, m.payload[:min(len(m.payload), m.kind.keeps())]}
			e.kinds[key] = m.kind
			e.letters[key]++
			e.bad++
			e.byReason[string(m.kind.reason)]++
			if strings.Contains(m.topic, "/") {
				e.ofBridge[string(m.kind.reason)]++
			}
			if !m.kind.untold {
				e.told++
			}
		}
	}
	return e
}

// checkGood looks for one outcome and one serial of each good event, and for the
// order of each device and part.
func checkGood(t *testing.T, conn *pgx.Conn, want *expectation) {
	t.Helper()
	var id, part, number, status string
	seen := 0
	rows, _ := conn.Query(context.Background(), "SELECT event_id, status FROM processed_events") // its error comes with the rows
	_, err := pgx.ForEachRow(rows, []any{&id, &status}, func() error {
		if seen++; !want.good[id] || status != "accepted" {
			t.Errorf("event %q is %s", id, status)
		}
		return nil
	})
	if err != nil || seen != len(want.good) {
		t.Errorf("%d events were processed, want %d; %v", seen, len(want.good), err)
	}
	serials, last := map[string]string{}, map[string]string{}
	rows, _ = conn.Query(context.Background(), "SELECT event_id, part_id, serial_number FROM serials ORDER BY serial_number")
	_, err = pgx.ForEachRow(rows, []any{&id, &part, &number}, func() error {
		if other, twice := serials[id]; twice || !want.good[id] {
			t.Errorf("event %q has the serial %s, and %q", id, number, other)
		}
		serials[id] = number
		device, _, _ := strings.Cut(id, "-")
		if key := device + " " + part; id <= last[key] {
			t.Errorf("%s: %s has a later number than %s", key, last[key], id)
		} else {
			last[key] = id
		}
		return nil
	})
	if err != nil || len(serials) != len(want.good) {
		t.Errorf("%d events have a serial, want %d; %v", len(serials), len(want.good), err)
	}
}

// partitionPattern is what the stream puts into a subject.
var partitionPattern = regexp.MustCompile(`^(machshop\.event\.)\d+\.`)

// checkLetters compares the table with what was sent: bytes, origin and reason.
func checkLetters(t *testing.T, conn *pgx.Conn, want *expectation) {
	t.Helper()
	got := map[letterKey]int{}
	var origin, reason, detail string
	var payload []byte
	var size int
	wrong := 0
	rows, _ := conn.Query(context.Background(), "SELECT origin, reason, detail, payload, size FROM dead_letters") // its error comes with the rows
	_, err := pgx.ForEachRow(rows, []any{&origin, &reason, &detail, &payload, &size}, func() error {
		key := letterKey{partitionPattern.ReplaceAllString(origin, "$1"), string(payload)}
		got[key]++
		kind := want.kinds[key]
		if kind == nil || reason != string(kind.reason) || !strings.Contains(detail, kind.says) || size < len(payload) {
			if wrong++; wrong <= 20 {
				t.Errorf("%s from %.100s: %s (%d bytes)\n%.100q, want %+v", reason, origin, detail, size, payload, kind)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for key, n := range want.letters {
		if got[key] != n {
			if wrong++; wrong <= 20 {
				t.Errorf("%d dead letters of %.100q from %.100s, want %d", got[key], key.payload, key.origin, n)
			}
		}
	}
}

// checkCounts compares what an operator sees: dlq list and the metrics.
func checkCounts(t *testing.T, d *daemon, want *expectation) {
	t.Helper()
	got := map[string]int{}
	for _, l := range d.list("--limit", "100000") {
		got[l.Reason]++
	}
	if diff := cmp.Diff(want.byReason, got); diff != "" {
		t.Errorf("dlq list, by reason (-want +got):\n%s", diff)
	}
	_, metrics := d.get("/metrics")
	for name, counts := range map[string]map[string]int{
		"seriald_bridge_refused_total": want.ofBridge, "seriald_dead_letters_total": want.byReason,
	} {
		got := map[string]int{}
		for _, m := range regexp.MustCompile(name+`\{reason="(\w+)"\} ([1-9]\d*)\n`).FindAllStringSubmatch(metrics, -1) {
			got[m[1]], _ = strconv.Atoi(m[2]) // the pattern has only digits
		}
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
