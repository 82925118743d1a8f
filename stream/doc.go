// Package stream is JetStream as ingest, processors and the API share it: the
// connection, the streams of the contract and how to publish to them so
// that what is confirmed is on disk. It knows nothing of what the messages say.
package stream
