package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
)

// patternCommand is about patterns of serial numbers; nothing of it needs a
// database, and no number is used.
type patternCommand struct {
	Preview previewCommand        `cmd:"" help:"Show numbers that a pattern makes, and what is wrong with it."`
	Check   checkCharacterCommand `cmd:"" help:"Print the check character of a value."`
}

type previewCommand struct {
	Pattern   string    `arg:"" help:"Such as 'SN-{YYYY}-{SEQ:6}-{CHECK:luhn36}'."`
	Count     int       `help:"How many numbers." default:"10"`
	Start     int64     `help:"The counter's value of the first." default:"1"`
	Increment int64     `help:"From one value to the next." default:"1"`
	At        time.Time `help:"The local time, RFC 3339; now by default." format:"2006-01-02T15:04:05Z07:00"`
	Reset     string    `help:"When the counter starts again: ${enum}." enum:"never,yearly,monthly,weekly,daily" default:"never"`
	Site      string    `help:"For {SITE}." default:"plant1"`
	Part      string    `help:"For {PART}." default:"PART-001"`
	Line      string    `help:"For {LINE}." default:"line1"`
	WO        string    `help:"For {WO}." default:"WO-1" name:"wo"`
	Lot       string    `help:"For {LOT}." default:"LOT-1"`
	OP        string    `help:"For {OP}." default:"OP-010" name:"op"`
	GS1       bool      `help:"The part has a GTIN: numbers must fit into AI (21)." name:"gs1"`
}

// mostPreview is how many numbers are shown at most.
const mostPreview = 10_000

// Run prints numbers to stdout, one a line, and what is known of the pattern to
// stderr. A pattern that must not be used makes it fail.
func (c *previewCommand) Run(s *session) error {
	if c.Count < 1 || c.Count > mostPreview {
		return usageError{fmt.Errorf("--count: must be from 1 to %d", mostPreview)}
	}
	p, err := pattern.Parse(c.Pattern)
	if err != nil {
		return usageError{err}
	}
	if c.At.IsZero() {
		c.At = time.Now()
	}
	values := &pattern.Values{
		Local: c.At, Site: c.Site, Part: c.Part, Line: c.Line, WorkOrder: c.WO, Lot: c.Lot, Operation: c.OP,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
	}
	use := pattern.Use{Start: c.Start, Increment: c.Increment, GS1: c.GS1, Year: c.At.Year()}
	if reset := seriald.Reset(c.Reset); reset != seriald.ResetNever {
		use.Period, use.Unit = reset.Period, reset.Unit()
	}
	proof := p.Prove(use)
	numbers, err := p.Preview(values, c.Start, c.Increment, c.Count)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		fmt.Fprintln(s.stdout, number)
	}
	tell := func(kind string, all []pattern.Problem) {
		for _, one := range all {
			at := ""
			if one.Position > 0 {
				at = fmt.Sprintf("position %d: ", one.Position)
			}
			fmt.Fprintf(s.stderr, "%s: %s%s\n", kind, at, one.Message)
		}
	}
	tell("warning", proof.Warnings)
	tell("problem", proof.Problems)
	if len(proof.Problems) > 0 {
		return fmt.Errorf("pattern %q must not be used so", c.Pattern)
	}
	return nil
}

type checkCharacterCommand struct {
	Scheme string `arg:"" help:"luhn, luhn36, mod11, iso7064-11-2, iso7064-37-2, iso7064-97-10, iso7064-11-10, iso7064-37-36, damm, verhoeff, gs1 or gs1alpha."`
	Value  string `arg:"" help:"The number without its check character; what the scheme does not cover is skipped."`
}

// Run prints the check character, or the two of them.
func (c *checkCharacterCommand) Run(s *session) error {
	scheme, err := pattern.ParseScheme(c.Scheme)
	if err != nil {
		return usageError{err}
	}
	check, err := scheme.Check(c.Value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.stdout, check)
	return err
}
