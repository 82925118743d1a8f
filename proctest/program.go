package proctest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds the start on a loaded machine.
const startTimeout = time.Minute

// Program is a program that listens on a port of its own. Several goroutines may
// use it at once.
type Program struct {
	// Address is where it listens, host:port; it stays the same when the program
	// is started again.
	Address string

	tb     testing.TB
	what   *exec.Cmd  // never started itself: a command runs once
	output Buffer     // of all its starts
	mu     sync.Mutex // guards cmd and ended
	cmd    *exec.Cmd  // the last start; nil if there was none
	ended  chan struct{}
}

// Start starts the program that what describes (its path, arguments and
// environment), waits until it accepts connections on port, and kills it when the
// test ends. The test fails with what the program printed if it does not listen.
func Start(tb testing.TB, port int, what *exec.Cmd) *Program {
	tb.Helper()
	p := &Program{Address: fmt.Sprintf("127.0.0.1:%d", port), tb: tb, what: what}
	tb.Cleanup(p.Kill)
	p.Restart()
	return p
}

// Restart starts the program again, on the same port with the same arguments, and
// waits until it listens. One that runs still is killed first.
func (p *Program) Restart() {
	p.tb.Helper()
	p.Kill()
	if err := p.start(); err != nil {
		p.tb.Fatal(err)
	}
}

// Kill ends the program at once, as a power switch does, and waits for its end.
func (p *Program) Kill() { p.end(os.Kill) }

// Stop has the program end in order, and waits for its end.
func (p *Program) Stop() { p.end(os.Interrupt) }

// Signal sends the program a signal that does not end it, as SIGSTOP and SIGCONT.
func (p *Program) Signal(s os.Signal) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Errorf("%s: %v", p.what.Path, err)
	}
}

// Output returns what the program printed, over all its starts.
func (p *Program) Output() string { return p.output.String() }

func (p *Program) end(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s) // fails if it has ended already
		<-p.ended
	}
}

// start returns when the program listens, or an error with what it printed.
func (p *Program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := &exec.Cmd{Path: p.what.Path, Args: p.what.Args, Env: p.what.Env, Stdout: &p.output, Stderr: &p.output}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is what was asked for
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
		if err == nil {
			_ = c.Close()
			return nil
		}
		select {
		case <-ended: // whoever listens there from now on is somebody else
			return fmt.Errorf("%s ended (%v):\n%s", cmd.Path, cmd.ProcessState, &p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w\n%s", cmd.Path, err, &p.output)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
