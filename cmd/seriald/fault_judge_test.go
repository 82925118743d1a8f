package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/stream/streamtest"
)

// found is what the tables and the stream hold at the end.
type found struct {
	status  map[string]string   // of each event id in the inbox
	serials map[string][]string // numbers of each event id
	stored  map[string]bool     // ids in the event stream; nil: not looked at
}

// tally is what became of the events of a cell.
type tally struct {
	sent, acked, answered int
	lost                  int // PUBACKed, and without an accepted outcome or a serial
	stuck                 int // in the event stream, and without an outcome
	doubled               int // numbers and serials there are too many of, and outcomes that changed
	disordered            int // numbers below one that an earlier event of the device got
	missing               int // PUBACKed, and the device never had the outcome
	repeats               int // outcomes marked as repeats
	slowest               time.Duration
}

// judge compares what the devices were promised with what there is.
func judge(devices [][]faulttest.Record, f found) tally {
	var t tally
	ours, numbers := map[string]bool{}, map[string]bool{}
	for _, records := range devices {
		highest := ""
		for _, r := range records {
			ours[r.ID] = true
			t.sent++
			serials := f.serials[r.ID]
			if r.Acked {
				t.acked++
				if f.status[r.ID] != string(seriald.StatusAccepted) || len(serials) == 0 {
					t.lost++
				}
				if r.Outcomes == 0 {
					t.missing++
				}
			}
			if r.Outcomes > 0 {
				t.answered++
				t.repeats += r.Duplicates
				t.slowest = max(t.slowest, r.FirstOutcome.Sub(r.SentAt))
			}
			if len(serials) > 1 || r.Changed {
				t.doubled++
			}
			for _, number := range serials {
				// The date and the counter's value have a fixed width, so the text
				// has their order.
				if number <= highest {
					t.disordered++
				}
				highest = max(highest, number)
			}
		}
	}
	for id, serials := range f.serials {
		if !ours[id] {
			t.doubled++ // made of nothing
		}
		for _, number := range serials {
			if numbers[number] {
				t.doubled++
			}
			numbers[number] = true
		}
	}
	for id := range f.stored {
		if f.status[id] == "" {
			t.stuck++
		}
	}
	return t
}

// lookUp reads the tables.
func lookUp(tb testing.TB, conn *pgx.Conn) found {
	tb.Helper()
	f := found{status: map[string]string{}, serials: map[string][]string{}}
	rows, err := conn.Query(context.Background(), `SELECT event_id, status FROM processed_events`)
	if err != nil {
		tb.Fatal(err)
	}
	var id, value string
	if _, err := pgx.ForEachRow(rows, []any{&id, &value}, func() error { f.status[id] = value; return nil }); err != nil {
		tb.Fatal(err)
	}
	rows, err = conn.Query(context.Background(), `SELECT event_id, serial_number FROM serials`)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&id, &value}, func() error { f.serials[id] = append(f.serials[id], value); return nil }); err != nil {
		tb.Fatal(err)
	}
	return f
}

// storedEvents reads the ids in the event stream.
func storedEvents(tb testing.TB, url string) map[string]bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := streamtest.Connect(tb, url)
	s, err := conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	ids := map[string]bool{}
	for left := int(s.CachedInfo().State.Msgs); left > 0; {
		batch, err := c.Fetch(min(left, 500))
		if err != nil {
			tb.Fatal(err)
		}
		got := 0
		for m := range batch.Messages() {
			var event struct{ ID string }
			if err := json.Unmarshal(m.Data(), &event); err != nil {
				tb.Fatal(err)
			}
			ids[event.ID] = true
			got++
		}
		if got == 0 {
			tb.Fatalf("%d events of the stream can't be read: %v", left, batch.Error())
		}
		left -= got
	}
	return ids
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const accepted, n1, n2, n3 = "accepted", "TST-20260102-000001", "TST-20260102-000002", "TST-20260102-000003"
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	good := func() [][]faulttest.Record {
		return [][]faulttest.Record{{
			{ID: "a-1", Acked: true, Outcomes: 1, SentAt: began, FirstOutcome: began.Add(time.Second)},
			{ID: "a-2", Acked: true, Outcomes: 2, Duplicates: 1, SentAt: began, FirstOutcome: began.Add(2 * time.Second)},
			{ID: "a-3"},
		}}
	}
	tests := map[string]struct {
		change func(devices [][]faulttest.Record, f *found)
		want   tally
	}{
		"good":           {func([][]faulttest.Record, *found) {}, tally{}},
		"no outcome":     {func(_ [][]faulttest.Record, f *found) { delete(f.status, "a-1") }, tally{lost: 1}},
		"rejected":       {func(_ [][]faulttest.Record, f *found) { f.status["a-1"] = "rejected" }, tally{lost: 1}},
		"no serial":      {func(_ [][]faulttest.Record, f *found) { delete(f.serials, "a-1") }, tally{lost: 1}},
		"two serials":    {func(_ [][]faulttest.Record, f *found) { f.serials["a-2"] = []string{n2, n3} }, tally{doubled: 1}},
		"same number":    {func(_ [][]faulttest.Record, f *found) { f.serials["a-2"] = []string{n1} }, tally{doubled: 1, disordered: 1}},
		"nobody's":       {func(_ [][]faulttest.Record, f *found) { f.serials["b-1"] = []string{n3} }, tally{doubled: 1}},
		"order":          {func(_ [][]faulttest.Record, f *found) { f.serials["a-1"] = []string{n3} }, tally{disordered: 1}},
		"stuck":          {func(_ [][]faulttest.Record, f *found) { f.stored = map[string]bool{"a-1": true, "a-3": true} }, tally{stuck: 1}},
		"not told":       {func(d [][]faulttest.Record, _ *found) { d[0][0].Outcomes = 0 }, tally{missing: 1, answered: -1}},
		"told otherwise": {func(d [][]faulttest.Record, _ *found) { d[0][1].Changed = true }, tally{doubled: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devices := good()
			f := found{
				status:  map[string]string{"a-1": accepted, "a-2": accepted},
				serials: map[string][]string{"a-1": {n1}, "a-2": {n2}},
			}
			tt.change(devices, &f)
			want := tt.want
			want.sent, want.acked, want.repeats, want.slowest = 3, 2, 1, 2*time.Second
			want.answered += 2
			if diff := cmp.Diff(want, judge(devices, f), cmp.AllowUnexported(tally{})); diff != "" {
				t.Errorf("tally (-want +got):\n%s", diff)
			}
		})
	}
}
