package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
)

// Verifier says who a bearer token is, as [auth.Verifier] does.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Principal, error)
}

// caller is who a request comes from, or why that is not known.
type caller struct {
	principal auth.Principal
	err       error // nil if the token is good; errNoToken if there is none
}

type callerKey struct{}

var errNoToken = errors.New("a bearer token is needed: Authorization: Bearer …")

// identify finds out who calls. It refuses nobody: routes do, by their role.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &caller{err: errNoToken}
		if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
			if c.principal, c.err = s.deps.Tokens.Verify(r.Context(), strings.TrimSpace(token)); c.err == nil {
				edge.SetUser(r.Context(), c.principal.Subject)
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// principalOf is who calls; ok is false if that is not known.
func principalOf(ctx context.Context) (p auth.Principal, ok bool) {
	c, _ := ctx.Value(callerKey{}).(*caller)
	if c == nil || c.err != nil {
		return auth.Principal{}, false
	}
	return c.principal, true
}

// authorize refuses who may not use an operation.
func (s *Server) authorize(ctx huma.Context, next func(huma.Context)) {
	needed, _ := ctx.Operation().Metadata["role"].(auth.Role)
	p := mayNot(ctx.Context(), needed)
	if p == nil {
		next(ctx)
		return
	}
	switch p.Status {
	case http.StatusUnauthorized:
		ctx.SetHeader("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		ctx.SetHeader("Retry-After", "1")
	}
	_ = huma.WriteErr(s.api, ctx, p.Status, p.Detail) // a client that went away has no use for it
}

const challenge = `Bearer realm="seriald"`

// only refuses who may not use a handler.
func (*Server) only(needed auth.Role, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := mayNot(r.Context(), needed); p != nil {
			if p.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			edge.Problem(w, r, p.Status, p.Code, p.Detail)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// mayNot is why who calls may not do what takes a role, nil if they may.
func mayNot(ctx context.Context, needed auth.Role) *Problem {
	if needed == "" {
		return nil
	}
	c, _ := ctx.Value(callerKey{}).(*caller)
	if c == nil {
		c = &caller{err: errNoToken}
	}
	switch {
	case c.err == nil && c.principal.Role.Allows(needed):
		return nil
	case c.err == nil:
		return newProblem(http.StatusForbidden, codeForbidden, "this takes the role %s; yours is %s", needed, c.principal.Role)
	case errors.Is(c.err, auth.ErrForbidden):
		return newProblem(http.StatusForbidden, codeForbidden, "the token has no role; this takes %s", needed)
	case errors.Is(c.err, auth.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, codeUnavailable, "who calls can't be verified now; try again")
	}
	return newProblem(http.StatusUnauthorized, codeUnauthorized, "%s", strings.TrimPrefix(c.err.Error(), auth.ErrUnauthorized.Error()+": "))
}

// Issuer issues tokens for users, as [auth.Issuer] does.
type Issuer interface {
	Login(ctx context.Context, user, password, client string) (token string, expires time.Time, err error)
}

type loginInput struct {
	Body struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
}

// tokenBody is a bearer token, with the names of OAuth 2.0.
type tokenBody struct {
	Token     string    `json:"accessToken"`
	Type      string    `json:"tokenType" enum:"Bearer"`
	ExpiresIn int       `json:"expiresIn" doc:"Seconds."`
	ExpiresAt time.Time `json:"expiresAt"`
}

// login answers with a token for a user.
func (s *Server) login(ctx context.Context, in *loginInput) (*output[tokenBody], error) {
	token, expires, err := s.deps.Login.Login(ctx, in.Body.User, in.Body.Password, edge.Client(ctx).String())
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return nil, newProblem(http.StatusServiceUnavailable, codeUnavailable, "users can't be looked up now; try again")
	case err != nil:
		if locked, ok := errors.AsType[*auth.LockedError](err); ok {
			p := newProblem(http.StatusTooManyRequests, seriald.CodeRateLimited, "%v", locked)
			return nil, huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(int(locked.RetryAfter.Seconds()) + 1)}})
		}
		return nil, newProblem(http.StatusUnauthorized, codeUnauthorized, "user or password is wrong")
	}
	return answer(tokenBody{token, "Bearer", int(time.Until(expires).Seconds()), expires.UTC()}, nil)
}
