package processors

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// patience is how long a test waits for something that takes milliseconds.
const patience = 30 * time.Second

// rig is a runner with what is around it, all real.
type rig struct {
	tb     testing.TB
	url    string
	dsn    string
	conn   *stream.Conn
	db     *pgx.Conn
	runner *Runner
	stop   func()
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigOn(tb, streamtest.Start(tb, true), storetest.DSN(tb, storetest.Fast))
}

func newRigOn(tb testing.TB, url, dsn string) *rig {
	tb.Helper()
	r := &rig{tb: tb, url: url, dsn: dsn}
	r.conn = streamtest.Connect(tb, r.url)
	r.db = storetest.Conn(tb, r.dsn)
	r.stop = func() {}
	tb.Cleanup(func() { r.stop() })
	return r
}

// start runs a new runner, as a new process would.
func (r *rig) start(configure func(*Runner)) {
	r.tb.Helper()
	db, err := store.Open(storetest.Config(r.dsn), prometheus.NewRegistry())
	if err != nil {
		r.tb.Fatal(err)
	}
	conn, err := stream.Connect(streamtest.Config(r.url), "runner", slog.New(slog.DiscardHandler))
	if err != nil {
		r.tb.Fatal(err)
	}
	runner := New(Config{SerialBatchSize: 100, AuditBatchWriteSize: 500}, conn, db, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	runner.settle = time.Second
	if configure != nil {
		configure(runner)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	r.runner = runner
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.tb.Errorf("Run: %v", err)
		}
		conn.Close()
		db.Close()
		r.stop = func() {}
	}
	for deadline := time.Now().Add(patience); !runner.Ready(); {
		if time.Now().After(deadline) {
			r.tb.Fatal("the runner does not start")
		}
		<-time.After(time.Millisecond)
	}
}

func (r *rig) publish(typ seriald.EventType, id, data string) {
	r.tb.Helper()
	var key seriald.KeyFields
	if err := json.Unmarshal([]byte(data), &key); err != nil {
		r.tb.Fatal(err)
	}
	e := &seriald.Event{
		ID: seriald.EventID(id), Type: typ, Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"},
		Key: key.Key("d1"), Data: json.RawMessage(data),
	}
	body := e.Encode()
	// No message id: repeats are to reach the runner.
	r.send(stream.NewMessage(seriald.EventSubject("plant1", typ, e.Key), "", body))
}

func (r *rig) send(m *nats.Msg) {
	r.tb.Helper()
	if _, err := r.conn.Publish(context.Background(), []*nats.Msg{m}); err != nil {
		r.tb.Fatal(err)
	}
}

// results reads outcomes from the result stream until n have come.
func (r *rig) results(n int) []seriald.Outcome {
	r.tb.Helper()
	out := make([]seriald.Outcome, 0, n)
	for _, m := range r.read(seriald.StreamResults, n) {
		data, err := seriald.ResultData(m.Data())
		if err != nil {
			r.tb.Fatal(err)
		}
		var o seriald.Outcome
		if err := json.Unmarshal(data, &o); err != nil {
			r.tb.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// read returns the first n messages of a stream, when they are there.
func (r *rig) read(name string, n int) []jetstream.Msg {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := r.conn.JS.CreateConsumer(ctx, name, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		r.tb.Fatal(err)
	}
	msgs := make([]jetstream.Msg, 0, n)
	for len(msgs) < n {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			r.tb.Fatalf("%s: %d of %d messages: %v", name, len(msgs), n, err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func (r *rig) count(query string, args ...any) int {
	r.tb.Helper()
	return storetest.Value[int](r.tb, r.db, "SELECT count(*)::int FROM "+query, args...)
}

// drained waits until all events are acknowledged.
func (r *rig) drained() {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range r.consumerNames() {
		for {
			c, err := r.conn.JS.Consumer(ctx, seriald.StreamEvents, name)
			if err == nil {
				if i := c.CachedInfo(); i.NumPending == 0 && i.NumAckPending == 0 {
					break
				}
			}
			if !sleep(ctx, 5*time.Millisecond) {
				r.tb.Fatalf("%s is not drained", name)
			}
		}
	}
}

// consumerNames are the durables that the runner reads with this server.
func (r *rig) consumerNames() []string {
	r.tb.Helper()
	plain, _, err := r.conn.Plain(context.Background())
	if err != nil {
		r.tb.Fatal(err)
	}
	if plain {
		return []string{plainName}
	}
	names := make([]string, seriald.Partitions)
	for n := range names {
		names[n] = consumerName(n)
	}
	return names
}

// eachServer runs a test with the newest server and with an old one.
func eachServer(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		test(t, newRig(t))
	})
	t.Run("old", func(t *testing.T) {
		t.Parallel()
		test(t, newRigOn(t, streamtest.StartOld(t).URL, storetest.DSN(t, storetest.Fast)))
	})
}

func today() string { return time.Now().UTC().Format("20060102") }

func TestEveryTypeEndToEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		typ    seriald.EventType
		data   string
		status seriald.Status
		code   seriald.Code
		number string // of the first serial
		serial string // the serial event
		audit  []string
	}{
		{
			"operation complete fires its trigger", seriald.TypeOperationComplete,
			`{"partId":"PART-001","operationCode":"OP-010"}`,
			seriald.StatusAccepted, "", "TST-" + today() + "-000001", "assigned",
			[]string{"SERIAL_GENERATED", "TRIGGER_EXECUTED"},
		},
		{
			"operation complete elsewhere", seriald.TypeOperationComplete,
			`{"partId":"PART-001","operationCode":"OP-999"}`,
			seriald.StatusIgnored, seriald.CodeNoTrigger, "", "",
			[]string{"EVENT_IGNORED"},
		},
		{
			"unknown part", seriald.TypeOperationComplete, `{"partId":"NONE","operationCode":"OP-010"}`,
			seriald.StatusRejected, seriald.CodePartNotFound, "", "",
			[]string{"EVENT_REFUSED"},
		},
		{
			"wrong type of a field", seriald.TypeOperationComplete, `{"partId":"PART-001","quantity":"two"}`,
			seriald.StatusRejected, seriald.CodeValidation, "", "",
			[]string{"EVENT_REFUSED"},
		},
		{
			"generate", seriald.TypeSerialGenerate, `{"partId":"PART-001","quantity":3}`,
			seriald.StatusAccepted, "", "TST-" + today() + "-000001", "assigned",
			[]string{"SERIAL_GENERATED", "SERIAL_GENERATED", "SERIAL_GENERATED"},
		},
		{
			"generate by an unknown format", seriald.TypeSerialGenerate, `{"partId":"PART-001","formatConfigId":"none"}`,
			seriald.StatusRejected, seriald.CodeFormatNotFound, "", "",
			[]string{"EVENT_REFUSED"},
		},
		{
			"vendor serial", seriald.TypeVendorSerialReceive,
			`{"vendorSerialNumber":"V-1","vendorName":"Acme","partId":"PART-002","receivedDate":"2026-11-01"}`,
			seriald.StatusAccepted, "", "V-1", "received",
			[]string{"VENDOR_RECEIVED"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.start(nil)
			r.publish(tt.typ, "e-1", tt.data)
			first := r.results(1)[0]
			if first.Status != tt.status || first.Code != tt.code || first.Duplicate {
				t.Fatalf("outcome is %+v, want %s %s", first, tt.status, tt.code)
			}
			if tt.number != "" && (len(first.Serials) == 0 || first.Serials[0].SerialNumber != tt.number) {
				t.Errorf("serials are %+v, want %s first", first.Serials, tt.number)
			}
			// A repeat gets the same answer, and leaves no trace.
			serials, audits := r.count("serials"), r.count("audit_events WHERE event_id = 'e-1'")
			r.publish(tt.typ, "e-1", tt.data)
			second := r.results(2)[1]
			if !second.Duplicate || second.Status != first.Status || fmt.Sprint(second.Serials) != fmt.Sprint(first.Serials) {
				t.Errorf("the repeat got %+v, want %+v marked as duplicate", second, first)
			}
			if got := r.count("serials"); got != serials || got != len(first.Serials) {
				t.Errorf("%d serials, want %d", got, len(first.Serials))
			}
			if got := r.count("audit_events WHERE event_id = 'e-1'"); got != audits || got != len(tt.audit) {
				t.Errorf("%d audit events, want %d", got, len(tt.audit))
			}
			for _, a := range tt.audit {
				if r.count("audit_events WHERE event_id = 'e-1' AND event_type = $1", a) == 0 {
					t.Errorf("no audit event %s", a)
				}
			}
			if tt.serial != "" {
				m := r.read(seriald.StreamSerials, 1)[0]
				if want := ".serial.plant1." + tt.serial + "."; !strings.Contains(m.Subject(), want) {
					t.Errorf("serial event on %s, want %s", m.Subject(), want)
				}
			}
		})
	}
}

func TestSameIDTwiceInOneBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(seriald.TypeSerialGenerate, "same", `{"partId":"PART-001"}`)
	r.publish(seriald.TypeSerialGenerate, "same", `{"partId":"PART-001"}`)
	r.start(nil)
	got := r.results(2)
	if got[0].Duplicate || !got[1].Duplicate || got[0].Serials[0] != got[1].Serials[0] {
		t.Errorf("outcomes %+v, want the second to be the first's duplicate", got)
	}
	if n := r.count("serials"); n != 1 {
		t.Errorf("%d serials, want 1", n)
	}
}

func TestConflictNamesTheHolder(t *testing.T) {
	t.Parallel()
	const receive = `{"vendorSerialNumber":"V-1","vendorName":"Acme","partId":"PART-002"}`
	for _, oneBatch := range []bool{false, true} {
		t.Run(fmt.Sprintf("one batch %t", oneBatch), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if oneBatch {
				r.publish(seriald.TypeVendorSerialReceive, "a", receive)
				r.publish(seriald.TypeVendorSerialReceive, "b", receive)
				r.start(nil)
			} else {
				r.start(nil)
				r.publish(seriald.TypeVendorSerialReceive, "a", receive)
				r.results(1)
				r.publish(seriald.TypeVendorSerialReceive, "b", receive)
			}
			got := r.results(2)
			if got[0].Status != seriald.StatusAccepted || got[1].Status != seriald.StatusConflict {
				t.Fatalf("outcomes %+v", got)
			}
			c := got[1].Conflict
			if c == nil || c.HolderID != got[0].Serials[0].ID || fmt.Sprint(c.Scopes) != "[VENDOR]" {
				t.Errorf("conflict %+v, want the holder %s in VENDOR", c, got[0].Serials[0].ID)
			}
			if n := r.count("serials"); n != 1 {
				t.Errorf("%d serials, want 1", n)
			}
			if n := r.count("serial_uniqueness_checks WHERE status = 'CONFLICT' AND event_id = 'b'"); n != 1 {
				t.Errorf("%d conflict rows, want 1", n)
			}
			// The same number of another vendor is another number.
			r.publish(seriald.TypeVendorSerialReceive, "c", `{"vendorSerialNumber":"V-1","vendorName":"Other","partId":"PART-002"}`)
			if third := r.results(3)[2]; third.Status != seriald.StatusAccepted {
				t.Errorf("another vendor's number: %+v", third)
			}
		})
	}
}

// A number of ours that somebody has registered by hand is passed over.
func TestGeneratedNumberThatIsTakenIsPassedOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for n := 1; n <= 40; n++ {
		_, err := r.db.Exec(context.Background(), `INSERT INTO serial_uniqueness_checks
			(id, scope, scope_key, canonical_number, serial_number, part_id, status, event_id, created_at)
			VALUES (gen_random_uuid(), 'SITE', 'plant1', $1, $1, 'PART-001', 'CLAIMED', 'hand', now())`,
			fmt.Sprintf("TST-%s-%06d", today(), n))
		if err != nil {
			t.Fatal(err)
		}
	}
	r.start(nil)
	r.publish(seriald.TypeSerialGenerate, "e", `{"partId":"PART-001","quantity":2}`)
	o := r.results(1)[0]
	if o.Status != seriald.StatusAccepted || len(o.Serials) != 2 {
		t.Fatalf("outcome %+v", o)
	}
	if o.Serials[0].SerialNumber == o.Serials[1].SerialNumber || o.Serials[0].SerialNumber <= fmt.Sprintf("TST-%s-%06d", today(), 40) {
		t.Errorf("numbers %s and %s, want two beyond the registered ones", o.Serials[0].SerialNumber, o.Serials[1].SerialNumber)
	}
	if n := r.count("serial_uniqueness_checks WHERE event_id = 'e'"); n != 4 {
		t.Errorf("%d claims, want 2 serials in 2 scopes", n)
	}
}

func TestSequenceExhaustedIsARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.db.Exec(context.Background(), "UPDATE serial_formats SET pattern = 'X{SEQ:1}', reset = 'never'"); err != nil {
		t.Fatal(err)
	}
	r.start(nil)
	r.publish(seriald.TypeSerialGenerate, "fits", `{"partId":"PART-001","quantity":9}`)
	r.publish(seriald.TypeSerialGenerate, "full", `{"partId":"PART-001"}`)
	got := r.results(2)
	if got[0].Status != seriald.StatusAccepted || got[1].Code != seriald.CodeSequenceExhausted {
		t.Errorf("outcomes %+v", got)
	}
}

// Killed between COMMIT and acknowledgement: the event comes again, is found in
// the inbox, and its outcome and serial events are published.
func TestKilledBetweenCommitAndAck(t *testing.T) {
	t.Parallel()
	eachServer(t, killedBetweenCommitAndAck)
}

func killedBetweenCommitAndAck(t *testing.T, r *rig) {
	t.Helper()
	r.start(nil)
	// The outcome can't be published: its stream is away.
	if err := r.conn.JS.DeleteStream(context.Background(), seriald.StreamResults); err != nil {
		t.Fatal(err)
	}
	r.publish(seriald.TypeSerialGenerate, "e", `{"partId":"PART-001"}`)
	for deadline := time.Now().Add(patience); r.count("serials") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("not committed")
		}
	}
	r.stop()
	r.start(nil) // makes the stream again, as every start does
	got := r.results(1)[0]
	if got.Status != seriald.StatusAccepted || !got.Duplicate {
		t.Errorf("outcome %+v, want the stored one as duplicate", got)
	}
	if n := len(r.read(seriald.StreamSerials, 1)); n != 1 {
		t.Errorf("%d serial events", n)
	}
	r.drained()
	if n := r.count("serials"); n != 1 {
		t.Errorf("%d serials, want 1", n)
	}
}

func TestPoisonInABatchOf500(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprintf("panics %t", panics), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for i := range 500 {
				r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("e-%03d", i), `{"partId":"PART-001"}`)
			}
			r.start(func(runner *Runner) {
				p := runner.processor
				fail := func(_ string, items []*item) error {
					for _, it := range items {
						if it.event.ID == "e-250" {
							if panics {
								panic("poison")
							}
							return store.ErrBadData
						}
					}
					return nil
				}
				p.failBatch.Store(&fail)
			})
			r.drained()
			if n := r.count("serials"); n != 499 {
				t.Errorf("%d serials, want 499", n)
			}
			m := r.read(seriald.StreamDeadLetters, 1)[0]
			if got := m.Headers().Get(stream.HeaderReason); got != string(seriald.CodeProcessingFailed) {
				t.Errorf("reason %q", got)
			}
			if e, err := seriald.DecodeEvent(m.Data()); err != nil || e.ID != "e-250" {
				t.Errorf("dead letter holds %v, %v, want e-250", e, err)
			}
			// The neighbours are in order.
			outOfOrder := r.count(`(SELECT serial_number, lag(serial_number) OVER (ORDER BY event_id) AS before FROM serials) AS s
				WHERE serial_number < before`)
			if outOfOrder != 0 {
				t.Errorf("%d serials out of order", outOfOrder)
			}
		})
	}
}

func TestMessageThatIsNoEventBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.send(&nats.Msg{Subject: "machshop.event.plant1.serial_generate.X", Data: []byte("not json")})
	r.publish(seriald.TypeSerialGenerate, "good", `{"partId":"PART-001"}`)
	m := r.read(seriald.StreamDeadLetters, 1)[0]
	if string(m.Data()) != "not json" || m.Subject() != "machshop.dead.validation_error" {
		t.Errorf("dead letter %q on %s", m.Data(), m.Subject())
	}
	if o := r.results(1)[0]; o.EventID != "good" || o.Status != seriald.StatusAccepted {
		t.Errorf("outcome %+v", o)
	}
	r.drained()
}

// Who may publish for one site can't act for another by its source.
func TestTheSubjectSaysTheSite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	e := &seriald.Event{
		ID: "e", Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"},
		Key: "PART-001", Data: json.RawMessage(`{"partId":"PART-001"}`),
	}
	r.send(stream.NewMessage(seriald.EventSubject("plant2", e.Type, e.Key), "", e.Encode()))
	if o := r.results(1)[0]; o.Code != seriald.CodeSiteNotFound {
		t.Errorf("outcome %+v, want that plant2 is not known", o)
	}
}

// While the database refuses to work events wait; nothing is refused or lost.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(func(runner *Runner) {
		p := runner.processor
		away := func(string, []*item) error { return store.ErrUnavailable }
		p.failBatch.Store(&away)
	})
	for i := range 20 {
		r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("e-%d", i), `{"partId":"PART-001"}`)
	}
	for deadline := time.Now().Add(patience); testCounter(t, r.runner.metrics.retries.WithLabelValues(retryUnavailable)) < 3; {
		if time.Now().After(deadline) {
			t.Fatal("the batch is not tried again")
		}
	}
	if n := r.count("processed_events"); n != 0 {
		t.Errorf("%d events processed while the database was away", n)
	}
	r.runner.processor.failBatch.Store(nil)
	for _, o := range r.results(20) {
		if o.Status != seriald.StatusAccepted {
			t.Errorf("outcome %+v", o)
		}
	}
}

// Stopped in mid-batch: what was begun is finished or comes again, once.
func TestStoppedInMidBatch(t *testing.T) {
	t.Parallel()
	eachServer(t, stoppedInMidBatch)
}

func stoppedInMidBatch(t *testing.T, r *rig) {
	t.Helper()
	const n = 2000
	for i := range n {
		r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("e-%04d", i), `{"partId":"PART-001"}`)
	}
	for round := 0; r.count("processed_events") < n; round++ {
		if round > 50 {
			t.Fatal("no progress")
		}
		before := r.count("processed_events")
		r.start(nil)
		for deadline := time.Now().Add(patience); r.count("processed_events") == before; {
			if time.Now().After(deadline) {
				t.Fatal("nothing is processed")
			}
		}
		r.stop()
	}
	if got := r.count("(SELECT DISTINCT serial_number FROM serials) AS s"); got != n {
		t.Errorf("%d different numbers, want %d", got, n)
	}
	r.inOrder(n)
}

// inOrder checks that n events of one key, whose ids are in the order in which
// they were published, were processed once each and in that order.
func (r *rig) inOrder(n int) {
	r.tb.Helper()
	if got := r.count("serials"); got != n {
		r.tb.Errorf("%d serials, want %d", got, n)
	}
	outOfOrder := r.count(`(SELECT serial_number, lag(serial_number) OVER (ORDER BY event_id) AS before FROM serials) AS s
		WHERE serial_number < before`)
	if outOfOrder != 0 {
		r.tb.Errorf("%d events of one key were processed out of order", outOfOrder)
	}
}

// Two processes share the partitions; each event is processed once, and when one
// process goes away the other takes over.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	eachServer(t, twoProcesses)
}

func twoProcesses(t *testing.T, r *rig) {
	t.Helper()
	r.start(nil)
	stopFirst := r.stop
	r.start(nil)
	stopSecond := r.stop
	r.stop = func() {}
	const n = 600
	for i := range n {
		if i == n/2 {
			stopFirst()
		}
		r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("e-%04d", i), fmt.Sprintf(`{"partId":"PART-00%d"}`, 1+i%3))
	}
	r.drained()
	stopSecond()
	if got := r.count("serials"); got != n {
		t.Errorf("%d serials, want %d", got, n)
	}
}

func TestMasterDataFollowsWithTheNextBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.publish(seriald.TypeSerialGenerate, "before", `{"partId":"NEW"}`)
	if o := r.results(1)[0]; o.Code != seriald.CodePartNotFound {
		t.Fatalf("outcome %+v", o)
	}
	if _, err := r.db.Exec(context.Background(),
		"INSERT INTO parts (id, name, part_type, default_format_id) VALUES ('NEW', 'New', 'WIDGET', 'default')"); err != nil {
		t.Fatal(err)
	}
	r.publish(seriald.TypeSerialGenerate, "after", `{"partId":"NEW"}`)
	if o := r.results(2)[1]; o.Status != seriald.StatusAccepted {
		t.Errorf("outcome %+v", o)
	}
}

func TestPurgeKeepsWhatIsNotProcessed(t *testing.T) {
	t.Parallel()
	eachServer(t, purgeKeepsWhatIsNotProcessed)
}

func purgeKeepsWhatIsNotProcessed(t *testing.T, r *rig) {
	t.Helper()
	r.start(nil)
	for i := range 10 {
		r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("e-%d", i), `{"partId":"PART-001"}`)
	}
	r.drained()
	r.stop()
	r.publish(seriald.TypeSerialGenerate, "waits", `{"partId":"PART-001"}`)
	ctx := context.Background()
	var all []jetstream.Consumer
	for _, name := range r.consumerNames() {
		c, err := r.conn.JS.Consumer(ctx, seriald.StreamEvents, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	left := func() uint64 {
		s, err := r.conn.JS.Stream(ctx, seriald.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.Msgs
	}
	if err := r.conn.Purge(ctx, all, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != 11 {
		t.Errorf("%d events left, want all 11: they are young", got)
	}
	if err := r.conn.Purge(ctx, all, time.Now().Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != 1 {
		t.Errorf("%d events left, want the one that was not processed", got)
	}
}

func testCounter(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	return metricOf(tb, c).GetCounter().GetValue()
}

func metricOf(tb testing.TB, metric prometheus.Metric) *dto.Metric {
	tb.Helper()
	m := &dto.Metric{}
	if err := metric.Write(m); err != nil {
		tb.Fatal(err)
	}
	return m
}
