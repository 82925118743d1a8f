package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/store/storetest"
)

func (d *daemon) scan(input string, args ...string) (stdout, stderr string, code int) {
	d.tb.Helper()
	var out, errs bytes.Buffer
	cmd := d.command(append([]string{"scan"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	_ = cmd.Run() // the exit code says it
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestScanCommand(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "GS1_COMPANY_PREFIXES=0614141")
	out, errs, code := d.scan(`"]d2018061414112345821` + `6789"` + "\n" + `"SN-1"`)
	want := `{"kind":"gs1","symbology":"]d2","elements":[{"ai":"01","title":"GTIN","value":"80614141123458"},{"ai":"21","title":"SERIAL","value":"6789"}],` +
		`"canonical":"^0180614141123458216789","gtin":"80614141123458","serial":"6789","digitalLink":"https://id.gs1.org/01/80614141123458/21/6789",` +
		`"epcUri":"urn:epc:id:sgtin:0614141.812345.6789","ambiguous":false,"warnings":[]}` + "\n" +
		`{"kind":"plain","elements":[],"canonical":"SN-1","ambiguous":false,"warnings":[]}` + "\n"
	if out != want || errs != "" || code != exitOK {
		t.Errorf("exit %d, %q with\n%s\nwant\n%s", code, errs, out, want)
	}
	for name, tc := range map[string]struct {
		input  string
		args   []string
		out    string
		errs   string
		code   int
		answer int // lines
	}{
		"nothing":        {"", nil, "", "", exitOK, 0},
		"a wrong one":    {"\"A\"\n\"]d20109506000134353\"\n\"B\"\n", nil, `{"error":{"code":"BAD_SCAN","message":"(01) at byte 19: check digit`, "1 of 3 scans are wrong", exitFailure, 3},
		"no string":      {"A\n", nil, `must be a JSON string in quotes`, "1 of 1 scans are wrong", exitFailure, 1},
		"an empty line":  {"\n", nil, `must be a JSON string in quotes`, "1 of 1 scans are wrong", exitFailure, 1},
		"a profile":      {`"10L|0109506000134352"`, []string{"--profile", "gs1,separator=|"}, `"canonical":"^10L^0109506000134352"`, "", exitOK, 1},
		"no profile":     {`"A"`, []string{"--profile", "gs2"}, "", `--profile: "gs2" is no word of a profile`, exitUsage, 0},
		"an endless one": {strings.Repeat("x", longestScan+1), nil, "", "line 1 is longer than 1048576 bytes", exitFailure, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, code := d.scan(tc.input, tc.args...)
			if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) || strings.Count(out, "\n") != tc.answer {
				t.Errorf("exit %d, %q with\n%s\nwant %+v", code, errs, out, tc)
			}
		})
	}
}

// A scan becomes a serial of the part that has its GTIN, and a wrong one a dead
// letter that says what is wrong.
func TestScannedPart(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, `ROUTES=[{"topic":"machshop/plant1/line1/raw/event/read","site":"plant1","line":"line1","device":"raw",`+
		`"decoder":"scan","profile":"gs1,separator=|","defaults":{"operationCode":"OP-010"}}]`)
	d.start()
	d.publishRaw("read", "010950600013435210LOT1|240A\r\n")
	d.publishRaw("read", "0109506000134353")
	letter := d.waitListed(1)[0]
	if letter.Reason != string(seriald.CodeBadScan) {
		t.Errorf("dead letter %+v", letter)
	}
	if out, _, _ := d.call("dlq", "show", letter.ID); !strings.Contains(out, "(01) at byte 16: check digit is 3, must be 2") {
		t.Errorf("dlq show:\n%s", out)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(first(d.call("db", "url"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	const made = "SELECT count(*)::int FROM serials WHERE part_id = 'PART-001' AND lot_number = 'LOT1'"
	for deadline := time.Now().Add(patience); storetest.Value[int](t, conn, made) == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("no serial is made\n%s", d.output)
		}
	}
	// What was read is in the history.
	scan := storetest.Value[string](t, conn, "SELECT new_values->'request'->>'scan' FROM audit_events WHERE event_type = 'TRIGGER_EXECUTED'")
	if scan != "010950600013435210LOT1|240A" {
		t.Errorf("audited scan %q", scan)
	}
}

// BenchmarkScanLines is seriald scan on one core: scans per second.
func BenchmarkScanLines(b *testing.B) {
	lines := [][]byte{
		[]byte(`"]d2010950600013435221ABC123456789\u001d10LOT1\u001d17250930"` + "\n"),
		[]byte(`"]C10109506000134352"` + "\n"),
		[]byte(`"]E09506000134352"` + "\n"),
		[]byte(`"SN-2026-000123"` + "\n"),
		[]byte(`"https://id.gs1.org/01/09506000134352/10/LOT1/21/ABC?17=250930"` + "\n"),
		[]byte(`"[)>\u001e06\u001dP4711-0815\u001d1TLOT-1\u001dQ100\u001dS000123\u001e\u0004"` + "\n"),
	}
	a := &scanAnswers{prefixes: gs1.CompanyPrefixes{"9506000"}, year: 2026}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a.next(lines[i%len(lines)])
		i++
	}
	if a.wrong > 0 {
		b.Fatalf("%d wrong", a.wrong)
	}
	b.ReportMetric(float64(a.lines)/b.Elapsed().Seconds(), "scans/s")
}
