package faulttest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// patience is how long a test waits for what takes a moment at most.
const patience = 20 * time.Second

// echo starts a server that gives back what it gets, behind a proxy.
func echo(t *testing.T) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	p, err := Listen(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		_ = l.Close()
		<-ended
	})
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends a line and returns what comes back within the limit, and how long
// that took.
func say(c net.Conn, line string, limit time.Duration) (string, time.Duration, error) {
	began := time.Now()
	_ = c.SetDeadline(began.Add(limit))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", 0, err
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	return got, time.Since(began), err
}

func mustSay(t *testing.T, c net.Conn, line string) time.Duration {
	t.Helper()
	got, took, err := say(c, line, patience)
	if err != nil || got != line+"\n" {
		t.Fatalf("got %q, %v, want %q", got, err, line)
	}
	return took
}

// refused checks that a new connection ends as it begins.
func refused(t *testing.T, p *Proxy) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.Addr())
	if err != nil {
		return // ended before the dialer had looked
	}
	defer c.Close()
	if got, _, err := say(c, "hello", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a refused connection: %q, %v, want it closed", got, err)
	}
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := dial(t, p)
	mustSay(t, c, "one")
	p.Cut()
	if got, _, err := say(c, "two", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the cut: %q, %v, want a closed connection", got, err)
	}
	mustSay(t, dial(t, p), "three")
}

func TestProxyRefuse(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := dial(t, p)
	mustSay(t, c, "one")
	p.Refuse(true)
	mustSay(t, c, "two")
	refused(t, p)
	p.Refuse(false)
	mustSay(t, dial(t, p), "four")
}

func TestProxyBlackhole(t *testing.T) {
	t.Parallel()
	p := echo(t)
	before := dial(t, p)
	mustSay(t, before, "one")
	p.Blackhole(true)
	during := dial(t, p)
	dead := func(name string, c net.Conn) {
		t.Helper()
		if got, _, err := say(c, "two", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %q, %v, want silence", name, got, err)
		}
	}
	dead("connected before", before)
	dead("connected in it", during)
	p.Blackhole(false)
	mustSay(t, dial(t, p), "three")
	dead("connected before, after its end", before)
	dead("connected in it, after its end", during)
}

func TestProxySlow(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := dial(t, p)
	p.Slow(50*time.Millisecond, 0)
	if took := mustSay(t, c, "one"); took < 100*time.Millisecond {
		t.Errorf("there and back in %v, want 100 ms at least", took)
	}
	p.Slow(0, 10_000)
	if took := mustSay(t, c, string(make([]byte, 1000))); took < 200*time.Millisecond {
		t.Errorf("1000 bytes there and back in %v, want 200 ms at least", took)
	}
	p.Slow(0, 0)
	mustSay(t, c, "two")
}

// A server that is away is no reason to keep a client waiting.
func TestProxyWithoutServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	p, err := Listen(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	refused(t, p)
}
