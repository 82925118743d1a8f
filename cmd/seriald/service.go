package main

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/machshop/seriald/api"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/processors"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/cache"
	"github.com/machshop/seriald/stream"
)

// service is what runs in this process. Its parts are set before started is, and
// not changed after; health may ask earlier.
type service struct {
	roles     []string
	started   atomic.Bool
	db        *store.DB
	cache     cache.Cache
	conn      *stream.Conn
	bridge    *ingest.Bridge
	returner  *ingest.Returner
	processor *processors.Runner
	tokens    atomic.Pointer[auth.Verifier] // nil until the API is started
}

func (svc *service) has(role string) bool { return slices.Contains(svc.roles, role) }

// dependencies are what the API asks, once started is set.
func (svc *service) dependencies() api.Dependencies {
	return api.Dependencies{Database: svc.db, Taken: takenClaims{svc.cache}, Redis: svc.redisState, NATS: svc.natsState, MQTT: svc.mqttState, NotReady: svc.notReady}
}

func (svc *service) redisState(ctx context.Context) api.State { return api.State(svc.cache.State(ctx)) }

func (svc *service) natsState() api.State {
	if !svc.conn.Up() {
		return api.StateDisconnected
	}
	return api.StateConnected
}

func (svc *service) mqttState() api.State {
	switch {
	case svc.bridge == nil:
		return api.StateDisabled
	case svc.bridge.Standby() && (svc.returner.Connected() || svc.returner.Standby()):
		return api.StateStandby
	case !svc.bridge.Connected() || !svc.returner.Connected() && !svc.returner.Standby():
		return api.StateDisconnected
	}
	return api.StateConnected
}

// notReady names what the service waits for.
func (svc *service) notReady(ctx context.Context) []string {
	if !svc.started.Load() {
		return []string{"start"}
	}
	var waiting []string
	if svc.schemaReady(ctx) != nil {
		waiting = append(waiting, "database")
	}
	if svc.natsState() != api.StateConnected {
		waiting = append(waiting, "nats")
	}
	if svc.mqttState() == api.StateDisconnected {
		waiting = append(waiting, "mqtt")
	}
	if tokens := svc.tokens.Load(); svc.has(roleAPI) && (tokens == nil || !tokens.Ready()) {
		waiting = append(waiting, "tokens")
	}
	if svc.processor != nil && !svc.processor.Ready() {
		waiting = append(waiting, "processor")
	}
	return waiting
}
