package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald/api/auth"
)

// operation is what there is to say of an endpoint beside its types.
type operation struct {
	id, method, path string
	summary          string
	tag              string
	role             auth.Role // that it takes; "" is open to all
	errors           []int     // statuses of the problems that it answers with, beside those of all
	status           int       // of success; 200 if 0
	most             int64     // bytes of the body
	body             any       // of what type the request's body is, for the description; nil if the library knows
	description      string
	file             []string // media types of the answer, if it is a file
	unwell           any      // the answer of a check that fails, with 503; nil if it can't
}

const prefix = "/api/v1/serialization"

// register adds an endpoint.
func register[I, O any](s *Server, op operation, handler func(context.Context, *I) (*O, error)) {
	h := s.described(op)
	huma.Register(s.api, *h, handler)
	if op.body != nil {
		delete(h.RequestBody.Content, "application/octet-stream") // how the library sees a raw body
	}
}

// described is what the library is told of an endpoint.
func (s *Server) described(op operation) *huma.Operation {
	h := &huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.description, Tags: []string{op.tag},
		DefaultStatus: op.status, MaxBodyBytes: op.most, Metadata: map[string]any{"role": op.role}, Responses: map[string]*huma.Response{},
		SkipValidateBody: op.body != nil,
	}
	registry := s.api.OpenAPI().Components.Schemas
	problems := append([]int{http.StatusBadRequest}, op.errors...)
	if !strings.HasPrefix(op.path, "/health") {
		problems = append(problems, http.StatusTooManyRequests)
	}
	if op.role != "" {
		h.Security = []map[string][]string{{"bearer": {}}}
		problems = append(problems, http.StatusUnauthorized, http.StatusForbidden)
	}
	for _, status := range problems {
		h.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: registry.Schema(reflect.TypeFor[Problem](), true, "Problem")}},
		}
	}
	if slices.Equal(op.errors, writeErrors) {
		h.Responses["202"] = &huma.Response{
			Description: "Stored, and not processed within five seconds: Location has the outcome when it is.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeFor[pending](), true, "Pending")}},
			Headers:     map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}
	}
	if op.file != nil {
		content := map[string]*huma.MediaType{}
		for _, typ := range op.file {
			content[typ] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		h.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: content}
	}
	if op.unwell != nil {
		h.Responses["503"] = &huma.Response{
			Description: http.StatusText(http.StatusServiceUnavailable),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeOf(op.unwell), true, "")}},
		}
	}
	if op.body != nil {
		h.RequestBody = &huma.RequestBody{
			Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeOf(op.body), true, "")}},
		}
	}
	return h
}

// output is an answer with a body.
type output[B any] struct{ Body B }

func answer[B any](body B, err error) (*output[B], error) {
	if err != nil {
		return nil, err
	}
	return &output[B]{body}, nil
}

// What requests have in common is exported, as the library sees no other fields.

type noInput struct{}

// IDParam names something of ours.
type IDParam struct {
	ID string `path:"id" doc:"An id of ours: a UUID."`
}

// PartParam names a part.
type PartParam struct {
	PartID string `path:"partId"`
}

// PageParams say which part of a list is asked for.
type PageParams struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"At most so many."`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}
