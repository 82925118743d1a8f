package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// conflictsOfShop are five that are open and three that were resolved, in the order of
// their lists.
func conflictsOfShop() (open, resolved []*store.Conflict) {
	for i := range byte(8) {
		c := &store.Conflict{
			ID: seriald.ID{15: i + 1}, Holder: store.Holder{SerialID: seriald.ID{15: 40 + i}, PartID: "PART-001", Number: "S-1"}, Canonical: "s-1", CreatedAt: noon.Add(time.Duration(i/2) * time.Second),
			Challengers: []store.Challenger{{
				ID: seriald.ID{15: 60 + i}, EventID: "late", EventType: seriald.TypeVendorSerialReceive, PerformedBy: "scanner", PartID: "PART-002", Number: "s-1",
				Scopes: []seriald.Scope{seriald.ScopeSite}, SerialID: seriald.ID{15: 70 + i}, CreatedAt: noon.Add(time.Minute),
				Serial: &seriald.Serial{
					Source: seriald.SourceVendor, SiteID: "plant1", VendorName: "ACME", ReceivedDate: "2026-03-01", WorkOrderID: "WO", LotNumber: "LOT", OperationCode: "OP",
					Line: "l", Device: "d", Attributes: []byte(`{"cell":"B7"}`),
				},
			}},
		}
		if i < 5 {
			open = append(open, c)
			continue
		}
		c.Holder.SerialID, c.Holder.EventID = seriald.ID{}, "reg"
		c.Challengers[0].Serial, c.Challengers[0].SerialID, c.Challengers[0].PlaceholderID = nil, seriald.ID{}, seriald.ID{15: 80 + i}
		c.Resolution, c.Reason, c.ResolvedBy, c.ResolvedEvent, c.ResolvedAt = seriald.ResolveKeep, "seen", "boss", "end", noon.Add(-time.Duration(i)*time.Hour)
		resolved = append(resolved, c)
	}
	return open, resolved
}

func conflictsAfter(all []*store.Conflict, partID string, after store.ConflictsAfter, limit int, at func(*store.Conflict) time.Time) ([]*store.Conflict, error) {
	switch partID {
	case "broad":
		return nil, fmt.Errorf("list: %w", store.ErrTooBroad)
	case "idle":
		return nil, nil
	case "\x00":
		return nil, store.ErrBadData
	}
	if !after.ID.IsZero() {
		last := slices.IndexFunc(all, func(c *store.Conflict) bool { return c.ID == after.ID && at(c).Equal(after.At) })
		if last < 0 {
			return nil, fmt.Errorf("no conflict %+v", after)
		}
		all = all[last+1:]
	}
	return all[:min(limit, len(all))], nil
}

func (f fakeDatabase) PendingConflicts(_ context.Context, partID string, after store.ConflictsAfter, limit int) ([]*store.Conflict, error) {
	if f.err != nil {
		return nil, f.err
	}
	open, _ := conflictsOfShop()
	return conflictsAfter(open, partID, after, limit, func(c *store.Conflict) time.Time { return c.CreatedAt })
}

func (f fakeDatabase) ConflictHistory(_ context.Context, partID string, after store.ConflictsAfter, limit int) ([]*store.Conflict, error) {
	if f.err != nil {
		return nil, f.err
	}
	_, resolved := conflictsOfShop()
	return conflictsAfter(resolved, partID, after, limit, func(c *store.Conflict) time.Time { return c.ResolvedAt })
}

// ConflictsOfNumber has one about sn-1 of FOLD, whose challenger wrote it otherwise.
func (f fakeDatabase) ConflictsOfNumber(_ context.Context, canonical, partID string) ([]*store.Conflict, error) {
	if f.err != nil || canonical != "sn-1" || partID != "FOLD" {
		return nil, f.err
	}
	open, _ := conflictsOfShop()
	c := open[0]
	c.Canonical, c.Holder.PartID, c.Holder.Number = "sn-1", "FOLD", "SN-1"
	c.Challengers[0].PartID, c.Challengers[0].Number = "FOLD", "sN-1"
	return open[:1], nil
}

// ChecksOfNumber has two of each way in which FOLD's number is written, one of a claim and
// one of a conflict, and of "many" more than are read.
func (f fakeDatabase) ChecksOfNumber(_ context.Context, number, partID string, limit int) ([]store.Check, error) {
	if f.err != nil || number == "nobody" {
		return nil, f.err
	}
	if number == "many" {
		return make([]store.Check, limit), nil
	}
	at := map[string]time.Duration{"Sn-1": 2 * time.Second, "SN-1": time.Second}[number]
	check := store.Check{ID: seriald.ID{15: 1}, Scope: seriald.ScopeSite, ScopeKey: "plant1", Number: number, PartID: partID, Status: store.CheckReleased, EventID: "e", CreatedAt: noon.Add(at), ResolvedAt: noon.Add(time.Hour)}
	asked := check
	asked.Status = store.CheckConflict
	return []store.Check{check, asked}, nil
}

func TestConflictLists(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/serialization/uniqueness/conflicts"
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + path
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled)) + path
	const id = `"00000000-0000-0000-0000-0000000000`
	for name, tt := range map[string]struct {
		query string
		code  int
		want  [2]string // of those that wait, and of the history
	}{
		"one": {"?limit=1", 200, [2]string{
			`{"data":[{"id":` + id + `01","status":"OPEN","serialNumber":"S-1","canonicalNumber":"s-1","holder":{"serialId":` + id + `28","serialNumber":"S-1","partId":"PART-001"},"challengers":[` +
				`{"eventId":"late","eventType":"vendor_serial_receive","performedBy":"scanner","partId":"PART-002","serialNumber":"s-1","scopes":["SITE"],"source":"VENDOR","siteId":"plant1","vendorName":"ACME",` +
				`"receivedDate":"2026-03-01","workOrderId":"WO","lotNumber":"LOT","operationCode":"OP","line":"l","device":"d","attributes":{"cell":"B7"},"serialId":` + id + `46","createdAt":"2026-03-02T12:01:00Z"}],` +
				`"createdAt":"2026-03-02T12:00:00Z"}],"total":2,"limit":1,"offset":0,"nextCursor":"`,
			`{"data":[{"id":` + id + `06","status":"RESOLVED","serialNumber":"S-1","canonicalNumber":"s-1","holder":{"serialNumber":"S-1","partId":"PART-001","registeredByEventId":"reg"},"challengers":[` +
				`{"eventId":"late","eventType":"vendor_serial_receive","performedBy":"scanner","partId":"PART-002","serialNumber":"s-1","scopes":["SITE"],"placeholderId":` + id + `55","createdAt":"2026-03-02T12:01:00Z"}],` +
				`"createdAt":"2026-03-02T12:00:02Z","resolution":"KEEP","reason":"seen","resolvedBy":"boss","resolvedByEventId":"end","resolvedAt":"2026-03-02T07:00:00Z"}],"total":3,"limit":1,"offset":0,"nextCursor":"`,
		}},
		"all, the last page":  {"?partId=PART-001", 200, [2]string{`"limit":50,"offset":0}`, `"limit":50,"offset":0}`}},
		"none":                {"?partId=idle", 200, [2]string{`{"data":[],"total":0,"limit":50,"offset":0}`, `{"data":[],"total":0,"limit":50,"offset":0}`}},
		"a part of too many":  {"?partId=broad", 422, [2]string{`ask without partId`, `ask without partId`}},
		"a part that is none": {"?partId=%00", 400, [2]string{`"code":"VALIDATION_ERROR"`, `"code":"VALIDATION_ERROR"`}},
		"misspelt":            {"?part=P", 400, [2]string{`"field":"part"`, `"field":"part"`}},
		"limit":               {"?limit=501", 400, [2]string{`"field":"limit"`, `"field":"limit"`}},
		"cursor":              {"?cursor=x", 400, [2]string{`"field":"cursor"`, `"field":"cursor"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, list := range []string{"/pending", "/history"} {
				if res, body := call(t, "GET", up+list+tt.query); res.StatusCode != tt.code || !strings.Contains(body, tt.want[i]) {
					t.Errorf("%s: %d %s, want %d with\n%s", list, res.StatusCode, body, tt.code, tt.want[i])
				}
				if res, body := call(t, "GET", down+list+tt.query); tt.code == 200 && (res.StatusCode != 503 || !strings.Contains(body, `"code":"UNAVAILABLE"`)) {
					t.Errorf("%s without a database: %d %s", list, res.StatusCode, body)
				}
			}
		})
	}
	for list, want := range map[string]int{"/pending": 5, "/history": 3} {
		for limit := 1; limit <= 6; limit++ {
			var seen []seriald.ID
			for cursor, pages := "", 0; pages < 9; pages++ {
				var p struct {
					Data       []struct{ ID seriald.ID }
					NextCursor string
				}
				if _, body := call(t, "GET", fmt.Sprintf("%s%s?limit=%d&cursor=%s", up, list, limit, cursor)); json.Unmarshal([]byte(body), &p) != nil {
					t.Fatal(body)
				}
				for _, d := range p.Data {
					seen = append(seen, d.ID)
				}
				if cursor = p.NextCursor; cursor == "" {
					break
				}
			}
			if len(seen) != want || !slices.IsSortedFunc(seen, func(a, b seriald.ID) int { return int(a[15]) - int(b[15]) }) {
				t.Errorf("%s by %d: %v", list, limit, seen)
			}
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/serialization/uniqueness/report"
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + path
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled)) + path
	for name, tt := range map[string]struct {
		path string
		code int
		want string
	}{
		"a number": {"/S-1/PART-001", 200, `{"serialNumber":"S-1","partId":"PART-001","canonicalNumber":"S-1","claims":[{"id":"00000000-0000-0000-0000-000000000001","scope":"SITE","scopeKey":"plant1","serialNumber":"S-1",` +
			`"partId":"PART-001","status":"RELEASED","eventId":"e","createdAt":"2026-03-02T12:00:00Z","resolvedAt":"2026-03-02T13:00:00Z"}],"conflicts":[],"serials":[{"id":`},
		"nothing":             {"/nobody/PART-001", 200, `{"serialNumber":"nobody","partId":"PART-001","canonicalNumber":"nobody","claims":[],"conflicts":[],"serials":[],"truncated":false}`},
		"more than is shown":  {"/many/PART-001", 200, `"truncated":true}`},
		"slashes and spaces":  {"/A%2FB%3F%20%C3%A9%25/A%2FB%20C", 200, `{"serialNumber":"A/B? é%","partId":"A/B C","canonicalNumber":"A/B? é%",`},
		"dots":                {"/%2E%2E/PART-001", 200, `{"serialNumber":"..","partId":"PART-001",`},
		"two slashes":         {"/%2F%2F/PART-001", 200, `{"serialNumber":"//","partId":"PART-001",`},
		"space around":        {"/%20S-1%20/PART-001", 200, `{"serialNumber":"S-1",`},
		"in another case":     {"/SN-1/FOLD", 200, `"canonicalNumber":"sn-1",`},
		"against the rule":    {"/1/FOLD", 200, `"canonicalNumber":"1",`}, // an older number may be
		"nothing but a space": {"/%20/PART-001", 400, `"field":"serialNumber"`},
		"unknown part":        {"/S-1/GONE", 404, `"code":"PART_NOT_FOUND"`},
		"no part":             {"/S-1", 404, `"code":"NOT_FOUND"`},
		"too much":            {"/broad/PART-001", 422, `"code":"VALIDATION_ERROR"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, body := call(t, "GET", up+tt.path); res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d with\n%s", res.StatusCode, body, tt.code, tt.want)
			}
			if res, body := call(t, "GET", down+tt.path); tt.code == 200 && (res.StatusCode != 503 || !strings.Contains(body, `"code":"UNAVAILABLE"`)) {
				t.Errorf("without a database: %d %s", res.StatusCode, body)
			}
		})
	}

	// Whatever case it is asked in, all ways in which it is known to be written are found.
	for _, asked := range []string{"sn-1", "SN-1", "Sn-1"} {
		_, body := call(t, "GET", up+"/"+asked+"/FOLD")
		var got struct{ Claims []store.Check }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		var written []string
		for _, c := range got.Claims {
			if written = append(written, c.Number); c.Status != store.CheckReleased {
				t.Errorf("a claim is %s", c.Status)
			}
		}
		if last := len(written) - 2; last < 0 || !slices.Equal(written[last:], []string{"SN-1", "Sn-1"}) { // by time
			t.Errorf("%s: %v", asked, written)
		}
		slices.Sort(written)
		if want := []string{"SN-1", "Sn-1", "sN-1", "sn-1"}; !slices.Equal(written, want) {
			t.Errorf("%s: %v, want %v", asked, written, want)
		}
	}
}
