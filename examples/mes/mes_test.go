package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/machshop/seriald/proctest"
)

// asProgram makes the test binary be mes: for tests that kill it.
const asProgram = "MES_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for something that takes seconds at most.
const patience = 90 * time.Second

// until waits for a condition.
func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("no %s", what)
		}
	}
}

// startService starts a seriald with all that it needs, and returns it with the URL of
// its NATS.
func startService(t *testing.T) (service *proctest.Program, url string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "seriald-mes-") // not TempDir: the database may run as another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "seriald")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", exe, "../../cmd/seriald").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	port := proctest.FreePort(t)
	cmd := exec.Command(exe, "run", "--data", filepath.Join(dir, "data"))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "EMBEDDED_PG_BIN=" + os.Getenv("EMBEDDED_PG_BIN"),
		"APP_PORT=" + strconv.Itoa(proctest.FreePort(t)), "EMBEDDED_MQTT_PORT=" + strconv.Itoa(proctest.FreePort(t)),
		"EMBEDDED_NATS_PORT=" + strconv.Itoa(port),
	}
	service = proctest.Start(t, port, cmd)
	t.Cleanup(service.Stop) // in order: it stops its database
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seriald:\n%s", service.Output())
		}
	})
	return service, "nats://" + service.Address
}

// connected returns an MES for what no command does.
func connected(t *testing.T, url string) *mes {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &mes{nc: nc, js: js, site: "plant1", out: t.Output(), log: t.Output()}
}

// follower is a mes follow as a process of its own.
type follower struct {
	t        *testing.T
	url, dir string
	cmd      *exec.Cmd
	output   proctest.Buffer
}

func (f *follower) start() {
	f.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	f.cmd = exec.Command(exe, "follow", "--dir", f.dir, "--ack-wait", "1s")
	f.cmd.Env = []string{asProgram + "=1", "NATS_URL=" + f.url}
	f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
	if err := f.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
}

// kill ends it at once, whatever it is doing.
func (f *follower) kill() {
	if f.cmd != nil {
		_ = f.cmd.Process.Kill()
		_ = f.cmd.Wait() // it was killed
		f.cmd = nil
	}
}

// kept returns the ids in the journal, without a line that is being written.
func (f *follower) kept() []string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, "serials.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	var ids []string
	for line := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var e serialEvent
		if err := json.Unmarshal(line, &e); err != nil {
			f.t.Fatalf("%s: %v", line, err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// published returns the ids of all serial events on the stream when there are n.
func published(t *testing.T, js jetstream.JetStream, n int) []string {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), "MACHSHOP_SERIALS", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range n {
		msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatalf("%d of %d serial events: %v", len(ids), n, err)
		}
		var e serialEvent
		if err := json.Unmarshal(msg.Data(), &e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// untilAcknowledged waits until the MES has acknowledged n serial events.
func untilAcknowledged(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	until(t, "acknowledgement of all serial events", func() bool {
		c, err := js.Consumer(t.Context(), "MACHSHOP_SERIALS", "mes-plant1")
		return err == nil && c.CachedInfo().AckFloor.Stream == uint64(n)
	})
}

// An MES that is killed again and again, while work orders are given and units get
// their numbers, has each serial event once; also where NATS was away, and where
// all acknowledgements are lost.
func TestKilledMESMissesNothing(t *testing.T) {
	t.Parallel()
	service, url := startService(t)
	m := connected(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	send := func(eventType, id string, data map[string]any) {
		t.Helper()
		if o, err := m.send(ctx, eventType, "PART-003", id, data); err != nil || o.Status != "accepted" {
			t.Fatalf("%s: %+v, %v", id, o, err)
		}
	}
	order := func(workOrder string) error {
		return run(ctx, url, []string{"order", "PART-003", workOrder, "3"}, t.Output(), t.Output())
	}
	send("trigger_create", "trigger", map[string]any{
		"partId": "PART-003", "triggerType": "OPERATION_COMPLETE", "operationCode": "OP-090", "assignmentType": "LATE_ASSIGNMENT",
	})

	f := &follower{t: t, url: url, dir: t.TempDir()}
	t.Cleanup(f.kill)
	f.start()
	const orders = 40
	for i := range orders {
		workOrder := fmt.Sprint("WO-", i)
		if err := order(workOrder); err != nil {
			t.Fatal(err)
		}
		send("operation_complete", "complete-"+workOrder, map[string]any{
			"partId": "PART-003", "operationCode": "OP-090", "workOrderId": workOrder, "quantity": 3,
		})
		if i%8 == 7 {
			// While it keeps events: some that it has not acknowledged come again.
			until(t, "event kept", func() bool { return len(f.kept()) > i })
			f.kill()
			f.start()
		}
	}

	// NATS is away, for the MES that follows and for the one that orders.
	service.Stop()
	ordered := make(chan error, 1)
	go func() { ordered <- order("WO-away") }()
	service.Restart()
	if err := <-ordered; err != nil {
		t.Fatal(err)
	}

	// An order makes placeholders; numbers are assigned to them, and they change.
	want := published(t, m.js, orders*3+1)
	slices.Sort(want)
	until(t, "journal of all events", func() bool { return len(f.kept()) >= len(want) })
	f.kill()
	compare := func(when string) {
		t.Helper()
		got := f.kept()
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, serial events published (-) and kept (+):\n%s\n%s", when, diff, f.output.String())
		}
	}
	compare("after kills")
	for _, kind := range []string{"placeholder ", "assigned "} {
		if !strings.Contains(f.output.String(), kind+"PART-003 WO-0") {
			t.Errorf("it does not tell of %q:\n%s", kind, f.output.String())
		}
	}

	// NATS has forgotten every acknowledgement.
	if err := m.js.DeleteConsumer(ctx, "MACHSHOP_SERIALS", "mes-plant1"); err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- run(following, url, []string{"follow", "--dir", f.dir}, t.Output(), t.Output())
	}()
	untilAcknowledged(t, m.js, len(want))
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it was told to end: %v", err)
	}
	compare("after all of it came again")
}

// What the service does not accept is an error that says why, and a repetition is
// answered as the first time.
func TestOrder(t *testing.T) {
	t.Parallel()
	_, url := startService(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 2 {
		var out bytes.Buffer
		err := run(ctx, url, []string{"order", "PART-003", "WO 1/A", "2"}, &out, t.Output())
		if err != nil || out.String() != "WO 1/A: accepted, 2 placeholders\n" {
			t.Errorf("got %q, %v", out.String(), err)
		}
		err = run(ctx, url, []string{"order", "PART 404", "WO-2", "2"}, &out, t.Output())
		if err == nil || !strings.Contains(err.Error(), "work order WO-2: rejected PART_NOT_FOUND partId") {
			t.Errorf("got %v", err)
		}
	}

	if err := run(ctx, url, []string{"order", "PART-003", strings.Repeat("7", 128), "2"}, t.Output(), t.Output()); err == nil {
		t.Error("a work order that makes too long an id is taken")
	}

	// The repetition has the service tell of the same placeholders again, under the
	// same id. What is no event is not in the way of what follows.
	m := connected(t, url)
	if _, err := m.js.Publish(ctx, "machshop.serial.plant1.assigned.X", []byte("no event")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- run(following, url, []string{"follow", "--dir", dir}, t.Output(), t.Output())
	}()
	untilAcknowledged(t, m.js, 3)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it was told to end: %v", err)
	}
	if ids := (&follower{t: t, dir: dir}).kept(); len(ids) != 1 {
		t.Errorf("kept %v, want what follows from the order once", ids)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "make", "order PART-003 WO-1", "order PART-003 WO-1 many", "follow all", "follow --site a.b", "follow --cup"} {
		if err := run(t.Context(), "", strings.Fields(args), t.Output(), t.Output()); !errors.Is(err, errUsage) {
			t.Errorf("mes %s: got %v", args, err)
		}
	}
}
