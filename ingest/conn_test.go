package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// tcpPair returns the two ends of a connection.
func tcpPair(t *testing.T) (ours, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close(); _ = peer.Close() })
	return ours, peer
}

// Many write at once, as paho's routines do: no packet is torn, and those of one
// writer stay in order.
func TestBufferedConnKeepsPacketsWhole(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string]func(*testing.T) (ours, peer net.Conn){
		"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
		"TCP":  tcpPair,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const writers, packets = 8, 300
			ours, peer := pair(t)
			c := newBufferedConn(ours, 0, nil)
			var writing sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					for n := range packets {
						if _, err := c.Write(packet(w, n)); err != nil {
							t.Errorf("writer %d, packet %d: %v", w, n, err)
							return
						}
					}
				})
			}
			go func() {
				writing.Wait()
				_ = c.Close()
			}()
			var next [writers]int
			for range writers * packets {
				var head [8]byte
				if _, err := io.ReadFull(peer, head[:]); err != nil {
					t.Fatal(err)
				}
				w, n := int(binary.BigEndian.Uint32(head[:4])), int(binary.BigEndian.Uint32(head[4:]))
				if w >= writers || n != next[w] {
					t.Fatalf("got packet %d of writer %d, want packet %d of it", n, w, next[min(w, writers-1)])
				}
				next[w]++
				want := packet(w, n)
				got := make([]byte, len(want)-len(head))
				if _, err := io.ReadFull(peer, got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want[len(head):]) {
					t.Fatalf("packet %d of writer %d is torn", n, w)
				}
			}
			if n, err := peer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("behind all packets: got %d bytes, %v, want EOF", n, err)
			}
		})
	}
}

// packet is the n-th packet of writer w: its head, then as many bytes as it likes.
func packet(w, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(w))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return append(b, bytes.Repeat([]byte{byte(w*31 + n)}, (w*977+n*131)%3000)...)
}

// Whatever is written in whatever pieces arrives, and what the caller does with
// his bytes afterwards does not matter.
func TestBufferedConnKeepsTheBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 2000), 0, 50).Draw(rt, "pieces")
		ours, peer := net.Pipe()
		c := newBufferedConn(ours, 0, nil)
		read := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(peer)
			read <- b
		}()
		var want []byte
		for _, p := range pieces {
			want = append(want, p...)
			if n, err := c.Write(p); err != nil || n != len(p) {
				rt.Fatalf("got %d, %v, want %d", n, err, len(p))
			}
			clear(p)
		}
		if err := c.Close(); err != nil {
			rt.Fatal(err)
		}
		if got := <-read; !bytes.Equal(got, want) {
			rt.Fatalf("got %d bytes, want the %d that were written", len(got), len(want))
		}
	})
}

func TestBufferedConnReads(t *testing.T) {
	t.Parallel()
	ours, peer := net.Pipe()
	c := newBufferedConn(ours, 0, nil)
	defer c.Close()
	go func() {
		_, _ = peer.Write([]byte("one "))
		_, _ = peer.Write([]byte("two"))
		_ = peer.Close()
	}()
	if got, err := io.ReadAll(c); err != nil || string(got) != "one two" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A write that the peer never sees is told of by a later one.
func TestBufferedConnTellsOfALostPeer(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string]func(*testing.T) (ours, peer net.Conn){
		"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
		"TCP":  tcpPair,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, peer := pair(t)
			c := newBufferedConn(ours, 0, nil)
			if err := peer.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil { // what is written waits for its error, at the latest when no more may wait
				_, err = c.Write(make([]byte, 1024))
			}
			if errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want the peer's error", err)
			}
			if _, again := c.Write([]byte("x")); !errors.Is(again, err) {
				t.Errorf("the next write: got %v, want %v again", again, err)
			}
			// The connection is closed already, so that a reader finds out, too.
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("Read: got no error")
			}
			_ = c.Close()
		})
	}
}

// What was written before Close reaches a peer that reads.
func TestBufferedConnCloseFlushes(t *testing.T) {
	t.Parallel()
	ours, peer := tcpPair(t)
	c := newBufferedConn(ours, 0, nil)
	want := bytes.Repeat([]byte("DISCONNECT"), 20_000)
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(peer)
		read <- b
	}()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: got %v, want net.ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// A peer that does not read is waited for by Close no longer than its deadline.
func TestBufferedConnCloseGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, peer := net.Pipe()
		defer peer.Close()
		c := newBufferedConn(ours, 0, nil)
		if _, err := c.Write([]byte("never read")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %s, want 1s", took)
		}
	})
}

// Writers wait when the peer is slow, instead of filling the memory.
func TestBufferedConnHoldsWritersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const piece, all = 10_000, 2_000_000
		ours, peer := net.Pipe()
		defer peer.Close()
		c := newBufferedConn(ours, 0, nil)
		written := 0
		var mu sync.Mutex
		go func() {
			defer c.Close()
			for range all / piece {
				if _, err := c.Write(make([]byte, piece)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				written += piece
				mu.Unlock()
			}
		}()
		synctest.Wait()
		mu.Lock()
		// What is being sent and what waits, each at its most.
		if most := 2 * (maxUnflushed + piece); written > most || written < maxUnflushed {
			t.Errorf("%d bytes were taken while the peer read none, want %d to %d", written, maxUnflushed, most)
		}
		mu.Unlock()
		if n, err := io.Copy(io.Discard, peer); n != all || err != nil {
			t.Errorf("got %d bytes, %v, want %d", n, err, all)
		}
	})
}

// paho sets a deadline before it writes and takes it away afterwards; a writer
// that has to wait must not wait for longer.
func TestBufferedConnWriteKeepsItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, peer := net.Pipe()
		defer peer.Close()
		c := newBufferedConn(ours, 0, nil)
		defer c.Close()
		start := time.Now()
		for {
			if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Write(make([]byte, 10_000))
			if err == nil {
				if err := c.SetWriteDeadline(time.Time{}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeout {
				t.Errorf("got %v after %s, want the deadline's error after %s", err, took, writeTimeout)
			}
			return
		}
	})
}

// Close lets go of who waits to write.
func TestBufferedConnCloseEndsWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, peer := net.Pipe()
		defer peer.Close()
		c := newBufferedConn(ours, 0, nil)
		ended := make(chan error)
		go func() {
			for {
				if _, err := c.Write(make([]byte, 100_000)); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait() // the writer waits for the peer
		_ = c.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
}
