package main

// seriald dlq: what could not be understood or processed.
//
//	list, show ◀── dead_letters ◀── MACHSHOP_DEADLETTERS ◀── bridge, processor
//	                    │                                        ▲
//	                 replay ──▶ MACHSHOP_EVENTS ─────────────────┘ if it fails again

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

type dlqCommand struct {
	List   dlqList   `cmd:"" help:"List dead letters, the latest first."`
	Show   dlqShow   `cmd:"" help:"Print a dead letter: where it came from, why it is here, its bytes."`
	Replay dlqReplay `cmd:"" help:"Publish dead letters again, with their id and time."`
}

type dlqList struct {
	Reason string `help:"Only those of this reason, as VALIDATION_ERROR."`
	Limit  int    `help:"At most so many." default:"50"`
	All    bool   `help:"Also those that were replayed."`
	JSON   bool   `help:"Print a JSON array."`
}

// Run lists dead letters.
func (c *dlqList) Run(ctx context.Context, s *session) error {
	if c.Limit < 1 {
		return usageError{errors.New("--limit: must be at least 1")}
	}
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	letters, err := db.DeadLetters(ctx, strings.ToUpper(c.Reason), c.All, store.LetterPlace{}, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		if letters == nil {
			letters = []store.DeadLetterSummary{} // an empty list, not null
		}
		return printJSON(s, letters)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tRECEIVED\tREASON\tBYTES\tREPLAYED\tORIGIN\tDETAIL")
	for i := range letters {
		l := &letters[i]
		replayed := "-"
		if l.ReplayedAt != nil {
			replayed = shownTime(*l.ReplayedAt)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", l.ID, shownTime(l.ReceivedAt), printable(l.Reason, 64), l.Size, replayed,
			printable(l.Origin, 120), printable(l.Detail, 120))
	}
	return w.Flush()
}

type dlqShow struct {
	ID  string `arg:"" help:"The letter's id, as dlq list prints it."`
	Raw bool   `help:"Print the bytes and nothing else."`
}

// Run prints a dead letter.
func (c *dlqShow) Run(ctx context.Context, s *session) error {
	id, err := letterArg(c.ID)
	if err != nil {
		return err
	}
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	l, err := db.DeadLetter(ctx, id)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", id, err)
	}
	if c.Raw {
		_, err := s.stdout.Write(l.Payload)
		return err
	}
	w := s.stdout
	fmt.Fprintf(w, "id        %s\nreceived  %s\norigin    %s\nreason    %s\ndetail    %s\n", l.ID, shownTime(l.ReceivedAt),
		printable(l.Origin, 0), printable(l.Reason, 0), printable(l.Detail, 0))
	if l.EventID != "" {
		fmt.Fprintf(w, "event     %s\n", printable(string(l.EventID), 0))
	}
	if l.ReplayedAt != nil {
		fmt.Fprintf(w, "replayed  %s\n", shownTime(*l.ReplayedAt))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		for _, value := range l.Headers[name] {
			fmt.Fprintf(w, "header    %s: %s\n", printable(name, 0), printable(value, 0))
		}
	}
	fmt.Fprintf(w, "bytes     %d", l.Size)
	if kept := int64(len(l.Payload)); kept < l.Size {
		fmt.Fprintf(w, ", of which the first %d are kept", kept)
	}
	fmt.Fprint(w, "\n\n")
	if isText(l.Payload) {
		fmt.Fprintf(w, "%s\n", l.Payload)
	} else {
		fmt.Fprint(w, hex.Dump(l.Payload))
	}
	return nil
}

func letterArg(text string) (seriald.ID, error) {
	id, err := seriald.ParseID(text)
	if err != nil || id.IsZero() {
		return id, usageError{fmt.Errorf("%q is not a dead letter's id: seriald dlq list prints them", text)}
	}
	return id, nil
}

// printable is text for a line of a terminal, which a letter must not be able to
// command; at most most characters if most is not 0.
func printable(s string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s))
	if most > 0 && len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// isText reports whether a terminal shows b as it is.
func isText(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t'
	})
}
