package cache_test

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/machshop/seriald/store/cache"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Looks once a second whether its pool was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// startRedis starts a real Redis that asks for a password and ends with the test.
func startRedis(t *testing.T, password string) (address string, stop func()) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: run make deps")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = l.Close()
	var log bytes.Buffer
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", password, "--dir", t.TempDir())
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	t.Cleanup(stop)
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address, stop
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis does not listen: %v\n%s", err, log.String())
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	address, stop := startRedis(t, "secret")
	ping := func(cfg cache.Config) error {
		t.Helper()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		r, err := cache.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		// Each call is bounded tightly; a loaded machine may need another.
		for range 20 {
			if err = r.Ping(context.Background()); err == nil {
				return nil
			}
		}
		return err
	}
	for name, cfg := range map[string]cache.Config{
		"password and database apart": {URL: "redis://" + address, DB: 3, Password: "secret"},
		"all in the URL":              {URL: "redis://:secret@" + address + "/2", DB: -1},
	} {
		if err := ping(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ping(cache.Config{URL: "redis://" + address, DB: -1, Password: "wrong"}); err == nil {
		t.Error("a wrong password is taken")
	}
	stop()
	if err := ping(cache.Config{URL: "redis://:secret@" + address, DB: -1}); err == nil {
		t.Error("a Redis that is away answers")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := (cache.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (cache.Config{URL: "http://" + strconv.Itoa(1)}).Validate(); err == nil {
		t.Error("http:// is taken for a Redis URL")
	}
}
