package store_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func TestMasterDataIsRead(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := seriald.CompileRule("[A-Z]+")
	if err != nil {
		t.Fatal(err)
	}
	part := &seriald.Part{
		ID: "GEAR", Name: "Gear", Type: "GEARS", GTIN: "04012345123456", DefaultFormat: "default", UniquenessScopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType},
		VendorScopes: []seriald.Scope{seriald.ScopeVendor}, Rule: seriald.NumberRule{MinLength: 2, MaxLength: 9, Pattern: pattern, Charset: seriald.CharsetAny, Fold: true},
	}
	site := &seriald.Site{ID: "berlin", Name: "Berlin", Location: berlin}
	gone := &store.FormatChange{Format: seriald.Format{ID: "weekly"}, Deleted: true}
	commit(t, db, noon, &store.Changes{Master: []store.MasterChange{&store.PartChange{Part: part}, &store.SiteChange{Site: site}, gone}})

	read, err := db.Part(t.Context(), "GEAR")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, part, read.Part)
	if read.CreatedAt.IsZero() || !read.CreatedAt.Equal(read.UpdatedAt) || read.CreatedAt.Location() != time.UTC {
		t.Errorf("created %v, updated %v", read.CreatedAt, read.UpdatedAt)
	}
	at, err := db.Site(t.Context(), "berlin")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, site, at.Site)
	later := at.CreatedAt.Add(time.Hour)
	site.Name = "Berlin 2"
	commit(t, db, later, &store.Changes{Master: []store.MasterChange{&store.SiteChange{Site: site}}})
	if changed, err := db.Site(t.Context(), "berlin"); err != nil || changed.Site.Name != "Berlin 2" || !changed.CreatedAt.Equal(at.CreatedAt) || !changed.UpdatedAt.Equal(later) {
		t.Errorf("%+v, %v", changed, err)
	}
	for _, id := range []string{"", "none", "' OR true --"} {
		if _, err := db.Site(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("site %q: %v, want ErrNotFound", id, err)
		}
		if _, err := db.Part(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("part %q: %v, want ErrNotFound", id, err)
		}
	}

	for name, tt := range map[string]struct {
		page  func(after string, limit int) (ids []string)
		count func(most int) (int, error)
		want  string
	}{
		"sites": {func(after string, limit int) []string {
			found, err := db.Sites(t.Context(), after, limit)
			return ids(t, found, err, func(r *store.SiteRecord) string { return r.Site.ID })
		}, func(most int) (int, error) { return db.CountSites(t.Context(), most) }, "berlin plant1"},
		"parts": {func(after string, limit int) []string {
			found, err := db.Parts(t.Context(), "", after, limit)
			return ids(t, found, err, func(r *store.PartRecord) string { return r.Part.ID })
		}, func(most int) (int, error) { return db.CountParts(t.Context(), "", most) }, "GEAR PART-001 PART-002 PART-003"},
		"parts of a family": {func(after string, limit int) []string {
			found, err := db.Parts(t.Context(), "WIDGET", after, limit)
			return ids(t, found, err, func(r *store.PartRecord) string { return r.Part.ID })
		}, func(most int) (int, error) { return db.CountParts(t.Context(), "WIDGET", most) }, "PART-001 PART-002 PART-003"},
		"formats": {func(after string, limit int) []string {
			found, err := db.Formats(t.Context(), after, limit)
			return ids(t, found, err, func(r *store.FormatRecord) string {
				if len(r.Format.Key) > 0 || r.Format.Pattern == "" || r.Format.Version != 1 || r.CreatedAt.IsZero() {
					t.Errorf("%+v", r.Format)
				}
				return r.Format.ID
			})
		}, func(most int) (int, error) { return db.CountFormats(t.Context(), most) }, "aerospace automotive date-luhn default electronics gs1-sgtin medical-udi yearly"},
	} {
		for _, limit := range []int{1, 3, 50} {
			var all []string
			for after := ""; ; after = all[len(all)-1] {
				page := tt.page(after, limit)
				all = append(all, page...)
				if len(page) < limit {
					break
				}
			}
			if got := strings.Join(all, " "); got != tt.want {
				t.Errorf("%s in pages of %d: %q, want %q", name, limit, got, tt.want)
			}
			if n, err := tt.count(limit); n != min(limit, len(strings.Fields(tt.want))) || err != nil {
				t.Errorf("%s counted to %d: %d, %v", name, limit, n, err)
			}
		}
	}
}

func ids[T any](t *testing.T, found []T, err error, id func(*T) string) (all []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		all = append(all, id(&found[i]))
	}
	return all
}

// sameJSON holds what was read to what was written, in the shape in which it is shown.
func sameJSON(t *testing.T, want, got any) {
	t.Helper()
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	g, err := json.Marshal(got)
	if err != nil || string(g) != string(w) {
		t.Errorf("%s, %v, want %s", g, err, w)
	}
}
