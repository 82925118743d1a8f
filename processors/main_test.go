package processors

import (
	"os"
	"testing"

	"github.com/machshop/seriald/store/storetest"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(asRacers); dsn != "" {
		os.Exit(race(dsn, os.Stdin, os.Stdout))
	}
	storetest.Main(m)
}
