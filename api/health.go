package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// pingTimeout bounds how long health waits for a dependency.
const pingTimeout = time.Second

type healthBody struct {
	Status    string    `json:"status"` // ok, degraded or error
	Timestamp time.Time `json:"timestamp"`
	Uptime    float64   `json:"uptime"` // seconds
	Database  State     `json:"database"`
	Redis     State     `json:"redis"`
	NATS      State     `json:"nats"`
	MQTT      State     `json:"mqtt"`
}

// health tells how the service is: error (503) when no event can be processed,
// degraded when something else is away.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	now := time.Now()
	body := healthBody{
		Status: "ok", Timestamp: now.UTC(), Uptime: now.Sub(s.started).Seconds(),
		Database: StateConnected, Redis: s.deps.Redis(ctx), NATS: s.deps.NATS(), MQTT: s.deps.MQTT(),
	}
	if s.deps.Database.Ping(ctx) != nil {
		body.Database = StateDisconnected
	}
	status := http.StatusOK
	switch {
	case body.Database == StateDisconnected || body.NATS == StateDisconnected:
		body.Status, status = "error", http.StatusServiceUnavailable
	case body.MQTT == StateDisconnected || body.Redis == StateDisconnected:
		body.Status = "degraded"
	}
	reply(w, status, body)
}

// live tells that the process runs.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready tells whether the service does its work, else what it waits for.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	if waiting := s.deps.NotReady(ctx); len(waiting) > 0 {
		reply(w, http.StatusServiceUnavailable, map[string]any{"status": "waiting", "waitingFor": waiting})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ready"})
}

type poolBody struct {
	Total  int `json:"total"`
	Idle   int `json:"idle"`
	Active int `json:"active"`
}

type databaseBody struct {
	Status          State    `json:"status"`
	ResponseTime    float64  `json:"responseTime"` // milliseconds
	PoolConnections poolBody `json:"poolConnections"`
}

func (s *Server) databaseHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	start := time.Now()
	err := s.deps.Database.Ping(ctx)
	pool := s.deps.Database.PoolStats()
	body := databaseBody{
		Status: StateConnected, ResponseTime: float64(time.Since(start).Microseconds()) / 1000,
		PoolConnections: poolBody(pool),
	}
	status := http.StatusOK
	if err != nil {
		body.Status, status = StateDisconnected, http.StatusServiceUnavailable
	}
	reply(w, status, body)
}

// eventOutcome answers with the outcome of an event, as its device got it.
func (s *Server) eventOutcome(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	outcome, err := s.deps.Database.EventOutcome(r.Context(), id)
	if err != nil {
		unread(w, err, codeNotFound, "event with the id "+id+" that was processed; one that was just sent may still be waiting")
		return
	}
	reply(w, http.StatusOK, json.RawMessage(outcome))
}
