package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// AuditEvents answers with what it was asked for, as a number.
func (f fakeDatabase) AuditEvents(_ context.Context, of *store.AuditFilter, after store.AuditPlace, limit int) ([]store.AuditRecord, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case of.PerformedBy == "everybody":
		return nil, fmt.Errorf("list: %w", store.ErrTooBroad)
	}
	asked, err := json.Marshal([]any{of, after})
	if err != nil {
		return nil, err
	}
	var found []store.AuditRecord
	for i := range min(limit, 3) {
		found = append(found, store.AuditRecord{
			ID: seriald.ID{15: byte(i + 1)}, Type: seriald.AuditSerialGenerated, Status: seriald.AuditSuccess, SerialNumber: string(asked), PerformedBy: "=1+1",
			PerformedAt: noon, NewValues: []byte(`{"a":1}`),
		})
	}
	return found, nil
}

func (f fakeDatabase) CountAudit(context.Context, *store.AuditFilter, int) (int, error) {
	return 3, f.err
}

func (f fakeDatabase) AuditStatistics(context.Context, *store.AuditFilter) (*store.AuditStatistics, error) {
	return &store.AuditStatistics{Total: 3, ByType: map[seriald.AuditType]int64{"X": 3}, ByStatus: map[seriald.AuditStatus]int64{}, ByDay: map[string]int64{}}, f.err
}

// ExportAudit breaks off after two for nobody.
func (f fakeDatabase) ExportAudit(ctx context.Context, of *store.AuditFilter, each func(*store.AuditRecord) error) error {
	found, err := f.AuditEvents(ctx, of, store.AuditPlace{}, 3)
	for i := range found {
		if err := each(&found[i]); err != nil {
			return err
		}
	}
	if of.PerformedBy == "nobody" {
		return errors.New("gone")
	}
	return err
}

func (f fakeDatabase) Propagations(_ context.Context, of *store.PropagationFilter, _ seriald.ID, _ int) ([]store.PropagationRecord, error) {
	return []store.PropagationRecord{{
		Propagation: seriald.Propagation{ID: seriald.ID{15: 1}, Type: "PASS_THROUGH", OperationCode: of.OperationCode, CreatedAt: noon}, SerialNumber: "S-1",
	}}, f.err
}

func (f fakeDatabase) CountPropagations(context.Context, *store.PropagationFilter, int) (int, error) {
	return 1, f.err
}

func (f fakeDatabase) PropagationStatistics(context.Context, string) (*store.PropagationStatistics, error) {
	return &store.PropagationStatistics{Total: 1, ByType: map[seriald.PropagationType]int64{}, ByOperation: map[string]int64{"OP": 1}}, f.err
}

func (f fakeDatabase) SerialHistory(ctx context.Context, id seriald.ID) (*store.SerialHistory, error) {
	s, err := f.Serial(ctx, id)
	if err != nil {
		return nil, err
	}
	open, _ := conflictsOfShop()
	return &store.SerialHistory{Serial: *s, Entries: []store.HistoryEntry{
		{At: noon, Audit: &store.AuditRecord{Type: seriald.AuditVendorReceived, PerformedAt: noon}},
		{At: noon, Propagation: &store.PropagationRecord{Propagation: seriald.Propagation{OperationCode: "OP"}}},
		{At: noon, Conflict: open[0]},
	}}, nil
}

func changed() store.Changed { return store.Changed{CreatedAt: noon, UpdatedAt: noon.Add(time.Hour)} }

func (f fakeDatabase) Site(_ context.Context, id string) (*store.SiteRecord, error) {
	if id == "gone" {
		return nil, store.ErrNotFound
	}
	return &store.SiteRecord{Site: &seriald.Site{ID: id, Name: "N", Location: time.UTC}, Changed: changed()}, f.err
}

func (f fakeDatabase) Sites(_ context.Context, after string, limit int) ([]store.SiteRecord, error) {
	var all []store.SiteRecord
	for _, id := range []string{"a", "b", "c"} {
		if id > after && len(all) < limit {
			all = append(all, store.SiteRecord{Site: &seriald.Site{ID: id, Location: time.UTC}, Changed: changed()})
		}
	}
	return all, f.err
}

func (f fakeDatabase) CountSites(context.Context, int) (int, error) { return 3, f.err }

func (f fakeDatabase) Part(_ context.Context, id string) (*store.PartRecord, error) {
	if id == "gone" {
		return nil, store.ErrNotFound
	}
	return &store.PartRecord{Part: &seriald.Part{
		ID: id, Name: "N", Type: "T", UniquenessScopes: []seriald.Scope{"SITE"}, VendorScopes: []seriald.Scope{"VENDOR"},
		Rule: seriald.NumberRule{Fold: true, Charset: seriald.CharsetAny, MaxLength: 9},
	}, Changed: changed()}, f.err
}

func (f fakeDatabase) Parts(ctx context.Context, partType, _ string, _ int) ([]store.PartRecord, error) {
	p, err := f.Part(ctx, "of "+partType)
	return []store.PartRecord{*p}, err
}

func (f fakeDatabase) CountParts(context.Context, string, int) (int, error) { return 1, f.err }

func (f fakeDatabase) Formats(context.Context, string, int) ([]store.FormatRecord, error) {
	return []store.FormatRecord{{Format: &seriald.Format{ID: "f", Pattern: "{SEQ:4}", Reset: seriald.ResetNever}, Changed: changed()}}, f.err
}

func (f fakeDatabase) CountFormats(context.Context, int) (int, error) { return 1, f.err }

func TestAuditAndHistory(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + prefix
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled)) + prefix
	for name, tt := range map[string]struct {
		url  string
		code int
		body string
	}{
		"audit events": {
			"/audit/events?partId=P&serialNumber=S&eventType=SERIAL_GENERATED&performedBy=B&status=SUCCESS&startDate=2026-03-01&endDate=2026-03-02&limit=2", 200,
			`\"PartID\":\"P\",\"SerialNumber\":\"S\",\"Type\":\"SERIAL_GENERATED\",\"PerformedBy\":\"B\",\"Status\":\"SUCCESS\"`,
		},
		"a page of them":        {"/audit/events?limit=2", 200, `"total":3,"limit":2,"offset":0,"nextCursor":"`},
		"a wrong status":        {"/audit/events?status=GONE", 400, `"field":"status"`},
		"a wrong date":          {"/audit/events?startDate=yesterday", 400, `"field":"startDate"`},
		"a wrong serial":        {"/audit/events?serialId=1", 400, `"field":"serialId"`},
		"of everybody":          {"/audit/events?performedBy=everybody", 422, "ask for a shorter time"},
		"statistics":            {"/audit/statistics?partId=P", 200, `{"totalEvents":3,"byType":{"X":3},"byStatus":{},"byDay":{}}`},
		"a file for a table":    {"/audit/events/export?format=csv", 200, `'=1+1`},
		"a file of lines":       {"/audit/events/export?format=jsonl", 200, `"performedBy":"=1+1"`},
		"a file of another":     {"/audit/events/export?format=xls", 400, `"field":"format"`},
		"steps":                 {"/propagation/history/P?operationCode=OP&propagationType=PASS_THROUGH", 200, `"propagationType":"PASS_THROUGH","operationCode":"OP"`},
		"steps of another kind": {"/propagation/history/P?propagationType=JUMP", 400, `"field":"propagationType"`},
		"statistics of steps":   {"/propagation/statistics/P", 200, `{"totalPropagations":1,"byType":{},"byOperation":{"OP":1},"averageDepth":0}`},
		"history":               {"/serials/00000000-0000-0000-0000-000000000001/history", 200, `"history":[{"at":"2026-03-02T12:00:00Z","audit":{`},
		"history of nobody":     {"/serials/" + unknown.String() + "/history", 404, `"code":"SERIAL_NOT_FOUND"`},
		"a site":                {"/sites/plant1", 200, `{"siteId":"plant1","name":"N","timeZone":"UTC","createdAt":"2026-03-02T12:00:00Z","updatedAt":"2026-03-02T13:00:00Z"}`},
		"no site":               {"/sites/gone", 404, `"code":"SITE_NOT_FOUND"`},
		"sites":                 {"/sites?limit=2", 200, `"total":3,"limit":2,"offset":0,"nextCursor":"ImIi"`},
		"more sites":            {"/sites?limit=2&cursor=ImIi", 200, `{"data":[{"siteId":"c"`},
		"a part":                {"/parts/P", 200, `"uniquenessScopes":["SITE"],"vendorScopes":["VENDOR"],"numberRule":{"maxLength":9,"charset":"any","case":"fold"}`},
		"no part":               {"/parts/gone", 404, `"code":"PART_NOT_FOUND"`},
		"parts":                 {"/parts?partType=T", 200, `"partId":"of T"`},
		"formats":               {"/formats", 200, `"formatConfigId":"f"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, body := call(t, "GET", up+tt.url); res.StatusCode != tt.code || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, body, tt.code, tt.body)
			}
			if tt.code == 200 {
				if res, body := call(t, "GET", down+tt.url); res.StatusCode != 503 || !strings.Contains(body, `"code":"UNAVAILABLE"`) {
					t.Errorf("without a database: %d %s", res.StatusCode, body)
				}
			}
		})
	}
}

// Half a file must not pass for a whole one.
func TestExportThatFailsEndsTheConnection(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled)) + prefix
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, up+"/audit/events/export?performedBy=nobody", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer admin")
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return // before the first byte
	}
	defer func() { _ = res.Body.Close() }()
	buf := make([]byte, 1<<16)
	for err == nil {
		_, err = res.Body.Read(buf)
	}
	if !strings.Contains(err.Error(), "EOF") || err.Error() == "EOF" {
		t.Errorf("the file ends with %v, want an unexpected end", err)
	}
}
