// Package seriald is the domain of MachShop Serialization: the words that
// scanners, processors, the store and the API share, and the rules that need
// nothing but those words.
//
// An [Event] is something that happened on the shop floor. It enters over MQTT
// or NATS, waits in a JetStream stream under the subject [EventSubject], and is
// processed once: its [Outcome] says what became of it, and the [SerialEvent]s
// derived from the two tell everybody else. What a site, a [Part], a [Format]
// or a [Trigger] is, is configuration, held together as a [Catalog].
//
// The package imports the standard library only and is pure: no I/O, no clock,
// no globals that change. What it refuses to know: MQTT, JetStream, SQL and
// HTTP, which are the business of ingest, stream, processors, store and api.
package seriald
