package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/store"
)

// Config is where the API listens and what it offers.
type Config struct {
	// Host is the address to listen on; "" listens on all.
	Host string
	// Port to listen on; 0 takes a free one.
	Port int
	// Metrics offers GET /metrics.
	Metrics bool
	// CompanyPrefixes are the GS1 Company Prefixes whose numbers get an EPC URI.
	CompanyPrefixes gs1.CompanyPrefixes
}

// Defaults of the contract. The API listens on loopback: it does not check
// tokens yet.
const (
	DefaultHost = "127.0.0.1"
	DefaultPort = 4000
)

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var problems []error
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("APP_PORT: must be from 0 to 65535, not %d", c.Port))
	}
	if err := c.CompanyPrefixes.Check(); err != nil {
		problems = append(problems, fmt.Errorf("GS1_COMPANY_PREFIXES: %w", err))
	}
	return errors.Join(problems...)
}

// Database is what the API asks of the store.
type Database interface {
	Ping(ctx context.Context) error
	PoolStats() store.PoolStats
	EventOutcome(ctx context.Context, id string) ([]byte, error)
	Devices(ctx context.Context, site string, limit, offset int) ([]store.Device, int, error)
	FormatUse(ctx context.Context, id string) (*store.FormatUse, error)
	Serial(ctx context.Context, id seriald.ID) (*store.SerialRecord, error)
	Serials(ctx context.Context, f *store.SerialFilter, before seriald.ID, limit int) ([]store.SerialRecord, error)
	Placeholder(ctx context.Context, id seriald.ID) (*store.PlaceholderRecord, error)
	PendingPlaceholders(ctx context.Context, of store.PendingRef, after store.PendingAfter) ([]seriald.Placeholder, error)
	PlaceholderStatistics(ctx context.Context, partID string) (store.PlaceholderStatistics, error)
	TriggerUse(ctx context.Context, id seriald.ID) (*store.TriggerUse, error)
	TriggersOfPart(ctx context.Context, partID string) ([]store.TriggerUse, error)
	TriggerTotals(ctx context.Context, partID string) (store.TriggerStatistics, error)
	RecordedEvent(ctx context.Context, id seriald.EventID) (*store.RecordedEvent, error)
	Catalog(ctx context.Context) (*seriald.Catalog, error)
	CatalogVersion(ctx context.Context) (int64, error)
	Holders(ctx context.Context, claims []seriald.Claim) ([]*store.Holder, error)
	ChecksOfNumber(ctx context.Context, number, partID string, limit int) ([]store.Check, error)
	ConflictsOfNumber(ctx context.Context, canonical, partID string) ([]*store.Conflict, error)
	PendingConflicts(ctx context.Context, partID string, after store.ConflictsAfter, limit int) ([]*store.Conflict, error)
	ConflictHistory(ctx context.Context, partID string, after store.ConflictsAfter, limit int) ([]*store.Conflict, error)
	UniquenessStatistics(ctx context.Context, partID string) (store.UniquenessStatistics, error)
}

// State is how a dependency is.
type State string

// The states of the contract, section 6.
const (
	StateConnected    State = "connected"
	StateDisconnected State = "disconnected"
	StateDisabled     State = "disabled"
	// StateStandby is that of a bridge that takes over when the one that works
	// goes away.
	StateStandby State = "standby"
)

// Dependencies are what is asked for answers, and what health looks at.
type Dependencies struct {
	Database Database
	// Taken is asked before the database who holds a number; nil if there is no cache.
	Taken TakenCache
	Redis func(context.Context) State
	NATS  func() State
	MQTT  func() State
	// NotReady names what the service still waits for; empty when it is ready.
	NotReady func(context.Context) []string
}

// Server serves the API.
type Server struct {
	listener net.Listener
	server   *http.Server
	deps     Dependencies
	master   *master
	prefixes gs1.CompanyPrefixes
	started  time.Time
	errors   prometheus.Counter
	duration *prometheus.HistogramVec
}

const (
	readTimeout     = 10 * time.Second
	writeTimeout    = 60 * time.Second
	shutdownTimeout = 10 * time.Second
)

// Listen opens the port of cfg, so that a port in use is known before anything
// else is started, and returns a Server that Run serves.
func Listen(cfg Config, log *slog.Logger, reg *prometheus.Registry) (*Server, error) {
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s (APP_HOST, APP_PORT): %w", address, err)
	}
	s := &Server{
		listener: listener, prefixes: cfg.CompanyPrefixes, started: time.Now(),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "http_request_errors_total", Help: "HTTP requests answered with a status of 500 or more.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "seriald_http_request_duration_seconds", Help: "Time to answer HTTP requests, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"route", "status"}),
	}
	reg.MustRegister(s.errors, s.duration)
	s.server = &http.Server{
		Handler: s.routes(cfg, reg), ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Address returns the address that is listened on, host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run serves with what is there by now, until ctx ends and the requests under way are
// answered.
func (s *Server) Run(ctx context.Context, deps Dependencies) error {
	s.deps, s.master = deps, &master{database: deps.Database}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- s.server.Shutdown(bound)
	}()
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return <-stopped
}

// Close gives the port back if Run was never called; after Run it does nothing.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close HTTP port: %w", err)
	}
	return nil
}

func (s *Server) routes(cfg Config, reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.measured(pattern, h)) }
	handle("GET /health", s.health)
	handle("GET /health/live", s.live)
	handle("GET /health/ready", s.ready)
	handle("GET /api/v1/health/db", s.databaseHealth)
	handle("GET /api/v1/events/{id}", s.eventOutcome)
	handle("GET /api/v1/devices", s.devices)
	handle("POST /api/v1/serialization/scan/parse", s.parseScan)
	handle("POST /api/v1/serialization/formats/preview", s.previewFormat)
	handle("GET /api/v1/serialization/formats/{id}", s.format)
	handle("GET /api/v1/serialization/serials", s.serials)
	handle("GET /api/v1/serialization/serials/{id}", s.serial)
	handle("GET /api/v1/serialization/vendor/{id}", s.vendorSerial)
	handle("GET /api/v1/serialization/vendor/part/{partId}", s.vendorSerials)
	handle("GET /api/v1/serialization/system-generated/part/{partId}", s.generatedSerials)
	handle("GET /api/v1/serialization/late-assignment/placeholder/{id}", s.placeholder)
	handle("GET /api/v1/serialization/late-assignment/pending", s.pendingPlaceholders)
	handle("GET /api/v1/serialization/late-assignment/statistics/{partId}", s.placeholderStatistics)
	handle("GET /api/v1/serialization/triggers/{id}", s.trigger)
	handle("GET /api/v1/serialization/triggers/part/{partId}", s.triggersOfPart)
	handle("GET /api/v1/serialization/triggers/statistics/{partId}", s.triggerStatistics)
	handle("POST /api/v1/serialization/triggers/{id}/test", s.testTrigger)
	handle("POST /api/v1/serialization/uniqueness/check", s.checkUniqueness)
	handle("GET /api/v1/serialization/uniqueness/report/{serialNumber}/{partId}", s.uniquenessReport)
	handle("GET /api/v1/serialization/uniqueness/conflicts/pending", s.pendingConflicts)
	handle("GET /api/v1/serialization/uniqueness/conflicts/history", s.conflictHistory)
	handle("GET /api/v1/serialization/uniqueness/statistics/{partId}", s.uniquenessStatistics)
	if cfg.Metrics {
		mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	}
	handle("/", func(w http.ResponseWriter, r *http.Request) { s.unmatched(w, r, mux) })
	return mux
}

// unmatched answers what no route takes: 405 if the path is known under other
// methods, else 404.
func (s *Server) unmatched(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := mux.Handler(probe); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem(w, http.StatusMethodNotAllowed, codeMethodNotAllowed, r.Method+" is not allowed here; "+allowed[0]+" is")
		return
	}
	problem(w, http.StatusNotFound, codeNotFound, "there is nothing at "+r.URL.Path)
}

// measured counts and times requests by their route.
func (s *Server) measured(pattern string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, status := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next(status, r)
		s.duration.WithLabelValues(pattern, strconv.Itoa(status.status)).Observe(time.Since(start).Seconds())
		if status.status >= http.StatusInternalServerError {
			s.errors.Inc()
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
