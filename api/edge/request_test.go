package edge_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/machshop/seriald/api/edge"
)

// seen returns what a handler sees of a request.
func seen(trusted []netip.Prefix, r *http.Request) (id string, client netip.Addr, answered string) {
	w := httptest.NewRecorder()
	edge.RequestContext(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, client = edge.RequestID(r.Context()), edge.Client(r.Context())
	})).ServeHTTP(w, r)
	return id, client, w.Header().Get("X-Request-ID")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ids   []string
		taken bool
	}{
		"none":            {nil, false},
		"empty":           {[]string{""}, false},
		"a UUID":          {[]string{"0199f1e2-7c1b-7a3e-8d2f-0123456789ab"}, true},
		"base64":          {[]string{"a+b/c=="}, true},
		"a trace":         {[]string{"Root=1:67891233.abcdef012345678912345678_x"}, true},
		"a line break":    {[]string{"a\nb"}, false},
		"a blank":         {[]string{"a b"}, false},
		"markup":          {[]string{"<script>"}, false},
		"not ASCII":       {[]string{"ä"}, false},
		"longest":         {[]string{strings.Repeat("a", 128)}, true},
		"too long":        {[]string{strings.Repeat("a", 129)}, false},
		"two, so neither": {[]string{"a", "b"}, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = tt.ids
		id, _, answered := seen(nil, r)
		if id != answered {
			t.Errorf("%s: the handler has %q, the client %q", name, id, answered)
		}
		if tt.taken {
			if id != tt.ids[0] {
				t.Errorf("%s: %q became %q", name, tt.ids, id)
			}
		} else if made, err := uuid.Parse(id); err != nil || made.Version() != 7 {
			t.Errorf("%s: %q is no UUIDv7: %v", name, id, err)
		}
	}
}

// FuzzRequestID holds that whatever a client sends, the id goes into a header and a
// log line as it is.
func FuzzRequestID(f *testing.F) {
	for _, id := range []string{"", "abc", "a b", "a\r\nSet-Cookie: x", "\x00", "ä", strings.Repeat("9", 200), `"`, "${jndi:x}"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{sent}
		id, _, answered := seen(nil, r)
		if id == "" || id != answered || len(id) > 128 {
			t.Errorf("%q became %q, answered %q", sent, id, answered)
		}
		if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>{}\\`$;", r) }) {
			t.Errorf("%q was taken", id)
		}
	})
}

func TestClient(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")
	for name, tt := range map[string]struct {
		peer      string
		forwarded []string // X-Forwarded-For
		want      string
	}{
		"no proxy":                       {"192.0.2.1:99", nil, "192.0.2.1"},
		"a stranger claims":              {"192.0.2.1:99", []string{"198.51.100.7"}, "192.0.2.1"},
		"a stranger claims to be ours":   {"192.0.2.1:99", []string{"10.0.0.1"}, "192.0.2.1"},
		"a proxy":                        {"10.0.0.1:99", []string{"192.0.2.1"}, "192.0.2.1"},
		"a proxy that is silent":         {"10.0.0.1:99", nil, "10.0.0.1"},
		"a client that lies to a proxy":  {"10.0.0.1:99", []string{"198.51.100.7, 192.0.2.1"}, "192.0.2.1"},
		"two proxies":                    {"10.0.0.1:99", []string{"198.51.100.7, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		"in two headers":                 {"10.0.0.1:99", []string{"198.51.100.7, 192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		"all are ours":                   {"10.0.0.1:99", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		"unknown":                        {"10.0.0.1:99", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		"unknown behind a proxy":         {"10.0.0.1:99", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"nothing between commas":         {"10.0.0.1:99", []string{"192.0.2.1,,10.0.0.2"}, "10.0.0.2"},
		"empty":                          {"10.0.0.1:99", []string{""}, "10.0.0.1"},
		"with a port":                    {"10.0.0.1:99", []string{"192.0.2.1:1234"}, "192.0.2.1"},
		"IPv6":                           {"[fd00::1]:99", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":               {"[fd00::1]:99", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":               {"[fd00::1]:99", []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		"IPv6 with a zone":               {"[fe80::1%eth0]:99", nil, "fe80::1"},
		"IPv4 in IPv6 is IPv4":           {"[::ffff:10.0.0.1]:99", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"a peer that is not an address":  {"@", []string{"192.0.2.1"}, "invalid IP"},
		"a name instead of the proxies'": {"10.0.0.1:99", []string{"localhost"}, "10.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.peer
		r.Header["X-Forwarded-For"] = tt.forwarded
		r.Header.Set("Forwarded", "for=203.0.113.9") // never believed
		if _, got, _ := seen(trusted, r); got.String() != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestClientIsNeverChosen holds that no X-Forwarded-For a client sends changes what it
// is taken for, through however many proxies, and in whatever form they write it.
func TestClientIsNeverChosen(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8", "fd00::/8")
	ours := rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.Bool().Draw(t, "v4") {
			return netip.AddrFrom4([4]byte{10, rapid.Byte().Draw(t, "b"), 0, rapid.Byte().Draw(t, "d")})
		}
		return netip.AddrFrom16([16]byte{0: 0xfd, 15: rapid.Byte().Draw(t, "last")})
	})
	theirs := rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.Bool().Draw(t, "v4") {
			return netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "d")})
		}
		return netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 7: rapid.Byte().Draw(t, "net"), 15: rapid.Byte().Draw(t, "last")})
	})
	written := func(t *rapid.T, a netip.Addr) string {
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0:
			return netip.AddrPortFrom(a, 4711).String()
		case 1:
			return netip.AddrFrom16(a.As16()).String()
		}
		return " " + a.String() + "\t"
	}
	rapid.Check(t, func(t *rapid.T) {
		client, proxies := theirs.Draw(t, "client"), rapid.SliceOfN(ours, 0, 4).Draw(t, "proxies")
		headers := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`(10\.0\.0\.[1-9], ?){0,3}192\.0\.2\.77`)), 0, 3).Draw(t, "forged")
		peer := client
		for _, p := range proxies { // each writes down who it talks to
			if n := len(headers); n > 0 && rapid.Bool().Draw(t, "appends") {
				headers[n-1] += "," + written(t, peer)
			} else {
				headers = append(headers, written(t, peer))
			}
			peer = p
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = netip.AddrPortFrom(peer, 1).String()
		r.Header["X-Forwarded-For"] = headers
		if _, got, _ := seen(trusted, r); got != client {
			t.Errorf("%s is taken for %s: %q", client, got, headers)
		}
	})
}

func TestLogHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(edge.LogHandler(edge.LogHandler(slog.NewTextHandler(&out, nil)))).With("part", "P")
	log.InfoContext(t.Context(), "outside")
	do(edge.RequestContext(nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		log.InfoContext(r.Context(), "inside")
	})), "GET", "X-Request-ID", "r-1")
	lines := strings.Split(out.String(), "\n")
	if strings.Contains(lines[0], "request_id") || !strings.HasSuffix(lines[1], "msg=inside part=P request_id=r-1") || strings.Count(lines[1], "r-1") != 1 {
		t.Errorf("it is logged:\n%s", out.String())
	}
}

func TestOutsideOfRequestContext(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	edge.SetUser(ctx, "mira")
	edge.EnableETag(ctx)
	edge.NoTimeLimit(ctx)
	if edge.RequestID(ctx) != "" || edge.User(ctx) != "" || edge.Client(ctx).IsValid() {
		t.Error("a context without a request knows of one")
	}
}
