package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald/proctest"
)

const curlScript = "../../examples/curl.sh"

// guideCalls are the HTTP calls of the replaced service's deployment guide, as they are
// written there.
var guideCalls = []string{
	`curl -s http://localhost:4000/health | jq .`,
	`curl -s http://localhost:4000/api/v1/health/db | jq .`,
	`curl -X POST http://localhost:4000/api/v1/serialization/vendor/receive \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -d '{
    "vendorSerialNumber": "TEST-2024-001",
    "vendorName": "Test Vendor",
    "partId": "PART-001",
    "receivedDate": "2024-11-01"
  }'`,
	`curl http://localhost:4000/api/v1/serialization/triggers/statistics/PART-001 \
  -H "Authorization: Bearer YOUR_TOKEN"`,
	`curl http://localhost:4000/api/v1/serialization/audit/events?partId=PART-001 \
  -H "Authorization: Bearer YOUR_TOKEN"`,
	`curl -s http://localhost:4000/metrics | head -20`,
	`curl http://localhost:4000/health`,
	`curl -w "@curl-format.txt" -o /dev/null -s http://localhost:4000/health`,
}

// The guide's calls are in the script as they are written there, token and address aside.
func TestCurlScriptHasTheGuidesCalls(t *testing.T) {
	t.Parallel()
	script := readCurlScript(t)
	asWritten := strings.NewReplacer("$BASE", "http://localhost:4000", "$TOKEN", "YOUR_TOKEN").Replace(script)
	for _, call := range guideCalls {
		if !strings.Contains(asWritten, "answer=$("+call+")") {
			t.Errorf("the script does not have\n%s", call)
		}
	}
}

// The calls of the script are answered as it says, by a new service, and by one that has
// answered them before. In the second run each check also has to refuse an answer that
// says nothing: one that can't fail checks nothing.
func TestCurlScript(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "jq"} {
		proctest.Binary(t, program)
	}
	d := newDaemon(t)
	d.start()
	token, stderr, code := d.call("token", "--role", "admin")
	if code != exitOK {
		t.Fatalf("token: exit %d, %s", code, stderr)
	}
	password := firstPassword(t, d)
	strict := filepath.Join(t.TempDir(), "strict.sh")
	if err := os.WriteFile(strict, []byte(refusingNothing(t, readCurlScript(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{curlScript, strict} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", script)
		cmd.Env = append(os.Environ(), "BASE="+strings.Replace(d.api, "127.0.0.1", "localhost", 1), "TOKEN="+strings.TrimSpace(token), "ADMIN_PASSWORD="+password)
		cmd.WaitDelay = patience
		printed, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s\n%s", filepath.Base(script), err, printed, d.output)
		}
		for _, want := range []string{"200 POST /api/v1/auth/token", "all as it should be"} {
			if !strings.Contains(string(printed), want) {
				t.Errorf("%s does not print %s:\n%s", filepath.Base(script), want, printed)
			}
		}
	}
}

func readCurlScript(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(curlScript)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// refusingNothing returns a script whose checks fail too if they hold for {} or for no
// text at all.
func refusingNothing(t *testing.T, script string) string {
	t.Helper()
	for _, check := range []struct{ is, empty string }{
		{`	jq -e "${@:2}" "$1" <<<"$answer" >result `, `	! jq -e "${@:2}" "$1" <<<"{}" >result 2>&1 || fail "$1 holds for {}"`},
		{`	grep -Eq -- "$1" <<<"$answer" `, `	! grep -Eq -- "$1" <<<"" || fail "$1 holds for nothing"`},
	} {
		if strings.Count(script, check.is) != 1 {
			t.Fatalf("the script does not check by %s", check.is)
		}
		script = strings.Replace(script, check.is, check.empty+"\n"+check.is, 1)
	}
	return script
}

var passwordShown = regexp.MustCompile(`password (\S+) \(not shown again\)`)

// firstPassword is that of the first user, which a new service prints once.
func firstPassword(t *testing.T, d *daemon) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if shown := passwordShown.FindStringSubmatch(d.output.String()); shown != nil {
			return shown[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no password is printed:\n%s", d.output)
		}
	}
}
