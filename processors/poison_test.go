package processors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream/streamtest"
)

// An outcome that is longer than the server takes goes out with what fits; the
// inbox has all of it, and what follows is not held up.
func TestOutcomeTooLongForAMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	const n = 20_000
	r.publish(seriald.TypeSerialGenerate, "many", fmt.Sprintf(`{"partId":"PART-001","quantity":%d}`, n))
	r.publish(seriald.TypeSerialGenerate, "next", `{"partId":"PART-001"}`)
	r.publish(seriald.TypeSerialGenerate, "many", fmt.Sprintf(`{"partId":"PART-001","quantity":%d}`, n))
	got := r.results(3)
	for _, o := range []seriald.Outcome{got[0], got[2]} {
		if o.EventID != "many" || o.Status != seriald.StatusAccepted || len(o.Serials) < 5000 || len(o.Serials)+o.SerialsOmitted != n {
			t.Errorf("outcome of %s with %d serials and %d omitted, want %d together", o.EventID, len(o.Serials), o.SerialsOmitted, n)
		}
	}
	if got[0].Duplicate || got[1].EventID != "next" || !got[2].Duplicate {
		t.Errorf("duplicate %t, then %s, then duplicate %t", got[0].Duplicate, got[1].EventID, got[2].Duplicate)
	}
	var whole seriald.Outcome
	if err := json.Unmarshal([]byte(storetest.Value[string](t, r.db, "SELECT outcome::text FROM processed_events WHERE event_id = 'many'")), &whole); err != nil {
		t.Fatal(err)
	}
	if len(whole.Serials) != n || whole.SerialsOmitted != 0 {
		t.Errorf("the inbox has %d serials and %d omitted, want all %d", len(whole.Serials), whole.SerialsOmitted, n)
	}
	r.drained()
}

// Serials whose names are long, in messages of as many as the settings allow.
func TestSerialEventsOfLongNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	part := "é" + strings.Repeat("<", 198) // with it, six bytes each as JSON
	if _, err := r.db.Exec(context.Background(),
		"INSERT INTO parts (id, name, part_type, default_format_id) VALUES ($1, 'x', 'WIDGET', 'default')", part); err != nil {
		t.Fatal(err)
	}
	r.start(func(runner *Runner) { runner.cfg.SerialBatchSize = 1000 })
	r.publish(seriald.TypeSerialGenerate, "e", fmt.Sprintf(`{"partId":%q,"quantity":1000}`, part))
	if o := r.results(1)[0]; o.Status != seriald.StatusAccepted {
		t.Fatalf("outcome %+v", o)
	}
	r.drained()
	if n := len(r.read(seriald.StreamSerials, 2)); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// A message as long as the server takes has no room for the headers of a letter.
func TestLongestMessageIsBuried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	body := bytes.Repeat([]byte("x"), int(r.conn.NATS.MaxPayload()))
	r.send(&nats.Msg{Subject: "machshop.event.plant1.serial_generate.X", Data: body})
	r.publish(seriald.TypeSerialGenerate, "next", `{"partId":"PART-001"}`)
	if o := r.results(1)[0]; o.EventID != "next" {
		t.Errorf("outcome %+v", o)
	}
	r.drained()
	r.recorded(1)
	if n := r.count("dead_letters WHERE size = $1 AND octet_length(payload) < size", len(body)); n != 1 {
		t.Errorf("%d letters of the whole size, want 1", n)
	}
}

// A batch stops growing where its events ask for many serials.
func TestBatchIsBoundedBySerials(t *testing.T) {
	t.Parallel()
	many := newItem(seriald.TypeSerialGenerate, fmt.Sprintf(`{"partId":"MADE","quantity":%d}`, maxUnits/2))
	in, out := make(chan *item, 10), make(chan work)
	for range cap(in) {
		in <- many
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); gather(ctx, in, out) }()
	for range cap(in) / 2 {
		if w := <-out; len(w.items) != 2 {
			t.Errorf("%d events in a batch, want 2", len(w.items))
		}
	}
	cancel()
	<-ended
}

// newProxy returns a proxy before the server of dsn, and the DSN through it.
func newProxy(t *testing.T, dsn string) (*faulttest.Proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := faulttest.Listen(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	u.Host = proxy.Addr()
	return proxy, u.String()
}

// A connection to the database that is dead and does not say so costs one run of
// a batch, not the quarter of an hour that the kernel waits.
func TestDatabaseConnectionDiesInSilence(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	proxy, through := newProxy(t, dsn)
	r := newRigOn(t, streamtest.Start(t, true), dsn)
	r.dsn = through
	r.start(func(runner *Runner) { runner.limit = 500 * time.Millisecond })
	r.publish(seriald.TypeSerialGenerate, "before", `{"partId":"PART-001"}`)
	r.results(1)
	proxy.Blackhole(true)
	r.publish(seriald.TypeSerialGenerate, "during", `{"partId":"PART-001"}`)
	for deadline := time.Now().Add(patience); testCounter(t, r.runner.metrics.retries.WithLabelValues(retryUnavailable)) < 2; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the batch hangs")
		}
	}
	proxy.Blackhole(false)
	if o := r.results(2)[1]; o.EventID != "during" || o.Status != seriald.StatusAccepted {
		t.Errorf("outcome %+v", o)
	}
	r.drained()
	if n := r.count("serials"); n != 2 {
		t.Errorf("%d serials, want 2", n)
	}
}

// A batch that is only slow gets more time with each run, or it would be run for
// ever.
func TestSlowBatchGetsMoreTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(func(runner *Runner) {
		runner.limit = 50 * time.Millisecond
		began := time.Now()
		slow := func(stage string, _ []*item) error {
			if stage != "commit" {
				return nil
			}
			if time.Since(began) > time.Minute {
				return errors.New("run for ever")
			}
			<-time.After(200 * time.Millisecond)
			return nil
		}
		runner.processor.failBatch.Store(&slow)
	})
	r.publish(seriald.TypeSerialGenerate, "e", `{"partId":"PART-001"}`)
	if o := r.results(1)[0]; o.Status != seriald.StatusAccepted {
		t.Errorf("outcome %+v", o)
	}
	if n := testCounter(t, r.runner.metrics.retries.WithLabelValues(retryUnavailable)); n < 1 {
		t.Errorf("it was run %v times again, want more", n)
	}
}
