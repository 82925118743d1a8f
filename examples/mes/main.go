// Command mes is a small MES (manufacturing execution system) beside seriald. Over
// NATS it gives work orders and keeps the serial events that follow from them:
//
//	mes order [--site plant1] PART WORKORDER QUANTITY
//	mes follow [--site plant1] [--dir mes-data]
//
// The environment variable NATS_URL says where NATS is; without it, it is
// nats://127.0.0.1:4222.
//
// It is an example to copy from: it uses nats.go and nothing of seriald's. Killed at
// any moment and started again, it misses no serial event and keeps none twice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	url := os.Getenv("NATS_URL") //nolint:forbidigo // read here and handed on
	if err := run(ctx, url, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mes:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

var errUsage = errors.New("write mes order [--site SITE] PART WORKORDER QUANTITY, or mes follow [--site SITE] [--dir DIR]")

// mes is what both commands need.
type mes struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	site string
	out  io.Writer // what happened, a line each
	log  io.Writer // what went wrong and is tried again
}

// run does what args say until it is done or ctx ends.
func run(ctx context.Context, url string, args []string, out, log io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("mes", flag.ContinueOnError)
	flags.SetOutput(log)
	site := flags.String("site", "plant1", "site of the work orders and serial events")
	dir := flags.String("dir", "mes-data", "directory in which serial events are kept")
	ackWait := flags.Duration("ack-wait", defaultAckWait, "how long after it was killed an MES gets again what it had not acknowledged")
	if err := flags.Parse(args[1:]); err != nil || token(*site) != *site {
		return errUsage
	}

	if url == "" {
		url = nats.DefaultURL
	}
	// A server that is not there, now or later, is waited for.
	nc, err := nats.Connect(url, nats.Name("mes"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", url, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	m := &mes{nc: nc, js: js, site: *site, out: out, log: log}

	switch command, rest := args[0], flags.Args(); {
	case command == "order" && len(rest) == 3:
		quantity, err := strconv.Atoi(rest[2])
		if err != nil {
			return errUsage
		}
		return m.order(ctx, rest[0], rest[1], quantity)
	case command == "follow" && len(rest) == 0:
		return m.follow(ctx, *dir, *ackWait)
	}
	return errUsage
}
