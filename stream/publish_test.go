package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// batch returns messages for the result stream, each with its number as id and
// body.
func batch(n int) []*nats.Msg {
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msgs[i] = stream.NewMessage("machshop.result.s.l.d", fmt.Sprint(i), fmt.Append(nil, i))
	}
	return msgs
}

// stored returns the bodies in the result stream, in its order.
func stored(t *testing.T, conn *stream.Conn) []string {
	t.Helper()
	s, err := conn.JS.Stream(t.Context(), seriald.StreamResults)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for n := s.CachedInfo().State.FirstSeq; n <= s.CachedInfo().State.LastSeq; n++ {
		m, err := s.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(m.Data))
	}
	return bodies
}

func numbers(first, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(first+i))
	}
	return all
}

func TestPublishKeepsTheOrderAndTellsDuplicates(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, url string) {
		t.Helper()
		conn := streamtest.Connect(t, url)
		if duplicates, err := conn.Publish(t.Context(), batch(40)[10:30]); err != nil || len(duplicates) > 0 {
			t.Fatalf("duplicates %v, error %v", duplicates, err)
		}
		duplicates, err := conn.Publish(t.Context(), batch(40))
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for i := 10; i < 30; i++ {
			want = append(want, i)
		}
		if diff := cmp.Diff(want, duplicates); diff != "" {
			t.Errorf("duplicates (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(slices.Concat(numbers(10, 20), numbers(0, 10), numbers(30, 10)), stored(t, conn)); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func TestPublishNamesTheMessageThatIsNeverStored(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, url string) {
		t.Helper()
		conn := streamtest.Connect(t, url)
		for _, tc := range []struct {
			name  string
			of    int // messages
			limit int32
			spoil func(*nats.Msg)
		}{
			{"no message of this server, one of few", 3, -1, func(m *nats.Msg) { m.Data = make([]byte, 2<<20) }},
			{"no message of this server", 40, -1, func(m *nats.Msg) { m.Data = make([]byte, 2<<20) }},
			{"too large for the stream", 40, 1000, func(m *nats.Msg) { m.Data = make([]byte, 2000) }},
			{"header too large", 40, -1, func(m *nats.Msg) { m.Header.Set("Large", strings.Repeat("x", 70_000)) }},
			{"in a later batch", stream.MaxBatch + 20, 1000, func(m *nats.Msg) { m.Data = make([]byte, 2000) }},
		} {
			s, err := conn.JS.Stream(t.Context(), seriald.StreamResults)
			if err != nil {
				t.Fatal(err)
			}
			cfg := s.CachedInfo().Config
			cfg.MaxMsgSize = tc.limit
			if _, err := conn.JS.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			prefix := func(msgs []*nats.Msg) []*nats.Msg { // ids of this case alone
				for _, m := range msgs {
					m.Header.Set(jetstream.MsgIDHeader, tc.name+m.Header.Get(jetstream.MsgIDHeader))
				}
				return msgs
			}
			culprit := tc.of - 2
			if _, err := conn.Publish(t.Context(), prefix(batch(1))); err != nil {
				t.Fatal(err)
			}
			msgs := prefix(batch(tc.of))
			tc.spoil(msgs[culprit])
			duplicates, err := conn.Publish(t.Context(), msgs)
			refused, ok := errors.AsType[*stream.RefusedError](err)
			if !ok || refused.Index != culprit {
				t.Errorf("%s: got %v, want message %d refused", tc.name, err, culprit)
			}
			if diff := cmp.Diff([]int{0}, duplicates); diff != "" {
				t.Errorf("%s: duplicates (-want +got):\n%s", tc.name, diff)
			}
			if _, err := conn.Publish(t.Context(), msgs[culprit+1:]); err != nil {
				t.Errorf("%s: the rest: %v", tc.name, err)
			}
			if diff := cmp.Diff(append(numbers(0, culprit), fmt.Sprint(culprit+1)), stored(t, conn)); diff != "" {
				t.Errorf("%s: stored (-want +got):\n%s", tc.name, diff)
			}
			if err := s.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A full stream has room again one day: nothing is refused for good.
func TestPublishToAFullStream(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, url string) {
		t.Helper()
		cfg := streamtest.Config(url)
		cfg.EventsMaxBytes = 1 << 20
		conn, err := stream.Connect(cfg, t.Name(), quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		if err := conn.Ready(t.Context(), quiet); err != nil {
			t.Fatal(err)
		}
		msgs := make([]*nats.Msg, 20)
		for i := range msgs {
			msgs[i] = stream.NewMessage("machshop.event.s.t.k", fmt.Sprint(i), bytes.Repeat([]byte{'x'}, 100<<10))
		}
		_, err = conn.Publish(t.Context(), msgs)
		if _, refused := errors.AsType[*stream.RefusedError](err); err == nil || refused {
			t.Errorf("got %v, want an error that may pass", err)
		}
	})
}

// A stream from before the server was upgraded takes no batches until a process
// starts; the server says so.
func TestPublishToAStreamWithoutAtomicBatches(t *testing.T) {
	t.Parallel()
	conn := streamtest.Connect(t, streamtest.Start(t, true))
	cfg := jetstream.StreamConfig{Name: "OLD", Subjects: []string{"old"}}
	if _, err := conn.JS.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		msgs := make([]*nats.Msg, 20)
		for i := range msgs {
			msgs[i] = stream.NewMessage("old", "", nil)
		}
		if _, err := conn.Publish(t.Context(), msgs); err != nil {
			t.Fatal(err)
		}
	}
	s, err := conn.JS.Stream(t.Context(), "OLD")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().State.Msgs; got != 40 {
		t.Errorf("%d messages, want 40", got)
	}
}

func TestSiteOf(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		seriald.EventSubject("plant1", seriald.TypeSerialGenerate, "k"): "plant1", // as an old server stores it
		"machshop.event.7.plant1.serial_generate.k":                     "plant1",
		"machshop.dead.bad_json":                                        "",
	} {
		if got, ok := stream.SiteOf(subject); got != want || ok != (want != "") {
			t.Errorf("SiteOf(%q) = %q, %t, want %q", subject, got, ok, want)
		}
	}
}

// Purge asks for the first young event as every server can be asked.
func TestPurgeKeepsYoungEvents(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, url string) {
		t.Helper()
		conn := streamtest.Connect(t, url)
		publish := func() {
			if _, err := conn.Publish(t.Context(), []*nats.Msg{stream.NewMessage("machshop.event.s.t.k", "", nil)}); err != nil {
				t.Fatal(err)
			}
		}
		publish()
		publish()
		s, err := conn.JS.Stream(t.Context(), seriald.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.GetMsg(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		publish()
		left := func() uint64 {
			info, err := s.Info(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return info.State.Msgs
		}
		for _, tc := range []struct {
			now  time.Time
			want uint64
		}{
			{second.Time, 3},
			{second.Time.Add(stream.DefaultEventsKeep), 2},
			{second.Time.Add(stream.DefaultEventsKeep + time.Hour), 0},
		} {
			if err := conn.Purge(t.Context(), nil, tc.now); err != nil {
				t.Fatal(err)
			}
			if got := left(); got != tc.want {
				t.Errorf("at %s: %d left, want %d", tc.now, got, tc.want)
			}
		}
	})
}
