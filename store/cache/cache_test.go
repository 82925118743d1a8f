package cache_test

import (
	"context"
	"os/exec"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/cache"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Looks once a second whether its pool was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// startRedis starts a real Redis that asks for a password and ends with the test.
// A password of "" is none.
func startRedis(tb testing.TB, password string) *proctest.Program {
	tb.Helper()
	port := proctest.FreePort(tb)
	return proctest.Start(tb, port, exec.Command(proctest.Binary(tb, "redis-server"),
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", password, "--dir", tb.TempDir()))
}

func TestPing(t *testing.T) {
	t.Parallel()
	redis := startRedis(t, "secret")
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
		"password and database apart": {URL: "redis://" + redis.Address, DB: 3, Password: "secret"},
		"all in the URL":              {URL: "redis://:secret@" + redis.Address + "/2", DB: -1},
	} {
		if err := ping(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ping(cache.Config{URL: "redis://" + redis.Address, DB: -1, Password: "wrong"}); err == nil {
		t.Error("a wrong password is taken")
	}
	redis.Kill()
	if err := ping(cache.Config{URL: "redis://:secret@" + redis.Address, DB: -1}); err == nil {
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
