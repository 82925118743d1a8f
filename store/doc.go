// Package store is PostgreSQL: every statement the service sends, one .sql file
// and one method each. It keeps what it is told in one transaction or not at
// all, and translates SQLSTATEs into the three failures a caller can act on:
// [ErrRepeat], [ErrBadData] and [ErrUnavailable].
//
// What it refuses to know: the rules. Which rows a batch of events makes is
// decided by processors; the store writes them with array statements, so that a
// batch costs the same few statements whatever its size.
package store
