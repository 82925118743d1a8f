package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/simulate"
	"github.com/machshop/seriald/store/storetest"
)

// Ten times kill -9 under load, and started again. What the devices were told is
// safe (PUBACK) is what counts: each of it has one outcome and one serial.
func TestKillNine(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		tryKillNine(t, newDaemon(t))
	})
	t.Run("mosquitto", func(t *testing.T) {
		tryKillNine(t, newDaemon(t, "MQTT_URL="+brokertest.Start(t).URL))
	})
}

func tryKillNine(t *testing.T, d *daemon) {
	t.Helper()
	const kills = 10
	d.start()
	s, err := loadSettings("", d.env, nil)
	if err != nil {
		t.Fatal(err)
	}
	mix, err := simulate.ParseMix("operation_complete=100")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	safe := map[string]bool{}
	cfg := simulate.Config{
		Broker: s.broker(), Site: "plant1", Line: "line1", Devices: 8, Mix: mix, Repeats: 0.01, Timeout: 2 * time.Minute,
		// Flat out, as far as answers come: at a rate, a slow machine would have more
		// and more waiting, up to a hundred thousand.
		Window: 100,
		Record: func(id string) {
			mu.Lock()
			defer mu.Unlock()
			safe[id] = true
		},
	}
	sending, stopSending := context.WithCancel(context.Background())
	defer stopSending()
	played := make(chan simulate.Summary, 1)
	go func() {
		summary, err := simulate.Run(sending, cfg)
		if err != nil {
			t.Error(err)
		}
		played <- summary
	}()
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(safe)
	}
	for range kills {
		// Under load: two hundred more have been taken since it came up.
		before, deadline := count(), time.Now().Add(patience)
		for count() < before+200 {
			if time.Now().After(deadline) {
				t.Fatalf("the load stalls\n%s", d.output)
			}
			<-time.After(time.Millisecond)
		}
		d.kill()
		if left := leftRunning(t, d.data); left != "" {
			t.Fatalf("left running after kill -9: %s", left)
		}
		d.start()
	}
	stopSending()
	summary := <-played
	t.Logf("\n%s", summary)
	if !summary.OK() {
		t.Errorf("not everything was answered, or doubled")
	}

	conn, err := pgx.Connect(context.Background(), strings.TrimSpace(first(d.call("db", "url"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	ids := make([]string, 0, count())
	for id := range safe {
		ids = append(ids, id)
	}
	missing := storetest.Value[int](t, conn, `SELECT count(*)::int FROM unnest($1::text[]) AS safe (id)
		LEFT JOIN processed_events AS p ON p.event_id = safe.id AND p.status = 'accepted' WHERE p.event_id IS NULL`, ids)
	without := storetest.Value[int](t, conn, `SELECT count(*)::int FROM unnest($1::text[]) AS safe (id)
		LEFT JOIN (SELECT event_id, count(*) AS n FROM serials GROUP BY event_id) AS s ON s.event_id = safe.id
		WHERE COALESCE(s.n, 0) <> 1`, ids)
	doubled := storetest.Value[int](t, conn, `SELECT (count(*) - count(DISTINCT serial_number))::int FROM serials`)
	audits := storetest.Value[int](t, conn, `SELECT count(*)::int FROM serials AS s
		LEFT JOIN (SELECT event_id, count(*) AS n FROM audit_events WHERE event_type = 'SERIAL_GENERATED' GROUP BY event_id) AS a
			ON a.event_id = s.event_id
		WHERE COALESCE(a.n, 0) <> 1`)
	if missing != 0 || without != 0 || doubled != 0 || audits != 0 {
		t.Errorf("of %d ids that were safe %d have no outcome, %d not one serial; %d numbers twice, %d serials without their audit event",
			len(ids), missing, without, doubled, audits)
	}
	if code := d.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, d.output)
	}
}

// leftRunning names the processes of an embedded database that run on after a
// while: they end by themselves when their parent does, but not in an instant.
func leftRunning(t *testing.T, data string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		left := ""
		links, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			dir, err := os.Readlink(l)
			if err == nil && strings.HasPrefix(dir, data) {
				left += l + " "
			}
		}
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}

// A stop in order leaves nothing running either, and no file locked.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.start()
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if err := d.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		_ = d.cmd.Wait() // the code says how
		if code := d.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("%v: exit %d\n%s", s, code, d.output)
		}
		d.cmd = nil
		if left := leftRunning(t, d.data); left != "" {
			t.Errorf("left running: %s", left)
		}
		d.start()
	}
}
