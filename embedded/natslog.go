package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// natsLog hands the server's log to slog. It is also how the server reports
// that it cannot start: it logs a fatal line and expects the logger to end the
// process, which this one leaves to its owner.
type natsLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal error // the first one; guarded by mu
}

func (l *natsLog) say(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "nats server", "says", fmt.Sprintf(format, args...))
	}
}

// Noticef is Debug for us: the server's chatter about its start and end.
func (l *natsLog) Noticef(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// plaintextWarning is what the server warns of at each start, meaning passwords in
// a configuration file. Ours are in memory.
const plaintextWarning = "Plaintext passwords detected"

// Warnf is a Warn, but for the one that does not apply.
func (l *natsLog) Warnf(format string, args ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, plaintextWarning) {
		level = slog.LevelDebug
	}
	l.say(level, format, args)
}

// Errorf is an Error.
func (l *natsLog) Errorf(format string, args ...any) { l.say(slog.LevelError, format, args) }

// Debugf is not called: the server's debug log is off.
func (l *natsLog) Debugf(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// Tracef is not called: the server's trace is off.
func (l *natsLog) Tracef(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// Fatalf keeps the first message as the error of the start.
func (l *natsLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = errors.New(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))
	}
}

func (l *natsLog) fatalError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
