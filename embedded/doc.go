// Package embedded runs what seriald needs beside itself when nothing is
// configured: a PostgreSQL server as a child process, a NATS server with its
// MQTT listener inside this process, and a lock that keeps a data directory to
// one daemon.
//
// It promises three things. Nothing it starts outlives the daemon, not even
// after kill -9. What it acknowledged is on disk: fsync is on and JetStream
// syncs every write, unless a test asks otherwise. And whatever is in the way
// (a port, a permission, a missing program) is told in one line that says what
// to do.
//
// It refuses to know what is stored: no stream, table or setting of the
// application is made here. A started service is handed over as a URL, exactly
// as if it had been configured.
package embedded
