package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// maxHeld is the most bytes of a body that is held back for its ETag; a longer one
// has none.
const maxHeld = 1 << 20

// ETag returns the strong validator of a body, with its quotes (RFC 9110 section 8.8.3).
func ETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// EnableETag asks Conditional for an ETag of the answer to the request of ctx, which
// is a single resource. It must be called before the answer begins.
func EnableETag(ctx context.Context) { requestOf(ctx).etag.Store(true) }

// Conditional answers GET and HEAD with 304 where If-None-Match has the ETag of the
// answer (RFC 9110 section 13.1.2). That ETag is the one that the handler set or, after
// EnableETag, one of the body, which is held back up to 1 MiB; clients may keep that
// answer then, to ask whether it is still true. Other answers are left alone.
func Conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		c := &conditional{ResponseWriter: w, r: r}
		next.ServeHTTP(c, r)
		c.finish()
	})
}

// conditional decides about an answer when its ETag is known.
type conditional struct {
	http.ResponseWriter
	r    *http.Request
	body bytes.Buffer // held back
	mode mode
}

type mode int

const (
	undecided mode = iota
	holding        // the body, for its ETag
	passing        // the answer as it is
	dropping       // the body of a 304
)

// WriteHeader implements [http.ResponseWriter].
func (c *conditional) WriteHeader(status int) {
	switch {
	case c.mode == holding || c.mode == dropping:
	case c.mode == passing || informational(status):
		c.ResponseWriter.WriteHeader(status)
	case status != http.StatusOK:
		c.pass(status)
	case c.Header().Get("ETag") != "":
		c.send()
	case requestOf(c.r.Context()).etag.Load():
		c.mode = holding
	default:
		c.pass(status)
	}
}

// pass begins an answer that is not held back any more.
func (c *conditional) pass(status int) {
	c.mode = passing
	c.ResponseWriter.WriteHeader(status)
}

// send begins an answer whose ETag is known.
func (c *conditional) send() {
	h := c.Header()
	known, ok := match(strings.Join(c.r.Header.Values("If-None-Match"), ","), h.Get("ETag"))
	if !ok {
		c.pass(http.StatusOK)
		return
	}
	h.Set("ETag", known) // the form that the client has, compressed or not
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
		h.Del(name)
	}
	c.mode = dropping
	c.ResponseWriter.WriteHeader(http.StatusNotModified)
}

// Write implements [http.ResponseWriter].
func (c *conditional) Write(b []byte) (int, error) {
	if c.mode == undecided {
		c.WriteHeader(http.StatusOK)
	}
	switch c.mode {
	case dropping:
		return len(b), nil
	case holding:
		if c.body.Len()+len(b) <= maxHeld {
			return c.body.Write(b)
		}
		if err := c.release(); err != nil {
			return 0, err
		}
	}
	return c.ResponseWriter.Write(b)
}

// release gives up holding the body back.
func (c *conditional) release() error {
	c.pass(http.StatusOK)
	_, err := c.ResponseWriter.Write(c.body.Bytes())
	c.body = bytes.Buffer{}
	return err
}

// finish sends what was held back.
func (c *conditional) finish() {
	if c.mode != holding {
		return
	}
	if c.body.Len() == 0 { // of HEAD, whose handler left out what the ETag would be of
		c.pass(http.StatusOK)
		return
	}
	h := c.Header()
	h.Set("ETag", ETag(c.body.Bytes()))
	if h.Get("Cache-Control") == "no-store" {
		h.Set("Cache-Control", "private, no-cache") // a validator is of no use to who may not keep what it is of
	}
	if c.send(); c.mode == passing {
		_, _ = c.ResponseWriter.Write(c.body.Bytes()) // a client that went away has no use for an error
	}
}

// FlushError is for [http.ResponseController]. What is flushed is not held back.
func (c *conditional) FlushError() error {
	if c.mode == undecided {
		c.WriteHeader(http.StatusOK)
	}
	if c.mode == holding {
		if err := c.release(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (c *conditional) Flush() { _ = c.FlushError() } // the next Write meets the error

// Unwrap is for [http.ResponseController].
func (c *conditional) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// match looks for etag in list, the value of If-None-Match, by the weak comparison, and
// returns the form that is there. That of a compressed body is one.
func match(list, etag string) (known string, ok bool) {
	opaque := strings.TrimPrefix(etag, "W/")
	zipped := strings.TrimSuffix(opaque, `"`) + etagSuffix + `"`
	for {
		list = strings.TrimLeft(list, " \t,")
		if strings.HasPrefix(list, "*") {
			return etag, true
		}
		tag := strings.TrimPrefix(list, "W/")
		if !strings.HasPrefix(tag, `"`) {
			return "", false
		}
		end := strings.IndexByte(tag[1:], '"')
		if end < 0 {
			return "", false
		}
		weak := len(list) - len(tag)
		if tag = tag[:end+2]; tag == opaque || tag == zipped {
			return list[:weak+len(tag)], true
		}
		list = list[weak+len(tag):]
	}
}
