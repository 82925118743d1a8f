package simulate

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// serveEnv makes the test binary a fake service at the broker it names, so that
// a benchmark can tell what the devices cost from what their answers cost.
const serveEnv = "SIMULATE_TEST_SERVE"

func TestMain(m *testing.M) {
	if url := os.Getenv(serveEnv); url != "" {
		if err := serveUntilStdinEnds(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
