package api

import (
	"context"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

const (
	// maxReported bounds the rows of each way in which a number is written, maxWritten
	// how many of these are looked for.
	maxReported, maxWritten = 500, 20
)

// reportBody is all that is known of a number of a part.
type reportBody struct {
	SerialNumber    string         `json:"serialNumber"`
	PartID          string         `json:"partId"`
	CanonicalNumber string         `json:"canonicalNumber"`
	Claims          []store.Check  `json:"claims"` // that are held or were given up, the oldest first
	Conflicts       []conflictBody `json:"conflicts"`
	Serials         []serialBody   `json:"serials"`   // the newest first
	Truncated       bool           `json:"truncated"` // whether there is more than is here
}

type reportInput struct {
	Number string `path:"serialNumber"`
	PartParam
}

// uniquenessReport answers with the history of a number of a part.
func (s *Server) uniquenessReport(ctx context.Context, in *reportInput) (*output[reportBody], error) {
	number := strings.TrimSpace(in.Number)
	if number == "" {
		return nil, invalidField("serialNumber", "is required")
	}
	catalog, err := onMaster(ctx, s.master, func(c *seriald.Catalog) (*seriald.Catalog, error) {
		if c.Parts[in.PartID] == nil {
			return nil, seriald.Reject(seriald.CodePartNotFound, "partId", "%q is not known", in.PartID)
		}
		return c, nil
	})
	if err != nil {
		return nil, refused(err)
	}
	part := catalog.Parts[in.PartID]
	body := reportBody{
		SerialNumber: number, PartID: part.ID, CanonicalNumber: claim.Canonical(number, part.Rule.Fold),
		Claims: []store.Check{}, Serials: []serialBody{},
	}
	if err := s.fillReport(ctx, &body, part, catalog); err != nil {
		return nil, unread(err, codeNotFound, "number "+number)
	}
	return answer(body, nil)
}

func (s *Server) fillReport(ctx context.Context, body *reportBody, part *seriald.Part, catalog *seriald.Catalog) error {
	conflicts, err := s.deps.Database.ConflictsOfNumber(ctx, body.CanonicalNumber, part.ID)
	if err != nil {
		return err
	}
	body.Conflicts = make([]conflictBody, len(conflicts))
	for i, c := range conflicts {
		body.Conflicts[i] = asConflict(c)
	}
	written, err := s.written(ctx, body, part, catalog)
	if err != nil {
		return err
	}
	for _, number := range written {
		checks, err := s.deps.Database.ChecksOfNumber(ctx, number, part.ID, maxReported)
		if err != nil {
			return err
		}
		serials, err := s.deps.Database.Serials(ctx, &store.SerialFilter{Number: number, PartID: part.ID}, seriald.ID{}, maxReported)
		if err != nil {
			return err
		}
		body.Truncated = body.Truncated || len(checks) == maxReported || len(serials) == maxReported
		for i := range checks {
			if checks[i].Status == store.CheckClaimed || checks[i].Status == store.CheckReleased {
				body.Claims = append(body.Claims, checks[i])
			}
		}
		for i := range serials {
			body.Serials = append(body.Serials, asSerial(&serials[i]))
		}
	}
	slices.SortStableFunc(body.Claims, func(a, b store.Check) int { return a.CreatedAt.Compare(b.CreatedAt) })
	slices.SortStableFunc(body.Serials, func(a, b serialBody) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return nil
}

// written returns the ways in which a number is written, as far as they are known:
// claims and serials are found by the number as it was scanned.
func (s *Server) written(ctx context.Context, body *reportBody, part *seriald.Part, catalog *seriald.Catalog) ([]string, error) {
	all := []string{body.SerialNumber}
	add := func(number string) {
		if number != "" && !slices.Contains(all, number) {
			all = append(all, number)
		}
	}
	add(body.CanonicalNumber)
	if part.Rule.Fold {
		add(strings.ToUpper(body.SerialNumber))
	}
	holders, err := s.deps.Database.Holders(ctx, claimsAnywhere(body.SerialNumber, part, catalog))
	if err != nil {
		return nil, err
	}
	for _, h := range holders {
		if h != nil && h.PartID == part.ID {
			add(h.Number)
		}
	}
	for i := range body.Conflicts {
		c := &body.Conflicts[i]
		if c.Holder.PartID == part.ID {
			add(c.SerialNumber)
		}
		for j := range c.Challengers {
			if c.Challengers[j].PartID == part.ID {
				add(c.Challengers[j].SerialNumber)
			}
		}
	}
	if len(all) > maxWritten {
		all, body.Truncated = all[:maxWritten], true
	}
	return all, nil
}

// claimsAnywhere are those of a number of a part at all sites, without those of vendors,
// whose names nobody said.
func claimsAnywhere(number string, part *seriald.Part, catalog *seriald.Catalog) []seriald.Claim {
	claims := claim.In([]seriald.Scope{seriald.ScopePartType, seriald.ScopeEnterprise}, &seriald.Serial{Number: number, PartID: part.ID}, part)
	for site := range catalog.Sites {
		claims = append(claims, claim.In([]seriald.Scope{seriald.ScopeSite}, &seriald.Serial{Number: number, PartID: part.ID, SiteID: site}, part)...)
	}
	return claims
}
