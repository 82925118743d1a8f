package store_test

import (
	"os"
	"testing"

	"github.com/machshop/seriald/store/storetest"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(takesCounters); dsn != "" {
		os.Exit(takeForEver(dsn))
	}
	storetest.Main(m)
}
