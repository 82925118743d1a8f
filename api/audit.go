package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/api/export"
	"github.com/machshop/seriald/store"
)

// AuditParams say which audit events are meant: those that all of them hold for.
type AuditParams struct {
	PartID       string              `query:"partId"`
	SerialNumber string              `query:"serialNumber"`
	SerialID     string              `query:"serialId"`
	SiteID       string              `query:"siteId"`
	EventID      string              `query:"eventId" doc:"The event that they follow from."`
	EventType    seriald.AuditType   `query:"eventType" doc:"As SERIAL_GENERATED."`
	PerformedBy  string              `query:"performedBy"`
	Status       seriald.AuditStatus `query:"status" enum:"SUCCESS,FAILED"`
	StartDate    string              `query:"startDate" doc:"Then or later: a date, or a time with offset."`
	EndDate      string              `query:"endDate" doc:"Before: a date, or a time with offset."`
}

func (p *AuditParams) filter() (*store.AuditFilter, error) {
	f := &store.AuditFilter{
		PartID: p.PartID, SerialNumber: p.SerialNumber, Type: p.EventType, PerformedBy: p.PerformedBy, Status: p.Status,
		EventID: seriald.EventID(p.EventID), SiteID: p.SiteID,
	}
	var err error
	if p.SerialID != "" {
		if f.SerialID, err = readID("serialId", p.SerialID); err != nil {
			return nil, err
		}
	}
	if f.From, err = readTime("startDate", p.StartDate); err != nil {
		return nil, err
	}
	f.To, err = readTime("endDate", p.EndDate)
	return f, err
}

// auditUnread is the answer where audit events could not be read.
func auditUnread(err error) error {
	if errors.Is(err, store.ErrTooBroad) {
		return newProblem(http.StatusUnprocessableEntity, seriald.CodeValidation,
			"too much would have to be looked through: ask for a shorter time (startDate, endDate), or for a part, a number, a person or a type too")
	}
	return unread(err, codeNotFound, "audit event")
}

type auditInput struct {
	AuditParams
	PageParams
}

// auditEvents lists audit events, the newest first.
func (s *Server) auditEvents(ctx context.Context, in *auditInput) (*output[listBody[store.AuditRecord]], error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return page(ctx, &in.PageParams, rows[store.AuditPlace, store.AuditRecord]{
		read: func(ctx context.Context, after store.AuditPlace, limit int) ([]store.AuditRecord, error) {
			return s.deps.Database.AuditEvents(ctx, f, after, limit)
		},
		count: func(ctx context.Context, most int) (int, error) { return s.deps.Database.CountAudit(ctx, f, most) },
		place: func(r *store.AuditRecord) store.AuditPlace {
			return store.AuditPlace{PerformedAt: r.PerformedAt, ID: r.ID}
		},
		unread: auditUnread,
	}, same)
}

// auditStatistics counts audit events.
func (s *Server) auditStatistics(ctx context.Context, in *AuditParams) (*output[store.AuditStatistics], error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	counted, err := s.deps.Database.AuditStatistics(ctx, f)
	if err != nil {
		return nil, auditUnread(err)
	}
	return answer(*counted, nil)
}

type exportInput struct {
	AuditParams
	Format export.Format `query:"format" enum:"csv,jsonl" default:"csv"`
}

// exportAudit writes audit events as they are read, the oldest first. What fails before the
// first of them is answered; what fails on the way ends the connection: half a file must not pass for a whole one.
func (s *Server) exportAudit(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		edge.NoTimeLimit(r.Context())
		h.SetHeader("Content-Type", in.Format.ContentType())
		h.SetHeader("Content-Disposition", `attachment; filename="audit.`+string(in.Format)+`"`)
		out, err := export.NewAuditWriter(w, in.Format)
		begun := false
		if err == nil {
			err = s.deps.Database.ExportAudit(r.Context(), f, func(a *store.AuditRecord) error {
				begun = true
				return out.Write(a)
			})
		}
		if err != nil && !begun {
			if p, ok := errors.AsType[*Problem](auditUnread(err)); ok {
				edge.Problem(w, r, p.Status, p.Code, p.Detail)
				return
			}
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			s.log.WarnContext(r.Context(), "audit export broken off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
