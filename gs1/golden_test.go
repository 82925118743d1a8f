package gs1

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What a scan says, or what is wrong with it, a line each: a change of anything is
// seen here.
func TestGoldenScans(t *testing.T) {
	t.Parallel()
	in, err := os.ReadFile("testdata/scans.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for line := range bytes.Lines(in) {
		var scan string
		if err := json.Unmarshal(line, &scan); err != nil {
			t.Fatal(err)
		}
		got = append(got, bytes.TrimSpace(line)...)
		got = append(got, "\n\t"...)
		m, err := Parse(scan)
		if err != nil {
			got = append(append(got, err.Error()...), '\n')
			continue
		}
		got = append(m.AppendJSON(got, CompanyPrefixes{"9506000", "0614141"}, 2026), '\n')
	}
	const file = "testdata/scans.golden"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got), go test -update writes it anew:\n%s", diff)
	}
}
