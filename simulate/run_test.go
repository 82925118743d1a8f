package simulate

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

func TestRunIsAnsweredInFull(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	service := startService(t, b, wellBehaved)
	var recorded []string
	s, err := Run(t.Context(), Config{
		Broker: b.ingest(), Devices: 3, Count: 2000, Repeats: 0.1, Prefix: "all",
		Record: func(id string) { recorded = append(recorded, id) },
	})
	if err != nil {
		t.Fatal(err)
	}
	messages, ids := service.counted()
	if s.Sent != 2000 || messages != 2000 || s.Events != ids || s.Repeats != messages-ids {
		t.Errorf("sent %d as %d events and %d repeats; %d messages with %d ids arrived", s.Sent, s.Events, s.Repeats, messages, ids)
	}
	if s.Repeats < 100 || s.Repeats > 300 || s.Duplicates != s.Repeats {
		t.Errorf("got %d repeats and %d duplicates, want about 200 and as many", s.Repeats, s.Duplicates)
	}
	if s.Answered != ids || s.Accepted != ids || s.Rejected+s.Conflict+s.Ignored+s.Lost+s.Unanswered+s.Doubled+s.Unexpected != 0 || !s.OK() {
		t.Errorf("not all is accepted:\n%+v", s)
	}
	if s.P50 <= 0 || s.P50 > s.P95 || s.P95 > s.P99 || s.P99 > s.Max || s.Elapsed <= 0 || s.Rate <= 0 {
		t.Errorf("latencies are not in order:\n%+v", s)
	}
	slices.Sort(recorded)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(service.ids)), recorded); diff != "" {
		t.Errorf("ids that arrived (-) and were recorded (+):\n%s", diff)
	}
	types := map[string]int{}
	for _, p := range service.payloads {
		types[p[strings.LastIndex(p[:strings.IndexByte(p, ' ')], "/")+1:strings.IndexByte(p, ' ')]]++
	}
	if len(types) != 3 || types["operation_complete"] < 5*types["serial_generate"] {
		t.Errorf("got a mix of %v, want about 90 : 5 : 5", types)
	}
}

func TestRunTellsMisbehaviour(t *testing.T) {
	t.Parallel()
	every := func(n int, r request) bool { return r.again == 0 && r.n%n == n-1 }
	for name, c := range map[string]struct {
		behave behaviour
		ok     bool
		want   func(s Summary, events int) bool
	}{
		"answers are lost": {
			behave: func(r request) []string {
				if every(10, r) {
					return nil
				}
				return wellBehaved(r)
			},
			want: func(s Summary, events int) bool {
				return s.Lost > 10 && s.Answered == events-s.Lost && len(s.LostIDs) == someLost
			},
		},
		"repeats are not answered": {
			behave: func(r request) []string {
				if r.again > 0 {
					return nil
				}
				return wellBehaved(r)
			},
			want: func(s Summary, events int) bool {
				return s.Unanswered == s.Repeats && s.Repeats > 0 && s.Lost == 0 && s.Answered == events && s.Duplicates == 0
			},
		},
		"a repeat gets a serial of its own": {
			behave: func(r request) []string {
				return []string{outcome(r.id, "accepted", "SN-"+strings.Repeat("x", r.n), false)}
			},
			want: func(s Summary, events int) bool {
				return s.Doubled > 0 && s.Doubled <= s.Repeats && s.DoubledID != "" && s.Lost == 0 && s.Unanswered == 0
			},
		},
		"an event is processed twice": {
			behave: func(r request) []string {
				if every(50, r) {
					return []string{outcome(r.id, "accepted", "A", false), outcome(r.id, "accepted", "B", true)}
				}
				return wellBehaved(r)
			},
			want: func(s Summary, events int) bool { return s.Doubled > 0 && s.Answered == events },
		},
		"a repeat gets another status": {
			behave: func(r request) []string {
				if r.again > 0 {
					return []string{outcome(r.id, "rejected", "", true)}
				}
				return []string{outcome(r.id, "ignored", "", false)}
			},
			want: func(s Summary, events int) bool { return s.Doubled > 0 && s.Ignored == events },
		},
		"all is answered more often than it was sent": {
			ok:     true,
			behave: func(r request) []string { return append(wellBehaved(r), wellBehaved(r)...) },
			want: func(s Summary, events int) bool {
				return s.Answered == events && s.Duplicates == 2*s.Repeats && s.Unexpected == 0
			},
		},
		"all is rejected": {
			ok: true,
			behave: func(r request) []string {
				return []string{`{"eventId":"` + r.id + `","status":"rejected","code":"PART_NOT_FOUND","message":"no such part"}`}
			},
			want: func(s Summary, events int) bool {
				return s.Rejected == events && strings.HasSuffix(s.Refusal, " rejected PART_NOT_FOUND no such part")
			},
		},
		"all is a conflict": {
			ok:     true,
			behave: func(r request) []string { return []string{outcome(r.id, "conflict", "", r.again > 0)} },
			want:   func(s Summary, events int) bool { return s.Conflict == events && s.Refusal != "" },
		},
		"answers to what was never sent": {
			ok: true,
			behave: func(r request) []string {
				return append(wellBehaved(r), "{", outcome("another", "accepted", "A", false),
					outcome(r.id+"9999999", "accepted", "A", false), outcome(r.id+"-1", "accepted", "A", false))
			},
			want: func(s Summary, events int) bool { return s.Unexpected == 4*s.Sent && s.Answered == events },
		},
		"a status that is not known": {
			ok:     true,
			behave: func(r request) []string { return []string{outcome(r.id, "maybe", "", false)} },
			want:   func(s Summary, events int) bool { return s.Unexpected == events && s.Answered == events },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			service := startService(t, b, c.behave)
			// All of it is waited for where something is missing.
			timeout := 3 * time.Second
			if c.ok {
				timeout = patience
			}
			s, err := Run(t.Context(), Config{
				// What is not answered stays in flight: the window must be larger.
				Broker: b.ingest(), Devices: 2, Count: 400, Repeats: 0.1, Window: 400, Timeout: timeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, events := service.counted(); s.OK() != c.ok || !c.want(s, events) {
				t.Errorf("OK is %v, want %v; events %d, summary %+v", s.OK(), c.ok, events, s)
			}
		})
	}
}

func TestRunSurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"flat out": 0, "at a rate": 2000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			reached := make(chan struct{})
			service := startService(t, b, func(r request) []string {
				if r.n == 1000 {
					close(reached)
				}
				return wellBehaved(r)
			})
			live := said{what: "offline", heard: make(chan struct{})}
			var restarted sync.WaitGroup
			restarted.Go(func() {
				select {
				case <-reached:
				case <-time.After(patience):
					t.Error("the devices do not send")
					return
				}
				b.stop()
				select { // it stays away until that was told
				case <-live.heard:
				case <-time.After(patience):
					t.Error("the live lines do not tell of the restart")
				}
				b.start()
			})
			var recorded int
			s, err := Run(t.Context(), Config{
				Broker: b.ingest(), Devices: 4, Count: 4000, Rate: rate, Repeats: DefaultRepeats, Live: &live,
				Record: func(string) { recorded++ },
			})
			restarted.Wait()
			if err != nil {
				t.Fatal(err)
			}
			_, ids := service.counted()
			if !s.OK() || s.Sent != 4000 || s.Events != ids || s.Answered != ids || s.Unexpected != 0 || recorded != ids {
				t.Errorf("%d ids arrived, %d were recorded, summary %+v", ids, recorded, s)
			}
		})
	}
}

func TestRunWaitsForTheBroker(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	startService(t, b, wellBehaved) // so that the broker keeps events for it
	b.stop()
	live := said{what: "waiting for the broker", heard: make(chan struct{})}
	var started sync.WaitGroup
	started.Go(func() {
		<-live.heard
		b.start()
	})
	s, err := Run(t.Context(), Config{Broker: b.ingest(), Devices: 2, Count: 100, Live: &live})
	started.Wait()
	if err != nil || s.Sent != 100 || !s.OK() {
		t.Errorf("got %v, %+v", err, s)
	}
}

// said is a writer that tells when something was written.
type said struct {
	what  string
	heard chan struct{}
	once  sync.Once
	bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.what) {
		s.once.Do(func() { close(s.heard) })
	}
	return s.Buffer.Write(p)
}

func TestRunEndsWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	live := said{what: "waiting for the broker", heard: make(chan struct{})}
	go func() {
		<-live.heard
		cancel()
	}()
	_, err := Run(ctx, Config{Broker: newBroker(t).ingest(), Live: &live})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "connect to mqtt://127.0.0.1:") {
		t.Errorf("got error %v, want one that says why there was no connection, and context.Canceled", err)
	}
	if n := strings.Count(live.String(), "\n"); n != 1 {
		t.Errorf("the same trouble was told %d times:\n%s", n, live.String())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	ctx, cancel := context.WithCancel(t.Context())
	startService(t, b, func(r request) []string {
		if r.n == 500 {
			cancel()
		}
		return wellBehaved(r)
	})
	s, err := Run(ctx, Config{Broker: b.ingest()})
	if err != nil || !s.OK() || s.Answered < 500 {
		t.Errorf("got %v, want all that was sent answered: %+v", err, s)
	}
}

func TestRunEndsAfterItsDuration(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	startService(t, b, wellBehaved)
	s, err := Run(t.Context(), Config{Broker: b.ingest(), Rate: 200, Duration: 500 * time.Millisecond})
	// A slow machine sends less, none sends more.
	if err != nil || !s.OK() || s.Sent == 0 || s.Sent > 100 {
		t.Errorf("got %v, want 100 messages at most, all answered: %+v", err, s)
	}
}

func TestRunKeepsToItsWindow(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	const window = 12
	var mu sync.Mutex // guards held
	var held []string
	startService(t, b, func(r request) []string {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, outcome(r.id, "accepted", r.id, false))
		// A device that was at its limit goes on when a quarter is free.
		if len(held) <= window-window/4 {
			return nil
		}
		released := held
		held = nil
		return released
	})
	// A whole number of the service's batches, or the last would not be answered.
	s, err := Run(t.Context(), Config{Broker: b.ingest(), Devices: 1, Count: 20 * (window - window/4 + 1), Window: window, Timeout: patience})
	if err != nil || !s.OK() {
		t.Errorf("got %v, %+v", err, s)
	}
}

func TestRunLeavesNoSession(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	startService(t, b, wellBehaved)
	if _, err := Run(t.Context(), Config{Broker: b.ingest(), Devices: 2, Count: 10, Prefix: "gone"}); err != nil {
		t.Fatal(err)
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(b.url(), "mqtt:", "tcp:", 1)).
		SetClientID("device-plant1-line1-gone-1").SetProtocolVersion(4).SetCleanSession(false))
	token := client.Connect()
	if err := settled(token); err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(250)
	if token.(*mqtt.ConnectToken).SessionPresent() {
		t.Error("the broker still keeps a session")
	}
}

func TestRunRefusesAWrongConfig(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Config{Devices: -1}); err == nil || !strings.Contains(err.Error(), "--devices") {
		t.Errorf("got error %v", err)
	}
}

func TestRunWithThePrefixOfAnEarlierRunRepeatsIt(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	service := startService(t, b, wellBehaved)
	cfg := Config{Broker: b.ingest(), Devices: 2, Count: 100, Prefix: "twice", Mix: Mix{seriald.TypeSerialGenerate: 1}}
	for range 2 {
		if s, err := Run(t.Context(), cfg); err != nil || !s.OK() {
			t.Fatalf("%v %+v", err, s)
		}
	}
	if messages, ids := service.counted(); messages != 200 || ids != 100 {
		t.Errorf("got %d messages with %d ids, want 200 with 100", messages, ids)
	}
}
