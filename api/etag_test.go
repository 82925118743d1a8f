package api

import (
	"net/http"
	"strings"
	"testing"
)

// What one has of a single resource one can ask about: whether it is still so.
func TestETag(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled))
	s := &Server{}
	s.describe(http.NewServeMux())
	single := 0
	for path, item := range s.api.OpenAPI().Paths {
		if item.Get == nil || !strings.HasSuffix(path, "/{id}") {
			continue
		}
		single++
		at, etag := "", ""
		for _, id := range []string{"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000003", "known"} {
			at = up + strings.TrimSuffix(path, "{id}") + id
			if res, _ := send(t, "supervisor", "GET", at, ""); res.StatusCode == http.StatusOK {
				etag = res.Header.Get("ETag")
				break
			}
		}
		if res, body := send(t, "supervisor", "GET", at, "", "If-None-Match", etag); etag == "" || res.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s: ETag %q, then %d %s", at, etag, res.StatusCode, body)
		}
	}
	if single < 9 {
		t.Errorf("%d single resources", single)
	}
}
