package api

import (
	"context"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

type devicesInput struct {
	PageParams
	Site string `query:"site" doc:"Of this site."`
}

// devices lists the devices that were seen, of one site or of all, in the order of site,
// line and device.
func (s *Server) devices(ctx context.Context, in *devicesInput) (*output[listBody[store.Device]], error) {
	if in.Site != "" && !seriald.ValidToken(in.Site) {
		return nil, invalidField("site", "must be 1 to 64 of A-Z a-z 0-9 _ -")
	}
	return page(ctx, &in.PageParams, rows[seriald.Origin, store.Device]{
		read: func(ctx context.Context, after seriald.Origin, limit int) ([]store.Device, error) {
			return s.deps.Database.Devices(ctx, in.Site, after, limit)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountDevices(ctx, in.Site, most)
		},
		place: (*store.Device).Origin,
	}, same)
}
