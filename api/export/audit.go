// Package export writes the audit as files that others read: CSV for spreadsheets, JSON
// Lines for programs. It knows nothing of HTTP.
package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald/store"
)

// Format is that of an exported file.
type Format string

// The formats of an export.
const (
	// CSV is that of RFC 4180 in UTF-8, without a byte order mark: lines that end in CRLF,
	// the first of which names the columns.
	CSV Format = "csv"
	// JSONL is JSON Lines: one object in each line, which ends in LF.
	JSONL Format = "jsonl"
)

// ContentType returns the media type of f: for CSV that of RFC 7111; JSON Lines has none
// that is registered, and the one that its users agreed on.
func (f Format) ContentType() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl"
}

// auditColumns are those of an audit event in CSV, named as in its JSON.
const auditColumns = "id,eventType,status,eventId,serialId,serialNumber,partId,siteId,performedBy,performedAt,deviceTime,oldValues,newValues\r\n"

// AuditWriter writes audit events to one file. It is not safe for concurrent use.
type AuditWriter struct {
	out   *bufio.Writer
	write func(*store.AuditRecord) error
}

// NewAuditWriter returns a writer of a format to w. Nothing is written before the first
// [AuditWriter.Write] or [AuditWriter.Flush]. The error says which formats there are.
func NewAuditWriter(w io.Writer, f Format) (*AuditWriter, error) {
	a := &AuditWriter{out: bufio.NewWriterSize(w, 64<<10)}
	switch f {
	case CSV:
		a.write = a.writeRow
		_, _ = a.out.WriteString(auditColumns) // is buffered
	case JSONL:
		lines := json.NewEncoder(a.out)
		lines.SetEscapeHTML(false)
		a.write = func(r *store.AuditRecord) error { return lines.Encode(r) }
	default:
		return nil, fmt.Errorf("format must be csv or jsonl, not %q", f)
	}
	return a, nil
}

// Write writes an audit event, some of it maybe later. Of an event's values JSON Lines has
// the JSON without its white space, CSV the text as it is in the database; times are RFC
// 3339 in UTC. A cell that a spreadsheet could take for a formula has an apostrophe in
// front. The error is that of the writer below, or of values that are no JSON.
func (a *AuditWriter) Write(r *store.AuditRecord) error {
	if err := a.write(r); err != nil {
		return fmt.Errorf("write audit event %s: %w", r.ID, err)
	}
	return nil
}

// Flush writes what is buffered: without it the file has no end.
func (a *AuditWriter) Flush() error {
	if err := a.out.Flush(); err != nil {
		return fmt.Errorf("write audit events: %w", err)
	}
	return nil
}

func (a *AuditWriter) writeRow(r *store.AuditRecord) error {
	deviceTime := ""
	if !r.DeviceTime.IsZero() {
		deviceTime = r.DeviceTime.Format(time.RFC3339Nano)
	}
	for i, cell := range [...]string{
		r.ID.String(), string(r.Type), string(r.Status), string(r.EventID), r.SerialID.String(), r.SerialNumber, r.PartID, r.SiteID,
		r.PerformedBy, r.PerformedAt.Format(time.RFC3339Nano), deviceTime, string(r.OldValues), string(r.NewValues),
	} {
		if i > 0 {
			_ = a.out.WriteByte(',') // the last write has the error of all
		}
		a.writeCell(cell)
	}
	_, err := a.out.WriteString("\r\n")
	return err
}

// writeCell quotes by hand: encoding/csv, told to end lines as RFC 4180 does, changes the
// line breaks within cells, too.
func (a *AuditWriter) writeCell(cell string) {
	cell = neutral(cell)
	if !strings.ContainsAny(cell, "\",\r\n") {
		_, _ = a.out.WriteString(cell)
		return
	}
	_ = a.out.WriteByte('"')
	_, _ = a.out.WriteString(strings.ReplaceAll(cell, `"`, `""`))
	_ = a.out.WriteByte('"')
}

// formulaStarts are what a spreadsheet's formulas begin with, or its parsers skip in front.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// neutral puts an apostrophe in front of what a spreadsheet would calculate, by the list of
// OWASP's "CSV Injection", and of what looks as if that had been done: so one apostrophe is
// to be taken away where such a thing has some in front, and the cell is as it was.
func neutral(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, "'"))
	if strings.ContainsRune(formulaStarts, first) {
		return "'" + cell
	}
	return cell
}
