package simulate

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRun measures what the devices cost: the processor time of this
// process alone, while a broker and a service that answers at once are others.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name    string
		devices int
		rate    float64
		record  func(string)
	}{
		{"flat_out/4_devices", 4, 0, nil},
		{"flat_out/10_devices", 10, 0, nil},
		{"flat_out/10_devices_recorded", 10, 0, func(string) {}},
		{"flat_out/200_devices", 200, 0, nil},
		{"rate_1000/10_devices", 10, 1000, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			broker := startBroker(b)
			startServiceProcess(b, broker)
			count := 100_000
			if c.rate > 0 {
				count = 3 * int(c.rate)
			}
			var cpu, wall time.Duration
			var allocated uint64
			runs := 0
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				used := processorTime(b)
				s, err := Run(b.Context(), Config{
					Broker: broker.ingest(), Devices: c.devices, Rate: c.rate, Count: count, Repeats: DefaultRepeats, Record: c.record,
				})
				if err != nil || !s.OK() {
					b.Fatalf("%v\n%s", err, s)
				}
				cpu += processorTime(b) - used
				runtime.ReadMemStats(&after)
				allocated += after.TotalAlloc - before.TotalAlloc
				wall += s.Elapsed
				runs++
			}
			messages := float64(runs * count)
			b.ReportMetric(float64(cpu.Microseconds())/messages, "cpu-µs/event")
			b.ReportMetric(messages/wall.Seconds(), "events/s")
			b.ReportMetric(float64(allocated)/messages, "B/event")
			b.ReportMetric(0, "ns/op") // the length of a run is our choice
		})
	}
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startServiceProcess starts a service in a child process.
func startServiceProcess(tb testing.TB, broker *broker) {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), serveEnv+"="+broker.url())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		tb.Fatalf("service: %q %v", line, err)
	}
}
