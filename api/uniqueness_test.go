package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// catalogOf has some parts at sites: FOLD compares without regard to case and has a rule,
// WIDE is unique everywhere.
func catalogOf(version int64, sites ...string) *seriald.Catalog {
	c := &seriald.Catalog{Version: version, Sites: map[string]*seriald.Site{}, Parts: map[string]*seriald.Part{}, GTINs: map[string]*seriald.Part{}}
	for _, id := range sites {
		c.Sites[id] = &seriald.Site{ID: id, Location: time.UTC}
	}
	own, vendor := []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}, []seriald.Scope{seriald.ScopeVendor}
	pattern, _ := seriald.CompileRule(`[A-Za-z]+-\d+.*`)
	for _, p := range []*seriald.Part{
		{ID: "PART-001", Type: "WIDGET", GTIN: "09506000134352", UniquenessScopes: own, VendorScopes: vendor},
		{ID: "FOLD", Type: "WIDGET", UniquenessScopes: own, VendorScopes: vendor, Rule: seriald.NumberRule{MinLength: 3, MaxLength: 12, Pattern: pattern, Fold: true}},
		{ID: "WIDE", Type: "GADGET", UniquenessScopes: []seriald.Scope{seriald.ScopeEnterprise}, VendorScopes: []seriald.Scope{seriald.ScopeVendor, seriald.ScopeEnterprise}},
		{ID: "A/B C", Type: "ODD", UniquenessScopes: own, VendorScopes: vendor},
	} {
		c.Parts[p.ID] = p
		if p.GTIN != "" {
			c.GTINs[p.GTIN] = p
		}
	}
	return c
}

func (f fakeDatabase) Catalog(context.Context) (*seriald.Catalog, error) {
	if f.err != nil {
		return nil, f.err
	}
	return catalogOf(7, "plant1", "plant2"), nil
}

func (f fakeDatabase) CatalogVersion(context.Context) (int64, error) { return 7, f.err }

// heldClaims are who holds what: a serial of PART-001 at plant1 and in its family, a
// registration, a vendor's serial.
var heldClaims = map[seriald.Claim]*store.Holder{
	{Scope: "SITE", ScopeKey: "plant1", Canonical: "S-1"}:             {ClaimID: seriald.ID{15: 1}, SerialID: seriald.ID{15: 5}, PartID: "PART-001", EventID: "made", Number: "S-1"},
	{Scope: "PART_TYPE", ScopeKey: "WIDGET", Canonical: "S-1"}:        {ClaimID: seriald.ID{15: 2}, SerialID: seriald.ID{15: 5}, PartID: "PART-001", EventID: "made", Number: "S-1"},
	{Scope: "PART_TYPE", ScopeKey: "WIDGET", Canonical: "sn-1"}:       {ClaimID: seriald.ID{15: 3}, SerialID: seriald.ID{15: 6}, PartID: "FOLD", EventID: "scan", Number: "Sn-1"},
	{Scope: "ENTERPRISE", Canonical: "R-1"}:                           {ClaimID: seriald.ID{15: 4}, PartID: "WIDE", EventID: "reg", Number: "R-1"},
	{Scope: "VENDOR", ScopeKey: "acme\x1fWIDE", Canonical: "R-1"}:     {ClaimID: seriald.ID{15: 5}, SerialID: seriald.ID{15: 7}, PartID: "WIDE", EventID: "recv", Number: "R-1"},
	{Scope: "VENDOR", ScopeKey: "acme\x1fPART-001", Canonical: "V-1"}: {ClaimID: seriald.ID{15: 6}, SerialID: seriald.ID{15: 8}, PartID: "PART-001", EventID: "recv", Number: "V-1"},
}

func keyOf(c *seriald.Claim) seriald.Claim {
	return seriald.Claim{Scope: c.Scope, ScopeKey: c.ScopeKey, Canonical: c.Canonical}
}

func (f fakeDatabase) Holders(_ context.Context, claims []seriald.Claim) ([]*store.Holder, error) {
	if f.err != nil {
		return nil, f.err
	}
	holders := make([]*store.Holder, len(claims))
	for i := range claims {
		holders[i] = heldClaims[keyOf(&claims[i])]
	}
	return holders, nil
}

func (f fakeDatabase) UniquenessStatistics(_ context.Context, partID string) (store.UniquenessStatistics, error) {
	switch {
	case f.err != nil:
		return store.UniquenessStatistics{}, f.err
	case partID == "idle":
		return store.UniquenessStatistics{ConflictsEnded: 1, WithConflicts: 1}, nil
	case partID == "broad":
		return store.UniquenessStatistics{}, store.ErrTooBroad
	case strings.Contains(partID, "\x00"):
		return store.UniquenessStatistics{}, store.ErrBadData
	}
	return store.UniquenessStatistics{Unique: 8, WithConflicts: 2, ConflictsEnded: 3}, nil
}

const none = `{"hasConflict":false,"conflictingSerialIds":[],"conflictingScopes":[],"conflictType":null,"holders":[]}`

func TestCheckUniqueness(t *testing.T) {
	t.Parallel()
	up, one, down := dependencies(nil, StateConnected, StateConnected, StateDisabled), dependencies(nil, StateConnected, StateConnected, StateDisabled),
		dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled)
	one.Database = &watchedDatabase{catalog: catalogOf(7, "plant1")}
	const path = "/api/v1/serialization/uniqueness/check"
	upURL, oneURL, downURL := serve(t, Config{Host: "127.0.0.1"}, up)+path, serve(t, Config{Host: "127.0.0.1"}, one)+path, serve(t, Config{Host: "127.0.0.1"}, down)+path
	const id = `"00000000-0000-0000-0000-0000000000`
	for name, tt := range map[string]struct {
		url, body string
		code      int
		want      string
	}{
		"free": {upURL, `{"serialNumber":"S-2","partId":"PART-001","siteId":"plant1"}`, 200, none},
		"taken": {
			upURL, `{"serialNumber":" S-1 ","partId":"PART-001","siteId":"plant1"}`, 200,
			`{"hasConflict":true,"conflictingSerialIds":[` + id + `05"],"conflictingScopes":["SITE","PART_TYPE"],"conflictType":"SERIAL","holders":[` +
				`{"scope":"SITE","serialId":` + id + `05","serialNumber":"S-1","partId":"PART-001"},{"scope":"PART_TYPE","serialId":` + id + `05","serialNumber":"S-1","partId":"PART-001"}]}`,
		},
		"at another site":      {upURL, `{"serialNumber":"S-1","partId":"PART-001","siteId":"plant2"}`, 200, `"conflictingScopes":["PART_TYPE"]`},
		"a scope that is free": {upURL, `{"serialNumber":"S-1","partId":"PART-001","scope":["ENTERPRISE"]}`, 200, none},
		"a site's scope":       {upURL, `{"serialNumber":"S-1","partId":"PART-001","scope":["SITE"],"siteId":"plant1"}`, 200, `"conflictingScopes":["SITE"]`},
		"no scope at all":      {upURL, `{"serialNumber":"S-1","partId":"PART-001","scope":[],"siteId":"plant1"}`, 200, `"conflictingScopes":["SITE","PART_TYPE"]`},
		"the only site":        {oneURL, `{"serialNumber":"S-1","partId":"PART-001","scope":["SITE"]}`, 200, `"conflictingScopes":["SITE"]`},
		"a GTIN":               {oneURL, `{"serialNumber":"S-1","gtin":"9506000134352"}`, 200, `"conflictingScopes":["SITE","PART_TYPE"]`},
		"another case":         {upURL, `{"serialNumber":"SN-1","partId":"FOLD","siteId":"plant1"}`, 200, `"serialNumber":"Sn-1","partId":"FOLD"`},
		"case that counts":     {upURL, `{"serialNumber":"s-1","partId":"PART-001","siteId":"plant1"}`, 200, none},
		"registered": {
			upURL, `{"serialNumber":"R-1","partId":"WIDE"}`, 200,
			`{"hasConflict":true,"conflictingSerialIds":[],"conflictingScopes":["ENTERPRISE"],"conflictType":"REGISTERED","holders":[{"scope":"ENTERPRISE","serialNumber":"R-1","partId":"WIDE","registeredByEventId":"reg"}]}`,
		},
		"both":                   {upURL, `{"serialNumber":"R-1","partId":"WIDE","vendorName":" Acme "}`, 200, `"conflictingSerialIds":[` + id + `07"],"conflictingScopes":["VENDOR","ENTERPRISE"],"conflictType":"SERIAL"`},
		"a vendor's":             {upURL, `{"serialNumber":"V-1","partId":"PART-001","vendorName":"ACME"}`, 200, `"conflictingScopes":["VENDOR"]`},
		"of another vendor":      {upURL, `{"serialNumber":"V-1","partId":"PART-001","vendorName":"Other"}`, 200, none},
		"other fields":           {upURL, `{"serialNumber":"R-2","partId":"WIDE","siteId":"plant1","note":7}`, 200, none},
		"unknown part":           {upURL, `{"serialNumber":"S-1","partId":"GONE","siteId":"plant1"}`, 404, `"detail":"partId \"GONE\" is not known","code":"PART_NOT_FOUND","errors":[{"field":"partId"`},
		"unknown GTIN":           {upURL, `{"serialNumber":"S-1","gtin":"04006381333931"}`, 404, `"code":"PART_NOT_FOUND"`},
		"unknown site":           {upURL, `{"serialNumber":"S-1","partId":"PART-001","siteId":"moon"}`, 404, `"code":"SITE_NOT_FOUND"`},
		"unknown, not needed":    {upURL, `{"serialNumber":"R-1","partId":"WIDE","siteId":"moon"}`, 404, `"code":"SITE_NOT_FOUND"`},
		"no site":                {upURL, `{"serialNumber":"S-1","partId":"PART-001"}`, 400, `"errors":[{"field":"siteId","message":"is required: the scope SITE is that of a site, and there are 2"}]`},
		"too short":              {upURL, `{"serialNumber":"S1","partId":"FOLD","siteId":"plant1"}`, 422, `"detail":"serialNumber \"S1\" has 2 characters; the part asks for at least 3","code":"FORMAT_MISMATCH","errors":[{"field":"serialNumber"`},
		"another form":           {upURL, `{"serialNumber":"1234","partId":"FOLD","siteId":"plant1"}`, 422, `"code":"FORMAT_MISMATCH"`},
		"a control character":    {upURL, `{"serialNumber":"S\u00071","partId":"PART-001","siteId":"plant1"}`, 422, `"code":"FORMAT_MISMATCH"`},
		"a NUL":                  {upURL, `{"serialNumber":"S\u0000","partId":"PART-001","siteId":"plant1"}`, 400, `"errors":[{"field":"serialNumber"`},
		"a vendor's NUL":         {upURL, `{"serialNumber":"S","partId":"PART-001","vendorName":"A\u001fB"}`, 400, `"errors":[{"field":"vendorName"`},
		"no number":              {upURL, `{"serialNumber":" ","partId":"PART-001"}`, 400, `"errors":[{"field":"serialNumber","message":"is required"}]`},
		"no part":                {upURL, `{"serialNumber":"S-1"}`, 400, `"errors":[{"field":"partId"`},
		"a vendor's, nameless":   {upURL, `{"serialNumber":"V-1","partId":"PART-001","scope":["VENDOR"]}`, 400, `"errors":[{"field":"vendorName"`},
		"no such scope":          {upURL, `{"serialNumber":"V-1","partId":"PART-001","scope":["site"]}`, 400, `"errors":[{"field":"scope"`},
		"a scope twice":          {upURL, `{"serialNumber":"V-1","partId":"PART-001","scope":["SITE","SITE"]}`, 400, `"errors":[{"field":"scope"`},
		"scope is no list":       {upURL, `{"serialNumber":"V-1","partId":"PART-001","scope":"SITE"}`, 400, `"errors":[{"field":"scope"`},
		"a number that is none":  {upURL, `{"serialNumber":7,"partId":"PART-001"}`, 400, `"errors":[{"field":"serialNumber"`},
		"too long":               {upURL, `{"serialNumber":"` + strings.Repeat("x", 201) + `","partId":"PART-001"}`, 400, `"errors":[{"field":"serialNumber"`},
		"no object":              {upURL, `[]`, 400, `"errors":[{"field":"body"`},
		"null":                   {upURL, `null`, 400, `"code":"VALIDATION_ERROR"`},
		"no JSON":                {upURL, `{`, 400, `"errors":[{"field":"body"`},
		"nothing":                {upURL, ``, 400, `"errors":[{"field":"body"`},
		"a book":                 {upURL, `{"note":"` + strings.Repeat("x", 16<<10) + `"}`, 413, `"code":"PAYLOAD_TOO_LARGE"`},
		"without a database":     {downURL, `{"serialNumber":"S-1","partId":"PART-001","siteId":"plant1"}`, 503, `"code":"UNAVAILABLE"`},
		"a part it can't know":   {downURL, `{"serialNumber":"S-1","partId":"GONE"}`, 503, `"code":"UNAVAILABLE"`},
		"what is wrong is wrong": {downURL, `{"partId":"PART-001"}`, 400, `"errors":[{"field":"serialNumber"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body := callWith(t, "POST", tt.url, tt.body)
			if res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d with\n%s", res.StatusCode, body, tt.code, tt.want)
			}
			if mediaType := res.Header.Get("Content-Type"); (mediaType == "application/problem+json") != (tt.code >= 400) {
				t.Errorf("%d is %s", tt.code, mediaType)
			}
		})
	}
	if res, body := call(t, "GET", upURL); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %s", res.StatusCode, body)
	}
}

// watchedDatabase notes for which claims it was asked, and fails on demand.
type watchedDatabase struct {
	fakeDatabase
	catalog *seriald.Catalog

	mu     sync.Mutex
	asked  []seriald.Scope
	failed error // of Holders
}

func (d *watchedDatabase) Catalog(context.Context) (*seriald.Catalog, error) { return d.catalog, nil }

func (d *watchedDatabase) Holders(ctx context.Context, claims []seriald.Claim) ([]*store.Holder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range claims {
		d.asked = append(d.asked, claims[i].Scope)
	}
	if d.failed != nil {
		return nil, d.failed
	}
	return d.fakeDatabase.Holders(ctx, claims)
}

// takenCache knows what it is told, unless it is away, and notes what it was told.
type takenCache struct {
	mu    sync.Mutex
	knows map[seriald.Claim]*store.Holder
	away  bool
	short bool // answers for fewer claims than it was asked
	added []seriald.Scope
}

func (c *takenCache) Taken(_ context.Context, claims []seriald.Claim) []*store.Holder {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return nil
	}
	if c.short {
		claims = claims[:1]
	}
	holders := make([]*store.Holder, len(claims))
	for i := range claims {
		holders[i] = c.knows[keyOf(&claims[i])]
	}
	return holders
}

func (c *takenCache) Add(_ context.Context, claims []seriald.Claim, holders []*store.Holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range claims {
		if holders[i] == nil {
			panic("a claim that nobody holds was added")
		}
		c.added = append(c.added, claims[i].Scope)
		if !c.away {
			c.knows[keyOf(&claims[i])] = holders[i]
		}
	}
}

// What the cache knows, does not know or never says changes who is asked, and nothing
// of the answer.
func TestCacheChangesOnlyWhoIsAsked(t *testing.T) {
	t.Parallel()
	const taken, free = `{"serialNumber":"S-1","partId":"PART-001","siteId":"plant1"}`, `{"serialNumber":"S-9","partId":"PART-001","siteId":"plant1"}`
	both := []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}
	site := seriald.Claim{Scope: "SITE", ScopeKey: "plant1", Canonical: "S-1"}
	for name, tt := range map[string]struct {
		cache        *takenCache // nil: none
		knows        []seriald.Claim
		body         string
		asked, added []seriald.Scope // of the first of two equal requests
		again        []seriald.Scope // is asked by the second
	}{
		"no cache":             {nil, nil, taken, both, nil, both},
		"it knows nothing":     {&takenCache{}, nil, taken, both, both, nil},
		"it knows one":         {&takenCache{}, []seriald.Claim{site}, taken, both[1:], both[1:], nil},
		"it knows all":         {&takenCache{}, slices.Collect(maps.Keys(heldClaims)), taken, nil, nil, nil},
		"it is away":           {&takenCache{away: true}, nil, taken, both, both, both},
		"it answers too few":   {&takenCache{short: true}, slices.Collect(maps.Keys(heldClaims)), taken, both[1:], both[1:], both[1:]},
		"free, no cache":       {nil, nil, free, both, nil, both},
		"free":                 {&takenCache{}, nil, free, both, nil, both},
		"free, whatever it is": {&takenCache{}, slices.Collect(maps.Keys(heldClaims)), free, both, nil, both},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := &watchedDatabase{catalog: catalogOf(7, "plant1")}
			deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
			deps.Database = database
			if tt.cache != nil {
				tt.cache.knows = map[seriald.Claim]*store.Holder{}
				for _, c := range tt.knows {
					tt.cache.knows[c] = heldClaims[c]
				}
				deps.Taken = tt.cache
			}
			url := serve(t, Config{Host: "127.0.0.1"}, deps) + "/api/v1/serialization/uniqueness/check"
			plain := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + "/api/v1/serialization/uniqueness/check"
			_, want := callWith(t, "POST", plain, tt.body)
			if res, got := callWith(t, "POST", url, tt.body); got != want || res.StatusCode != 200 {
				t.Errorf("first: %d %s, want %s", res.StatusCode, got, want)
			}
			if diff := cmp.Diff(tt.asked, database.asked); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
			if tt.cache != nil {
				if diff := cmp.Diff(tt.added, tt.cache.added); diff != "" {
					t.Errorf("added (-want +got):\n%s", diff)
				}
			}
			database.asked = nil
			if res, got := callWith(t, "POST", url, tt.body); got != want || res.StatusCode != 200 {
				t.Errorf("second: %d %s, want %s", res.StatusCode, got, want)
			}
			if diff := cmp.Diff(tt.again, database.asked); diff != "" {
				t.Errorf("asked for again (-want +got):\n%s", diff)
			}
		})
	}
}

// A cache that knows one scope is no answer for another: without the database nobody
// knows, whatever the master data say.
func TestNothingIsUniqueWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	database := &watchedDatabase{catalog: catalogOf(7, "plant1"), failed: store.ErrUnavailable}
	cache := &takenCache{knows: map[seriald.Claim]*store.Holder{}}
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
	deps.Database, deps.Taken = database, cache
	url := serve(t, Config{Host: "127.0.0.1"}, deps) + "/api/v1/serialization/uniqueness/check"
	const body = `{"serialNumber":"S-1","partId":"PART-001"}`
	ask := func(what string, code int) {
		t.Helper()
		if res, got := callWith(t, "POST", url, body); res.StatusCode != code {
			t.Errorf("%s: %d %s, want %d", what, res.StatusCode, got, code)
		}
	}
	ask("nothing is known", 503)
	site := seriald.Claim{Scope: "SITE", ScopeKey: "plant1", Canonical: "S-1"}
	cache.knows[site] = heldClaims[site]
	ask("one of two is", 503)
	maps.Copy(cache.knows, heldClaims)
	ask("both are", 200) // taken is taken
	if len(cache.added) > 0 {
		t.Errorf("%v were added", cache.added)
	}
}

func TestUniquenessStatistics(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled))
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled))
	for name, tt := range map[string]struct {
		url  string
		code int
		want string
	}{
		"some":     {up + "/api/v1/serialization/uniqueness/statistics/PART-001", 200, `{"totalUniqueSerials":8,"serialsWithConflicts":2,"resolvedConflicts":3,"conflictRate":25}`},
		"none":     {up + "/api/v1/serialization/uniqueness/statistics/idle", 200, `{"totalUniqueSerials":0,"serialsWithConflicts":1,"resolvedConflicts":1,"conflictRate":0}`},
		"too many": {up + "/api/v1/serialization/uniqueness/statistics/broad", 503, `the numbers of part broad could not be counted`},
		"a NUL":    {up + "/api/v1/serialization/uniqueness/statistics/%00", 400, `"code":"VALIDATION_ERROR"`},
		"down":     {down + "/api/v1/serialization/uniqueness/statistics/PART-001", 503, `"code":"UNAVAILABLE"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, body := call(t, "GET", tt.url); res.StatusCode != tt.code || !strings.Contains(body, tt.want) || !json.Valid([]byte(body)) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, body, tt.code, tt.want)
			}
		})
	}
}
