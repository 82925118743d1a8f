package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/export"
	"github.com/machshop/seriald/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 123456000, time.UTC)

func full() store.AuditRecord {
	return store.AuditRecord{
		ID: seriald.ID{0: 1}, Type: seriald.AuditVendorReceived, Status: seriald.AuditSuccess, EventID: "e-1", SerialID: seriald.ID{0: 2},
		SerialNumber: "S,1", PartID: `PART "1"`, SiteID: "plant1", PerformedBy: "=cmd|' /C calc'!A0", PerformedAt: noon, DeviceTime: noon.Add(-time.Hour),
		OldValues: json.RawMessage(`{"a":1.0,"a":2}`), NewValues: json.RawMessage(`{"text":"<é>"}`),
	}
}

func bare() store.AuditRecord {
	return store.AuditRecord{ID: seriald.ID{0: 3}, Type: seriald.AuditConfigChanged, Status: seriald.AuditFailed, PerformedBy: "seed", PerformedAt: noon}
}

func written(t *testing.T, f export.Format, records ...store.AuditRecord) string {
	t.Helper()
	var out bytes.Buffer
	w, err := export.NewAuditWriter(&out, f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := w.Write(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAuditIsWritten(t *testing.T) {
	t.Parallel()
	const columns = "id,eventType,status,eventId,serialId,serialNumber,partId,siteId,performedBy,performedAt,deviceTime,oldValues,newValues\r\n"
	for name, tt := range map[string]struct {
		format  export.Format
		records []store.AuditRecord
		want    string
	}{
		"csv": {export.CSV, []store.AuditRecord{full(), bare()}, columns +
			`01000000-0000-0000-0000-000000000000,VENDOR_RECEIVED,SUCCESS,e-1,02000000-0000-0000-0000-000000000000,"S,1","PART ""1""",plant1,` +
			`'=cmd|' /C calc'!A0,2026-03-02T12:00:00.123456Z,2026-03-02T11:00:00.123456Z,"{""a"":1.0,""a"":2}","{""text"":""<é>""}"` + "\r\n" +
			"03000000-0000-0000-0000-000000000000,CONFIG_CHANGED,FAILED,,,,,,seed,2026-03-02T12:00:00.123456Z,,,\r\n"},
		"jsonl": {export.JSONL, []store.AuditRecord{full(), bare()}, `{"id":"01000000-0000-0000-0000-000000000000","eventType":"VENDOR_RECEIVED","status":"SUCCESS","eventId":"e-1",` +
			`"serialId":"02000000-0000-0000-0000-000000000000","serialNumber":"S,1","partId":"PART \"1\"","siteId":"plant1","performedBy":"=cmd|' /C calc'!A0",` +
			`"performedAt":"2026-03-02T12:00:00.123456Z","deviceTime":"2026-03-02T11:00:00.123456Z","oldValues":{"a":1.0,"a":2},"newValues":{"text":"<é>"}}` + "\n" +
			`{"id":"03000000-0000-0000-0000-000000000000","eventType":"CONFIG_CHANGED","status":"FAILED","performedBy":"seed","performedAt":"2026-03-02T12:00:00.123456Z"}` + "\n"},
		"csv of nothing":   {export.CSV, nil, columns},
		"jsonl of nothing": {export.JSONL, nil, ""},
	} {
		if diff := cmp.Diff(tt.want, written(t, tt.format, tt.records...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := export.NewAuditWriter(io.Discard, "xml"); err == nil || !strings.Contains(err.Error(), "csv or jsonl") {
		t.Errorf("xml: %v", err)
	}
}

func TestFormulasAreNeutral(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"": "", "S-1": "S-1", "'s": "'s", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM": "'@SUM", "\tx": "'\tx", "\r=x": "'\r=x", "\n=x": "'\n=x",
		"＝1": "'＝1", "'=1": "''=1", "''=1": "'''=1",
	} {
		r := bare()
		r.SerialNumber = cell
		rows := parse(t, written(t, export.CSV, r))
		if got := rows[1][5]; got != want || plain(got) != cell {
			t.Errorf("%q is written as %q, want %q, and read as %q", cell, got, want, plain(got))
		}
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsAreTold(t *testing.T) {
	t.Parallel()
	for _, f := range []export.Format{export.CSV, export.JSONL} {
		w, err := export.NewAuditWriter(fullDisk{}, f)
		if err != nil {
			t.Fatal(err)
		}
		r := bare()
		r.NewValues = json.RawMessage(`"` + strings.Repeat("x", 100<<10) + `"`)
		if err := w.Write(&r); !errors.Is(err, errFull) || !strings.Contains(err.Error(), r.ID.String()) {
			t.Errorf("%s: %v", f, err)
		}
		if err := w.Flush(); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// formula is what RFC 4180's readers could give a spreadsheet to calculate.
var formula = regexp.MustCompile(`^[=+\-@\t\r\n＝＋－＠]`)

// plain takes away what was put in front of a cell, as the package says.
func plain(cell string) string {
	if rest := strings.TrimLeft(cell, "'"); rest != cell && formula.MatchString(rest) {
		return cell[1:]
	}
	return cell
}

// parse reads RFC 4180 to the letter: encoding/csv reads line breaks in cells as others.
func parse(t *testing.T, text string) (rows [][]string) {
	t.Helper()
	for row := []string(nil); text != ""; {
		cell := ""
		if quoted, ok := strings.CutPrefix(text, `"`); ok {
			for {
				before, after, ok := strings.Cut(quoted, `"`)
				if !ok {
					t.Fatalf("a quote is not closed: %q", quoted)
				}
				cell += before
				if quoted, ok = strings.CutPrefix(after, `"`); !ok {
					text = after
					break
				}
				cell += `"`
			}
		} else {
			end := strings.IndexAny(text, ",\r\n\"")
			if end < 0 {
				t.Fatalf("a line does not end: %q", text)
			}
			cell, text = text[:end], text[end:]
		}
		row = append(row, cell)
		if rest, ok := strings.CutPrefix(text, ","); ok {
			text = rest
			continue
		}
		rest, ok := strings.CutPrefix(text, "\r\n")
		if !ok {
			t.Fatalf("%q is no end of a cell", text)
		}
		rows, row, text = append(rows, row), nil, rest
	}
	return rows
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"", "S-1", "=1", "'=1", "a\r\nb\rc\n", `"`, `","`, "'", "\xef\xbb\xbf=1", "\t", "-1,2", " x "} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, number, by string) {
		r := full()
		r.SerialNumber, r.PerformedBy = number, by
		text := written(t, export.CSV, r, r)
		rows := parse(t, text)
		if len(rows) != 3 {
			t.Fatalf("%d rows of 2 events: %q", len(rows), rows)
		}
		for _, row := range rows {
			if len(row) != 13 {
				t.Fatalf("%d cells: %q", len(row), row)
			}
			for _, cell := range row {
				if formula.MatchString(cell) {
					t.Errorf("a formula: %q", cell)
				}
			}
		}
		if row := rows[2]; plain(row[5]) != number || plain(row[8]) != by || row[11] != string(r.OldValues) || row[12] != string(r.NewValues) {
			t.Errorf("%q is not what was written: %q, %q", row, number, by)
		}
		// A reader of others agrees, but for the line breaks that it makes its own.
		others, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(others) != 3 || len(others[2]) != 13 {
			t.Fatalf("%v: %q", err, others)
		}
		if want := strings.ReplaceAll(rows[2][5], "\r\n", "\n"); others[2][5] != want {
			t.Errorf("encoding/csv reads %q, want %q", others[2][5], want)
		}
	})
}

func FuzzJSONL(f *testing.F) {
	for _, s := range []string{"", "S-1", "a\nb", `"`, "\u2028", "<&>"} {
		f.Add(s, `{"request": {"x": 1.0, "x": [1, 2]}}`)
		f.Add(s, "[\n-0e7 ]")
	}
	f.Fuzz(func(t *testing.T, number, values string) {
		if !utf8.ValidString(number) || !utf8.ValidString(values) || !json.Valid([]byte(values)) {
			return // the database has no such text
		}
		r := full()
		r.SerialNumber, r.NewValues = number, json.RawMessage(values)
		lines := strings.SplitAfter(written(t, export.JSONL, r, bare()), "\n")
		if len(lines) != 3 || lines[2] != "" {
			t.Fatalf("%d lines: %q", len(lines)-1, lines)
		}
		var got store.AuditRecord
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, r.NewValues); err != nil {
			t.Fatal(err)
		}
		r.NewValues = compact.Bytes()
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
