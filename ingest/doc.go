// Package ingest joins MQTT and JetStream, both ways.
//
// The [Bridge] takes what devices publish and forwards it to the event stream.
// It acknowledges a message to the broker only after the event is stored,
// synced, in JetStream: what a device was told is safe survives every failure on
// the way. It is also the other way round: the [Returner] takes outcomes and
// serial events from their streams and publishes them over MQTT, and
// acknowledges them to JetStream only after the broker has them.
//
// A [Device] is the far end of that: a client that publishes events and receives
// their outcomes, as a scanner or a PLC does.
//
// A [Router] knows what a message on a topic is: an event as it came, or, by a
// [Route], what a device that can't be reconfigured means by it. Scans and
// statuses become events there.
//
// What the package refuses to know: what an event means. It reads the id, the
// time and the key; everything else is passed on as it came, or as a route says.
package ingest
