package simulate

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

// faulty is a run with all that can go wrong at the device's end.
func faulty(b *broker) Config {
	return Config{
		Broker: b.ingest(), Devices: 4, Rate: 400, Count: 1000, Repeats: 0.1, Wrong: 0.2,
		OfflineEvery: 800 * time.Millisecond, OfflineFor: 200 * time.Millisecond,
	}
}

func TestRunWithOutagesRepeatsAndWrongMessages(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	service := startStrictService(t, b, wellBehaved, strictly)
	cfg := faulty(b)
	var live bytes.Buffer
	recorded := map[string]int{}
	cfg.Live, cfg.Record = &live, func(id string) { recorded[id]++ }
	s, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", s)
	_, ids := service.counted()
	if !s.OK() || s.Sent != cfg.Count || s.Sent != s.Events+s.Wrong+s.Repeats || s.Events != ids || s.Accepted != ids || len(recorded) != ids {
		t.Errorf("%d ids arrived and %d were recorded: %+v", ids, len(recorded), s)
	}
	if s.Wrong < cfg.Count/10 || s.Refused != s.Wrong || s.Unexpected != 0 {
		t.Errorf("of %d wrong messages %d were refused, %d answers to nothing", s.Wrong, s.Refused, s.Unexpected)
	}
	if s.Outages < cfg.Devices || s.Resent < s.Outages*3/4 {
		t.Errorf("there were %d outages, and %d messages were sent again", s.Outages, s.Resent)
	}
	if !strings.Contains(live.String(), "offline") {
		t.Errorf("the live lines do not tell of outages:\n%s", live.String())
	}
}

func TestRunWithOutagesSurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	reached := make(chan struct{})
	service := startStrictService(t, b, func(r request) []string {
		if r.n == 300 {
			close(reached)
		}
		return wellBehaved(r)
	}, strictly)
	var restarted sync.WaitGroup
	restarted.Go(func() {
		select {
		case <-reached:
		case <-time.After(patience):
			t.Error("the devices do not send")
			return
		}
		b.stop()
		b.start()
	})
	s, err := Run(t.Context(), faulty(b))
	restarted.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", s)
	if _, ids := service.counted(); !s.OK() || s.Events != ids || s.Answered != ids || s.Refused != s.Wrong || s.Outages == 0 || s.Resent == 0 {
		t.Errorf("%d ids arrived: %+v", ids, s)
	}
}

func TestRunTellsWhatIsNotRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refuse func(topic string, payload []byte) *seriald.Outcome
		want   func(s Summary) bool
	}{
		"all is accepted that has an id": {
			refuse: func(topic string, payload []byte) *seriald.Outcome {
				o := strictly(topic, payload)
				if o != nil && o.EventID != "" {
					o.Status, o.Code, o.Field = seriald.StatusAccepted, "", ""
				}
				return o
			},
			want: func(s Summary) bool {
				return s.Misjudged > 0 && s.Unrefused == 0 && strings.Contains(s.Misjudgement, " accepted") && s.Refused == s.Wrong-s.Misjudged
			},
		},
		"all is accepted that has none": {
			refuse: func(topic string, payload []byte) *seriald.Outcome {
				o := strictly(topic, payload)
				if o != nil && o.EventID == "" {
					o.EventID, o.Status, o.Code, o.Field = "made", seriald.StatusAccepted, "", ""
				}
				return o
			},
			want: func(s Summary) bool {
				return s.Unrefused > 0 && s.Misjudged == 0 && s.Unexpected > 0 && len(s.UnrefusedIDs) > 0
			},
		},
		"another code": {
			refuse: func(topic string, payload []byte) *seriald.Outcome {
				o := strictly(topic, payload)
				if o != nil {
					o.Code = seriald.CodeBadScan
				}
				return o
			},
			want: func(s Summary) bool {
				return s.Refused == 0 && s.Misjudged > 0 && s.Unrefused > 0 && s.Misjudged+s.Unrefused == s.Wrong
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			startStrictService(t, b, wellBehaved, c.refuse)
			s, err := Run(t.Context(), Config{Broker: b.ingest(), Devices: 2, Count: 400, Wrong: 0.3, Window: 400, Timeout: time.Second})
			if err != nil || s.OK() || s.Lost+s.Unanswered+s.Doubled != 0 || !c.want(s) {
				t.Errorf("got %v, OK %v, %+v", err, s.OK(), s)
			}
		})
	}
}
