package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What keeps a start from succeeding is one clear line, exit code 2, and leaves
// nothing behind.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() }) // not deferred: the cases run after this function
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	tests := []struct {
		name string
		env  string
		args []string
		want string // in the one line
	}{
		{"HTTP port in use", "APP_PORT=" + port, nil, "APP_PORT"},
		{"MQTT port in use", "EMBEDDED_MQTT_PORT=" + port, nil, "EMBEDDED_MQTT_PORT"},
		{"NATS port in use", "EMBEDDED_NATS_PORT=" + port, nil, "EMBEDDED_NATS_PORT"},
		{"PostgreSQL port in use", "EMBEDDED_PG_PORT=" + port, nil, "EMBEDDED_PG_PORT"},
		{"wrong DSN", "DATABASE_URL=not a dsn", nil, "DATABASE_URL"},
		{"wrong broker URL", "MQTT_URL=localhost", nil, "MQTT_URL"},
		{"bad setting", "DB_POOL_SIZE=many", nil, "DB_POOL_SIZE"},
		{"unknown role", "", []string{"--roles", "boss"}, "boss"},
		{"no such configuration file", "", []string{"--config", "/nonexistent.yaml"}, "/nonexistent.yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, tt.env)
			_, stderr, code := d.call(append([]string{"run"}, tt.args...)...)
			if code != exitUsage {
				t.Errorf("exit %d, want %d", code, exitUsage)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			last := lines[len(lines)-1]
			if !strings.HasPrefix(last, "seriald: ") || !strings.Contains(last, tt.want) {
				t.Errorf("says %q, want a line with %s", stderr, tt.want)
			}
			if n := strings.Count(stderr, "seriald: "); n != 1 {
				t.Errorf("%d lines:\n%s", n, stderr)
			}
			if left := leftRunning(t, d.data); left != "" {
				t.Errorf("left running: %s", left)
			}
		})
	}
}

func TestStartNamesEveryWrongSetting(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "DB_POOL_SIZE=0", "LOG_LEVEL=loud", "SERIAL_BATCH_SIZE=0", "JWT_SECRET=short")
	_, stderr, code := d.call("run")
	if code != exitUsage || strings.Count(stderr, "seriald: ") != 4 {
		t.Errorf("exit %d:\n%s", code, stderr)
	}
	if _, err := os.Stat(d.data); !os.IsNotExist(err) {
		t.Errorf("a data directory was made: %v", err)
	}
}

func TestUnreadableDataDirectory(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	if err := os.WriteFile(d.data, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := d.call("run")
	if code != exitUsage || !strings.Contains(stderr, d.data) || strings.Count(stderr, "seriald: ") != 1 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestSecondStartOnTheSameDirectory(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.start()
	second := newDaemon(t, "DATA_DIR="+d.data)
	_, stderr, code := second.call("run")
	if code != exitUsage || !strings.Contains(stderr, strconv.Itoa(d.cmd.Process.Pid)) {
		t.Errorf("exit %d: %s, want the holder's pid", code, stderr)
	}
	if status, _ := d.get("/health/live"); status != 200 {
		t.Error("the first one was disturbed")
	}
}

// A dependency that is away is waited for: not ready, and the log says what for.
func TestAwayIsNotReady(t *testing.T) {
	t.Parallel()
	for _, env := range []string{
		"DATABASE_URL=postgres://u:p@127.0.0.1:1/d", "NATS_URL=nats://127.0.0.1:1", "MQTT_URL=mqtt://127.0.0.1:1",
	} {
		t.Run(strings.SplitN(env, "=", 2)[0], func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, env)
			d.launch()
			status, body := d.eventually("/health/ready", "waitingFor")
			what := map[string]string{"DATABASE_URL": "database", "NATS_URL": "nats", "MQTT_URL": "mqtt"}[strings.SplitN(env, "=", 2)[0]]
			if status != 503 || !strings.Contains(body, what) {
				t.Errorf("ready: %d %s", status, body)
			}
			if code := d.stop(); code != 0 {
				t.Errorf("exit %d\n%s", code, d.output)
			}
		})
	}
}

// As root the embedded database runs as another user; without root it runs as
// oneself. Both are tried.
func TestRunAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		tryPipeline(t, newDaemon(t)) // is the ordinary user
		return
	}
	d := newDaemon(t)
	home := filepath.Dir(d.data)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(home, "seriald")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", self, exe).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.exe, d.attr = exe, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	tryPipeline(t, d)
}
