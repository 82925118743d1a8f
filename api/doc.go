// Package api is the HTTP face of the service: health for operators, metrics
// for Prometheus, and the outcome of any event. Reads come from the store;
// nothing here writes.
//
// Errors are problem details (RFC 9457) as application/problem+json, with a code
// of the contract added.
package api
