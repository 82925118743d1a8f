package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald/api/auth"
)

// describeStream tells of the stream of serial events, which the library does not serve.
func (s *Server) describeStream() {
	op := s.described(operation{
		id: "serialEvents", method: http.MethodGet, path: "/api/v1/events/stream", tag: tagService, role: auth.Viewer,
		summary: "Serial events as they come, as server-sent events.",
		description: "All filters have to match. It begins with the next event or, with Last-Event-ID or lastEventId, behind that one.\n\n" +
			"Each event has its place in the stream as id, as event its name (received, accepted, rejected, assigned, conflict, resolved, propagated, placeholder, retired) and as data the CloudEvent of NATS, as JSON in one line.\n\n" +
			"Four notices tell of the stream itself; with the id of each, too, one goes on behind it:\n" +
			"- reset `{\"stream\"}`: the stream is another one than that of the id; what follows is all that it has.\n" +
			"- gap `{\"from\",\"to\"}`: the events of these sequences are gone.\n" +
			"- cut `{\"lastEventId\"}`: the client was too slow for its buffer; connect again, and nothing is missing.\n" +
			"- end `{\"lastEventId\"}`: the service ends; connect again.\n\n" +
			"Comments are heartbeats.",
	})
	text := func(in, name, description string) {
		op.Parameters = append(op.Parameters, &huma.Param{In: in, Name: name, Description: description, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	text("query", "site", "At this site.")
	text("query", "event", "Of these names, separated by commas.")
	text("query", "partId", "About this part.")
	text("query", "serialNumber", "About this number.")
	text("query", "workOrderId", "Of this work order.")
	text("query", "lotNumber", "Of this lot.")
	text("query", "lastEventId", "As Last-Event-ID, for clients that can't set it.")
	text("header", "Last-Event-ID", "The id of the last event that one has.")
	op.Responses["200"] = &huma.Response{
		Description: "Events until the client goes away, is cut, or the service ends.",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	s.api.OpenAPI().AddOperation(op)
}
