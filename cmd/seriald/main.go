// Command seriald is the daemon of MachShop Serialization, and the tools to run
// it: one file per command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // wrong arguments or configuration
)

// version is set by the build.
var version = "dev"

// usageError marks an error that is the operator's to mend before a start can
// succeed.
type usageError struct{ error }

// Unwrap implements [errors.Unwrap].
func (e usageError) Unwrap() error { return e.error }

// cli is the command line.
type cli struct {
	Config string `help:"Configuration file (YAML); the environment overrides it." type:"path" placeholder:"FILE" env:"SERIALD_CONFIG"`
	Data   string `help:"Directory of the embedded servers and secrets (DATA_DIR; default ./data)." placeholder:"DIR"`

	Run        runCommand        `cmd:"" help:"Run the service; what is not configured is embedded."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database's schema up or down."`
	Seed       seedCommand       `cmd:"" help:"Add the pattern templates, and the demo plant if asked for."`
	Check      checkCommand      `cmd:"" help:"Check the configuration and the connections."`
	DB         dbCommand         `cmd:"" name:"db" help:"About the database."`
	Send       sendCommand       `cmd:"" help:"Publish one event over MQTT and print its outcome."`
	Scan       scanCommand       `cmd:"" help:"Say what scans mean: a JSON string a line in, a JSON object a line out."`
	Pattern    patternCommand    `cmd:"" help:"Try patterns of serial numbers."`
	Simulate   simulateCommand   `cmd:"" help:"Play scanners and PLCs, and count what was answered."`
	DLQ        dlqCommand        `cmd:"" name:"dlq" help:"Look at dead letters, and replay them."`
	Uniqueness uniquenessCommand `cmd:"" help:"About the claims of numbers."`
	Cache      cacheCommand      `cmd:"" help:"About the cache of claims."`
	Devices    devicesCommand    `cmd:"" help:"List the devices that were seen, and how they are."`
	User       userCommand       `cmd:"" help:"Users of the HTTP API."`
	Token      tokenCommand      `cmd:"" help:"Print a bearer token for the HTTP API."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// session is what every command gets.
type session struct {
	settings       settings
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal kills: the default is back once the first has come.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, for main and for tests.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("seriald"),
		kong.Description("MachShop Serialization: serial numbers for the shop floor, message-driven."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.Vars{"config": ""})
	if err != nil {
		panic(err) // a command line that kong can't read is a fault of the program
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "seriald: %v\n", err)
		return exitUsage
	}
	overrides := map[string]any{}
	if c.Data != "" {
		overrides["data_dir"] = c.Data
	}
	s, err := loadSettings(c.Config, env, overrides)
	if err != nil {
		return report(stderr, usageError{err})
	}
	ses := &session{settings: s, stdin: stdin, stdout: stdout, stderr: stderr, log: newLogger(s, stderr)}
	command.BindTo(ctx, (*context.Context)(nil))
	return report(stderr, command.Run(ses))
}

// report prints err, one line per problem, and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "seriald: %s\n", strings.TrimRight(line, "\n"))
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

func newLogger(s settings, w io.Writer) *slog.Logger {
	level, _ := parseLevel(s.LogLevel) // was validated
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s *session) error {
	_, err := fmt.Fprintln(s.stdout, "seriald", version)
	return err
}
