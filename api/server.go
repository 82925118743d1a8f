package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/store"
)

// Config is where the API listens and what it offers.
type Config struct {
	// Host is the address to listen on; "" listens on all.
	Host string
	// Port to listen on; 0 takes a free one.
	Port int
	// Metrics offers GET /metrics: here, or at PrivateAddress if that is set.
	Metrics bool
	// PrivateAddress, host:port, has /metrics and the profiles of /debug/pprof; ""
	// offers no profiles.
	PrivateAddress string
	// CertFile and KeyFile are PEM files; "" is plain HTTP. They are read again when they
	// change.
	CertFile, KeyFile string
	// Edge is what clients may do.
	Edge edge.Config
	// CompanyPrefixes are the GS1 Company Prefixes whose numbers get an EPC URI.
	CompanyPrefixes gs1.CompanyPrefixes
}

// Defaults. The API listens on loopback until an address is given: a service that was
// just tried is nobody else's to find.
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
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, errors.New("APP_CERT_FILE, APP_KEY_FILE: a certificate needs its key: set both, or none for plain HTTP"))
	}
	if c.PrivateAddress != "" {
		if _, _, err := net.SplitHostPort(c.PrivateAddress); err != nil {
			problems = append(problems, fmt.Errorf("PRIVATE_ADDRESS: %q is not host:port: write 127.0.0.1:4001", c.PrivateAddress))
		}
	}
	problems = append(problems, c.Edge.Validate())
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
	Devices(ctx context.Context, site string, after seriald.Origin, limit int) ([]store.Device, error)
	CountDevices(ctx context.Context, site string, most int) (int, error)
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
	CountSerials(ctx context.Context, f *store.SerialFilter, most int) (int, error)
	CountPendingPlaceholders(ctx context.Context, of store.PendingRef, most int) (int, error)
	AuditEvents(ctx context.Context, f *store.AuditFilter, after store.AuditPlace, limit int) ([]store.AuditRecord, error)
	CountAudit(ctx context.Context, f *store.AuditFilter, most int) (int, error)
	AuditStatistics(ctx context.Context, f *store.AuditFilter) (*store.AuditStatistics, error)
	ExportAudit(ctx context.Context, f *store.AuditFilter, each func(*store.AuditRecord) error) error
	Propagations(ctx context.Context, f *store.PropagationFilter, before seriald.ID, limit int) ([]store.PropagationRecord, error)
	CountPropagations(ctx context.Context, f *store.PropagationFilter, most int) (int, error)
	PropagationStatistics(ctx context.Context, partID string) (*store.PropagationStatistics, error)
	SerialHistory(ctx context.Context, id seriald.ID) (*store.SerialHistory, error)
	Site(ctx context.Context, id string) (*store.SiteRecord, error)
	Sites(ctx context.Context, after string, limit int) ([]store.SiteRecord, error)
	CountSites(ctx context.Context, most int) (int, error)
	Part(ctx context.Context, id string) (*store.PartRecord, error)
	Parts(ctx context.Context, partType, after string, limit int) ([]store.PartRecord, error)
	CountParts(ctx context.Context, partType string, most int) (int, error)
	Formats(ctx context.Context, after string, limit int) ([]store.FormatRecord, error)
	CountFormats(ctx context.Context, most int) (int, error)
	DeadLetters(ctx context.Context, reason string, replayed bool, before store.LetterPlace, limit int) ([]store.DeadLetterSummary, error)
	CountDeadLetters(ctx context.Context, reason string, replayed bool, most int) (int, error)
	DeadLetter(ctx context.Context, id seriald.ID) (*store.DeadLetter, error)
	CountConflicts(ctx context.Context, partID string, resolved bool, most int) (int, error)
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
	// Commands has the events of writes processed, Tokens says who calls.
	Commands Sender
	Tokens   Verifier
	// Replay publishes a dead letter again, or other bytes in its place, and returns the
	// id of its event. The error may be a *[seriald.Rejection], or [store.ErrNotFound].
	Replay func(ctx context.Context, id seriald.ID, fixed []byte) (seriald.EventID, error)
	// Login issues tokens for users.
	Login Issuer
	// Events serves serial events as they come.
	Events http.Handler
	// Requests counts the requests of clients for all processes; nil counts those of
	// this one.
	Requests edge.Counter
	// NotReady names what the service still waits for; empty when it is ready.
	NotReady func(context.Context) []string
}

// Server serves the API.
type Server struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	api      huma.API
	listener net.Listener
	private  net.Listener // nil for none
	tls      *tls.Config  // nil for plain HTTP
	deps     Dependencies
	master   *master
	pings    *pings
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

// Listen opens the ports of cfg, so that a port in use is known before anything
// else is started, and returns a Server that Run serves.
func Listen(cfg Config, log *slog.Logger, reg *prometheus.Registry) (*Server, error) {
	s := &Server{
		cfg: cfg, log: log, registry: reg, prefixes: cfg.CompanyPrefixes, started: time.Now(),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "http_request_errors_total", Help: "HTTP requests answered with a status of 500 or more.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "seriald_http_request_duration_seconds", Help: "Time to answer HTTP requests, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"route", "status"}),
	}
	var err error
	if cfg.CertFile != "" {
		if s.tls, err = edge.CertReloader(cfg.CertFile, cfg.KeyFile, log); err != nil {
			return nil, fmt.Errorf("APP_CERT_FILE, APP_KEY_FILE: %w", err)
		}
	}
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	if s.listener, err = net.Listen("tcp", address); err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s (APP_HOST, APP_PORT): %w", address, err)
	}
	if cfg.PrivateAddress != "" {
		if s.private, err = net.Listen("tcp", cfg.PrivateAddress); err != nil {
			return nil, errors.Join(fmt.Errorf("listen for HTTP on %s (PRIVATE_ADDRESS): %w", cfg.PrivateAddress, err), s.Close())
		}
	}
	reg.MustRegister(s.errors, s.duration)
	return s, nil
}

// Address returns the address that is listened on, host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// use takes what the service consists of.
func (s *Server) use(deps Dependencies) {
	s.deps, s.master, s.pings = deps, &master{database: deps.Database}, newPings(deps.Database)
}

// Run serves with what is there by now, until ctx ends and the requests under way are
// answered.
func (s *Server) Run(ctx context.Context, deps Dependencies) error {
	s.use(deps)
	front := edge.New(s.cfg.Edge, edge.Dependencies{Log: s.log, Counter: deps.Requests, Authenticate: s.identify})
	public := s.listener
	if s.tls != nil {
		public = tls.NewListener(public, s.tls)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.serve(ctx, public, front(s.measured(s.routes())), writeTimeout) })
	if s.private != nil {
		// A profile takes as long as it is asked to.
		group.Go(func() error { return s.serve(ctx, s.private, s.privateRoutes(), 0) })
	}
	return group.Wait()
}

// serve serves on a port until ctx ends.
func (s *Server) serve(ctx context.Context, listener net.Listener, handler http.Handler, timeout time.Duration) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: timeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	ended := context.AfterFunc(ctx, func() {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(bound)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		ended()
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return <-stopped
}

// Close gives the ports back if Run was never called; after Run it does nothing.
func (s *Server) Close() error {
	var problems []error
	for _, l := range []net.Listener{s.listener, s.private} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			problems = append(problems, fmt.Errorf("close HTTP port: %w", err))
		}
	}
	return errors.Join(problems...)
}

// measured counts and times requests by their route.
func (s *Server) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, status := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(status, r)
		s.duration.WithLabelValues(cmp.Or(r.Pattern, "/"), strconv.Itoa(status.status)).Observe(time.Since(start).Seconds())
		if status.status >= http.StatusInternalServerError {
			s.errors.Inc()
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
