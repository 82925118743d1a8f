package main

// seriald run:
//
//	settings ─▶ HTTP port ─▶ embedded servers ─▶ schema ─▶ connections
//	                                                          │
//	              bridge, returner │ processor │ api │ upkeep ┘  until a signal
//
// Built from left to right, closed from right to left.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald/api"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/processors"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

// Roles of a process.
const (
	roleBridge    = "bridge"
	roleProcessor = "processor"
	roleAPI       = "api"
)

type runCommand struct {
	Roles []string `help:"What this process does: ${enum}." enum:"bridge,processor,api" default:"bridge,processor,api"`
}

// Run runs the service until a signal.
func (c *runCommand) Run(ctx context.Context, s *session) error {
	set := &s.settings
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	svc := &service{roles: c.Roles}

	var server *api.Server
	if svc.has(roleAPI) {
		// First, so that a second start by mistake ends before it touches anything.
		var err error
		if server, err = api.Listen(set.api(), s.log, reg); err != nil {
			return usageError{err}
		}
		defer server.Close()
	}

	backends, err := startEmbedded(ctx, set, c.Roles, s.log)
	if err != nil {
		if ctx.Err() != nil {
			return nil // a signal while starting
		}
		return usageError{err}
	}
	defer backends.Close()
	if svc.has(roleAPI) {
		if err := ensureJWTSecret(set); err != nil {
			return usageError{err}
		}
	}

	dbConfig := set.store(backends.databaseURL)
	if svc.db, err = store.Open(dbConfig, reg); err != nil {
		return usageError{err}
	}
	defer svc.db.Close()
	if svc.cache, err = openCache(s, reg); err != nil {
		return err
	}
	defer func() { _ = svc.cache.Close() }() // it has nothing left to tell
	if svc.conn, err = stream.Connect(set.stream(backends.natsURL), "seriald", s.log); err != nil {
		return usageError{err}
	}
	defer svc.conn.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	// The processor begins when the schema is there and the month has its audit
	// partition: rows in the default partition would keep it from being made.
	prepared := make(chan struct{})
	group.Go(func() error { svc.upkeep(ctx, s, prepared); return nil })
	if svc.has(roleBridge) {
		broker := backends.broker(set)
		svc.bridge = ingest.NewBridge(broker, svc.conn, s.log, reg)
		svc.returner = ingest.NewReturner(broker, svc.conn, s.log, reg)
		group.Go(func() error { return svc.bridge.Run(ctx) })
		group.Go(func() error { return svc.returner.Run(ctx) })
	}
	if svc.has(roleProcessor) {
		svc.processor = processors.New(set.processors(), svc.conn, svc.db, svc.cache, s.log, reg)
		group.Go(func() error {
			select {
			case <-prepared:
				return svc.processor.Run(ctx)
			case <-ctx.Done():
				return nil
			}
		})
	}
	svc.started.Store(true)
	if server != nil {
		if err := svc.startAPI(ctx, group, s, server, reg); err != nil {
			cancel()
			return errors.Join(err, group.Wait())
		}
	}
	group.Go(func() error { return backends.watch(ctx) })
	group.Go(func() error { svc.announce(ctx, s, backends, server); return nil })
	err = group.Wait()
	s.log.Info("stopped")
	return err
}

// upkeep waits for the schema, then makes the audit partitions of the months to
// come, as long as the process lives. It closes prepared when both are there.
func (svc *service) upkeep(ctx context.Context, s *session, prepared chan<- struct{}) {
	last := ""
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := svc.schemaReady(ctx)
		if err == nil {
			err = svc.db.EnsureAuditMonths(ctx, time.Now())
		}
		if err == nil || errors.Is(err, store.ErrBadData) {
			close(prepared)
			break
		}
		if ctx.Err() == nil && err.Error() != last {
			last = err.Error()
			s.log.Warn("waiting for the database", "error", err)
		}
		if !pause(ctx, wait) {
			return
		}
	}
	for {
		if err := svc.db.EnsureAuditMonths(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Error("audit partitions not made, rows go to the default partition", "error", err)
		}
		if !pause(ctx, time.Hour) {
			return
		}
	}
}

// schemaReady reports why events can't be processed for want of the schema.
func (svc *service) schemaReady(ctx context.Context) error {
	have, dirty, err := svc.db.SchemaVersion(ctx)
	want := migrations.Latest()
	switch {
	case errors.Is(err, store.ErrUnavailable) && strings.Contains(err.Error(), "42P01"), err == nil && have < want:
		return fmt.Errorf("the schema has version %d, this program needs %d: run seriald migrate up", have, want)
	case err != nil:
		return err
	case dirty:
		return fmt.Errorf("the schema is dirty at version %d: a migration failed half-way; mend it, then run seriald migrate force", have)
	}
	return nil
}

// announce says what listens where, once the service is ready.
func (svc *service) announce(ctx context.Context, s *session, b *backends, server *api.Server) {
	start := time.Now()
	for len(svc.notReady(ctx)) > 0 {
		if !pause(ctx, 10*time.Millisecond) {
			return
		}
	}
	s.log.Info("ready", "roles", strings.Join(svc.roles, ","), "after", time.Since(start).Round(time.Millisecond))
	w := s.stdout
	fmt.Fprintln(w, "\nMachShop Serialization is ready.")
	if server != nil {
		fmt.Fprintf(w, "  HTTP        http://%s/health\n", server.Address())
	}
	fmt.Fprintf(w, "  MQTT        %s%s\n", b.mqttURL, b.note(b.embeddedMQTT))
	fmt.Fprintf(w, "  NATS        %s%s\n", b.natsShown, b.note(b.embeddedNATS))
	fmt.Fprintf(w, "  PostgreSQL  %s%s\n", s.settings.store(b.databaseURL).Redacted(), b.note(b.embeddedDatabase))
	if b.password != "" {
		fmt.Fprintf(w, "  User        %s, password %s (not shown again)\n", auth.FirstUser, b.password)
	}
	if b.embeddedDatabase {
		fmt.Fprintf(w, "  Data        %s (psql \"$(seriald db url --data %s)\")\n", s.settings.DataDir, s.settings.DataDir)
	}
	if slices.Contains(svc.roles, roleBridge) && b.embeddedMQTT {
		fmt.Fprintf(w, "\nTry it:\n  seriald send --data %s operation_complete partId=PART-001 operationCode=OP-010\n\n", s.settings.DataDir)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
