package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/machshop/seriald/store/storetest"
)

// hostile are texts that somebody else's program would stumble over.
var hostile = []string{
	"", " ", "'", "' OR '1'='1", "PART-001' OR partId IS NOT NULL --", "'; DROP TABLE serials; --", `\'; SELECT pg_sleep(9); --`, "%", "_", "*", "$1", "{id}", "${jndi:ldap://x}",
	"a\r\nX-Injected: 1", "a\nb", "\t", "\x00", "PART-001\x00", "\x1f", "\xff\xfe", "\xed\xa0\x80", "\ufffd", "\u202e", "é", "e\u0301", "😀", "<script>", "../../etc/passwd", "..", ".", "/", "a/b", "%2e%2e", "%00", "%zz",
	"null", "true", "-1", "0", "1e400000", "9223372036854775808", "NaN", strings.Repeat("9", 400), strings.Repeat("x", 201), strings.Repeat("é", 3000), "2026-02-30", "0000-01-01", "9999-12-31T23:59:59.999999999+14:00", "eyJ9",
}

// known are texts that mean something to the plant.
var known = []string{"PART-001", "PART-002", "PART-003", "plant1", "default", "SITE", "VENDOR", "KEEP", "RETIRE", "PASS", "OPERATION_COMPLETE", "SYSTEM_GENERATED", "OP-010", "2026-03-02", "S-1", "ACTIVE", "UTC", "{SEQ:4}", "^", "01a2231c-0000-7000-8000-000000000001"}

// literals are JSON values, and what only looks like them.
var literals = []string{
	"null", "true", "0", "-1", "1", "1.5", "100001", "9007199254740993", "9223372036854775808", "1e400000", "-1e-400000", strings.Repeat("9", 400), `"\ud800"`, `"\udc00\ud800"`, `"\u0000"`, "\"\xff\"", `"\x"`, `"`, "{", "NaN", "01", "[]", "{}", `[null]`, `[[]]`, `{"a":{"b":[1]}}`, `{"eq":1}`, `[{"partId":"PART-001"}]`,
	strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), strings.Repeat("[", 20000),
}

// genText draws a text, which more often than not is known.
func genText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(known), rapid.SampledFrom(known), rapid.SampledFrom(hostile), rapid.String())
}

// genValue draws a JSON value, or what is none.
func genValue(t *rapid.T) string {
	if rapid.IntRange(0, 3).Draw(t, "literal") == 0 {
		return rapid.SampledFrom(literals).Draw(t, "value")
	}
	b, err := json.Marshal(genText().Draw(t, "text"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// genBody draws a body with fields of s, and some of others.
func (c *contract) genBody(t *rapid.T, s *schema) string {
	for s.Ref != "" {
		s = c.description.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	names := append(slices.Sorted(maps.Keys(s.Properties)), "performedBy", "attributes", "partId", "unheardOf", "a\u0000", `'--`)
	var fields []string
	for _, name := range names {
		if rapid.IntRange(0, 3).Draw(t, name) == 0 && !slices.Contains(s.Required, name) {
			continue
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, string(quoted)+":"+genValue(t))
	}
	body := "{" + strings.Join(fields, ",") + "}"
	switch rapid.IntRange(0, 19).Draw(t, "spoilt") {
	case 0:
		return body[:rapid.IntRange(0, len(body)).Draw(t, "cut")]
	case 1:
		return genValue(t)
	}
	return body
}

// genRequest draws a request of an operation, and the part that it filters by, if it does.
func (c *contract) genRequest(t *rapid.T) (r request, part *string) {
	r.op = c.operations[rapid.SampledFrom(slices.Sorted(maps.Keys(c.operations))).Draw(t, "operation")]
	r.role, r.at = r.op.Role, r.op.path
	if r.role == "" {
		r.role = "admin"
	}
	query := url.Values{}
	for _, p := range r.op.Parameters {
		text := genText().Draw(t, p.Name)
		switch p.In {
		case "path":
			r.at = strings.Replace(r.at, "{"+p.Name+"}", url.PathEscape(text), 1)
		case "query":
			if rapid.IntRange(0, 2).Draw(t, "with "+p.Name) > 0 {
				continue
			}
			name := p.Name
			if name == "attributes" {
				name += "[" + genText().Draw(t, "attribute") + "]"
			}
			query.Set(name, text)
		case "header":
			if rapid.IntRange(0, 3).Draw(t, "with "+p.Name) == 0 {
				// What no client can send as one header it does not send.
				r.headers = append(r.headers, p.Name, strings.Trim(regexp.MustCompile(`[\x00-\x1f\x7f]`).ReplaceAllString(text, ""), " "))
			}
			continue
		}
		if p.Name == "partId" && (p.In == "path" || query.Has(p.Name) && text != "") {
			part = &text
		}
	}
	if len(query) > 0 {
		r.at += "?" + query.Encode()
	}
	if r.op.Body != nil {
		of := r.op.Body.Content["application/json"].Schema
		r.body = c.genBody(t, &of)
	}
	return r, part
}

// plantState is all that a refused request must leave as it is.
func plantState(t *rapid.T, db *pgx.Conn) string {
	var parts []string
	for _, table := range []string{
		"serials", "serial_assignment_triggers", "parts", "sites", "serial_formats", "late_assignment_placeholders", "serial_propagations", "users",
		"(SELECT * FROM serial_uniqueness_checks WHERE status IN ('CLAIMED', 'RELEASED'))", // a conflict is recorded
	} {
		parts = append(parts, `(SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(t::text, 0)), 0) FROM `+table+` AS t)`)
	}
	var state string
	if err := db.QueryRow(t.Context(), "SELECT concat_ws(', ', "+strings.Join(parts, ", ")+")").Scan(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

// foreign is what an answer has that is not of a part, "" if nothing.
func foreign(op *described, body, part string) string {
	var page struct {
		Data []struct {
			PartID      string
			Holder      struct{ PartID string }
			Challengers []struct{ PartID string }
		}
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		return ""
	}
	for _, row := range page.Data {
		of := []string{row.PartID}
		switch op.ID {
		case "propagationHistory": // the rows are of serials, which are of the part
			continue
		case "pendingConflicts", "conflictHistory":
			of[0] = row.Holder.PartID
			for _, c := range row.Challengers {
				of = append(of, c.PartID)
			}
		}
		if !slices.Contains(of, part) {
			return fmt.Sprint(of)
		}
	}
	return ""
}

// Whatever anybody sends, the service does not fail; what it refuses changes nothing; who
// asks for one part is told of no other; and what is put into a value stays in it.
func TestNoRequestBreaksTheService(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	db := storetest.Conn(t, c.dsn)
	before := ""
	rapid.Check(t, func(t *rapid.T) {
		if before == "" {
			before = plantState(t, db)
		}
		for range 4 {
			r, part := c.genRequest(t)
			a, err := c.ask(r)
			at := fmt.Sprintf("%s %s %.2000q %q: %d %.500s", r.op.method, r.at, r.body, r.headers, a.status, a.body)
			switch {
			case err != nil:
				t.Fatalf("%s: %v", at, err)
			case a.status >= http.StatusInternalServerError:
				t.Fatalf("%s", at)
			case a.header.Get("X-Injected") != "":
				t.Fatalf("%s: header %v", at, a.header)
			case strings.Contains(a.body, "PROCESSING_FAILED"):
				t.Fatalf("%s: a dead letter", at)
			case a.status < 400 && a.status >= 300, strings.Contains(a.body, "there is nothing at /"), a.status == http.StatusMethodNotAllowed: // a path of no operation
			case a.wrong != "":
				t.Fatalf("%s: %s", at, a.wrong)
			case a.status == http.StatusOK && part != nil && foreign(r.op, a.body, *part) != "":
				t.Fatalf("%s: has rows of %s", at, foreign(r.op, a.body, *part))
			}
			after := plantState(t, db)
			if (a.status >= 400 || r.op.method == http.MethodGet) && after != before {
				t.Fatalf("%s: changed what there is from\n%s to\n%s", at, before, after)
			}
			before = after
		}
	})
}
