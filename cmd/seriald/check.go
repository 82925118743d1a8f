package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/cache"
	"github.com/machshop/seriald/stream"
)

type checkCommand struct{}

// checkTimeout bounds the check of one connection.
const checkTimeout = 5 * time.Second

// Run checks each connection and says how it is. That the configuration is sound
// was checked before, as for every command.
func (checkCommand) Run(ctx context.Context, s *session) error {
	set := &s.settings
	failed := false
	for _, c := range []struct {
		name  string
		check func(context.Context, *settings) (string, error)
	}{
		{"configuration", func(context.Context, *settings) (string, error) { return "ok", nil }},
		{"database", checkDatabase},
		{"nats", checkNATS},
		{"mqtt", checkMQTT},
		{"redis", checkRedis},
	} {
		bound, cancel := context.WithTimeout(ctx, checkTimeout)
		how, err := c.check(bound, set)
		cancel()
		if err != nil {
			failed = true
			how = "FAILED: " + err.Error()
		}
		fmt.Fprintf(s.stdout, "%-14s %s\n", c.name, how)
	}
	if failed {
		return errors.New("check failed")
	}
	return nil
}

func checkDatabase(ctx context.Context, set *settings) (string, error) {
	if set.DatabaseURL == "" {
		bin, err := embedded.FindPostgres(set.EmbeddedPGBin)
		if err != nil {
			return "", err
		}
		return "embedded, from " + bin, nil
	}
	db, err := store.Open(set.store(string(set.DatabaseURL)), prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return "", err
	}
	if err := (&service{db: db}).schemaReady(ctx); err != nil {
		return "", err
	}
	return "ok", nil
}

func checkNATS(ctx context.Context, set *settings) (string, error) {
	if set.NATSURL == "" {
		return "embedded", nil
	}
	conn, err := stream.Connect(set.stream(string(set.NATSURL)), "seriald check", slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var problem error // the last one: between tries there is none
	for !conn.Up() {
		if err := conn.Problem(); err != nil {
			problem = err
		}
		if !pause(ctx, 20*time.Millisecond) {
			return "", fmt.Errorf("no connection to %s: %w", redactURL(string(set.NATSURL)), cmp.Or(problem, ctx.Err()))
		}
	}
	if err := conn.CheckServer(); err != nil {
		return "", err
	}
	if _, err := conn.JS.AccountInfo(ctx); err != nil {
		return "", fmt.Errorf("JetStream: %w", err)
	}
	how := "ok, server " + conn.NATS.ConnectedServerVersion()
	if lacks := conn.Lacks(); lacks != "" {
		how += ": " + lacks
	}
	return how, nil
}

func checkMQTT(ctx context.Context, set *settings) (string, error) {
	if set.MQTTURL == "" {
		return "embedded, on " + set.EmbeddedMQTTHost, nil
	}
	// Connects and subscribes as a device does, so that a broker that refuses
	// subscriptions is found out, and leaves no session behind.
	d, err := ingest.DialDevice(ctx, set.broker(), seriald.Origin{Site: "seriald", Line: "check", Device: "check"},
		ingest.SessionPassing, func([]byte) {})
	if err != nil {
		return "", err
	}
	d.Close()
	return "ok", nil
}

func checkRedis(ctx context.Context, set *settings) (string, error) {
	if set.RedisURL == "" {
		return "disabled", nil
	}
	r, err := cache.Open(set.cache())
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := r.Ping(ctx); err != nil {
		return "", err
	}
	return "ok", nil
}
