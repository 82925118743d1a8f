package processors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
)

func TestReadLetter(t *testing.T) {
	t.Parallel()
	id := seriald.ID{0: 1, 6: 0x70, 15: 9}
	meta := &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: 7}, Timestamp: testNow}
	whole := nats.Header{
		jetstream.MsgIDHeader: {id.String()}, stream.HeaderReason: {"BAD_TOPIC"}, stream.HeaderDetail: {"no such topic"},
		stream.HeaderOrigin: {"a/b"}, stream.HeaderEventID: {"e-1"}, stream.HeaderSize: {"99"},
		stream.HeaderReceivedAt: {"2026-03-30T10:00:00.5Z"},
	}
	want := store.DeadLetter{
		ID: id, Reason: "BAD_TOPIC", Detail: "no such topic", Origin: "a/b", EventID: "e-1", Payload: []byte("body"), Size: 99,
		Headers: whole, ReceivedAt: time.Date(2026, 3, 30, 10, 0, 0, 500_000_000, time.UTC),
	}
	if diff := cmp.Diff(want, readLetter("machshop.dead.bad_topic", whole, []byte("body"), meta)); diff != "" {
		t.Errorf("a letter of ours (-want +got):\n%s", diff)
	}
	foreign := readLetter("machshop.dead.my_reason", nats.Header{
		jetstream.MsgIDHeader: {"mine"}, stream.HeaderDetail: {"a\x00b\xff"}, stream.HeaderEventID: {"a\x00b"}, stream.HeaderSize: {"1"},
	}, []byte("body"), meta)
	if foreign.ID != letterID(seriald.StreamDeadLetters, 7, testNow) || foreign.Reason != "MY_REASON" ||
		foreign.Detail != "a\uFFFDb\uFFFD" || foreign.EventID != "" || foreign.Size != 4 || !foreign.ReceivedAt.Equal(testNow) {
		t.Errorf("a letter of others: %+v", foreign)
	}
	if got := reasonLabel(foreign.Reason); got != reasonOther {
		t.Errorf("its label is %q", got)
	}
	if got := readLetter("machshop.dead."+strings.Repeat("x", 5000), nil, nil, meta); len(got.Reason) != maxReason || got.ID.IsZero() {
		t.Errorf("a letter without headers: %+v", got)
	}
}

func TestLetterIDIsOfOneMessage(t *testing.T) {
	t.Parallel()
	seen := map[seriald.ID]bool{}
	for _, name := range []string{seriald.StreamEvents, seriald.StreamDeadLetters} {
		for sequence := range uint64(10) {
			for _, at := range []time.Time{testNow, testNow.Add(1)} {
				id := letterID(name, sequence, at)
				if id != letterID(name, sequence, at) || seen[id] || id.String()[14] != '8' {
					t.Errorf("%s %d: %s", name, sequence, id)
				}
				seen[id] = true
			}
		}
	}
}

func (r *rig) recorded(n int) {
	r.tb.Helper()
	for deadline := time.Now().Add(patience); r.count("dead_letters") < n; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.tb.Fatalf("%d of %d letters are recorded", r.count("dead_letters"), n)
		}
	}
}

func (r *rig) letterAcked(n uint64) {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		c, err := r.conn.JS.Consumer(ctx, seriald.StreamDeadLetters, recorderName)
		if err == nil && c.CachedInfo().AckFloor.Stream == n {
			return
		}
		if !sleep(ctx, 5*time.Millisecond) {
			r.tb.Fatalf("not acknowledged up to %d: %v", n, err)
		}
	}
}

// Letters of any kind become rows, and one that the database refuses keeps no
// other from it.
func TestLettersAreRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.db.Exec(context.Background(), "ALTER TABLE dead_letters ADD CHECK (detail NOT LIKE '%poison%')"); err != nil {
		t.Fatal(err)
	}
	const n = 40
	var msgs []*nats.Msg
	for i := range n {
		detail := fmt.Sprintf("letter %d", i)
		if i == 17 {
			detail = "poison"
		}
		msgs = append(msgs, r.conn.DeadLetter(stream.Letter{
			ID: newID(), Rejection: seriald.Reject(seriald.CodeBadTopic, "", "%s", detail), Origin: "a/b", EventID: "e-1",
			Body: []byte{0, 255, byte(i)}, ReceivedAt: testNow,
		}))
	}
	msgs = append(msgs, &nats.Msg{Subject: "machshop.dead.mine", Data: nil, Header: nats.Header{"X-Nul": {"a\x00b\xff"}}})
	big := bytes.Repeat([]byte("x"), 2*r.conn.MaxBody())
	msgs = append(msgs, r.conn.DeadLetter(stream.Letter{
		ID: newID(), Rejection: seriald.Reject(seriald.CodePayloadTooLarge, "", "long"), Origin: "a/b", Body: big, ReceivedAt: testNow,
	}))
	for _, m := range msgs {
		r.send(m)
	}
	r.start(nil)
	r.recorded(n + 2)
	r.letterAcked(n + 2)
	for query, want := range map[string]int{
		"dead_letters WHERE reason = 'BAD_TOPIC' AND event_id = 'e-1' AND origin = 'a/b' AND received_at = '2026-03-31T22:30:00Z'": n - 1,
		"dead_letters WHERE reason = 'OTHER' AND headers = '{}' AND payload = '\\x00ff11'":                                         1,
		"dead_letters WHERE reason = 'MINE' AND payload = '' AND headers->'X-Nul' IS NOT NULL":                                     1,
		fmt.Sprintf("dead_letters WHERE size = %d AND octet_length(payload) = %d", len(big), r.conn.MaxBody()):                     1,
	} {
		if got := r.count(query); got != want {
			t.Errorf("%d %s, want %d", got, query, want)
		}
	}
	for reason, want := range map[string]float64{"BAD_TOPIC": n - 1, "OTHER": 2, "PAYLOAD_TOO_LARGE": 1} {
		if got := testCounter(t, r.runner.metrics.deadLetters.WithLabelValues(reason)); got != want {
			t.Errorf("%v letters counted of %s, want %v", got, reason, want)
		}
	}
}

// failing is a store that is away as long as it is told to be.
type failing struct {
	*store.DB
	away  atomic.Bool
	tried atomic.Int64
}

func (f *failing) RecordDeadLetters(ctx context.Context, letters []store.DeadLetter) ([]string, error) {
	f.tried.Add(1)
	if f.away.Load() {
		return nil, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return f.DB.RecordDeadLetters(ctx, letters)
}

// While the database is away nothing is acknowledged, and it is said once. Two
// recorders, as in two processes, share the letters.
func TestRecorderWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	db := &failing{DB: storetest.Open(t, r.dsn)}
	db.away.Store(true)
	log := &bytes.Buffer{}
	m := newMetrics(prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	var ended []chan struct{}
	for i := range 2 {
		rec := &recorder{conn: r.conn, db: db, log: slog.New(slog.DiscardHandler), recorded: m.deadLetters}
		if i == 0 {
			rec.log = slog.New(slog.NewTextHandler(log, nil))
		}
		done := make(chan struct{})
		ended = append(ended, done)
		go func() { defer close(done); rec.run(ctx, ctx) }()
	}
	r.send(r.conn.DeadLetter(stream.Letter{ID: newID(), Rejection: seriald.Reject(seriald.CodeBadTopic, "", "x"), ReceivedAt: testNow}))
	for deadline := time.Now().Add(patience); db.tried.Load() < 4; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not tried again")
		}
	}
	r.letterAcked(0)
	db.away.Store(false)
	r.recorded(1)
	r.letterAcked(1)
	cancel()
	for _, done := range ended {
		<-done
	}
	if n := strings.Count(log.String(), "not recorded"); n > 1 {
		t.Errorf("said %d times:\n%s", n, log)
	}
	if n := r.count("dead_letters"); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// A message that is buried again after a crash is one letter.
func TestBuriedTwiceIsOneLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(&nats.Msg{Subject: "machshop.event.plant1.serial_generate.X", Data: []byte("not json")})
	r.start(nil)
	r.recorded(1)
	r.drained()
	for n := range seriald.Partitions {
		if r.consumer(consumerName(n)).Delivered.Consumer > 0 {
			if _, err := r.conn.JS.ResetConsumerToSequence(context.Background(), seriald.StreamEvents, consumerName(n), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.publish(seriald.TypeSerialGenerate, "after", `{"partId":"PART-001"}`)
	r.results(1)
	r.drained()
	s, err := r.conn.JS.Stream(context.Background(), seriald.StreamDeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	r.letterAcked(s.CachedInfo().State.LastSeq)
	if n := r.count("dead_letters"); n != 1 {
		t.Errorf("%d letters of one message", n)
	}
}

// A refused letter that is bare already stays in the stream, and is let go of.
func TestLetterThatNoRowHolds(t *testing.T) {
	t.Parallel()
	rec := &recorder{
		db: refusing{}, log: slog.New(slog.DiscardHandler), recorded: newMetrics(prometheus.NewRegistry()).deadLetters,
	}
	if !rec.store(context.Background(), make([]store.DeadLetter, 3)) {
		t.Error("it is held on to")
	}
}

type refusing struct{}

func (refusing) RecordDeadLetters(context.Context, []store.DeadLetter) ([]string, error) {
	return nil, errors.Join(store.ErrBadData)
}
