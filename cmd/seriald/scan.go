package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// scanCommand parses scans:
//
//	stdin, a JSON string a line ──▶ gs1.Parser ──▶ stdout, a JSON object a line
type scanCommand struct {
	Profile string `help:"What the reader does to what it reads, separated by commas: plain, gs1, gtin, di, separator=…, leading, brackets, lost, partial." default:"strict"`
}

// longestScan is the longest line, in bytes: no symbol holds as much.
const longestScan = 1 << 20

// Run answers each line. A line that is wrong has an answer, too, and makes the
// command fail in the end.
func (c *scanCommand) Run(ctx context.Context, s *session) error {
	profile, err := gs1.ParseProfile(c.Profile)
	if err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	answers := &scanAnswers{
		parser: gs1.Parser{Profile: profile}, prefixes: s.settings.GS1CompanyPrefixes, year: time.Now().Year(),
	}
	ended := make(chan error, 1)
	go func() { ended <- answers.all(s.stdin, s.stdout) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done(): // it may be waiting for a line, which nothing ends
		return nil
	}
}

// scanAnswers makes answers, one for each line.
type scanAnswers struct {
	parser       gs1.Parser
	prefixes     gs1.CompanyPrefixes
	year         int
	lines, wrong int
	answer       []byte
}

// all answers the lines of in.
func (a *scanAnswers) all(in io.Reader, out io.Writer) error {
	r, w := bufio.NewReaderSize(in, longestScan), bufio.NewWriterSize(out, 64<<10)
	for ended := false; !ended; {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			ended = true
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d is longer than %d bytes", a.lines+1, longestScan)
		case err != nil:
			return fmt.Errorf("read line %d: %w", a.lines+1, err)
		}
		if !ended || len(line) > 0 {
			if _, err := w.Write(a.next(line)); err != nil {
				return err
			}
		}
		if ended || r.Buffered() == 0 { // nobody waits for an answer that is there
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	if a.wrong > 0 {
		return fmt.Errorf("%d of %d scans are wrong", a.wrong, a.lines)
	}
	return nil
}

// next returns the answer to a line, valid until the next one.
func (a *scanAnswers) next(line []byte) []byte {
	a.lines++
	var scan string
	err := json.Unmarshal(line, &scan)
	if err != nil {
		err = &gs1.Error{Rule: gs1.RuleSyntax, Detail: `must be a JSON string in quotes, with GS (0x1D) as \u001d`}
	}
	var m gs1.Message
	if err == nil {
		m, err = a.parser.Parse(scan)
	}
	if err != nil {
		a.wrong++
		return a.refusal(err)
	}
	a.answer = append(m.AppendJSON(a.answer[:0], a.prefixes, a.year), '\n')
	return a.answer
}

// refusal returns the answer to a line that is wrong.
func (a *scanAnswers) refusal(err error) []byte {
	type refusal struct {
		Code    seriald.Code `json:"code"`
		Message string       `json:"message"`
		Scan    error        `json:"scan"`
	}
	b, err := json.Marshal(map[string]refusal{"error": {seriald.CodeBadScan, err.Error(), err}})
	if err != nil {
		panic(err) // texts and a number
	}
	return append(b, '\n')
}
