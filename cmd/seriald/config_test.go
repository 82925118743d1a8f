package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

const configFile = "../../configs/seriald.yaml"

// The shipped file shows every setting, with its default.
func TestConfigFileHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	s, err := loadSettings(configFile, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaultSettings(), s, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the file gives other than the defaults (-default +file):\n%s", diff)
	}
	b, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]any
	if err := yaml.Unmarshal(b, &shown); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys() {
		if _, ok := shown[key]; !ok {
			t.Errorf("the file does not show %s", key)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigOrder(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "app_port: 4001\ndb_pool_size: 7\ndata_dir: from-file\nevents_keep: 2h\n")
	s, err := loadSettings(file, []string{"APP_PORT=4002", "DB_POOL_SIZE=", "MQTT_PASSWORD=x", "MQTT_USERNAME=u"}, map[string]any{"data_dir": "from-flag"})
	if err != nil {
		t.Fatal(err)
	}
	if s.AppPort != 4002 || s.DBPoolSize != 7 || s.DataDir != "from-flag" || s.EventsKeep != 2*time.Hour || s.MQTTPassword != "x" {
		t.Errorf("settings %+v", s)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	s, err := loadSettings("", []string{"JWT_SECRET_FILE=" + writeFile(t, "0123456789abcdef\n")}, nil)
	if err != nil || s.JWTSecret != "0123456789abcdef" {
		t.Errorf("secret %q, %v", string(s.JWTSecret), err)
	}
	if _, err := loadSettings("", []string{"JWT_SECRET_FILE=/nonexistent"}, nil); err == nil || !strings.Contains(err.Error(), "JWT_SECRET_FILE") {
		t.Errorf("error %v", err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	s, err := loadSettings("", []string{"JWT_SECRET=0123456789abcdef", "DATABASE_URL=postgres://u:hunter2@h/d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s.JWTSecret, "url", s.DatabaseURL)
	shown := fmt.Sprintf("%v %+v %s", s, s, s.JWTSecret) + log.String()
	if strings.Contains(shown, "0123456789abcdef") || strings.Contains(shown, "hunter2") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

func TestUnknownSettingInTheFile(t *testing.T) {
	t.Parallel()
	_, err := loadSettings(writeFile(t, "app_prot: 1\nlog_kevel: info\n"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "app_prot") || !strings.Contains(err.Error(), "log_kevel") {
		t.Errorf("error %v", err)
	}
	if _, err := loadSettings(writeFile(t, "{"), nil, nil); err == nil {
		t.Error("broken YAML is taken")
	}
}

// What the example of a deployment names, exists.
func TestEnvironmentExample(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../deploy/seriald.env.example")
	if err != nil {
		t.Fatal(err)
	}
	known := keys()
	for line := range strings.Lines(string(b)) {
		name, _, ok := strings.Cut(strings.TrimLeft(line, "# "), "=")
		if !ok || name != strings.ToUpper(name) || strings.ContainsAny(name, " \t") {
			continue
		}
		// A secret may be in a file; other settings are one by themselves.
		value := strings.TrimSuffix(name, "_FILE")
		if !slices.Contains(known, strings.ToLower(name)) && !slices.Contains(known, strings.ToLower(value)) && name != "GOMEMLIMIT" {
			t.Errorf("%s is no setting", name)
		}
	}
}
