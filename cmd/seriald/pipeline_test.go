package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream/streamtest"
)

// outcome is what seriald send prints.
type outcome struct {
	EventID   string
	Status    string
	Code      string
	Duplicate bool
	Serials   []struct{ SerialNumber string }
}

func (d *daemon) send(args ...string) outcome {
	d.tb.Helper()
	out, stderr, _ := d.call(append([]string{"send"}, args...)...)
	var o outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		d.tb.Fatalf("send printed %q: %v\n%s", out, err, stderr)
	}
	return o
}

// rows counts all rows an event leaves.
func rows(tb testing.TB, conn *pgx.Conn) string {
	tb.Helper()
	return storetest.Value[string](tb, conn, `SELECT format('%s events, %s serials, %s claims, %s audit events',
		(SELECT count(*) FROM processed_events), (SELECT count(*) FROM serials),
		(SELECT count(*) FROM serial_uniqueness_checks), (SELECT count(*) FROM audit_events))`)
}

// tryPipeline sends the demo event, repeats it, and repeats it after a restart.
func tryPipeline(t *testing.T, d *daemon) {
	t.Helper()
	d.start()
	dsn := strings.TrimSpace(first(d.call("db", "url")))
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	event := []string{"operation_complete", "id=demo-1", "partId=PART-001", "operationCode=OP-010"}
	want := "TST-" + time.Now().UTC().Format("20060102") + "-000001"
	o := d.send(event...)
	if o.Status != "accepted" || o.Duplicate || len(o.Serials) != 1 || o.Serials[0].SerialNumber != want {
		t.Fatalf("outcome %+v, want %s", o, want)
	}
	before := rows(t, conn)
	for range 2 {
		o = d.send(event...)
		if o.Status != "accepted" || !o.Duplicate || len(o.Serials) != 1 || o.Serials[0].SerialNumber != want {
			t.Errorf("the repeat got %+v", o)
		}
	}
	if after := rows(t, conn); after != before {
		t.Errorf("after the repeats: %s, before: %s", after, before)
	}
	_ = conn.Close(context.Background())
	if status, body := d.get("/api/v1/events/demo-1"); status != 200 || !strings.Contains(body, want) {
		t.Errorf("GET event: %d %s", status, body)
	}
	if status, body := d.get("/health"); status != 200 || !strings.Contains(body, `"status":"ok"`) || !strings.Contains(body, `"redis":"disabled"`) {
		t.Errorf("health: %d %s", status, body)
	}

	if code := d.stop(); code != 0 {
		t.Fatalf("exit %d\n%s", code, d.output)
	}
	began := time.Now()
	d.start()
	t.Logf("second start: ready after %s", time.Since(began))
	o = d.send(event...)
	if !o.Duplicate || o.Serials[0].SerialNumber != want {
		t.Errorf("after the restart the repeat got %+v", o)
	}
	if o = d.send("operation_complete", "partId=PART-001", "operationCode=OP-010"); o.Serials[0].SerialNumber != strings.Replace(want, "000001", "000002", 1) {
		t.Errorf("the next event got %+v", o)
	}
	if code := d.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, d.output)
	}
}

func first(stdout, _ string, _ int) string { return stdout }

func TestPipelineEmbedded(t *testing.T) {
	t.Parallel()
	tryPipeline(t, newDaemon(t))
}

func TestPipelineExternal(t *testing.T) {
	t.Parallel()
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		tryPipeline(t, newDaemon(t, "MQTT_URL="+brokertest.Start(t).URL))
	})
	t.Run("nats", func(t *testing.T) {
		t.Parallel()
		tryPipeline(t, newDaemon(t, "NATS_URL="+startNATSServer(t)))
	})
	t.Run("old nats", func(t *testing.T) {
		t.Parallel()
		tryPipeline(t, newDaemon(t, "NATS_URL="+streamtest.StartOld(t).URL))
	})
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.DSN(t, storetest.Durable)
		d := newDaemon(t, "DATABASE_URL="+dsn)
		// The commands that bring a database up, on an empty one.
		for _, args := range [][]string{{"migrate", "down", "--all"}, {"migrate", "up"}, {"seed", "--demo"}, {"check"}, {"migrate", "status"}} {
			if out, stderr, code := d.call(args...); code != 0 {
				t.Fatalf("%v: exit %d\n%s%s", args, code, out, stderr)
			}
		}
		tryPipeline(t, d)
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		d := newDaemon(t, "MQTT_URL="+brokertest.Start(t).URL, "NATS_URL="+startNATSServer(t), "DATABASE_URL="+storetest.DSN(t, storetest.Durable))
		if out, stderr, code := d.call("check"); code != 0 || strings.Count(out, "ok") < 4 {
			t.Errorf("check: exit %d\n%s%s", code, out, stderr)
		}
		tryPipeline(t, d)
	})
}

// startNATSServer runs the nats-server program, as a plant has it, and returns
// its URL.
func startNATSServer(t *testing.T) string {
	t.Helper()
	return "nats://" + newNATSServer(t, buildNATSServer(t)).Address
}

// A process without the bridge leaves MQTT alone, and one process each for the
// roles do together what one does.
func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	env := []string{
		"MQTT_URL=" + brokertest.Start(t).URL, "NATS_URL=" + startNATSServer(t), "DATABASE_URL=" + storetest.DSN(t, storetest.Fast),
	}
	for _, roles := range []string{"bridge,api", "processor,api"} {
		d := newDaemon(t, env...)
		d.start("--roles", roles)
		if status, body := d.get("/health"); status != 200 || strings.Contains(body, `"mqtt":"disabled"`) != (roles == "processor,api") {
			t.Errorf("%s: health %d %s", roles, status, body)
		}
		if roles == "processor,api" {
			if o := d.send("operation_complete", "partId=PART-001", "operationCode=OP-010"); o.Status != "accepted" {
				t.Errorf("outcome %+v", o)
			}
		}
	}
}
