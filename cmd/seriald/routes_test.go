package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald/ingest"
)

func TestRoutesFromFileAndEnvironment(t *testing.T) {
	t.Parallel()
	window := 5 * time.Second
	want := []ingest.Route{
		{
			Topic: "factory/{line}/scanner/{device}", Site: "plant1", Decoder: ingest.DecoderScan, Pattern: `(?P<partId>\d+)-(?P<serialNumber>.+)`,
			Debounce: &window, Defaults: map[string]any{"workCenterId": "{device}", "quantity": 1},
		},
		{Topic: "mes/#", Site: "1", Line: "l", Device: "mes", Decoder: ingest.DecoderJSON, Event: "serial_generate", Map: map[string]string{"qty": "quantity"}},
	}
	const inFile = `routes:
  - topic: factory/{line}/scanner/{device}
    site: plant1
    decoder: scan
    pattern: '(?P<partId>\d+)-(?P<serialNumber>.+)'
    debounce: 5s
    defaults: {workCenterId: "{device}", quantity: 1}
  - {topic: mes/#, site: "1", line: l, device: mes, decoder: json, event: serial_generate, map: {qty: quantity}}
`
	const inJSON = `ROUTES=[{"topic":"factory/{line}/scanner/{device}","site":"plant1","decoder":"scan",` +
		`"pattern":"(?P<partId>\\d+)-(?P<serialNumber>.+)","debounce":"5s","defaults":{"workCenterId":"{device}","quantity":1}},` +
		`{"topic":"mes/#","site":"1","line":"l","device":"mes","decoder":"json","event":"serial_generate","map":{"qty":"quantity"}}]`
	for name, tc := range map[string]struct {
		file, env string
		want      []ingest.Route
	}{
		"the file":               {inFile, "", want},
		"the environment":        {"", inJSON, want},
		"the environment wins":   {inFile, "ROUTES=[]", []ingest.Route{}},
		"an empty one is no one": {inFile, "ROUTES=", want},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := loadSettings(writeFile(t, tc.file), []string{tc.env}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, s.ingest("mqtt://h:1").Routes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRoutesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		want []string
	}{
		"unknown keys": {
			"routes:\n  - {topic: a/b, decoder: json, debonce: 2s, sites: x}\n  - {topic: c, decodr: scan}\n",
			[]string{`ROUTES: route 1 (a/b): unknown key "debonce"`, `unknown key "sites"`, `ROUTES: route 2 (c): unknown key "decodr"`},
		},
		"no list":        {"routes: 5\n", []string{"ROUTES: must be a list"}},
		"no route":       {"routes: [a/b]\n", []string{"ROUTES: route 1 (): must have keys"}},
		"a bad duration": {"routes: [{topic: a, debounce: soon}]\n", []string{"ROUTES: route 1 (a):", "Debounce", "invalid duration"}},
		"without quotes": {
			"routes: [{topic: 'a/{device}', site: s, line: l, decoder: scan, defaults: {workCenterId: {device}}}]\n",
			[]string{"ROUTES: route 1 (a/{device}): defaults: workCenterId:", "quotes"},
		},
		"routes and others, all at once": {
			"app_port: x\nmqtt_max_depth: 1001\nmqtt_sites: [a.b]\nscan_debounce: 2m\ndevice_rate_limit: -1\n" +
				"routes: [{topic: a/b, decoder: json}, {topic: machshop/#, site: s, line: l, device: d, decoder: scan}]\n",
			[]string{
				"APP_PORT", "MQTT_MAX_DEPTH", `MQTT_SITES: "a.b"`, "SCAN_DEBOUNCE", "DEVICE_RATE_LIMIT",
				"ROUTES: route 1 (a/b): site:", "ROUTES: route 1 (a/b): event:", "ROUTES: route 2 (machshop/#) and the built-in",
			},
		},
		"a burst of none": {"device_rate_limit: 5\ndevice_rate_burst: 0\n", []string{"DEVICE_RATE_BURST: must be from 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := loadSettings(writeFile(t, tc.file), nil, nil)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
	if _, err := loadSettings("", []string{"ROUTES=[{"}, nil); err == nil || !strings.Contains(err.Error(), "ROUTES: is neither YAML nor JSON") {
		t.Errorf("got %v, want an error of ROUTES", err)
	}
}

func TestSites(t *testing.T) {
	t.Parallel()
	want := []string{"plant1", "plant2"}
	for name, tc := range map[string]struct{ file, env string }{
		"the file":        {file: "mqtt_sites: [plant1, plant2]\n"},
		"the environment": {env: "MQTT_SITES=plant1, plant2,"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := loadSettings(writeFile(t, tc.file), []string{tc.env}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, s.MQTTSites); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The example in the shipped file can be used as it is.
func TestRoutesOfTheConfigFile(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n# routes:\n")
	example, _, _ := strings.Cut(rest, "\nroutes: []")
	file := "routes:\n" + strings.ReplaceAll("\n"+example, "\n# ", "\n")
	s, err := loadSettings(writeFile(t, file), nil, nil)
	if err != nil {
		t.Fatalf("%s\n%v", file, err)
	}
	if len(s.Routes) != 3 {
		t.Errorf("got %d routes, want 3", len(s.Routes))
	}
}
