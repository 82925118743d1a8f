package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/simulate"
	"github.com/machshop/seriald/store/storetest"
)

// figure reads a row of what simulate printed.
func figure(tb testing.TB, out, row string) int {
	tb.Helper()
	m := regexp.MustCompile(`(?m)^` + row + ` +([\d,]+)`).FindStringSubmatch(out)
	if m == nil {
		tb.Fatalf("no %q in\n%s", row, out)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// Devices that go away, repeat themselves and send what is wrong get the answers
// that they must.
func TestSimulateWithOutagesRepeatsAndWrongMessages(t *testing.T) {
	t.Parallel()
	for _, broker := range []string{"embedded", "mosquitto"} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			var env []string
			if broker == "mosquitto" {
				env = append(env, "MQTT_URL="+brokertest.Start(t).URL)
			}
			d := newDaemon(t, env...)
			d.start()
			out, stderr, code := d.call("simulate", "--devices", "5", "--rate", "100", "--duration", "0s", "--count", "500",
				"--repeats", "0.1", "--wrong", "0.2", "--offline-every", "2s", "--offline-for", "500ms")
			t.Logf("\n%s", out)
			if code != 0 {
				t.Fatalf("exit %d\n%s%s", code, out, stderr)
			}
			if refused, again := figure(t, out, "refused"), figure(t, out, "sent again"); refused < 50 || again < 5 {
				t.Errorf("%d wrong ones were refused, %d messages sent again", refused, again)
			}
			if !strings.Contains(stderr, "devices offline") {
				t.Errorf("the live lines do not tell of outages:\n%s", stderr)
			}
		})
	}
}

// A shop floor on which everything happens: each type of event is accepted, or
// ignored where nothing is to be done, over outages and among wrong messages.
func TestSimulateEveryType(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "MQTT_URL="+brokertest.Start(t).URL)
	d.start()
	for _, how := range []string{
		"--mix all --rate 0 --count 2000",
		"--mix all --rate 300 --count 1200 --offline-every 2s --offline-for 500ms",
		"--mix all,trigger_create,site_put,site_delete,part_put,part_delete,format_put,format_delete --rate 0 --count 1000",
	} {
		args := "simulate --devices 4 --duration 0s --repeats 0.1 --wrong 0.05 " + how
		out, stderr, code := d.call(strings.Split(args, " ")...)
		t.Logf("%s\n%s", how, out)
		if code != 0 || figure(t, out, "  rejected") != 0 || strings.Contains(out, "conflict") || figure(t, out, "  ignored") == 0 {
			t.Errorf("%s: exit %d\n%s%s", how, code, out, stderr)
		}
	}
	conn := storetest.Conn(t, strings.TrimSpace(first(d.call("db", "url"))))
	for what, query := range map[string]string{
		"vendors' numbers received, accepted, rejected and retired": `SELECT least(
			count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'ACCEPTED'),
			count(*) FILTER (WHERE status = 'REJECTED'), count(*) FILTER (WHERE status = 'RETIRED')) FROM serials WHERE part_id = 'PART-002'`,
		"numbers given late, in use and retired": `SELECT least(
			count(*) FILTER (WHERE status = 'ACTIVE'), count(*) FILTER (WHERE status = 'RETIRED')) FROM serials WHERE part_id = 'PART-003'`,
		"placeholders that wait, got a number and were given up": `SELECT least(
			count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'SERIALIZED'),
			count(*) FILTER (WHERE status = 'FAILED')) FROM late_assignment_placeholders`,
		"sites, parts with a trigger, parts and formats that are left": `SELECT least(
			(SELECT count(*) FROM sites WHERE id LIKE 'S-%'), (SELECT count(DISTINCT part_id) FROM serial_assignment_triggers WHERE part_id LIKE 'P-%'),
			(SELECT count(*) FROM parts WHERE id LIKE 'P-%'), (SELECT count(*) FROM serial_formats WHERE id LIKE 'F-%'))`,
		"units that passed an operation": `SELECT count(*) FROM serial_propagations`,
	} {
		if n := storetest.Value[int](t, conn, query); n < 10 {
			t.Errorf("%s: %d of each", what, n)
		}
	}
}

// A type that nobody knows is refused before it is sent, and the help names those
// that are known.
func TestSendKnowsItsTypes(t *testing.T) {
	t.Parallel()
	d := newDaemon(t) // not started
	for _, typ := range []string{"coffee_break", "device_status", "Operation_complete"} {
		if _, stderr, code := d.call("send", typ); code != exitUsage || !strings.Contains(stderr, `"`+typ+`" is not known; known are material_receipt, `) {
			t.Errorf("%s: exit %d\n%s", typ, code, stderr)
		}
	}
	for command, types := range map[string][]seriald.EventType{"send": seriald.EventTypes(), "simulate": simulate.Playable()} {
		help, _, code := d.call(command, "--help")
		for _, typ := range types {
			if code != 0 || !strings.Contains(help, string(typ)) {
				t.Errorf("%s --help: exit %d, does not name %s", command, code, typ)
			}
		}
		if command == "simulate" && !strings.Contains(help, `--mix="`+simulate.DefaultMix+`"`) {
			t.Errorf("simulate --help does not have the default mix:\n%s", help)
		}
	}
}

// What is refused for another reason than the expected one is a failure.
func TestSimulateFailsWhereWrongIsNotRefused(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "MQTT_SITES=plant2")
	d.start()
	out, stderr, code := d.call("simulate", "--devices", "2", "--rate", "0", "--count", "100", "--duration", "0s", "--wrong", "0.5")
	if code != 1 || figure(t, out, "misjudged") == 0 {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
}
