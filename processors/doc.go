// Package processors takes events from the stream, decides what becomes of them
// and has it written: JetStream to batches to PostgreSQL.
//
// A [Runner] takes whatever waits, at most a batch, and passes it through
//
//	gather → read → decide → number → claim → write → publish → acknowledge
//
// Reading to writing is one transaction; deciding is pure and has all the rules
// (assign.go, vendor.go, decide.go). An event is acknowledged to JetStream when
// its change is committed and its outcome is published, both: what fails in
// between comes again, is found in the inbox, and is answered from there. So
// redelivery is the outbox, and an event id has one effect.
//
// What is guaranteed: events of one key are processed in order (consume.go); no
// event is dropped, one that can't be processed becomes a dead letter while its
// neighbours go through (runner.go); statements per batch are constant.
package processors
