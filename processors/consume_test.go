package processors

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"
)

// delivery is a message as the server delivers it. What the partition must not
// touch panics.
type delivery struct {
	jetstream.Msg

	pin              string
	consumer, stream uint64
	stored           time.Time
	metadata         error
	acked            func()
}

func (d *delivery) Headers() nats.Header { return nats.Header{"Nats-Pin-Id": {d.pin}} }

func (d *delivery) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{
		Sequence: jetstream.SequencePair{Consumer: d.consumer, Stream: d.stream}, Timestamp: d.stored,
	}, d.metadata
}

func (d *delivery) Ack() error {
	d.acked()
	return nil
}

// reading is a partition with what it did.
type reading struct {
	*partition

	t        *testing.T
	clock    time.Time
	working  []taken // in the order in which they were taken
	resets   int
	resetErr error
}

func newReading(t *testing.T) *reading {
	t.Helper()
	r := &reading{t: t, clock: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	r.partition = &partition{
		name: "processor-00", log: slog.New(slog.DiscardHandler), now: func() time.Time { return r.clock },
		reset: func() error { r.resets++; return r.resetErr },
		take:  func(t taken) { r.working = append(r.working, t) },
	}
	return r
}

// deliver delivers consumer and stream sequences in pairs.
func (r *reading) deliver(pin string, sequences ...[2]uint64) {
	r.t.Helper()
	for _, s := range sequences {
		r.handle(&delivery{pin: pin, consumer: s[0], stream: s[1], acked: func() {}})
	}
}

func (r *reading) want(resets int, sequences ...uint64) {
	r.t.Helper()
	var got []uint64
	for _, t := range r.working {
		got = append(got, t.sequence)
	}
	if diff := cmp.Diff(sequences, got); diff != "" {
		r.t.Errorf("taken (-want +got):\n%s", diff)
	}
	if r.resets != resets {
		r.t.Errorf("got %d resets, want %d", r.resets, resets)
	}
}

func TestPartitionTakesAnUnbrokenRun(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14}, [2]uint64{3, 15})
	r.want(0, 11, 14, 15)
}

func TestPartitionGoesBackToWhereTheRunBroke(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{3, 15})
	r.want(1, 11)
	r.deliver("pin 1", [2]uint64{4, 16}, [2]uint64{2, 14}, [2]uint64{5, 17}) // was under way
	r.want(1, 11)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14}, [2]uint64{3, 15})
	r.want(1, 11, 14, 15)
}

func TestPartitionPassesOverWhatIsBeingWorkedOn(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14}, [2]uint64{3, 11}, [2]uint64{4, 14}, [2]uint64{5, 15})
	r.want(0, 11, 14, 15)
}

// The server may lose an acknowledgement: in a crash, or while it goes back. And
// after a restore the sequence may be another event's. So what comes again after
// it was settled is taken, for the inbox to tell what it is.
func TestPartitionTakesAgainWhatWasSettled(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14})
	r.working[0].settle()
	r.deliver("pin 1", [2]uint64{3, 11}, [2]uint64{4, 14})
	r.want(0, 11, 14, 11)
}

func TestSettleAcknowledgesTheDelivery(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	acked := 0
	stored := time.Date(2026, 3, 2, 11, 59, 59, 0, time.UTC)
	r.handle(&delivery{pin: "pin 1", consumer: 1, stream: 11, stored: stored, acked: func() { acked++ }})
	if acked != 0 {
		t.Fatal("acknowledged before it was settled")
	}
	if got := r.working[0]; got.sequence != 11 || !got.stored.Equal(stored) {
		t.Errorf("got sequence %d stored at %s, want 11 at %s", got.sequence, got.stored, stored)
	}
	r.working[0].settle()
	if acked != 1 {
		t.Errorf("got %d acknowledgements, want 1", acked)
	}
}

func TestPartitionBeginsANewRunWithEachPin(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14})
	r.deliver("pin 2", [2]uint64{3, 15}) // another reader may have had what is before it
	r.want(1, 11, 14)
	r.deliver("pin 2", [2]uint64{1, 14}, [2]uint64{2, 15})
	r.want(1, 11, 14, 15)
}

// A consumer that begins under a new pin need not go back.
func TestPartitionGoesOnFromTheFirstDelivery(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11})
	r.deliver("pin 2", [2]uint64{1, 14}, [2]uint64{2, 15})
	r.want(0, 11, 14, 15)
}

func TestPartitionForgetsAResetOfAnotherPin(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{3, 15}) // goes back
	r.deliver("pin 2", [2]uint64{2, 14})                   // that was the other reader's
	r.want(2, 11)
}

func TestPartitionAsksAgainWhenItsResetFails(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.resetErr = errors.New("no responders")
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{3, 15})
	r.want(1, 11)
	r.clock = r.clock.Add(resetPatience)
	r.deliver("pin 1", [2]uint64{4, 16})
	r.want(1, 11)
	r.resetErr, r.clock = nil, r.clock.Add(time.Millisecond)
	r.deliver("pin 1", [2]uint64{5, 17})
	r.want(2, 11)
	r.deliver("pin 1", [2]uint64{1, 14}, [2]uint64{2, 15})
	r.want(2, 11, 14, 15)
}

// A reset whose answer was lost may have been done: the run that begins is not
// the one that broke.
func TestPartitionDoesNotTrustAResetThatFailed(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.resetErr = errors.New("timeout")
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{2, 14}, [2]uint64{4, 16})
	r.resetErr = nil
	r.deliver("pin 1", [2]uint64{1, 14}) // not taken for the third of the old run
	r.want(2, 11, 14)
	r.deliver("pin 1", [2]uint64{1, 14}, [2]uint64{2, 15}, [2]uint64{3, 16})
	r.want(2, 11, 14, 15, 16)
}

func TestPartitionLosesPatience(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11}, [2]uint64{3, 15})
	for i := range uint64(4) { // a server that never goes back
		r.clock = r.clock.Add(resetPatience/2 + time.Millisecond)
		r.deliver("pin 1", [2]uint64{4 + i, 16 + i})
	}
	r.want(3, 11)
}

func TestPartitionLeavesAMessageWithoutMetadata(t *testing.T) {
	t.Parallel()
	r := newReading(t)
	r.deliver("pin 1", [2]uint64{1, 11})
	r.handle(&delivery{pin: "pin 1", metadata: errors.New("not a JetStream message")})
	r.deliver("pin 1", [2]uint64{2, 14})
	r.want(0, 11, 14)
}

// server is a model of the consumer of one partition: explicit acknowledgement,
// a pinned reader, and a pipe of deliveries to it.
type server struct {
	events  []uint64 // the partition's stream sequences
	floor   int      // all events before this one are acknowledged
	next    int      // the first that was not delivered yet
	pending map[int]bool
	sent    uint64 // consumer sequence of the last delivery
	pin     int
	pipe    []*delivery
}

func (s *server) send(i int) {
	s.sent++
	s.pending[i] = true
	s.pipe = append(s.pipe, &delivery{
		pin: fmt.Sprint("pin ", s.pin), consumer: s.sent, stream: s.events[i], acked: func() { s.ack(i) },
	})
}

func (s *server) publish(step uint64) {
	last := uint64(10)
	if n := len(s.events); n > 0 {
		last = s.events[n-1]
	}
	s.events = append(s.events, last+step)
}

func (s *server) deliver() {
	s.next++
	s.send(s.next - 1)
}

// ack counts only for what is delivered and not acknowledged: after a reset that
// may be nothing.
func (s *server) ack(i int) {
	delete(s.pending, i)
	for s.floor < s.next && !s.pending[s.floor] {
		s.floor++
	}
}

func (s *server) reset() {
	s.next, s.sent = s.floor, 0
	clear(s.pending)
}

func (s *server) unacknowledged() []int {
	all := make([]int, 0, len(s.pending))
	for i := range s.pending {
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}

// Whatever is lost, comes again or goes to another reader: an event is taken
// when all before it were taken by this process or are acknowledged, none is
// passed over for good, and in the end all are acknowledged.
func TestPartitionTakesEveryEventInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &server{pending: map[int]bool{}, pin: 1}
		clock := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		ever := map[int]bool{} // the events that were taken
		var working []taken    // in the order in which they are settled
		var resetErr error
		p := &partition{
			name: "processor-00", log: slog.New(slog.DiscardHandler), now: func() time.Time { return clock },
			reset: func() error {
				if resetErr != nil && rapid.Bool().Draw(rt, "reset is not even done") {
					return resetErr
				}
				s.reset()
				return resetErr
			},
			take: func(t taken) {
				i := slices.Index(s.events, t.sequence)
				for before := range i {
					if before >= s.floor && !ever[before] {
						rt.Fatalf("%d is taken before %d", s.events[i], s.events[before])
					}
				}
				ever[i] = true
				working = append(working, t)
			},
		}
		receive := func() { p.handle(s.pipe[0]); s.pipe = s.pipe[1:] }
		settle := func() { working[0].settle(); working = working[1:] }

		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(rt *rapid.T) { s.publish(rapid.Uint64Range(1, 3).Draw(rt, "step")) },
			"deliver": func(rt *rapid.T) {
				if s.next == len(s.events) {
					rt.Skip("nothing to deliver")
				}
				s.deliver()
			},
			"all goes well for a while": func(rt *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(rt, "events") {
					s.publish(1)
				}
				for s.next < len(s.events) {
					s.deliver()
				}
				for len(s.pipe) > 0 && resetErr == nil {
					receive()
				}
				for range rapid.IntRange(0, len(working)).Draw(rt, "settled") {
					settle()
				}
			},
			"redeliver": func(rt *rapid.T) {
				if len(s.pending) == 0 {
					rt.Skip("all is acknowledged")
				}
				s.send(rapid.SampledFrom(s.unacknowledged()).Draw(rt, "event"))
			},
			"receive": func(rt *rapid.T) {
				if len(s.pipe) == 0 {
					rt.Skip("nothing under way")
				}
				receive()
			},
			"lose a delivery": func(rt *rapid.T) {
				if len(s.pipe) == 0 {
					rt.Skip("nothing under way")
				}
				at := rapid.IntRange(0, len(s.pipe)-1).Draw(rt, "at")
				s.pipe = slices.Delete(s.pipe, at, at+1)
			},
			"lose all deliveries": func(*rapid.T) { s.pipe = nil },
			"settle": func(rt *rapid.T) {
				if len(working) == 0 {
					rt.Skip("no work")
				}
				settle()
			},
			"settle, the acknowledgement is lost": func(rt *rapid.T) {
				if len(working) == 0 {
					rt.Skip("no work")
				}
				floor, pending := s.floor, s.pending
				s.pending = map[int]bool{}
				for i := range pending {
					s.pending[i] = true
				}
				settle()
				s.floor, s.pending = floor, pending
			},
			"another reader": func(rt *rapid.T) {
				s.pin++
				s.reset()
				for range rapid.IntRange(0, 3).Draw(rt, "events it settles") {
					if s.next < len(s.events) {
						s.next, s.sent = s.next+1, s.sent+1
						s.pending[s.next-1] = true
						s.ack(s.next - 1)
					}
				}
				for range rapid.IntRange(0, 2).Draw(rt, "events it leaves") {
					if s.next < len(s.events) {
						s.next, s.sent = s.next+1, s.sent+1
						s.pending[s.next-1] = true
					}
				}
				s.pin++
			},
			"time passes": func(rt *rapid.T) {
				clock = clock.Add(time.Duration(rapid.IntRange(100, 3000).Draw(rt, "ms")) * time.Millisecond)
			},
			"resets fail": func(*rapid.T) { resetErr = errors.New("timeout") },
			"resets work": func(*rapid.T) { resetErr = nil },
		})

		// From here on nothing goes wrong any more.
		resetErr = nil
		for round := 0; s.floor < len(s.events); round++ {
			if round == 50 {
				rt.Fatalf("%d of %d events are acknowledged, and no more will be", s.floor, len(s.events))
			}
			clock = clock.Add(ackWait)
			for _, i := range s.unacknowledged() {
				s.send(i)
			}
			for len(s.pipe) > 0 || s.next < len(s.events) {
				for s.next < len(s.events) {
					s.deliver()
				}
				receive()
			}
			for len(working) > 0 {
				settle()
			}
		}
	})
}
