package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/storetest"
)

// asProgram makes the test binary be seriald: for tests that kill it.
const asProgram = "SERIALD_TEST_AS_PROGRAM"

// withoutSync makes that program's embedded NATS confirm what is not on disk yet.
const withoutSync = "SERIALD_TEST_NO_SYNC"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asListener); dir != "" {
		os.Exit(runListener(dir))
	}
	embeddedNoSync = os.Getenv(withoutSync) != ""
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	storetest.Main(m)
}

// client never waits for ever, and is an administrator.
var client = &http.Client{Timeout: 10 * time.Second, Transport: administrator{}}

// testSecret signs the tokens of all daemons of tests.
const testSecret = "a secret of tests, of 32 bytes.."

type administrator struct{}

// RoundTrip adds a token.
func (administrator) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "tester", "role": "admin", "iss": "seriald", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(testSecret))
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultTransport.RoundTrip(r)
}

// patience is how long a test waits for something that takes a second at most.
const patience = 60 * time.Second

// daemon is a seriald run, as a process of its own.
type daemon struct {
	tb     testing.TB
	env    []string
	data   string
	api    string
	exe    string               // the program, if not the test binary
	attr   *syscall.SysProcAttr // as whom it runs, if not as oneself
	cmd    *exec.Cmd
	output *proctest.Buffer
}

// newDaemon returns a daemon with ports and a data directory of its own. env
// overrides.
func newDaemon(tb testing.TB, env ...string) *daemon {
	tb.Helper()
	// Not TB.TempDir: the database server may run as another user.
	data, err := os.MkdirTemp("", "seriald-run-")
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(data, 0o755); err != nil {
		tb.Fatal(err)
	}
	port := proctest.FreePort(tb)
	d := &daemon{
		tb: tb, data: filepath.Join(data, "data"), api: fmt.Sprintf("http://127.0.0.1:%d", port),
		env: append([]string{
			asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + data,
			"APP_PORT=" + strconv.Itoa(port), "RATE_LIMIT_PER_MINUTE=0", "JWT_SECRET=" + testSecret,
			"EMBEDDED_MQTT_PORT=" + strconv.Itoa(proctest.FreePort(tb)),
			"EMBEDDED_NATS_PORT=" + strconv.Itoa(proctest.FreePort(tb)),
			"EMBEDDED_PG_BIN=" + os.Getenv("EMBEDDED_PG_BIN"),
			"DATA_DIR=" + filepath.Join(data, "data"),
		}, env...),
	}
	tb.Cleanup(func() {
		d.kill()
		_ = os.RemoveAll(data)
	})
	return d
}

// start starts the daemon and waits until it is ready.
func (d *daemon) start(args ...string) {
	d.tb.Helper()
	d.launch(args...)
	d.waitReady()
}

func (d *daemon) launch(args ...string) {
	d.tb.Helper()
	d.output = &proctest.Buffer{}
	d.cmd = d.command(append([]string{"run"}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.output, d.output
	if err := d.cmd.Start(); err != nil {
		d.tb.Fatal(err)
	}
}

func (d *daemon) command(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		d.tb.Fatal(err)
	}
	if d.exe != "" {
		exe = d.exe
	}
	cmd := exec.Command(exe, args...)
	cmd.Env, cmd.SysProcAttr, cmd.Dir = d.env, d.attr, "/"
	cmd.WaitDelay = patience // no test hangs on a pipe that somebody has inherited
	return cmd
}

func (d *daemon) waitReady() {
	d.tb.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if res, err := client.Get(d.api + "/health/ready"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			_ = d.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
			_ = d.cmd.Wait()
			d.tb.Fatalf("not ready:\n%s", d.output)
		}
	}
}

// kill ends the daemon at once, as a power switch does, and waits.
func (d *daemon) kill() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait() // it was killed
		d.cmd = nil
	}
}

// stop has the daemon drain and end, and returns its exit code.
func (d *daemon) stop() int {
	d.tb.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.tb.Fatal(err)
	}
	_ = d.cmd.Wait() // the code says how
	code := d.cmd.ProcessState.ExitCode()
	d.cmd = nil
	return code
}

// call runs another command of the program and returns what it printed.
func (d *daemon) call(args ...string) (stdout, stderr string, code int) {
	d.tb.Helper()
	cmd := d.command(args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Run() // the code says how
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

func (d *daemon) get(path string) (status int, body string) {
	d.tb.Helper()
	return d.ask(path, "")
}

// ask gets path, or posts to it if there is a body.
func (d *daemon) ask(path, send string) (status int, body string) {
	d.tb.Helper()
	var res *http.Response
	if send == "" {
		res, body = d.read(client.Get(d.api + path))
	} else {
		res, body = d.read(client.Post(d.api+path, "application/json", strings.NewReader(send)))
	}
	return res.StatusCode, body
}

// read reads an answer to its end.
func (d *daemon) read(res *http.Response, err error) (*http.Response, string) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.tb.Fatal(err)
	}
	return res, string(b)
}

// eventually gets path until the answer contains want.
func (d *daemon) eventually(path, want string) (status int, body string) {
	d.tb.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if res, err := client.Get(d.api + path); err == nil {
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if strings.Contains(string(b), want) {
				return res.StatusCode, string(b)
			}
		}
		if time.Now().After(deadline) {
			d.tb.Fatalf("%s never says %q\n%s", path, want, d.output)
		}
	}
}
