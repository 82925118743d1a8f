package edge_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/api/edge"
)

func TestConditional(t *testing.T) {
	t.Parallel()
	etag := edge.ETag([]byte("body"))
	zipped := strings.TrimSuffix(etag, `"`) + `-gzip"`
	asked := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			edge.EnableETag(r.Context())
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, body[:len(body)/2])
			_, _ = io.WriteString(w, body[len(body)/2:])
		}
	}
	own := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `W/"v7"`)
		_, _ = io.WriteString(w, "body")
	}
	long := strings.Repeat("x", 1<<20+1)
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		method  string
		sent    []string // If-None-Match
		status  int
		etag    string
		body    string
	}{
		"first":                      {asked("body"), "GET", nil, 200, etag, "body"},
		"known":                      {asked("body"), "GET", []string{etag}, 304, etag, ""},
		"known as weak":              {asked("body"), "GET", []string{"W/" + etag}, 304, "W/" + etag, ""},
		"known compressed":           {asked("body"), "GET", []string{zipped}, 304, zipped, ""},
		"another is known":           {asked("body"), "GET", []string{`"other"`}, 200, etag, "body"},
		"one of those known":         {asked("body"), "GET", []string{`"a,b", W/"c" ,` + etag}, 304, etag, ""},
		"in the second header":       {asked("body"), "GET", []string{`"a"`, etag}, 304, etag, ""},
		"any":                        {asked("body"), "GET", []string{"*"}, 304, etag, ""},
		"it is no list":              {asked("body"), "GET", []string{strings.Trim(etag, `"`)}, 200, etag, "body"},
		"unquoted at the end":        {asked("body"), "GET", []string{strings.TrimSuffix(etag, `"`)}, 200, etag, "body"},
		"HEAD":                       {asked("body"), "HEAD", []string{etag}, 304, etag, ""},
		"HEAD without a body":        {asked(""), "HEAD", []string{"*"}, 200, "", ""},
		"POST":                       {asked("body"), "POST", []string{etag}, 200, "", "body"},
		"not asked for":              {text("body"), "GET", []string{etag}, 200, "", "body"},
		"the handler's own":          {own, "GET", []string{`"v7"`}, 304, `"v7"`, ""},
		"the handler's own, another": {own, "GET", []string{`"v8"`}, 200, `W/"v7"`, "body"},
		"too long to hold back":      {asked(long), "GET", []string{"*"}, 200, "", long},
		"as long as can be":          {asked(long[1:]), "GET", nil, 200, edge.ETag([]byte(long[1:])), long[1:]},
		"not found": {func(w http.ResponseWriter, r *http.Request) {
			edge.EnableETag(r.Context())
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "none")
		}, "GET", []string{"*"}, 404, "", "none"},
		"flushed": {func(w http.ResponseWriter, r *http.Request) {
			edge.EnableETag(r.Context())
			_, _ = io.WriteString(w, "1")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "2")
		}, "GET", []string{"*"}, 200, "", "12"},
	} {
		var headers []string
		for _, s := range tt.sent {
			headers = append(headers, "If-None-Match", s)
		}
		w := do(edge.RequestContext(nil)(edge.SecurityHeaders(edge.Conditional(tt.handler))), tt.method, headers...)
		if w.Code != tt.status || w.Header().Get("ETag") != tt.etag || w.Body.String() != tt.body {
			t.Errorf("%s: %d, ETag %s, %d bytes; want %d, %s, %d", name, w.Code, w.Header().Get("ETag"), w.Body.Len(), tt.status, tt.etag, len(tt.body))
		}
		if tt.status == 304 && (w.Header().Get("Content-Type") != "" || w.Header().Get("Content-Length") != "") {
			t.Errorf("%s: a 304 describes a body: %v", name, w.Header())
		}
	}
}

// TestETag holds that what is the same has the same ETag and what is not has another.
func TestETag(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		if (edge.ETag(a) == edge.ETag(b)) != bytes.Equal(a, b) {
			t.Errorf("%q has %s, %q has %s", a, edge.ETag(a), b, edge.ETag(b))
		}
		if e := edge.ETag(a); len(e) != 24 || strings.Trim(e[1:23], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s is not an entity-tag", e)
		}
	})
}

// FuzzIfNoneMatch holds that no If-None-Match is an error, and that 304 is answered
// only where the ETag is in it.
func FuzzIfNoneMatch(f *testing.F) {
	etag := edge.ETag([]byte("body"))
	for _, s := range []string{"", "*", etag, "W/" + etag, `"`, `"a", ` + etag, `W/`, `,,,`, strings.TrimSuffix(etag, `"`) + `-gzip"`} {
		f.Add(s)
	}
	h := edge.RequestContext(nil)(edge.Conditional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		edge.EnableETag(r.Context())
		_, _ = io.WriteString(w, "body")
	})))
	f.Fuzz(func(t *testing.T, sent string) {
		w := do(h, "GET", "If-None-Match", sent)
		known := strings.Contains(sent, strings.TrimSuffix(etag, `"`)) || strings.Contains(sent, "*")
		if w.Code != 200 && (w.Code != 304 || !known || w.Body.Len() != 0) {
			t.Errorf("%q is answered with %d", sent, w.Code)
		}
	})
}
