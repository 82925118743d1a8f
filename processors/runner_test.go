package processors

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

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
