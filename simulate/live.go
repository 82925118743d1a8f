package simulate

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// liveEvery is how often a live line is written.
const liveEvery = time.Second

// live writes how a run is going: a line that is written over on a terminal,
// line after line otherwise. Without a writer it does nothing.
type live struct {
	run      *run
	out      io.Writer
	terminal bool

	mu      sync.Mutex // guards what follows, and out
	trouble string     // what was last waited for
	open    bool       // a line on the terminal is not ended
}

func newLive(r *run) *live {
	l := &live{run: r, out: r.cfg.Live}
	if f, ok := l.out.(*os.File); ok {
		info, err := f.Stat()
		l.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return l
}

// waiting tells why there is no connection yet, each reason once.
func (l *live) waiting(err error) {
	if l.out == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble != err.Error() {
		l.trouble = err.Error()
		l.write("waiting for the broker: " + l.trouble)
	}
}

// write shows a line; l.mu is held.
func (l *live) write(line string) {
	if l.terminal {
		fmt.Fprint(l.out, "\r"+line+"\x1b[K")
		l.open = true
		return
	}
	fmt.Fprintln(l.out, line)
}

// end ends the line on a terminal.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open {
		fmt.Fprintln(l.out)
		l.open = false
	}
}

// start writes a line about once a second until stop is called, which returns
// after the last.
func (l *live) start() (stop func()) {
	if l.out == nil {
		return func() {}
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(liveEvery)
		defer tick.Stop()
		before := l.take()
		for {
			select {
			case <-tick.C:
			case <-done:
				l.end()
				return
			}
			now := l.take()
			l.mu.Lock()
			l.write(now.line(before))
			l.mu.Unlock()
			before = now
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// moment is how a run is going at one time.
type moment struct {
	at        time.Duration // since the devices are connected
	totals    totals
	latencies *distribution
	offline   int
	devices   int
}

func (l *live) take() moment {
	return moment{
		at: l.run.clock() - l.run.playing, totals: l.run.totals(), latencies: l.run.latencies.snapshot(),
		offline: l.run.offline(), devices: len(l.run.devices),
	}
}

// line writes a moment down; rate and latencies are those since the one before.
func (m moment) line(before moment) string {
	rate, p50, p99 := 0.0, "-", "-"
	if d := m.latencies.since(before.latencies); d.total > 0 {
		p50, p99 = brief(d.quantile(0.50)), brief(d.quantile(0.99))
	}
	if seconds := (m.at - before.at).Seconds(); seconds > 0 {
		rate = float64(m.totals.answered-before.totals.answered) / seconds
	}
	s := fmt.Sprintf("%5s  sent %s  answered %s  accepted %s  in flight %s  %s events/s  p50 %s  p99 %s",
		m.at.Round(time.Second), thousands(m.totals.sent), thousands(m.totals.answered), thousands(m.totals.accepted),
		thousands(m.totals.waiting), thousands(int(rate+0.5)), p50, p99)
	if m.offline > 0 {
		s += fmt.Sprintf("  (%d of %d devices offline)", m.offline, m.devices)
	}
	return s
}

// thousands writes n as people do: 12,345.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// brief writes a latency with about three digits.
func brief(d time.Duration) string {
	for _, step := range []time.Duration{time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond} {
		if d < 1000*step {
			return d.Round(step).String()
		}
	}
	return d.Round(100 * time.Millisecond).String()
}
