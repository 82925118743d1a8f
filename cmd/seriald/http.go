package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/command"
	"github.com/machshop/seriald/api/live"
	"github.com/machshop/seriald/store/cache"
)

// startAPI starts what the API needs beside what all roles do, and serves it.
func (svc *service) startAPI(ctx context.Context, group *errgroup.Group, s *session, server *api.Server, reg prometheus.Registerer) error {
	set := &s.settings
	secret, err := readJWTSecret(set)
	if err != nil {
		return usageError{err}
	}
	tokens, err := auth.NewVerifier(set.auth(secret), svc.db, s.log)
	if err != nil {
		return usageError{err}
	}
	svc.tokens.Store(tokens)
	login, err := auth.NewIssuer(secret, set.JWTExpiration, svc.db, auth.NewHasher(), s.log)
	if err != nil {
		return usageError{err}
	}
	deps := svc.dependencies()
	if set.RedisURL != "" {
		requests, err := cache.NewRateCounter(set.cache(), s.log)
		if err != nil {
			return usageError{err}
		}
		deps.Requests = requests
		group.Go(func() error {
			<-ctx.Done()
			if err := requests.Close(); err != nil {
				return fmt.Errorf("close redis: %w", err)
			}
			return nil
		})
	}
	router, err := set.ingest(or(set.MQTTURL, embeddedMQTT)).Router()
	if err != nil {
		return usageError{err}
	}
	deps.Replay = func(ctx context.Context, id seriald.ID, fixed []byte) (seriald.EventID, error) {
		return replay(ctx, svc.db, svc.conn, id, fixed, router)
	}
	events, commands := live.New(svc.conn, s.log, reg), command.New(svc.conn, s.log)
	deps.Tokens, deps.Login, deps.Commands, deps.Events = tokens, login, commands, events
	group.Go(func() error { return tokens.Run(ctx) })
	group.Go(func() error { return events.Run(ctx) })
	group.Go(func() error { return commands.Run(ctx) })
	group.Go(func() error { return server.Run(ctx, deps) })
	return nil
}
