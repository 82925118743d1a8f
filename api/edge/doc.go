// Package edge is what every HTTP request passes before the API's routes see it:
// request ids and the access log, panics, the client's address behind proxies, CORS,
// security headers, rate and size and time limits, compression, and validators of
// single resources. All of it is net/http middleware that knows no framework.
//
// New puts the middlewares in their order; each can be used alone. What one learns of
// a request and others use lies in the request's context, which RequestContext makes.
package edge
