package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
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
	answer           any      // of what type the answer's body is, for the description; nil if the library knows
	unwell           any      // the answer of a check that fails, with 503; nil if it can't
	conditional      bool     // whether the answer has an ETag
	event            bool     // whether it becomes one, whose outcome is waited for
}

const prefix = "/api/v1/serialization"

// register adds an endpoint.
func register[I, O any](s *Server, op operation, handler func(context.Context, *I) (*O, error)) {
	h := s.described(op)
	if op.conditional {
		answered := handler
		handler = func(ctx context.Context, in *I) (*O, error) {
			edge.EnableETag(ctx)
			return answered(ctx, in)
		}
	}
	huma.Register(s.api, *h, handler)
	if op.body != nil {
		delete(h.RequestBody.Content, "application/octet-stream") // how the library sees a raw body
	}
	describeParameters(s.api.OpenAPI(), op)
}

// described is what the library is told of an endpoint.
func (s *Server) described(op operation) *huma.Operation {
	h := &huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.description, Tags: []string{op.tag},
		DefaultStatus: op.status, MaxBodyBytes: op.most, Metadata: map[string]any{"role": op.role}, Responses: map[string]*huma.Response{},
		SkipValidateBody: op.body != nil,
	}
	if op.role != "" {
		h.Security = []map[string][]string{{"bearer": {}}}
		h.Extensions = map[string]any{"x-role": op.role}
	}
	registry := s.api.OpenAPI().Components.Schemas
	respond := func(status int, mediaType string, schema *huma.Schema) *huma.Response {
		r := &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{mediaType: {Schema: schema}}}
		h.Responses[strconv.Itoa(status)] = r
		return r
	}
	respondJSON := func(status int, body any) *huma.Response {
		return respond(status, "application/json", registry.Schema(reflect.TypeOf(body), true, ""))
	}
	for _, status := range op.problems() {
		r := respond(status, "application/problem+json", registry.Schema(reflect.TypeFor[Problem](), true, "Problem"))
		r.Headers = problemHeaders[status]
	}
	if op.event {
		r := respondJSON(http.StatusAccepted, pending{})
		r.Description = "Stored, and not processed within five seconds: Location has the outcome when it is."
		r.Headers = map[string]*huma.Param{"Location": {Description: "Where the outcome will be.", Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	if op.answer != nil {
		respondJSON(http.StatusOK, op.answer)
	}
	if op.conditional {
		h.Responses["304"] = &huma.Response{Description: "What If-None-Match names is still true."}
		h.Parameters = append(h.Parameters, &huma.Param{
			Name: "If-None-Match", In: "header", Description: "The ETag of an answer that one has.", Schema: &huma.Schema{Type: huma.TypeString},
		})
		if h.Responses["200"] == nil {
			h.Responses["200"] = &huma.Response{} // the library adds what it carries
		}
		h.Responses["200"].Headers = map[string]*huma.Param{"ETag": {Description: "Names this answer.", Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	if op.file != nil {
		content := map[string]*huma.MediaType{}
		for _, typ := range op.file {
			content[typ] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		h.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: content}
	}
	if op.unwell != nil {
		respondJSON(http.StatusServiceUnavailable, op.unwell)
	}
	if op.body != nil {
		h.RequestBody = &huma.RequestBody{
			Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeOf(op.body), true, "")}},
		}
	}
	return h
}

// problems are the statuses of all problems that op answers with.
func (op *operation) problems() []int {
	all := append([]int{http.StatusBadRequest}, op.errors...)
	if !strings.HasPrefix(op.path, "/health") {
		all = append(all, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	}
	if op.role != "" {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden)
	}
	if op.most > 0 {
		all = append(all, http.StatusRequestEntityTooLarge)
		if op.body == nil { // the library reads it
			all = append(all, http.StatusUnsupportedMediaType)
		}
	}
	return all
}

// problemHeaders are what problems of a status have beside their body.
var problemHeaders = map[int]map[string]*huma.Param{
	http.StatusUnauthorized:    {"WWW-Authenticate": {Description: "What takes a token.", Schema: &huma.Schema{Type: huma.TypeString}}},
	http.StatusTooManyRequests: {"Retry-After": {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger}}},
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
