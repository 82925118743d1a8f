//go:build !linux

package store

import "syscall"

// limitUnacked does nothing here: the time limit of a batch and keep-alive probes
// find a dead connection, later.
func limitUnacked(string, string, syscall.RawConn) error { return nil }
