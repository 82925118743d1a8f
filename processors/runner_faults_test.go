package processors

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

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
