package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/machshop/seriald/embedded"
)

// A daemon claims its data directory, starts what it was not given, and stops it
// in reverse.
func Example() {
	data, err := os.MkdirTemp("", "seriald-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(data)
	if err := os.Chmod(data, 0o755); err != nil { // passable for PostgreSQL's user
		fmt.Println(err)
		return
	}

	lock, err := embedded.Lock(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lock.Unlock()

	database, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{
		Dir:    filepath.Join(data, "postgres"),
		BinDir: os.Getenv("EMBEDDED_PG_BIN"), // "" looks for an installation
		Fast:   true,                         // an example keeps nothing
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer database.Close()

	broker, err := embedded.StartNATS(embedded.NATSConfig{
		Dir:      filepath.Join(data, "nats"),
		MQTTPort: -1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()

	fmt.Println(database.DSN() != "", broker.URL() != "", broker.MQTTURL() != "")
	// Output: true true true
}
