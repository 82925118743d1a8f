package live

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// Clients that are disconnected at random, and resume at one process or another,
// get every event they want once and in order.
func TestResumeWithoutGapOrDouble(t *testing.T) {
	t.Parallel()
	first := start(t, nil)
	hubs := []*served{first, serve(t, first.conn, nil)}
	hubs[1].awaitTail()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		site := fmt.Sprint("site", run)
		event := rapid.SampledFrom([]string{"", "assigned", "assigned,received"}).Draw(rt, "event")
		query := "site=" + site
		if event != "" {
			query += "&event=" + event
		}
		b := hubs[0].open(query, "").ready()

		var wanted []string
		var rounds [][]*nats.Msg
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			var msgs []*nats.Msg
			for range rapid.IntRange(0, 40).Draw(rt, "events") {
				name := rapid.SampledFrom([]string{"assigned", "received", "retired"}).Draw(rt, "name")
				id := fmt.Sprint(site, "-", len(wanted), "-", len(msgs))
				msgs = append(msgs, body(id, site, name, "P", "1"))
				if event == "" || strings.Contains(event, name) {
					wanted = append(wanted, id)
				}
			}
			if rapid.Bool().Draw(rt, "noise") { // more than the hub remembers
				for n := range bufferEvents + 50 {
					msgs = append(msgs, body(fmt.Sprint(site, "-noise-", len(rounds), "-", n), "noise", "assigned", "P", "1"))
				}
			}
			rounds = append(rounds, msgs)
		}
		published := make(chan error, 1)
		go func() {
			for _, msgs := range rounds {
				ctx, cancel := context.WithTimeout(context.Background(), soon)
				_, err := first.conn.Publish(ctx, msgs)
				cancel()
				if err != nil {
					published <- err
					return
				}
			}
			published <- nil
		}()
		for got := 0; got < len(wanted); {
			for range rapid.IntRange(0, 30).Draw(rt, "read") {
				if got == len(wanted) {
					break
				}
				e, err := b.next()
				if err != nil || e.eventID() != wanted[got] {
					rt.Fatalf("event %d of %d: got %+v, %v, want that of %s", got, len(wanted), e, err, wanted[got])
				}
				got++
			}
			b.close()
			b = hubs[rapid.IntRange(0, 1).Draw(rt, "hub")].open(query, b.last)
		}
		b.close()
		if err := <-published; err != nil {
			rt.Fatal(err)
		}
	})
}

// large returns n events of some 30 kB.
func large(first, n int) []*nats.Msg {
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msgs[i] = body(fmt.Sprint("e", first+i), "s", seriald.EventAssigned, "P", strings.Repeat("x", 15000))
	}
	return msgs
}

func TestSlowReaderIsCutAndResumes(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"told": true, "stalled": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(h *Hub) {
				h.patience, h.writeTimeout = 200*time.Millisecond, soon
				if !told {
					h.patience, h.writeTimeout = soon, 2*time.Second
				}
			})
			const events = 1000
			var others sync.WaitGroup
			for range 2 {
				b := s.open("", "").ready()
				others.Go(func() {
					for n := range events {
						if e, err := b.next(); err != nil || e.eventID() != fmt.Sprint("e", n+1) {
							t.Errorf("event %d of a fast reader: %s, %v", n+1, e.eventID(), err)
							return
						}
					}
				})
			}
			slow := dial(t, s)
			for n := 0; n < events; n += 50 {
				s.publish(large(n+1, 50)...)
			}
			others.Wait()
			until(t, "the slow reader is cut", func() bool { return value(t, s.cuts) == 1 })

			resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
			if err != nil {
				t.Fatal(err)
			}
			b := &browser{tb: t, cancel: func() {}, body: resp.Body, lines: bufio.NewReader(resp.Body)}
			defer b.close()
			got, cut := 0, false
			for {
				e, err := b.next()
				if err != nil {
					break
				}
				if e.event == "cut" {
					cut = strings.Contains(e.data, b.last)
					continue
				}
				if got++; e.eventID() != fmt.Sprint("e", got) {
					t.Fatalf("got that of %s, want e%d", e.eventID(), got)
				}
			}
			if got == 0 || got == events || cut != told {
				t.Errorf("got %d of %d events and a notice: %t, want some and %t", got, events, cut, told)
			}
			serve(t, s.conn, nil).open("", b.last).want(ids(got+1, events)...)
			if n := value(t, s.cuts); n != 1 {
				t.Errorf("seriald_sse_cut_total is %v, want 1", n)
			}
		})
	}
}

// dial connects to the stream and reads nothing of it.
func dial(tb testing.TB, s *served) net.Conn {
	tb.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", u.Path); err != nil {
		tb.Fatal(err)
	}
	until(tb, "the client is at the tail", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.live) == s.connected
	})
	return conn
}

// crowd is many clients that count what they get.
type crowd struct {
	got  atomic.Int64 // events, of all
	done sync.WaitGroup
}

// gather connects n clients.
func gather(tb testing.TB, s *served, n int) *crowd {
	tb.Helper()
	c := &crowd{}
	tb.Cleanup(c.done.Wait) // after dial's, which close the connections
	for range n {
		conn := dial(tb, s)
		c.done.Go(func() {
			// As little memory as can be: it is the hub's that is measured.
			resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			lines, next := bufio.NewReaderSize(resp.Body, 1<<10), uint64(0)
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
					return
				}
				if rest, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
					var sequence uint64
					for _, d := range rest {
						if d == '-' {
							break
						}
						sequence = 10*sequence + uint64(d-'0')
					}
					if next != 0 && sequence != next {
						if sequence == next-1 {
							continue // a heartbeat's
						}
						tb.Errorf("got %d, want %d", sequence, next)
						return
					}
					if next != 0 {
						c.got.Add(1)
					}
					next = sequence + 1
				}
			}
		})
	}
	return c
}

// heap returns what is in use, in bytes, stacks included.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func TestManyClients(t *testing.T) {
	s := start(t, nil)
	const clients, batch, rounds = 300, 40, 6
	crowd := gather(t, s, clients)
	early := 0.0
	for n := range rounds {
		s.publish(numbered(1+n*batch, batch)...)
		until(t, "all have got all", func() bool { return crowd.got.Load() == int64(clients*batch*(n+1)) || t.Failed() })
		if n == 1 {
			early = heap()
		}
	}
	if growth := heap() - early; growth > 16<<20 {
		t.Errorf("memory has grown by %.0f bytes", growth)
	}
	if got := value(t, s.cuts); got != 0 {
		t.Errorf("%v clients were cut", got)
	}
	s.stop()
}

// BenchmarkClients gives bursts of ten events to 1,000 clients. B/client is the
// memory of one, its far end in this process included; grown-B is by how much the
// memory grew in the second half. A minute of it: -benchtime=60s.
func BenchmarkClients(b *testing.B) {
	const clients, batch = 1000, 10
	s := start(b, nil)
	before := heap()
	crowd := gather(b, s, clients)
	sent := 0
	burst := func() {
		s.publish(numbered(1+sent, batch)...)
		sent += batch
		for crowd.got.Load() < int64(clients*sent) {
			runtime.Gosched()
		}
	}
	burst()
	early := heap()
	began, used := time.Now(), []float64{early}
	for b.Loop() {
		if burst(); sent%1000 == 0 {
			used = append(used, heap())
		}
	}
	rate := float64(clients*(sent-batch)) / time.Since(began).Seconds()
	b.ReportMetric((early-before)/clients, "B/client")
	b.ReportMetric(used[len(used)-1]-used[len(used)/2], "grown-B")
	b.ReportMetric(rate, "events/s")
	s.stop()
}
