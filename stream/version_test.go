package stream_test

import (
	"strings"
	"testing"

	"github.com/machshop/seriald/stream"
)

func TestLacksSaysWhatAnOldServerCanNotDo(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{
		"2.9.10":        {"atomic batches", "one process at a time", "power cut"},
		"2.10.0":        {"atomic batches", "one process at a time"},
		"2.11.4":        {"atomic batches", "one process at a time"},
		"2.12.0":        {"one process at a time"},
		"2.14.0-beta.1": nil,
		"3.0.0":         nil,
	} {
		got := stream.Lacks(version)
		parts := strings.Split(got, "; ")
		if got == "" {
			parts = nil
		}
		if len(parts) != len(want) {
			t.Errorf("%s lacks %q, want %q", version, parts, want)
			continue
		}
		for i := range want {
			if !strings.Contains(parts[i], want[i]) {
				t.Errorf("%s lacks %q, want %q", version, parts[i], want[i])
			}
		}
	}
}
