package simulate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

func TestScriptPlaysEventsThatAreValid(t *testing.T) {
	t.Parallel()
	mix, err := ParseMix("operation_complete=2,serial_generate,vendor_serial_receive")
	if err != nil {
		t.Fatal(err)
	}
	s := newScript("sim-1", Config{Mix: mix, Repeats: 0.25})
	types, vendorSerials := map[seriald.EventType]int{}, map[string]bool{}
	const events = 10_000
	for n := range uint32(events) {
		typ, payload := s.event(n)
		e := &seriald.Event{Type: typ, Data: payload}
		f, err := e.Fields()
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		var common struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(payload, &common); err != nil || common.ID != s.id(n) {
			t.Fatalf("%s: %v", payload, err)
		}
		if got, ok := s.number(common.ID); !ok || got != n {
			t.Fatalf("%s is event %d, %v", common.ID, got, ok)
		}
		types[typ]++
		if f.VendorSerialNumber != "" {
			vendorSerials[f.VendorSerialNumber] = true
		}
	}
	if types[seriald.TypeOperationComplete] < 4800 || types[seriald.TypeOperationComplete] > 5200 || len(types) != 3 {
		t.Errorf("got a mix of %v, want 2 : 1 : 1", types)
	}
	if len(vendorSerials) != types[seriald.TypeVendorSerialReceive] {
		t.Errorf("got %d vendor serials in %d events", len(vendorSerials), types[seriald.TypeVendorSerialReceive])
	}
}

func TestScriptRepeatsItsShare(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.01, 0.5, 0.999} {
		s := newScript("sim-1", Config{Mix: Mix{seriald.TypeSerialGenerate: 1}, Repeats: share})
		const messages, reach = 100_000, 64
		events, repeats, atOnce := uint32(0), 0, 0
		for k := range messages {
			n, again := s.repeat(k, events, reach)
			if !again {
				events++
				continue
			}
			if n >= events || events-n > reach {
				t.Fatalf("%d events were sent, %d is repeated", events, n)
			}
			repeats++
			if n == events-1 {
				atOnce++
			}
		}
		if got := float64(repeats) / messages; math.Abs(got-share) > 0.005 {
			t.Errorf("a share of %v of the messages is a repeat, want %v", got, share)
		}
		if share == 0.5 && (atOnce < repeats*4/10 || atOnce > repeats*6/10) {
			t.Errorf("%d of %d repeats are right after the event, want about half", atOnce, repeats)
		}
	}
}

func TestScriptKnowsItsIDs(t *testing.T) {
	t.Parallel()
	s := newScript("sim-1", Config{Mix: Mix{seriald.TypeSerialGenerate: 1}})
	for id, want := range map[string]bool{
		"sim-1-0": true, "sim-1-42": true, "sim-1-4294967295": true,
		"": false, "sim-1-": false, "sim-1-007": false, "sim-1-4294967296": false, "sim-1--1": false, "sim-1-+1": false,
		"sim-11-1": false, "sim-2-1": false, "sim-1-1x": false,
	} {
		if _, ok := s.number(id); ok != want {
			t.Errorf("%q is an id: %v, want %v", id, ok, want)
		}
	}
}

func TestParseMix(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Mix{
		DefaultMix: {
			seriald.TypeOperationComplete: 90, seriald.TypeSerialGenerate: 5, seriald.TypeVendorSerialReceive: 5,
		},
		"serial_generate": {seriald.TypeSerialGenerate: 1},
		"serial_generate=2,all=0": {
			seriald.TypeMaterialReceipt: 0, seriald.TypeWorkOrderCreate: 0, seriald.TypeOperationComplete: 0, seriald.TypeQualityCheckpoint: 0,
			seriald.TypeBatchCompletion: 0, seriald.TypeVendorSerialReceive: 0, seriald.TypeVendorSerialAccept: 0, seriald.TypeVendorSerialReject: 0,
			seriald.TypeSerialGenerate: 2, seriald.TypeSerialRetire: 0, seriald.TypePlaceholderCreate: 0, seriald.TypePlaceholderAssign: 0,
			seriald.TypePlaceholderFail: 0, seriald.TypePropagationPassThrough: 0, seriald.TypeUniquenessRegister: 0,
		},
		" serial_generate = 3 , operation_complete=0": {seriald.TypeSerialGenerate: 3, seriald.TypeOperationComplete: 0},
	} {
		got, err := ParseMix(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", in, err, diff)
		}
		if again, err := ParseMix(got.String()); err != nil || !cmp.Equal(got, again) {
			t.Errorf("%s is written as %s, which reads as %v, %v", in, got, again, err)
		}
	}
	for in, say := range map[string]string{
		"":                                  `"" can't be played`,
		"serial_generate=":                  "write type=weight",
		"serial_generate=x":                 "write type=weight",
		"serial_generate=0":                 "nothing to play",
		"serial_generate=-1":                "must be from 0",
		"serial_generate=1,serial_generate": "given twice",
		"lunch=1,serial_generate=1":         `"lunch" can't be played`,
		"trigger_update":                    `"trigger_update" can't be played`,
		"all=0":                             "nothing to play",
		"all,all":                           "given twice",
		"all=-1":                            "must be from 0",
	} {
		if _, err := ParseMix(in); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: got error %v, want one that says %q", in, err, say)
		}
	}
}
