package main

import (
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/proctest"
)

// A check says the same whatever becomes of Redis, and the commands about claims do what
// they say.
func TestChecksAndRedis(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	redis := proctest.Start(t, port, exec.Command(proctest.Binary(t, "redis-server"),
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()))
	f := newFloor(t, "REDIS_URL=redis://"+redis.Address)
	if o := f.send(seriald.TypeSerialGenerate, "made", `{"partId":"PART-001","quantity":3}`); o.Status != seriald.StatusAccepted {
		t.Fatalf("%+v", o)
	} else {
		f.name("made", &o)
	}
	check := func(when string) {
		t.Helper()
		for body, want := range map[string]string{
			`{"partId":"PART-001","serialNumber":"$made.number"}`: `"hasConflict":true,"conflictingSerialIds":["$made.serial"],"conflictingScopes":["SITE","PART_TYPE"],"conflictType":"SERIAL"`,
			`{"partId":"PART-001","serialNumber":"TST-FREE"}`:     `"hasConflict":false`,
		} {
			status, answer := f.daemon.ask("/api/v1/serialization/uniqueness/check", f.named(body))
			if status != http.StatusOK || !strings.Contains(answer, f.named(want)) {
				t.Errorf("%s: %s: %d %s, want %s", when, f.named(body), status, answer, f.named(want))
			}
		}
	}
	command := func(want string, args ...string) {
		t.Helper()
		if out, stderr, code := f.daemon.call(args...); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("seriald %s: exit %d, %s%s, want %s", strings.Join(args, " "), code, out, stderr, want)
		}
	}
	check("at first")
	check("from the cache")
	f.daemon.eventually("/metrics", "seriald_cache_hits_total 2")
	if out, err := exec.Command("redis-cli", "-p", strconv.Itoa(port), "flushall").CombinedOutput(); err != nil {
		t.Fatalf("flush: %v %s", err, out)
	}
	check("emptied")
	command("6 claims", "cache", "warm")
	command("3 serials, 0 claims mended, 0 left", "uniqueness", "resync", "--dry-run")
	check("warmed")
	redis.Kill()
	check("killed")
	f.daemon.eventually("/health", `"redis":"disconnected"`)
	check("known to be gone")
	if out, stderr, code := f.daemon.call("cache", "warm"); code != exitFailure || !strings.Contains(stderr, "Redis does not answer") {
		t.Errorf("cache warm without Redis: exit %d, %s%s", code, out, stderr)
	}
}
