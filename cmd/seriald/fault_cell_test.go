package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald/faulttest"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/proctest"
)

// How the faults are.
const (
	downFor       = time.Second // between kill -9 and the start
	suspendedFor  = 10 * time.Second
	refusedFor    = 2 * time.Second // after the last cut of a link that flaps
	cuts          = 4
	blackholedFor = 5 * time.Second
	slowFor       = 8 * time.Second
	// slowLatency and slowRate are a link that cannot carry the load: it falls
	// behind, and catches up afterwards.
	slowLatency = 150 * time.Millisecond
	slowRate    = 48 << 10
)

// fault is something that happens to a server. It returns when it is over: when
// the server was started again, the process goes on, the link carries.
type fault struct {
	name string
	do   func(v victim)
}

// victim is what a fault happens to.
type victim struct {
	kill, start     func()
	suspend, resume func()
	links           []*faulttest.Proxy
}

func (v victim) each(do func(*faulttest.Proxy)) {
	for _, l := range v.links {
		do(l)
	}
}

var (
	killNine = fault{"kill -9", func(v victim) {
		v.kill()
		<-time.After(downFor)
		v.start()
	}}
	suspend = fault{"SIGSTOP", func(v victim) {
		v.suspend()
		<-time.After(suspendedFor)
		v.resume()
	}}
	cut = fault{"cut", func(v victim) {
		for range cuts {
			v.each((*faulttest.Proxy).Cut)
			<-time.After(refusedFor / cuts)
		}
		v.each(func(p *faulttest.Proxy) { p.Refuse(true); p.Cut() })
		<-time.After(refusedFor)
		v.each(func(p *faulttest.Proxy) { p.Refuse(false) })
	}}
	blackhole = fault{"blackhole", func(v victim) {
		v.each(func(p *faulttest.Proxy) { p.Blackhole(true) })
		<-time.After(blackholedFor)
		v.each(func(p *faulttest.Proxy) { p.Blackhole(false) })
	}}
	slow = fault{"slow link", func(v victim) {
		v.each(func(p *faulttest.Proxy) { p.Slow(slowLatency, slowRate) })
		<-time.After(slowFor)
		v.each(func(p *faulttest.Proxy) { p.Slow(0, 0) })
	}}
)

// cell is one target and one fault.
type cell struct {
	target string
	fault  fault
	// listener has the broker be the embedded MQTT listener in a process of its
	// own instead of Mosquitto.
	listener bool
	// forgetful is a broker that loses what it has acknowledged: then that and
	// the outcomes that go with it are counted only.
	forgetful bool
}

// result is a line of the table.
type result struct {
	target, fault string
	tally
	recovery time.Duration // from the end of the fault until an event published after it is answered; -1: none was
}

// plant is all servers of a cell, each a process of its own, and the links
// between them.
type plant struct {
	d       *daemon
	nats    *proctest.Program
	pg      *postgresServer
	devices string // where devices find the broker
	targets map[string]victim
	past    []*proctest.Buffer // what earlier starts of the daemon printed
}

// newPlant starts everything.
func newPlant(t *testing.T, natsBin string, listener bool) *plant {
	t.Helper()
	p := &plant{nats: newNATSServer(t, natsBin), pg: newPostgresServer(t)}
	var mqtt *proctest.Program
	if listener {
		mqtt = newListener(t)
	} else {
		mqtt = brokertest.Start(t).Program
	}
	toDevices := newProxy(t, mqtt.Address)
	toBroker := newProxy(t, mqtt.Address)
	toNATS := newProxy(t, p.nats.Address)
	toPostgres := newProxy(t, hostOf(t, p.pg.postgres.DSN()))
	addFaultParts(t, p.pg.postgres.DSN())

	p.devices = toDevices.Addr()
	p.d = newDaemon(t,
		"MQTT_URL=mqtt://"+toBroker.Addr(), "NATS_URL=nats://"+toNATS.Addr(),
		"DATABASE_URL="+dsnAt(t, p.pg.postgres.DSN(), toPostgres.Addr()))
	p.d.start()

	broker := victimOf(mqtt)
	broker.links = []*faulttest.Proxy{toDevices, toBroker}
	nats := victimOf(p.nats)
	nats.links = []*faulttest.Proxy{toNATS}
	var suspended []int
	p.targets = map[string]victim{
		"broker": broker,
		"NATS":   nats,
		"PostgreSQL": {
			kill: p.pg.kill, start: p.pg.start,
			suspend: func() { suspended = suspendTree(t, p.pg.postmaster()) }, resume: func() { resumeAll(suspended) },
			links: []*faulttest.Proxy{toPostgres},
		},
		"seriald": {
			kill:    func() { p.past = append(p.past, p.d.output); p.d.kill() },
			start:   func() { p.d.launch() },
			suspend: func() { _ = p.d.cmd.Process.Signal(syscall.SIGSTOP) },
			resume:  func() { _ = p.d.cmd.Process.Signal(syscall.SIGCONT) },
			links:   []*faulttest.Proxy{toBroker, toNATS, toPostgres},
		},
	}
	return p
}

func victimOf(s *proctest.Program) victim {
	return victim{
		kill: s.Kill, start: s.Restart,
		suspend: func() { s.Signal(syscall.SIGSTOP) }, resume: func() { s.Signal(syscall.SIGCONT) },
	}
}

// log returns what the daemon printed, over all its starts.
func (p *plant) log() string {
	var all strings.Builder
	for _, o := range append(p.past, p.d.output) {
		fmt.Fprintln(&all, "--- seriald\n"+o.String())
	}
	return all.String()
}

func newProxy(t *testing.T, target string) *faulttest.Proxy {
	t.Helper()
	p, err := faulttest.Listen(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func hostOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// tryCell runs one cell: load, fault, recovery, load, and then the count.
func tryCell(t *testing.T, natsBin string, c cell) result {
	t.Helper()
	p := newPlant(t, natsBin, c.listener)
	rate := faultRate
	if c.listener {
		rate /= 2 // it syncs each message and each removal
	}
	f := newFleet(t, p.devices, rate)
	if !f.more(2*rate, patience) {
		t.Fatalf("no load before the fault\n%s", tail(p.log()))
	}
	c.fault.do(p.targets[c.target])
	over := time.Now()
	r := result{target: c.target, fault: c.fault.name, recovery: f.recovered(over, patience)}
	within := patience
	if c.forgetful || r.recovery < 0 {
		within = 15 * time.Second // what is forgotten, or hangs, never comes
	}
	f.more(2*rate, within) // if they don't come, the count tells what is missing
	f.settle(within)
	f.end()

	conn, err := pgx.Connect(context.Background(), p.pg.postgres.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	at := lookUp(t, conn)
	at.stored = storedEvents(t, "nats://"+p.nats.Address)
	r.tally = judge(f.records(), at)
	if c.forgetful {
		r.fault += " (Mosquitto)"
	}
	if !r.good(c.forgetful) {
		if r.stuck > 0 {
			_ = p.d.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
			_ = p.d.cmd.Wait()
		}
		logged, stacks, _ := strings.Cut(p.log(), "SIGQUIT: quit")
		t.Errorf("%+v\n%s\n%s", r, tail(logged), ourStacks(stacks))
	}
	return r
}

// good reports whether nothing is wrong. A forgetful broker may have lost events
// and outcomes on its own account.
func (r result) good(forgetful bool) bool {
	promised := r.lost == 0 && r.missing == 0 || forgetful
	return promised && r.recovery >= 0 && r.stuck == 0 && r.doubled == 0 && r.disordered == 0
}

// ourStacks picks the goroutines that run code of this module.
func ourStacks(stacks string) string {
	var ours []string
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(stack, "machshop/seriald/") {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}

// tail returns the last lines of a log.
func tail(log string) string {
	const most = 8000
	if len(log) > most {
		log = "…" + log[len(log)-most:]
	}
	return log
}
