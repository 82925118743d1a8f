package api

import (
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// The committed description is the one that is served.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	got, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	const path = "openapi.json"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go generate ./api", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date (write it with go generate ./api; -want +got):\n%s", path, diff)
	}
	var served, made any
	_, body := call(t, "GET", serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled))+"/openapi.json")
	if err := errors.Join(json.Unmarshal([]byte(body), &served), json.Unmarshal(got, &made)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, served); diff != "" {
		t.Errorf("another one is served (-made +served):\n%s", diff)
	}
}

// Nothing in the description is without a word of what it is.
func TestOpenAPISaysWhatThingsAre(t *testing.T) {
	t.Parallel()
	s := &Server{}
	s.describe(http.NewServeMux())
	doc := s.api.OpenAPI()
	used := map[string]bool{}
	for name, schema := range doc.Components.Schemas.Map() {
		if more, ok := schema.AdditionalProperties.(bool); schema.Type == huma.TypeObject && (!ok || !more) {
			t.Errorf("%s has no room for what may be added", name)
		}
		for field, of := range schema.Properties {
			used[field] = true
			if of.Ref == "" && of.Description == "" {
				t.Errorf("%s.%s is not described", name, field)
			}
			if of.Ref == "" && of.Type == "" {
				t.Errorf("%s.%s has no type", name, field)
			}
			if of.Type == huma.TypeArray && of.Nullable {
				t.Errorf("%s.%s may be null, and should be empty", name, field)
			}
		}
	}
	ids := map[string]string{}
	for path, item := range doc.Paths {
		for method, op := range operationsOf(item) {
			at := method + " " + path
			if other, taken := ids[op.OperationID]; op.OperationID == "" || taken {
				t.Errorf("%s has the id %q, as %s", at, op.OperationID, other)
			}
			ids[op.OperationID] = at
			if op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s: summary %q, tags %q", at, op.Summary, op.Tags)
			}
			for _, p := range op.Parameters {
				used[p.Name] = true
				if p.Description == "" || p.Schema.Type == "" {
					t.Errorf("%s: parameter %s is %s, described as %q", at, p.Name, p.Schema.Type, p.Description)
				}
			}
			if b := op.RequestBody; b != nil && (b.Content["application/json"] == nil || len(b.Content) != 1) {
				t.Errorf("%s takes %+v", at, b)
			}
			for status, r := range op.Responses {
				if r.Description == "" || status != "304" && len(r.Content) == 0 {
					t.Errorf("%s: %s is described as %q with %d media types", at, status, r.Description, len(r.Content))
				}
			}
		}
	}
	for name := range glossary {
		if !used[name] {
			t.Errorf("the glossary has %s, which is nowhere", name)
		}
	}
}

// A client that oapi-codegen makes of the description compiles, and works.
func TestClient(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/client")); err != nil {
		t.Fatal(err)
	}
	run := func(dir, name string, args ...string) string {
		t.Helper()
		var stderr strings.Builder
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stderr = dir, &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
		}
		return string(out)
	}
	run(".", "go", "tool", "-modfile=../tools/go.mod", "oapi-codegen", "-generate", "types,client", "-package", "main",
		"-o", filepath.Join(dir, "client.gen.go"), "openapi.json")
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
	deps.Commands = plant{make(chan *seriald.Event, 1)}
	url := serve(t, Config{Host: "127.0.0.1"}, deps)
	got := run(dir, "go", "run", ".", url, "admin")
	for _, want := range []string{
		"made S-1 00000000-0000-0000-0000-000000000001 ACTIVE\n", "found 1 of 10000 ",
		`"PartID":"PART-001"`, `"Status":"ACTIVE"`, `"Attributes":["{\"cell\":\"B7\"}"]`, // what it asked for
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it prints\n%s, want %s", got, want)
		}
	}
}
