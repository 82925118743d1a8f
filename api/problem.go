package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/store"
)

// Codes that only HTTP has.
const (
	codeNotFound         seriald.Code = "NOT_FOUND"
	codeMethodNotAllowed seriald.Code = "METHOD_NOT_ALLOWED"
	codeUnavailable      seriald.Code = "UNAVAILABLE"
	codeUnauthorized     seriald.Code = "UNAUTHORIZED"
	codeForbidden        seriald.Code = "FORBIDDEN"
	codeInternal         seriald.Code = "INTERNAL"
)

// Problem is an error as it is answered: problem details, RFC 9457.
type Problem struct {
	Type   string         `json:"type" doc:"Always about:blank: the code says which problem it is."`
	Title  string         `json:"title" doc:"The name of the status."`
	Status int            `json:"status" doc:"The HTTP status."`
	Detail string         `json:"detail,omitempty" doc:"What is wrong, and what to do."`
	Code   seriald.Code   `json:"code" doc:"Which problem it is, for programs." example:"VALIDATION_ERROR"`
	Errors []FieldProblem `json:"errors,omitempty" doc:"What is wrong with which field."`

	RequestID string            `json:"requestId,omitempty" doc:"The request, as the access log names it."`
	EventID   seriald.EventID   `json:"eventId,omitempty" doc:"The event that the request became."`
	Conflict  *seriald.Conflict `json:"conflict,omitempty" doc:"Who holds a number that was asked for."`
	Scan      *gs1.Error        `json:"scan,omitempty" doc:"Where in a scan the error is."`
}

// FieldProblem says what is wrong with one field or parameter.
type FieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements [huma.ContentTypeFilter].
func (*Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, code seriald.Code, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// invalid is the answer to a request with wrong parameters.
func invalid(problems ...FieldProblem) *Problem {
	p := newProblem(http.StatusBadRequest, seriald.CodeValidation, "%s %s", problems[0].Field, problems[0].Message)
	p.Errors = problems
	return p
}

func invalidField(field, format string, args ...any) *Problem {
	return invalid(FieldProblem{field, fmt.Sprintf(format, args...)})
}

// unread is the answer for what the store did not return: what is not there has code, and
// what names it.
func unread(err error, code seriald.Code, what string) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return newProblem(http.StatusNotFound, code, "there is no %s", what)
	case errors.Is(err, store.ErrTooBroad):
		return newProblem(http.StatusUnprocessableEntity, seriald.CodeValidation,
			"too much would have to be looked through: ask for a part, a number, a work order, a lot or an attribute too")
	case errors.Is(err, store.ErrBadData):
		return newProblem(http.StatusBadRequest, seriald.CodeValidation,
			"a value can't be in the database, so that nothing has it: it holds a NUL, is not UTF-8, or is out of bounds")
	}
	return newProblem(http.StatusServiceUnavailable, codeUnavailable, "the database can't be reached; try again")
}

// refused is the answer to a request that broke a rule, or that could not be answered.
func refused(err error) error {
	rejection, ok := errors.AsType[*seriald.Rejection](err)
	if !ok {
		return unread(err, codeNotFound, "such row")
	}
	p := invalidField(cmp.Or(rejection.Field, "body"), "%s", rejection.Message)
	p.Code = rejection.Code
	switch rejection.Code {
	case seriald.CodePartNotFound, seriald.CodeSiteNotFound:
		p.Status = http.StatusNotFound
	case seriald.CodeFormatMismatch:
		p.Status = http.StatusUnprocessableEntity
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func init() {
	// The library has no other way to be given one's own problem details.
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(status, message, errs)
	}
}

// humaProblem is what the library found wrong with a request before it came here.
func humaProblem(status int, message string, errs []error) *Problem {
	code := seriald.CodeValidation
	switch status {
	case http.StatusUnprocessableEntity: // what does not fit the schema is malformed
		status = http.StatusBadRequest
	case http.StatusRequestEntityTooLarge:
		code = seriald.CodePayloadTooLarge
	case http.StatusUnauthorized:
		code = codeUnauthorized
	case http.StatusForbidden:
		code = codeForbidden
	case http.StatusServiceUnavailable:
		code = codeUnavailable
	case http.StatusInternalServerError:
		code = codeInternal
	}
	p := newProblem(status, code, "%s", message)
	for _, err := range errs {
		if err == nil {
			continue
		}
		field, text := "", err.Error()
		var detailed huma.ErrorDetailer
		if errors.As(err, &detailed) {
			d := detailed.ErrorDetail()
			field, text = d.Location, d.Message
		}
		// What it names begins with where it is: query.limit, body.data.
		if _, name, found := strings.Cut(field, "."); found {
			field = name
		}
		if name, missing := strings.CutPrefix(text, "expected required property "); missing {
			field, text = strings.TrimSuffix(name, " to be present"), "is required"
		}
		p.Errors = append(p.Errors, FieldProblem{field, text})
	}
	if len(p.Errors) == 0 && strings.HasPrefix(message, "request body") {
		p.Errors = []FieldProblem{{"body", strings.TrimPrefix(message, "request body ")}}
	}
	if len(p.Errors) > 0 {
		p.Detail = strings.TrimSpace(p.Errors[0].Field + " " + p.Errors[0].Message)
	}
	return p
}
