package store_test

import (
	"testing"

	"github.com/machshop/seriald/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
