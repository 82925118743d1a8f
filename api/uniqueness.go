package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// TakenCache remembers who holds claims, so that the database is asked less. What it
// does not know the database is asked: nothing is free because a cache says nothing.
//
// Add may come after the holder has given its claim up, since it tells what was read
// before: whoever removes a claim has to keep it out for a moment.
type TakenCache interface {
	// Taken returns the holders of claims that it knows, in their order, nil for the
	// others; nil if it knows none or can't be reached.
	Taken(ctx context.Context, claims []seriald.Claim) []*store.Holder
	// Add adds claims with their holders, none of which is nil.
	Add(ctx context.Context, claims []seriald.Claim, holders []*store.Holder)
}

// conflictType says what holds a number.
type conflictType string

const (
	conflictSerial     conflictType = "SERIAL"
	conflictRegistered conflictType = "REGISTERED" // only without a unit
)

// checkAnswer says who holds a number in the scopes that were asked for.
type checkAnswer struct {
	HasConflict          bool            `json:"hasConflict"`
	ConflictingSerialIDs []seriald.ID    `json:"conflictingSerialIds"`
	ConflictingScopes    []seriald.Scope `json:"conflictingScopes"`
	ConflictType         *conflictType   `json:"conflictType"` // null if there is none
	Holders              []holderBody    `json:"holders"`      // one of each conflicting scope
}

// holderBody is who holds a number: a serial, or an event that registered it without
// a unit.
type holderBody struct {
	Scope             seriald.Scope   `json:"scope,omitempty"`
	SerialID          seriald.ID      `json:"serialId,omitzero"`
	SerialNumber      string          `json:"serialNumber"`
	PartID            string          `json:"partId"`
	RegisteredByEvent seriald.EventID `json:"registeredByEventId,omitempty"`
}

func asHolder(scope seriald.Scope, h *store.Holder) holderBody {
	body := holderBody{Scope: scope, SerialID: h.SerialID, SerialNumber: h.Number, PartID: h.PartID}
	if h.SerialID.IsZero() {
		body.RegisteredByEvent = h.EventID
	}
	return body
}

// checkFields are the fields of a check, as those of a registration.
type checkFields struct {
	SerialNumber string          `json:"serialNumber" required:"true"`
	PartID       string          `json:"partId,omitempty" doc:"Or gtin."`
	GTIN         string          `json:"gtin,omitempty"`
	Scope        []seriald.Scope `json:"scope,omitempty" doc:"Those of the part if it is left out."`
	SiteID       string          `json:"siteId,omitempty" doc:"Needed for the scope SITE where there are several sites."`
	VendorName   string          `json:"vendorName,omitempty" doc:"Needed for the scope VENDOR."`
}

// rawInput is a request whose body has rules of its own.
type rawInput struct{ RawBody []byte }

// checkUniqueness answers with who holds a number now. Nothing is claimed: by the time
// that it is asked for, another may have it.
func (s *Server) checkUniqueness(ctx context.Context, in *rawInput) (*output[checkAnswer], error) {
	// What is asked are the fields of a registration, under the same rules.
	e := seriald.Event{Type: seriald.TypeUniquenessRegister, Data: in.RawBody}
	f, err := e.Fields()
	if err != nil {
		return nil, refused(err)
	}
	claims, err := onMaster(ctx, s.master, func(c *seriald.Catalog) ([]seriald.Claim, error) { return claimsAsked(f, c) })
	if err != nil {
		return nil, refused(err)
	}
	holders, err := s.holders(ctx, claims)
	if err != nil {
		return nil, refused(err)
	}
	return answer(asCheck(claims, holders), nil)
}

// claimsAsked are those that f's number would need.
func claimsAsked(f *seriald.Fields, c *seriald.Catalog) ([]seriald.Claim, error) {
	part, field := c.Parts[f.PartID], "partId"
	if f.PartID == "" {
		part, field = c.GTINs[f.GTIN], "gtin"
	}
	if part == nil {
		return nil, seriald.Reject(seriald.CodePartNotFound, field, "%q is not known", cmp.Or(f.PartID, f.GTIN))
	}
	scopes := f.Scopes
	switch {
	case len(scopes) > 0:
	case strings.TrimSpace(f.VendorName) != "":
		scopes = part.VendorScopes
	default:
		scopes = part.UniquenessScopes
	}
	site := f.SiteID
	switch {
	case site != "" && c.Sites[site] == nil:
		return nil, seriald.Reject(seriald.CodeSiteNotFound, "siteId", "%q is not known", site)
	case site == "" && slices.Contains(scopes, seriald.ScopeSite):
		if len(c.Sites) != 1 {
			return nil, seriald.Reject(seriald.CodeValidation, "siteId", "is required: the scope SITE is that of a site, and there are %d", len(c.Sites))
		}
		site = slices.Collect(maps.Keys(c.Sites))[0]
	}
	number := strings.TrimSpace(f.SerialNumber)
	if err := part.Rule.Check("serialNumber", number); err != nil {
		return nil, err
	}
	return claim.In(scopes, &seriald.Serial{Number: number, PartID: part.ID, SiteID: site, VendorName: f.VendorName}, part), nil
}

// holders returns who holds claims, in their order: the cache is asked first, and the
// database for the rest.
func (s *Server) holders(ctx context.Context, claims []seriald.Claim) ([]*store.Holder, error) {
	holders := make([]*store.Holder, len(claims))
	if s.deps.Taken != nil {
		copy(holders, s.deps.Taken.Taken(ctx, claims))
	}
	var unknown []seriald.Claim
	var at []int
	for i, h := range holders {
		if h == nil {
			unknown, at = append(unknown, claims[i]), append(at, i)
		}
	}
	if len(unknown) == 0 {
		return holders, nil
	}
	found, err := s.deps.Database.Holders(ctx, unknown)
	if err != nil {
		return nil, err
	}
	var taken []seriald.Claim
	var by []*store.Holder
	for i, h := range found {
		if h != nil {
			holders[at[i]] = h
			taken, by = append(taken, unknown[i]), append(by, h)
		}
	}
	if s.deps.Taken != nil && len(taken) > 0 {
		s.deps.Taken.Add(ctx, taken, by)
	}
	return holders, nil
}

func asCheck(claims []seriald.Claim, holders []*store.Holder) checkAnswer {
	answer := checkAnswer{ConflictingSerialIDs: []seriald.ID{}, ConflictingScopes: []seriald.Scope{}, Holders: []holderBody{}}
	kind := conflictRegistered
	for i, h := range holders {
		if h == nil {
			continue
		}
		answer.HasConflict, answer.ConflictType = true, &kind
		answer.ConflictingScopes = append(answer.ConflictingScopes, claims[i].Scope)
		answer.Holders = append(answer.Holders, asHolder(claims[i].Scope, h))
		if !h.SerialID.IsZero() {
			kind = conflictSerial
			if !slices.Contains(answer.ConflictingSerialIDs, h.SerialID) {
				answer.ConflictingSerialIDs = append(answer.ConflictingSerialIDs, h.SerialID)
			}
		}
	}
	return answer
}

// uniquenessStatisticsBody tells how often the numbers of a part were asked for again.
type uniquenessStatisticsBody struct {
	TotalUniqueSerials   int64   `json:"totalUniqueSerials"`
	SerialsWithConflicts int64   `json:"serialsWithConflicts"` // those that have given their numbers up, too
	ResolvedConflicts    int64   `json:"resolvedConflicts"`
	ConflictRate         float64 `json:"conflictRate"` // percent of the unique ones; 0 if there are none
}

func (s *Server) uniquenessStatistics(ctx context.Context, in *PartParam) (*output[uniquenessStatisticsBody], error) {
	counted, err := s.deps.Database.UniquenessStatistics(ctx, in.PartID)
	if errors.Is(err, store.ErrTooBroad) {
		return nil, newProblem(http.StatusServiceUnavailable, codeUnavailable, "the numbers of part %s could not be counted in time; try again when there is less to do", in.PartID)
	}
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part")
	}
	body := uniquenessStatisticsBody{
		TotalUniqueSerials: counted.Unique, SerialsWithConflicts: counted.WithConflicts, ResolvedConflicts: counted.ConflictsEnded,
	}
	if counted.Unique > 0 {
		body.ConflictRate = 100 * float64(counted.WithConflicts) / float64(counted.Unique)
	}
	return answer(body, nil)
}
