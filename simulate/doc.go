// Package simulate plays scanners and PLCs: devices that publish events over
// MQTT and hold the service to its promise that each is answered.
//
// [Run] plays many devices, at a rate or flat out, and keeps book: every message
// that was sent must be answered, and all answers to one event must agree, or the
// service processed it twice. [Send] plays one event and returns its outcome.
//
// A broker that goes away, or a service that is killed, does not end a run: the
// devices' sessions are kept at the broker, what was not acknowledged is sent
// again, and sending pauses while there is no connection. What is still missing
// at the end was lost.
//
// The package refuses to know how events are processed: it sees what a device
// sees, and nothing of streams or tables.
package simulate
