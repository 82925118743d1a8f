package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openJournalFor(t *testing.T, dir string) *journal {
	t.Helper()
	j, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.close)
	return j
}

// A line that was being written when the program was killed is gone when it is
// opened again, and what was synced is there and not taken twice.
func TestJournalIsOpenedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	j := openJournalFor(t, dir)
	for _, e := range []struct {
		id, json string
		isNew    bool
	}{{"1", "{\"id\":\n\"1\"}", true}, {"1", `{"id":"1"}`, false}, {"2", `{"id":"2"}`, true}} {
		if isNew, err := j.add(e.id, []byte(e.json)); isNew != e.isNew || err != nil {
			t.Errorf("%s: got %v, %v", e.json, isNew, err)
		}
	}
	if err := j.sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(dir); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "another mes keeps events here") {
		t.Errorf("opened by a second: %v", err)
	}
	if _, err := j.file.WriteString(`{"id":"3`); err != nil {
		t.Fatal(err)
	}
	j.close()

	j = openJournalFor(t, dir)
	for id, want := range map[string]bool{"1": false, "2": false, "3": true} {
		if isNew, err := j.add(id, []byte(`{"id":"`+id+`"}`)); isNew != want || err != nil {
			t.Errorf("%s is new: %v, %v", id, isNew, err)
		}
	}
	if err := j.sync(); err != nil {
		t.Fatal(err)
	}
	const want = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n"
	if got, err := os.ReadFile(j.file.Name()); string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// What can't be kept is an error, and nothing is taken for kept.
func TestJournalThatFails(t *testing.T) {
	t.Parallel()
	j := openJournalFor(t, t.TempDir())
	j.close()
	if _, err := j.add("1", []byte(`{"id":"1"}`)); err != nil {
		t.Fatal(err)
	}
	if err := j.sync(); !errors.Is(err, errJournal) {
		t.Errorf("a file that is closed: %v", err)
	}

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "serials.jsonl"), []byte("{}\nno event\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(dir); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "at byte 3") {
		t.Errorf("a file of something else: %v", err)
	}
	if _, err := openJournal(filepath.Join(dir, "serials.jsonl")); !errors.Is(err, errJournal) {
		t.Errorf("a directory that is a file: %v", err)
	}
}
