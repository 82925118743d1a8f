package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/command"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func event(id, key string) *seriald.Event {
	return &seriald.Event{
		ID: seriald.EventID(id), Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "plant1", Line: command.Line, Device: command.Device},
		Time: time.Now().UTC(), Key: key, Data: json.RawMessage(`{}`),
	}
}

// sender returns a Sender that runs, with what ends it.
func sender(t *testing.T) (*command.Sender, *stream.Conn, func()) {
	t.Helper()
	conn := streamtest.Connect(t, streamtest.Start(t, true))
	s := command.New(conn, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, conn, stop
}

// stored reads n events of the stream, in its order, and answers each.
func stored(t *testing.T, conn *stream.Conn, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	consumer, err := conn.JS.CreateConsumer(ctx, seriald.StreamEvents, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		t.Error(err)
		return nil
	}
	var ids []string
	for range n {
		m, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
		if err != nil {
			t.Error(err)
			return ids
		}
		var e struct{ ID string }
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			t.Error(err)
		}
		ids = append(ids, e.ID)
		origin := event("", "").Origin
		body := seriald.EncodeResult(e.ID+".result", fmt.Appendf(nil, `{"eventId":%q}`, e.ID), origin, time.Now())
		if err := conn.NATS.PublishMsg(&nats.Msg{Subject: seriald.ResultSubject(origin), Data: body}); err != nil {
			t.Error(err)
		}
	}
	return ids
}

// Many that send at once each get their own outcome; what one sends is stored in its
// order; and what is sent again is stored again, for the inbox to answer it.
func TestSendTogether(t *testing.T) {
	t.Parallel()
	const clients, each = 50, 10
	s, conn, _ := sender(t)
	var ids []string
	var group, reading sync.WaitGroup
	reading.Go(func() { ids = stored(t, conn, clients*each*2) })
	for c := range clients {
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%02d-%d", c, i)
				for range 2 {
					got, err := s.Send(t.Context(), event(id, fmt.Sprint("key-", c)))
					if err != nil || string(got) != fmt.Sprintf(`{"eventId":%q}`, id) {
						t.Errorf("%s: %s, %v", id, got, err)
					}
				}
			}
		})
	}
	group.Wait()
	reading.Wait()
	for c := range clients {
		var of, want []string
		for _, id := range ids {
			if id[:2] == fmt.Sprintf("%02d", c) {
				of = append(of, id)
			}
		}
		for i := range each {
			want = append(want, fmt.Sprintf("%02d-%d", c, i), fmt.Sprintf("%02d-%d", c, i))
		}
		if !slices.Equal(of, want) {
			t.Errorf("client %d: stored %v, want %v", c, of, want)
		}
	}
}

// One that is too large for the server is refused alone.
func TestSendTooLarge(t *testing.T) {
	t.Parallel()
	s, conn, _ := sender(t)
	var ids []string
	var group sync.WaitGroup
	group.Go(func() { ids = stored(t, conn, 20) })
	for i := range 21 {
		group.Go(func() {
			e := event(fmt.Sprint(i), "k")
			if i == 7 {
				e.Data = json.RawMessage(`"` + string(make([]byte, 2*conn.MaxBody())) + `"`)
			}
			if _, err := s.Send(t.Context(), e); (err != nil) != (i == 7) || errors.Is(err, command.ErrPending) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	group.Wait()
	if slices.Contains(ids, "7") || len(ids) != 20 {
		t.Errorf("stored %v", ids)
	}
}

// Who waits when it ends is told that the outcome is to come; who comes later, that
// nothing is certain.
func TestSendEnds(t *testing.T) {
	t.Parallel()
	s, conn, stop := sender(t)
	waits := make(chan error, 1)
	go func() {
		_, err := s.Send(context.Background(), event("waits", "k"))
		waits <- err
	}()
	waitStored(t, conn, 1)
	stop()
	if err := <-waits; err == nil {
		t.Error("the outcome of an event that nobody processed")
	}
	if _, err := s.Send(context.Background(), event("late", "k")); err == nil || errors.Is(err, command.ErrPending) {
		t.Errorf("after the end: %v", err)
	}
}

// Of two that wait with one id, only those that ask for the same share an outcome.
func TestSendAnotherWithItsID(t *testing.T) {
	t.Parallel()
	s, conn, _ := sender(t)
	with := func(typ seriald.EventType, data string) *seriald.Event {
		e := event("id", "k")
		e.Type, e.Data = typ, json.RawMessage(data)
		return e
	}
	first := make(chan error, 1)
	go func() {
		_, err := s.Send(context.Background(), with(seriald.TypeSerialGenerate, `{"partId":"P","performedBy":"mia"}`))
		first <- err
	}()
	waitStored(t, conn, 1)
	for name, e := range map[string]*seriald.Event{
		"other fields": with(seriald.TypeSerialGenerate, `{"partId":"Q"}`),
		"more fields":  with(seriald.TypeSerialGenerate, `{"partId":"P","quantity":1}`),
		"another type": with(seriald.TypePlaceholderCreate, `{"partId":"P"}`),
	} {
		if _, err := s.Send(t.Context(), e); !errors.Is(err, command.ErrAnotherRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := make(chan error, 1)
	go func() {
		_, err := s.Send(context.Background(), with(seriald.TypeSerialGenerate, `{ "performedBy":"tom", "partId":"P" }`))
		same <- err
	}()
	waitStored(t, conn, 2) // its repeat, for the inbox to answer
	stored(t, conn, 1)
	for _, err := range []error{<-first, <-same} {
		if err != nil {
			t.Error(err)
		}
	}
	// Who waits no longer keeps nobody from its id.
	var group sync.WaitGroup
	group.Go(func() { stored(t, conn, 3) })
	if _, err := s.Send(t.Context(), with(seriald.TypePlaceholderCreate, `{"partId":"P"}`)); err != nil {
		t.Error(err)
	}
	group.Wait()
}

// waitStored waits until the stream has n events.
func waitStored(t *testing.T, conn *stream.Conn, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(time.Millisecond) {
		info, err := conn.JS.Stream(t.Context(), seriald.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		if info.CachedInfo().State.Msgs == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events stored, want %d", info.CachedInfo().State.Msgs, n)
		}
	}
}
