package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/machshop/seriald/proctest"
)

// The quick start of the README, and what follows from it, works as it is written, on
// its default ports.
func TestReadmeQuickStart(t *testing.T) {
	for _, port := range []string{"1883", "4000", "4222"} {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatalf("the quick start needs port %s: stop what listens there (%v)", port, err)
		}
		_ = l.Close()
	}
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for i, rest := range strings.Split(string(b), "```sh quickstart\n") {
		if i > 0 {
			block, _, _ := strings.Cut(rest, "```")
			script.WriteString(block)
		}
	}
	dir, err := os.MkdirTemp("", "seriald-quickstart-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the database may run as another user
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")

	var output proctest.Buffer
	// What it takes to compile is not what a start takes.
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	start := exec.Command("make", "-C", "../..", "run", "DATA="+data)
	start.Stdout, start.Stderr = &output, &output
	start.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start.WaitDelay = patience
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-start.Process.Pid, syscall.SIGINT)
		timer := time.AfterFunc(patience, func() { _ = syscall.Kill(-start.Process.Pid, syscall.SIGKILL) })
		defer timer.Stop()
		_ = start.Wait() // it was told to end
	})
	d := &daemon{tb: t, api: "http://127.0.0.1:4000", output: &output, cmd: start}
	d.waitReady()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script.String())
	bash.Dir, bash.Env = "../..", append(os.Environ(), "DATA_DIR="+data)
	printed, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("the quick start failed: %v\n%s\n%s", err, printed, output.String())
	}
	for _, want := range []string{
		`"status":"accepted"`, "TST-" + time.Now().UTC().Format("20060102") + "-000001", `"status":"ok"`, "(1 row)", "lost                   0",
		`"eventId":"demo-1","status":"accepted"`, `"generatedAt":`, // the answers to a token
		`"status":"REJECTED"`, `"status":"SERIALIZED"`, `"serialNumber":"H-0001"`, `"status":"RETIRED"`, `"status":"conflict"`, `"resolution":"KEEP"`,
	} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("the quick start does not print %s:\n%s", want, printed)
		}
	}
}
