package api

import (
	"context"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// devicesBody is a page of devices, in the order of site, line and device.
type devicesBody struct {
	Data   []store.Device `json:"data"`
	Total  int            `json:"total"`
	Limit  int            `json:"limit"`
	Offset int            `json:"offset"`
}

type devicesInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0" maximum:"1073741824"`
	Site   string `query:"site"`
}

// devices lists the devices that were seen, of one site or of all.
func (s *Server) devices(ctx context.Context, in *devicesInput) (*output[devicesBody], error) {
	if in.Site != "" && !seriald.ValidToken(in.Site) {
		return nil, invalidField("site", "must be 1 to 64 of A-Z a-z 0-9 _ -")
	}
	found, total, err := s.deps.Database.Devices(ctx, in.Site, in.Limit, in.Offset)
	if err != nil {
		return nil, unread(err, codeNotFound, "device")
	}
	if found == nil {
		found = []store.Device{} // an empty list, not null
	}
	return answer(devicesBody{found, total, in.Limit, in.Offset}, nil)
}
