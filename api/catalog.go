package api

import (
	"context"
	"time"

	"github.com/machshop/seriald"
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
	return answer(asSite(found), nil)
}

// part answers with a part.
func (s *Server) part(ctx context.Context, in *nameInput) (*output[partBody], error) {
	found, err := s.deps.Database.Part(ctx, in.ID)
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part "+in.ID)
	}
	return answer(asPart(found), nil)
}

// sites lists the sites by their ids.
func (s *Server) sites(ctx context.Context, in *PageParams) (*output[listBody[siteBody]], error) {
	return page(ctx, in, rows[string, store.SiteRecord]{
		read: s.deps.Database.Sites, count: s.deps.Database.CountSites,
		place: func(r *store.SiteRecord) string { return r.Site.ID },
	}, asSite)
}

type partsInput struct {
	PageParams
	PartType string `query:"partType" doc:"Of this family."`
}

// parts lists the parts by their ids.
func (s *Server) parts(ctx context.Context, in *partsInput) (*output[listBody[partBody]], error) {
	return page(ctx, &in.PageParams, rows[string, store.PartRecord]{
		read: func(ctx context.Context, after string, limit int) ([]store.PartRecord, error) {
			return s.deps.Database.Parts(ctx, in.PartType, after, limit)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountParts(ctx, in.PartType, most)
		},
		place: func(r *store.PartRecord) string { return r.Part.ID },
	}, asPart)
}

// formats lists the formats by their ids.
func (s *Server) formats(ctx context.Context, in *PageParams) (*output[listBody[listedFormat]], error) {
	return page(ctx, in, rows[string, store.FormatRecord]{
		read: s.deps.Database.Formats, count: s.deps.Database.CountFormats,
		place: func(r *store.FormatRecord) string { return r.Format.ID },
	}, asFormat)
}
