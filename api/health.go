package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

const (
	// pingTimeout bounds how long health waits for a dependency.
	pingTimeout = time.Second
	// pingFresh is how long one answer of the database is told to all who ask: health is
	// open to everybody, and must not become a load.
	pingFresh = 250 * time.Millisecond
)

// pings asks the database whether it is there. It is safe for concurrent use.
type pings struct {
	database Database

	turn chan struct{} // has an element while it is asked; who comes meanwhile gets the same answer
	at   time.Time     // of the answer
	err  error
}

func newPings(database Database) *pings {
	return &pings{database: database, turn: make(chan struct{}, 1)}
}

// ping is [Database.Ping], no older than pingFresh.
func (p *pings) ping(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Since(p.at) < pingFresh {
		return p.err
	}
	// Who asked may go away, which says nothing of the database.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	p.err = p.database.Ping(ctx)
	p.at = time.Now()
	return p.err
}

type healthBody struct {
	Status    string    `json:"status"` // ok, degraded or error
	Timestamp time.Time `json:"timestamp"`
	Uptime    float64   `json:"uptime"` // seconds
	Database  State     `json:"database"`
	Redis     State     `json:"redis"`
	NATS      State     `json:"nats"`
	MQTT      State     `json:"mqtt"`
}

// statusOutput is an answer whose status says something.
type statusOutput[B any] struct {
	Status int
	Body   B
}

// health tells how the service is: error (503) when no event can be processed,
// degraded when something else is away.
func (s *Server) health(ctx context.Context, _ *noInput) (*statusOutput[healthBody], error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	now := time.Now()
	body := healthBody{
		Status: "ok", Timestamp: now.UTC(), Uptime: now.Sub(s.started).Seconds(),
		Database: StateConnected, Redis: s.deps.Redis(ctx), NATS: s.deps.NATS(), MQTT: s.deps.MQTT(),
	}
	if s.pings.ping(ctx) != nil {
		body.Database = StateDisconnected
	}
	status := http.StatusOK
	switch {
	case body.Database == StateDisconnected || body.NATS == StateDisconnected:
		body.Status, status = "error", http.StatusServiceUnavailable
	case body.MQTT == StateDisconnected || body.Redis == StateDisconnected:
		body.Status = "degraded"
	}
	return &statusOutput[healthBody]{status, body}, nil
}

// readyBody tells whether the service does its work.
type readyBody struct {
	Status     string   `json:"status" enum:"ok,ready,waiting"`
	WaitingFor []string `json:"waitingFor,omitempty"`
}

// live tells that the process runs.
func (s *Server) live(context.Context, *noInput) (*output[readyBody], error) {
	return answer(readyBody{Status: "ok"}, nil)
}

// ready tells whether the service does its work, else what it waits for.
func (s *Server) ready(ctx context.Context, _ *noInput) (*statusOutput[readyBody], error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if waiting := s.deps.NotReady(ctx); len(waiting) > 0 {
		return &statusOutput[readyBody]{http.StatusServiceUnavailable, readyBody{"waiting", waiting}}, nil
	}
	return &statusOutput[readyBody]{http.StatusOK, readyBody{Status: "ready"}}, nil
}

type poolBody struct {
	Total  int `json:"total"`
	Idle   int `json:"idle"`
	Active int `json:"active"`
}

type databaseBody struct {
	Status          State    `json:"status"`
	ResponseTime    float64  `json:"responseTime" doc:"Milliseconds."`
	PoolConnections poolBody `json:"poolConnections"`
}

func (s *Server) databaseHealth(ctx context.Context, _ *noInput) (*statusOutput[databaseBody], error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
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
	return &statusOutput[databaseBody]{status, body}, nil
}

type eventInput struct {
	ID string `path:"id" doc:"The event's id."`
}

// eventOutcome answers with the outcome of an event, as its device got it.
func (s *Server) eventOutcome(ctx context.Context, in *eventInput) (*output[json.RawMessage], error) {
	outcome, err := s.deps.Database.EventOutcome(ctx, in.ID)
	if err != nil {
		return nil, unread(err, codeNotFound, "event with the id "+in.ID+" that was processed; one that was just sent may still be waiting")
	}
	return answer(json.RawMessage(outcome), nil)
}
