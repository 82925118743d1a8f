// Package faulttest breaks things for tests: a TCP proxy whose faults are
// switched at run time, and a device that knows exactly what it was promised.
//
// The device speaks MQTT packet by packet. The client library that the product
// uses completes the tokens of unacknowledged publications when it resumes a
// session; a test that asks "is everything that was acknowledged still there?"
// cannot take that for an acknowledgement.
package faulttest
