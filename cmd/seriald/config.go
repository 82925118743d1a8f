package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"

	"github.com/machshop/seriald/api"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/processors"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/cache"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/tlsfiles"
)

// secret is a setting that is never shown.
type secret string

// String implements [fmt.Stringer].
func (secret) String() string { return "[redacted]" }

// LogValue implements [slog.LogValuer].
func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// settings are all settings. The key in the configuration file is the
// environment variable in lower case.
type settings struct {
	AppHost        string   `koanf:"app_host"`
	AppPort        int      `koanf:"app_port"`
	AppCertFile    string   `koanf:"app_cert_file"`
	AppKeyFile     string   `koanf:"app_key_file"`
	PrivateAddress string   `koanf:"private_address"`
	CORSOrigins    []string `koanf:"cors_origins"`
	TrustedProxies []string `koanf:"trusted_proxies"`
	RateLimit      int      `koanf:"rate_limit_per_minute"`
	LogLevel       string   `koanf:"log_level"`
	LogFormat      string   `koanf:"log_format"`
	DataDir        string   `koanf:"data_dir"`

	DatabaseURL          secret `koanf:"database_url"`
	DBPoolSize           int    `koanf:"db_pool_size"`
	DBIdleTimeout        int    `koanf:"db_idle_timeout"` // milliseconds
	DBStatementCacheSize int    `koanf:"db_statement_cache_size"`

	RedisURL      secret `koanf:"redis_url"`
	RedisDB       int    `koanf:"redis_db"`
	RedisPassword secret `koanf:"redis_password"`

	NATSURL        secret        `koanf:"nats_url"`
	NATSCreds      string        `koanf:"nats_creds"`
	NATSUsername   string        `koanf:"nats_username"`
	NATSPassword   secret        `koanf:"nats_password"`
	NATSCAFile     string        `koanf:"nats_ca_file"`
	NATSCertFile   string        `koanf:"nats_cert_file"`
	NATSKeyFile    string        `koanf:"nats_key_file"`
	NATSReplicas   int           `koanf:"nats_replicas"`
	EventsMaxBytes int64         `koanf:"events_max_bytes"`
	EventsKeep     time.Duration `koanf:"events_keep"`

	MQTTURL        string `koanf:"mqtt_url"`
	MQTTUsername   string `koanf:"mqtt_username"`
	MQTTPassword   secret `koanf:"mqtt_password"`
	MQTTCAFile     string `koanf:"mqtt_ca_file"`
	MQTTCertFile   string `koanf:"mqtt_cert_file"`
	MQTTKeyFile    string `koanf:"mqtt_key_file"`
	MQTTClientID   string `koanf:"mqtt_client_id"`
	MQTTShareGroup string `koanf:"mqtt_share_group"`
	MQTTMaxPayload int    `koanf:"mqtt_max_payload"`

	MQTTMaxDepth    int            `koanf:"mqtt_max_depth"`
	MQTTSites       []string       `koanf:"mqtt_sites"`
	ScanDebounce    time.Duration  `koanf:"scan_debounce"`
	DeviceRateLimit float64        `koanf:"device_rate_limit"` // per second
	DeviceRateBurst int            `koanf:"device_rate_burst"`
	Routes          []ingest.Route `koanf:"routes"`

	GS1CompanyPrefixes []string `koanf:"gs1_company_prefixes"`

	EmbeddedMQTTHost      string `koanf:"embedded_mqtt_host"`
	EmbeddedMQTTPort      int    `koanf:"embedded_mqtt_port"`
	EmbeddedMQTTUsersFile string `koanf:"embedded_mqtt_users_file"`
	EmbeddedMQTTCertFile  string `koanf:"embedded_mqtt_cert_file"`
	EmbeddedMQTTKeyFile   string `koanf:"embedded_mqtt_key_file"`
	EmbeddedNATSPort      int    `koanf:"embedded_nats_port"`
	EmbeddedPGPort        int    `koanf:"embedded_pg_port"`
	EmbeddedPGBin         string `koanf:"embedded_pg_bin"`

	JWTSecret     secret        `koanf:"jwt_secret"`
	JWTExpiration time.Duration `koanf:"jwt_expiration"`
	JWTJWKSURL    string        `koanf:"jwt_jwks_url"`
	JWTIssuer     string        `koanf:"jwt_issuer"`
	JWTAudience   string        `koanf:"jwt_audience"`

	SerialBatchSize     int  `koanf:"serial_batch_size"`
	AuditBatchWriteSize int  `koanf:"audit_batch_write_size"`
	UniquenessCacheTTL  int  `koanf:"serial_uniqueness_cache_ttl"` // seconds
	PrometheusEnabled   bool `koanf:"prometheus_enabled"`
}

func defaultSettings() settings {
	return settings{
		AppHost: api.DefaultHost, AppPort: api.DefaultPort, RateLimit: edge.DefaultRateLimitPerMinute, LogLevel: "info", LogFormat: "text", DataDir: "data",
		DBPoolSize: store.DefaultPoolSize, DBIdleTimeout: int(store.DefaultIdleTimeout.Milliseconds()),
		DBStatementCacheSize: store.DefaultStatementCacheSize,
		RedisDB:              -1,
		NATSReplicas:         stream.DefaultReplicas, EventsMaxBytes: stream.DefaultEventsMaxBytes, EventsKeep: stream.DefaultEventsKeep,
		MQTTClientID: ingest.DefaultClientID, MQTTMaxPayload: ingest.DefaultMaxPayload,
		MQTTMaxDepth: ingest.DefaultMaxDepth, ScanDebounce: ingest.DefaultScanDebounce, DeviceRateBurst: ingest.DefaultDeviceBurst,
		EmbeddedMQTTHost: "127.0.0.1", EmbeddedMQTTPort: 1883, EmbeddedNATSPort: 4222,
		JWTExpiration:       24 * time.Hour,
		SerialBatchSize:     processors.DefaultSerialBatchSize,
		AuditBatchWriteSize: processors.DefaultAuditBatchWriteSize,
		UniquenessCacheTTL:  3600,
		PrometheusEnabled:   true,
	}
}

// keys are the settings' names, in the order of the struct.
func keys() []string {
	t := reflect.TypeFor[settings]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("koanf")
	}
	return names
}

// loadSettings reads defaults, then the file (if any), then the environment,
// then overrides, and lists all that is wrong in one error.
func loadSettings(file string, env []string, overrides map[string]any) (settings, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(defaultSettings(), "koanf"), nil); err != nil {
		return settings{}, fmt.Errorf("defaults: %w", err)
	}
	var problems []error
	if file != "" {
		if err := loadFile(k, file); err != nil {
			problems = append(problems, err)
		}
	}
	fromEnv, err := environment(env)
	if err != nil {
		problems = append(problems, err)
	}
	for _, source := range []map[string]any{fromEnv, overrides} {
		if err := k.Load(confmap.Provider(source, ""), nil); err != nil {
			problems = append(problems, err)
		}
	}
	s := defaultSettings() // stands for what does not parse
	// Each setting by itself, so that all that do not parse are reported.
	for _, key := range keys() {
		if key == "routes" { // the one that has a structure
			s.Routes, err = parseRoutes(k.Get(key))
			problems = append(problems, err)
			continue
		}
		one := koanf.New(".")
		_ = one.Set(key, k.Get(key))
		err := one.UnmarshalWithConf("", &s, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
			Result: &s, WeaklyTypedInput: true, TagName: "koanf",
			DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), splitList),
		}})
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %q does not parse", strings.ToUpper(key), fmt.Sprint(k.Get(key))))
		}
	}
	problems = append(problems, s.validate())
	if err := errors.Join(problems...); err != nil {
		return settings{}, err
	}
	return s, nil
}

func loadFile(k *koanf.Koanf, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	f := koanf.New(".")
	if err := f.Load(rawbytes.Provider(b), yaml.Parser()); err != nil {
		return fmt.Errorf("configuration file %s: %w", file, err)
	}
	known := keys()
	var problems []error
	for _, key := range f.Keys() {
		if !slices.Contains(known, key) {
			problems = append(problems, fmt.Errorf("configuration file %s: unknown setting %q", file, key))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return k.Merge(f)
}

// environment picks the settings out of the environment. NAME_FILE names a file
// that holds the value of a secret.
func environment(env []string) (map[string]any, error) {
	values := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		values[name] = value
	}
	t := reflect.TypeFor[settings]()
	out := map[string]any{}
	var problems []error
	for field := range t.Fields() {
		key := field.Tag.Get("koanf")
		name := strings.ToUpper(key)
		// An empty variable is as good as none: that is how deployment tools
		// write a setting that is left alone.
		if v := values[name]; v != "" {
			out[key] = v
		}
		file := values[name+"_FILE"]
		if field.Type != reflect.TypeFor[secret]() || file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s_FILE: %w", name, err))
			continue
		}
		out[key] = string(bytes.TrimRight(b, "\r\n"))
	}
	return out, errors.Join(problems...)
}

// Stand-ins for what is embedded, whose address is known only when it runs.
const (
	embeddedDatabase = "postgres://embedded/seriald"
	embeddedNATS     = "nats://embedded"
	embeddedMQTT     = "mqtt://embedded"
)

func or[T ~string](value T, instead string) string {
	if value == "" {
		return instead
	}
	return string(value)
}

func (s *settings) validate() error {
	var problems []error
	if _, err := parseLevel(s.LogLevel); err != nil {
		problems = append(problems, err)
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		problems = append(problems, fmt.Errorf("LOG_FORMAT: must be text or json, not %q", s.LogFormat))
	}
	for _, p := range []struct {
		name string
		port int
	}{{"EMBEDDED_MQTT_PORT", s.EmbeddedMQTTPort}, {"EMBEDDED_NATS_PORT", s.EmbeddedNATSPort}, {"EMBEDDED_PG_PORT", s.EmbeddedPGPort}} {
		if p.port < 0 || p.port > 65535 {
			problems = append(problems, fmt.Errorf("%s: must be from 0 (a free one) to 65535, not %d", p.name, p.port))
		}
	}
	if s.DataDir == "" {
		problems = append(problems, errors.New("DATA_DIR: is empty"))
	}
	if s.MQTTShareGroup != "" && s.MQTTURL == "" {
		problems = append(problems, errors.New("MQTT_SHARE_GROUP: the embedded listener has no shared subscriptions: leave it empty (bridges then take turns), or set MQTT_URL"))
	}
	if n := len(s.JWTSecret); n > 0 && n < minSecret {
		problems = append(problems, fmt.Errorf("JWT_SECRET: must have at least %d characters", minSecret))
	}
	if s.JWTExpiration <= 0 {
		problems = append(problems, errors.New("JWT_EXPIRATION: must be more than 0: write 24h"))
	}
	if _, err := s.trustedProxies(); err != nil {
		problems = append(problems, err)
	}
	if s.UniquenessCacheTTL < 0 {
		problems = append(problems, errors.New("SERIAL_UNIQUENESS_CACHE_TTL: must not be below 0: seconds, 0 for no cache"))
	}
	problems = append(problems,
		s.api().Validate(),
		s.auth(nil).Validate(),
		s.store(or(s.DatabaseURL, embeddedDatabase)).Validate(),
		s.cache().Validate(),
		s.stream(or(s.NATSURL, embeddedNATS)).Validate(),
		s.ingest(or(s.MQTTURL, embeddedMQTT)).Validate(),
		s.embeddedMQTT().Validate(),
		s.processors().Validate())
	if s.NATSURL == "" && (s.NATSCreds != "" || s.NATSUsername != "" || s.NATSPassword != "" || s.stream("").TLS.Any()) {
		// They would not be used, and nobody would notice.
		problems = append(problems, errors.New("NATS_URL: is missing, credentials or TLS files for it are set; the embedded NATS takes none"))
	}
	return errors.Join(problems...)
}

func (s *settings) api() api.Config {
	proxies, _ := s.trustedProxies() // was validated
	return api.Config{
		Host: s.AppHost, Port: s.AppPort, Metrics: s.PrometheusEnabled, CompanyPrefixes: s.GS1CompanyPrefixes,
		PrivateAddress: s.PrivateAddress, CertFile: s.AppCertFile, KeyFile: s.AppKeyFile,
		Edge: edge.Config{
			TrustedProxies: proxies, CORSOrigins: s.CORSOrigins, RateLimitPerMinute: s.RateLimit, MaxBody: edge.DefaultMaxBody, Timeout: edge.DefaultTimeout,
		},
	}
}

func (s *settings) trustedProxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	var problems []error
	for _, text := range s.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("TRUSTED_PROXIES: %q is not a network: write 10.0.0.0/8 or fd00::/8", text))
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(problems...)
}

// auth says whose tokens are taken: secret is that of this installation.
func (s *settings) auth(secret []byte) auth.Config {
	return auth.Config{Secret: secret, JWKSURL: s.JWTJWKSURL, Issuer: s.JWTIssuer, Audience: s.JWTAudience}
}

func (s *settings) store(url string) store.Config {
	return store.Config{
		URL: url, PoolSize: s.DBPoolSize, IdleTimeout: time.Duration(s.DBIdleTimeout) * time.Millisecond,
		StatementCacheSize: s.DBStatementCacheSize,
	}
}

func (s *settings) cache() cache.Config {
	return cache.Config{URL: string(s.RedisURL), DB: s.RedisDB, Password: string(s.RedisPassword)}
}

func (s *settings) stream(url string) stream.Config {
	return stream.Config{
		URL: url, Credentials: s.NATSCreds, Username: s.NATSUsername, Password: string(s.NATSPassword),
		TLS:      tlsfiles.Files{CA: s.NATSCAFile, Cert: s.NATSCertFile, Key: s.NATSKeyFile},
		Replicas: s.NATSReplicas, EventsMaxBytes: s.EventsMaxBytes, EventsKeep: s.EventsKeep,
	}
}

func (s *settings) ingest(url string) ingest.Config {
	return ingest.Config{
		URL: url, Username: s.MQTTUsername, Password: string(s.MQTTPassword),
		TLS:      tlsfiles.Files{CA: s.MQTTCAFile, Cert: s.MQTTCertFile, Key: s.MQTTKeyFile},
		ClientID: s.MQTTClientID, ShareGroup: s.MQTTShareGroup, MaxPayload: s.MQTTMaxPayload,
		MaxDepth: s.MQTTMaxDepth, Sites: s.MQTTSites, Routes: s.Routes, ScanDebounce: s.ScanDebounce,
		DeviceRate: s.DeviceRateLimit, DeviceBurst: s.DeviceRateBurst,
	}
}

func (s *settings) processors() processors.Config {
	return processors.Config{SerialBatchSize: s.SerialBatchSize, AuditBatchWriteSize: s.AuditBatchWriteSize}
}

// embeddedMQTT is how the embedded NATS listens for MQTT.
func (s *settings) embeddedMQTT() embedded.NATSConfig {
	return embedded.NATSConfig{
		Dir: s.natsDir(), MQTTHost: s.EmbeddedMQTTHost, MQTTUsersFile: s.EmbeddedMQTTUsersFile,
		MQTTUsername: s.MQTTUsername, MQTTPassword: string(s.MQTTPassword),
		MQTTTLS: tlsfiles.Files{Cert: s.EmbeddedMQTTCertFile, Key: s.EmbeddedMQTTKeyFile},
	}
}

// broker is where devices publish: the configured broker, else the embedded one.
func (s *settings) broker() ingest.Config {
	if s.MQTTURL != "" {
		return s.ingest(s.MQTTURL)
	}
	listener := s.embeddedMQTT()
	address := net.JoinHostPort(embedded.Reachable(listener.MQTTHost), strconv.Itoa(s.EmbeddedMQTTPort))
	cfg := s.ingest("mqtt://" + address)
	if listener.MQTTTLS.Any() {
		cfg.URL = "mqtts://" + address
		cfg.TLS, _ = listener.MQTTTLS.Pinned() // was validated
	}
	return cfg
}

// nats is where the streams are: the configured NATS, else the embedded one.
func (s *settings) nats() string {
	return or(s.NATSURL, "nats://127.0.0.1:"+strconv.Itoa(s.EmbeddedNATSPort))
}

// postgresDir, natsDir: where the embedded servers keep their data.
func (s *settings) postgresDir() string { return filepath.Join(s.DataDir, "postgres") }
func (s *settings) natsDir() string     { return filepath.Join(s.DataDir, "nats") }

func parseLevel(level string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return l, fmt.Errorf("LOG_LEVEL: must be debug, info, warn or error, not %q", level)
	}
	return l, nil
}
