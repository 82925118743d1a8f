package simulate

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	broker := ingest.Config{URL: "mqtt://127.0.0.1:1883"}
	if err := (Config{Broker: broker}).Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		says []string
	}{
		"all at once": {
			Config{
				Site: "a b", Line: "+", Devices: -1, Rate: -1, Count: -1, Duration: -1, Mix: Mix{"lunch": 1},
				Repeats: -1, Window: -1, Timeout: -time.Second, Prefix: "#", Wrong: -1, OfflineEvery: -1, OfflineFor: -1,
			},
			[]string{
				"MQTT_URL:", "--site:", "--line:", "--devices:", "--rate:", "--count:", "--duration:", "--mix:", "--repeats:",
				"--window:", "--timeout:", "--prefix:", "--wrong:", "--offline-every:", "--offline-for:",
			},
		},
		"not a number": {Config{Broker: broker, Rate: math.NaN(), Repeats: math.NaN(), Wrong: math.NaN()}, []string{"--rate:", "--repeats:", "--wrong:"}},
		"too much": {
			Config{
				Broker: broker, Rate: math.Inf(1), Repeats: 1, Wrong: 1, Devices: maxDevices + 1, Window: maxWindow + 1,
				Prefix: strings.Repeat("p", maxPrefix+1),
			},
			[]string{"--rate:", "--repeats:", "--wrong:", "--devices:", "--window:", "--prefix:"},
		},
		"away most of the time": {
			Config{Broker: broker, OfflineEvery: 3 * time.Second, OfflineFor: 2 * time.Second}, []string{"--offline-for: 2s"},
		},
		"away for the default": {Config{Broker: broker, OfflineEvery: time.Second}, []string{"--offline-for: 1s"}},
		"nothing to play":      {Config{Broker: broker, Mix: Mix{}}, []string{"--mix:"}},
	} {
		err := c.cfg.Validate()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.says) {
			t.Errorf("%s: got %d problems, want %d:\n%v", name, len(lines), len(c.says), err)
		}
		for _, say := range c.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: got %v, want also %s", name, err, say)
			}
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	a, b := Config{}.withDefaults(), Config{}.withDefaults()
	if a.Prefix == b.Prefix {
		t.Errorf("two runs have the prefix %s", a.Prefix)
	}
	for devices, window := range map[int]int{1: 200, 5: 200, 10: 100, 300: 3, 5000: 1} {
		if got := (Config{Devices: devices}).withDefaults().Window; got != window {
			t.Errorf("%d devices have a window of %d, want %d", devices, got, window)
		}
	}
	longest := seriald.Origin{Site: "s", Line: "l", Device: strings.Repeat("p", maxPrefix) + "-10000"}
	if !seriald.ValidToken(longest.Device) {
		t.Error("the longest prefix makes a name that is too long")
	}
}

func TestConfigShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ count, devices int }{{1, 1}, {1, 10}, {10, 3}, {1000, 7}} {
		cfg, sum := Config{Count: c.count, Devices: c.devices}, 0
		for i := range c.devices {
			sum += cfg.share(i)
		}
		if sum != c.count {
			t.Errorf("%d devices send %d of %d messages", c.devices, sum, c.count)
		}
	}
}
