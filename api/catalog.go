package api

import (
	"context"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/store"
)

// siteBody is a site.
type siteBody struct {
	ID        string    `json:"siteId"`
	Name      string    `json:"name"`
	TimeZone  string    `json:"timeZone"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func asSite(r *store.SiteRecord) siteBody {
	return siteBody{r.Site.ID, r.Site.Name, r.Site.Location.String(), r.CreatedAt, r.UpdatedAt}
}

// partBody is a part.
type partBody struct {
	ID               string          `json:"partId"`
	Name             string          `json:"name"`
	PartType         string          `json:"partType"`
	GTIN             string          `json:"gtin,omitempty"`
	FormatConfigID   string          `json:"formatConfigId,omitempty"`
	UniquenessScopes []seriald.Scope `json:"uniquenessScopes"`
	VendorScopes     []seriald.Scope `json:"vendorScopes"`
	NumberRule       ruleBody        `json:"numberRule"`
	CreatedAt        time.Time       `json:"createdAt"`
	UpdatedAt        time.Time       `json:"updatedAt"`
}

// ruleBody is what a part's numbers from outside must be like.
type ruleBody struct {
	MinLength int             `json:"minLength,omitempty"`
	MaxLength int             `json:"maxLength,omitempty"`
	Pattern   string          `json:"pattern,omitempty"`
	Charset   seriald.Charset `json:"charset"`
	Case      string          `json:"case" enum:"exact,fold"`
}

func asPart(r *store.PartRecord) partBody {
	p := r.Part
	rule := ruleBody{p.Rule.MinLength, p.Rule.MaxLength, p.Rule.Source(), p.Rule.Charset, "exact"}
	if p.Rule.Fold {
		rule.Case = "fold"
	}
	return partBody{
		ID: p.ID, Name: p.Name, PartType: p.Type, GTIN: p.GTIN, FormatConfigID: p.DefaultFormat, UniquenessScopes: p.UniquenessScopes,
		VendorScopes: p.VendorScopes, NumberRule: rule, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// listedFormat is a format without its use.
type listedFormat struct {
	ID           string               `json:"formatConfigId"`
	Name         string               `json:"name"`
	Active       bool                 `json:"active"`
	Version      int                  `json:"version"`
	Pattern      string               `json:"pattern"`
	Start        int64                `json:"counterStart"`
	Increment    int64                `json:"increment"`
	Reset        seriald.Reset        `json:"reset"`
	CounterScope seriald.CounterScope `json:"counterScope"`
	CreatedAt    time.Time            `json:"createdAt"`
	UpdatedAt    time.Time            `json:"updatedAt"`
}

func asFormat(r *store.FormatRecord) listedFormat {
	f := r.Format
	return listedFormat{f.ID, f.Name, f.Active, f.Version, f.Pattern, f.Start, f.Increment, f.Reset, f.CounterScope, r.CreatedAt, r.UpdatedAt}
}

// site answers with a site.
func (s *Server) site(ctx context.Context, in *nameInput) (*output[siteBody], error) {
	found, err := s.deps.Database.Site(ctx, in.ID)
	if err != nil {
		return nil, unread(err, seriald.CodeSiteNotFound, "site "+in.ID)
	}
	edge.EnableETag(ctx)
	return answer(asSite(found), nil)
}

// part answers with a part.
func (s *Server) part(ctx context.Context, in *nameInput) (*output[partBody], error) {
	found, err := s.deps.Database.Part(ctx, in.ID)
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part "+in.ID)
	}
	edge.EnableETag(ctx)
	return answer(asPart(found), nil)
}

// sites lists the sites by their ids.
func (s *Server) sites(ctx context.Context, in *PageParams) (*output[listBody[siteBody]], error) {
	return listNamed(ctx, in, s.deps.Database.Sites, s.deps.Database.CountSites, asSite, func(b *siteBody) string { return b.ID })
}

type partsInput struct {
	PageParams
	PartType string `query:"partType" doc:"Of this family."`
}

// parts lists the parts by their ids.
func (s *Server) parts(ctx context.Context, in *partsInput) (*output[listBody[partBody]], error) {
	return listNamed(ctx, &in.PageParams,
		func(ctx context.Context, after string, limit int) ([]store.PartRecord, error) {
			return s.deps.Database.Parts(ctx, in.PartType, after, limit)
		},
		func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountParts(ctx, in.PartType, most)
		},
		asPart, func(b *partBody) string { return b.ID })
}

// formats lists the formats by their ids.
func (s *Server) formats(ctx context.Context, in *PageParams) (*output[listBody[listedFormat]], error) {
	return listNamed(ctx, in, s.deps.Database.Formats, s.deps.Database.CountFormats, asFormat, func(b *listedFormat) string { return b.ID })
}

// listNamed answers with a page of what has a name, in the order of the names.
func listNamed[R, B any](ctx context.Context, in *PageParams, read func(ctx context.Context, after string, limit int) ([]R, error),
	count func(ctx context.Context, most int) (int, error), as func(*R) B, name func(*B) string,
) (*output[listBody[B]], error) {
	after := ""
	if err := readCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	found, err := read(ctx, after, in.Limit+1)
	total := 0
	if err == nil {
		total, err = in.total(len(found), func() (int, error) { return count(ctx, mostCounted+1) })
	}
	if err != nil {
		return nil, unread(err, codeNotFound, "row")
	}
	bodies := make([]B, len(found))
	for i := range found {
		bodies[i] = as(&found[i])
	}
	return answer(cut(bodies, in.Limit, total, func(last *B) string { return encodeCursor(name(last)) }), nil)
}
