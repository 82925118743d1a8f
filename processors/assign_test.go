package processors

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

func conditions(t *testing.T, text string) seriald.Conditions {
	t.Helper()
	cs, err := seriald.ParseConditions([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func TestOperationComplete(t *testing.T) {
	t.Parallel()
	op010 := func(change func(*seriald.Trigger)) *seriald.Trigger {
		tr := &seriald.Trigger{ID: trigger1, PartID: "MADE", OperationCode: "OP-010"}
		change(tr)
		return tr
	}
	second := &seriald.Trigger{ID: trigger2, PartID: "MADE", FormatID: "tens"}
	assigned := func(trigger seriald.ID, first, count int) group {
		return group{seriald.EventAssigned, first, count, trigger}
	}
	for name, tc := range map[string]struct {
		data     string
		triggers []*seriald.Trigger
		numbers  []string
		groups   []group
	}{
		"a trigger fires": {
			`{"partId":"MADE","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {})},
			[]string{"D0331-001"},
			[]group{assigned(trigger1, 0, 1)},
		},
		"for each unit": {
			`{"partId":"MADE","operationCode":"OP-010","quantity":2}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {})},
			[]string{"D0331-001", "D0331-002"},
			[]group{assigned(trigger1, 0, 2)},
		},
		"its conditions hold": {
			`{"partId":"MADE","operationCode":"OP-010","workCenterId":"W1"}`,
			[]*seriald.Trigger{op010(func(tr *seriald.Trigger) { tr.Conditions = conditions(t, `{"workCenterId":"W1"}`) })},
			[]string{"D0331-001"},
			[]group{assigned(trigger1, 0, 1)},
		},
		"its conditions hold, another's don't": {
			`{"partId":"MADE","operationCode":"OP-010","workCenterId":"W1"}`,
			[]*seriald.Trigger{
				{ID: trigger2, PartID: "MADE", Conditions: conditions(t, `{"workCenterId":"W2"}`)},
				op010(func(tr *seriald.Trigger) { tr.Conditions = conditions(t, `{"workCenterId":"W1"}`) }),
			},
			[]string{"D0331-001"},
			[]group{assigned(trigger1, 0, 1)},
		},
		"several, in their order": {
			`{"partId":"MADE","operationCode":"OP-010","quantity":2}`,
			[]*seriald.Trigger{second, op010(func(*seriald.Trigger) {})},
			[]string{"T100", "T110", "D0331-001", "D0331-002"},
			[]group{assigned(trigger2, 0, 2), assigned(trigger1, 2, 2)},
		},
		"several with one counter": {
			`{"partId":"MADE","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {}), {ID: trigger2, PartID: "MADE"}},
			[]string{"D0331-001", "D0331-002"},
			[]group{assigned(trigger1, 0, 1), assigned(trigger2, 1, 1)},
		},
		"another part's triggers do not fire": {
			`{"partId":"MADE","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {}), {ID: trigger2, PartID: "PLAIN"}},
			[]string{"D0331-001"},
			[]group{assigned(trigger1, 0, 1)},
		},
		"batch mode": {
			`{"partId":"MADE","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(tr *seriald.Trigger) { tr.BatchMode, tr.BatchSize = true, 3 })},
			[]string{"D0331-001", "D0331-002", "D0331-003"},
			[]group{assigned(trigger1, 0, 3)},
		},
		"batch mode with a quantity": {
			`{"partId":"MADE","operationCode":"OP-010","quantity":25}`,
			[]*seriald.Trigger{op010(func(tr *seriald.Trigger) { tr.BatchMode, tr.BatchSize = true, 10 })},
			upTo(25),
			[]group{assigned(trigger1, 0, 10), assigned(trigger1, 10, 10), assigned(trigger1, 20, 5)},
		},
		"batch mode behind another": {
			`{"partId":"MADE","operationCode":"OP-010","quantity":3}`,
			[]*seriald.Trigger{second, op010(func(tr *seriald.Trigger) { tr.BatchMode, tr.BatchSize = true, 2 })},
			[]string{"T100", "T110", "T120", "D0331-001", "D0331-002", "D0331-003"},
			[]group{assigned(trigger2, 0, 3), assigned(trigger1, 3, 2), assigned(trigger1, 5, 1)},
		},
		"of a serial, which passes": {
			`{"serialNumber":"S1","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {})},
			[]string{"S1", "D0331-001"},
			[]group{{seriald.EventPropagated, 0, 1, seriald.ID{}}, assigned(trigger1, 1, 1)},
		},
		"of a serial whose part is named": {
			`{"serialNumber":"unknown","partId":"MADE","operationCode":"OP-010"}`,
			[]*seriald.Trigger{op010(func(*seriald.Trigger) {})},
			[]string{"D0331-001"},
			[]group{assigned(trigger1, 0, 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t, tc.triggers...))
			st.knows([]*seriald.Serial{{ID: seriald.ID{1}, Number: "S1", PartID: "MADE", Status: seriald.SerialActive}})
			d := decideOne(t, newItem(seriald.TypeOperationComplete, tc.data), st).numbered(t, st)
			if d.outcome.Status != seriald.StatusAccepted || d.partID != "MADE" {
				t.Errorf("got %+v of part %q", d.outcome, d.partID)
			}
			if diff := cmp.Diff(tc.numbers, numbers(d)); diff != "" {
				t.Errorf("numbers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.groups, groups(d), cmp.AllowUnexported(group{})); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			for _, g := range tc.groups { // a serial and its group have the same trigger
				for _, ref := range d.outcome.Serials[g.first : g.first+g.count] {
					for _, s := range d.serials {
						if s.ID == ref.ID && s.TriggerID != g.trigger {
							t.Errorf("serial %s is of trigger %s, want %s", s.Number, s.TriggerID, g.trigger)
						}
					}
				}
			}
		})
	}
}

// upTo returns the first n numbers of the day.
func upTo(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("D0331-%03d", i+1)
	}
	return all
}

// The request is in the audit of each trigger, and the serials point to it.
func TestOperationCompleteIsAudited(t *testing.T) {
	t.Parallel()
	st := newState(testCatalog(t, &seriald.Trigger{ID: trigger1, PartID: "MADE"}, &seriald.Trigger{ID: trigger2, PartID: "MADE", FormatID: "tens"}))
	d := decideOne(t, newItem(seriald.TypeOperationComplete, `{"partId":"MADE","quantity":2}`), st).numbered(t, st)
	executed := func(trigger seriald.ID) record {
		return record{
			seriald.AuditTriggerExecuted, seriald.AuditSuccess, "",
			`{"triggerId":"` + trigger.String() + `","assignmentType":"SYSTEM_GENERATED","units":2,"request":{"partId":"MADE","quantity":2}}`,
		}
	}
	made := func(number, format, version string, trigger seriald.ID) record {
		return record{
			seriald.AuditSerialGenerated, seriald.AuditSuccess, number,
			`{"formatId":"` + format + `","formatVersion":` + version + `,"triggerId":"` + trigger.String() + `"}`,
		}
	}
	want := []record{
		executed(trigger1), executed(trigger2),
		made("D0331-001", "daily", "3", trigger1), made("D0331-002", "daily", "3", trigger1),
		made("T100", "tens", "1", trigger2), made("T110", "tens", "1", trigger2),
	}
	if diff := cmp.Diff(want, records(t, st, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOperationCompleteIsIgnored(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data     string
		triggers []*seriald.Trigger
		message  string
	}{
		"no trigger": {`{"partId":"MADE"}`, nil, "no trigger of part MADE fires on OPERATION_COMPLETE"},
		"another operation": {
			`{"partId":"MADE","operationCode":"OP-020"}`,
			[]*seriald.Trigger{{ID: trigger1, PartID: "MADE", OperationCode: "OP-010"}},
			"no trigger of part MADE fires on OPERATION_COMPLETE at OP-020",
		},
		"conditions that do not hold": {
			`{"partId":"MADE","lotNumber":"L1"}`,
			[]*seriald.Trigger{{ID: trigger1, PartID: "MADE", Conditions: conditions(t, `{"lotNumber":"L2"}`)}},
			"no trigger of part MADE fires on OPERATION_COMPLETE",
		},
		"a trigger of another part": {
			`{"partId":"MADE"}`, []*seriald.Trigger{{ID: trigger1, PartID: "PLAIN"}}, "no trigger of part MADE fires on OPERATION_COMPLETE",
		},
		// It assigns otherwise, which does not matter while it does not fire.
		"a trigger that would be refused": {
			`{"partId":"MADE","operationCode":"OP-020"}`,
			[]*seriald.Trigger{{ID: trigger1, PartID: "MADE", OperationCode: "OP-010", AssignmentType: "VENDOR", FormatID: "none"}},
			"no trigger of part MADE fires on OPERATION_COMPLETE at OP-020",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(testCatalog(t, tc.triggers...))
			d := decideOne(t, newItem(seriald.TypeOperationComplete, tc.data), st).numbered(t, st)
			want := seriald.Outcome{
				EventID: "e1", Status: seriald.StatusIgnored, Code: seriald.CodeNoTrigger, Message: tc.message, ProcessedAt: testNow,
			}
			if diff := cmp.Diff(want, d.outcome); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if d.serials != nil || d.announcements != nil {
				t.Errorf("got serials %v and announcements %v", d.serials, d.announcements)
			}
			wantAudit := []record{{seriald.AuditEventIgnored, seriald.AuditSuccess, "", `{"code":"NO_TRIGGER","request":` + tc.data + `}`}}
			if diff := cmp.Diff(wantAudit, records(t, st, d)); diff != "" {
				t.Errorf("audit (-want +got):\n%s", diff)
			}
		})
	}
}
