package processors

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// A format's life through the stream, all of it waiting at once: what follows a
// change goes by it, each version is kept, and one that comes back goes on where it
// was.
func TestAFormatsLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	steps := []struct {
		typ    seriald.EventType
		data   string
		code   seriald.Code
		number string
	}{
		{seriald.TypeSerialGenerate, `{"partId":"PART-002","formatConfigId":"own"}`, seriald.CodeFormatNotFound, ""},
		{seriald.TypeFormatPut, `{"formatConfigId":"own","pattern":"OWN-{SEQ:4}"}`, "", ""},
		{seriald.TypeSerialGenerate, `{"partId":"PART-002","formatConfigId":"own","quantity":2}`, "", "OWN-0001"},
		{seriald.TypeFormatPut, `{"formatConfigId":"own","pattern":"OWN/{SEQ:4}","assignments":[{"partId":"PART-002"}]}`, "", ""},
		{seriald.TypeSerialGenerate, `{"partId":"PART-002"}`, "", "OWN/0003"},
		{seriald.TypeFormatPut, `{"formatConfigId":"own","pattern":"TST-{YYYY}{MM}{DD}-{SEQ:6}"}`, seriald.CodeValidation, ""},
		{seriald.TypeFormatPut, `{"formatConfigId":"own","pattern":"OWN/{SEQ:4}","active":false,"name":"Ours"}`, "", ""},
		{seriald.TypeSerialGenerate, `{"partId":"PART-002","formatConfigId":"own"}`, seriald.CodeDisabled, ""},
		{seriald.TypeFormatDelete, `{"formatConfigId":"own"}`, "", ""},
		{seriald.TypeFormatDelete, `{"formatConfigId":"own"}`, seriald.CodeFormatNotFound, ""},
		{seriald.TypeFormatDelete, `{"formatConfigId":"default"}`, seriald.CodeInvalidState, ""},
		{seriald.TypeFormatPut, `{"formatConfigId":"own","pattern":"OWN-{SEQ:5}"}`, "", ""},
		{seriald.TypeSerialGenerate, `{"partId":"PART-002","formatConfigId":"own"}`, "", "OWN-00004"},
	}
	for i, s := range steps {
		e := &seriald.Event{ID: seriald.EventID(fmt.Sprintf("e-%02d", i)), Type: s.typ, Origin: testDevice, Data: json.RawMessage(s.data)}
		// One key, so that they are in order.
		r.send(stream.NewMessage(seriald.EventSubject("plant1", s.typ, "own"), string(e.ID), e.Encode()))
	}
	r.start(nil)
	for i, o := range r.results(len(steps)) {
		s := steps[i]
		if o.Code != s.code || s.number != "" && (len(o.Serials) == 0 || o.Serials[0].SerialNumber != s.number) {
			t.Errorf("step %d, %s %s: %+v", i, s.typ, s.data, o)
		}
	}
	if got := r.text("SELECT string_agg(version || ' ' || pattern, ', ' ORDER BY version) FROM serial_format_versions WHERE format_id = 'own'"); got != "1 OWN-{SEQ:4}, 2 OWN/{SEQ:4}, 3 OWN-{SEQ:5}" {
		t.Errorf("versions %s", got)
	}
	if got := r.text("SELECT string_agg(serial_number || ' ' || format_version, ', ' ORDER BY serial_number) FROM serials"); got != "OWN-00004 3, OWN-0001 1, OWN-0002 1, OWN/0003 2" {
		t.Errorf("serials by version %s", got)
	}
	if got := r.text(`SELECT string_agg(COALESCE(old_values->>'pattern', '-') || ' to ' || COALESCE(new_values->'after'->>'pattern', '-'), ', ' ORDER BY event_id)
		FROM audit_events WHERE event_type = 'CONFIG_CHANGED' AND event_id LIKE 'e-%'`); got !=
		"- to OWN-{SEQ:4}, OWN-{SEQ:4} to OWN/{SEQ:4}, OWN/{SEQ:4} to OWN/{SEQ:4}, OWN/{SEQ:4} to -, - to OWN-{SEQ:5}" {
		t.Errorf("audit %s", got)
	}
}

func (r *rig) text(sql string) string {
	r.tb.Helper()
	var text string
	if err := r.db.QueryRow(context.Background(), sql).Scan(&text); err != nil {
		r.tb.Fatal(err)
	}
	return text
}

// Two formats that are each right alone and not together: whoever is later is
// refused, in whatever order and on however many partitions they come.
func TestFormatsThatMeetAreNotBothTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 20
	for i := range n {
		r.publish(seriald.TypeFormatPut, fmt.Sprintf("e-%d", i), fmt.Sprintf(`{"formatConfigId":"own-%d","pattern":"OWN-{SEQ:8}"}`, i))
	}
	r.start(nil)
	stopFirst := r.stop
	r.start(nil)
	stopSecond := r.stop
	r.stop = func() {}
	taken := 0
	for _, o := range r.results(n) {
		if o.Status == seriald.StatusAccepted {
			taken++
		} else if o.Code != seriald.CodeValidation || !strings.Contains(o.Message, "makes the same numbers") {
			t.Errorf("%+v", o)
		}
	}
	if taken != 1 {
		t.Errorf("%d formats are taken, want 1", taken)
	}
	stopFirst()
	stopSecond()
}

// Random numbers that are taken are made anew, those of the same event too.
func TestRandomNumbersThatAreTakenAreMadeAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.publish(seriald.TypeFormatPut, "put", `{"formatConfigId":"random","pattern":"R{RANDOM:numeric:2}"}`)
	r.results(1)
	for i := range 4 {
		r.publish(seriald.TypeSerialGenerate, fmt.Sprint("e-", i), `{"partId":"PART-001","formatConfigId":"random","quantity":10}`)
	}
	for _, o := range r.results(5)[1:] {
		if o.Status != seriald.StatusAccepted || len(o.Serials) != 10 {
			t.Errorf("%+v", o)
		}
	}
	if n := r.count("(SELECT DISTINCT serial_number FROM serials) AS s"); n != 40 {
		t.Errorf("%d different numbers, want 40", n)
	}
}
