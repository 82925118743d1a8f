package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// takesCounters makes the test program take values of one counter, of the database
// that it names, and print each block, until it is killed.
const takesCounters = "SERIALD_TEST_TAKES_COUNTERS"

// contested is the counter that all take from.
var contested = store.Counter{FormatID: "default", Period: "2026-11-25"}

// takeForEver is that program.
func takeForEver(dsn string) int {
	const workers = 16
	db, err := store.Open(store.Config{URL: dsn, PoolSize: 4, IdleTimeout: store.DefaultIdleTimeout, StatementCacheSize: store.DefaultStatementCacheSize}, prometheus.NewRegistry())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for worker := range workers {
		go func() {
			for n := int64(1); ; n++ {
				count := 1 + (n+int64(worker))%7
				first, err := db.TakeCounters(context.Background(), map[store.Counter]int64{contested: count})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Fprintf(os.Stdout, "%d %d\n", first[contested], count)
			}
		}()
	}
	select {}
}

// Sixty-four workers of four processes take from one counter, and the processes are
// killed with values under way, again and again: no value is given twice. What was
// taken and not told is a gap, and no more than was under way.
func TestCountersSurviveKilledProcesses(t *testing.T) {
	t.Parallel()
	const processes, rounds, blocks = 4, 4, 200
	dsn := storetest.DSN(t, storetest.Fast)
	var mu sync.Mutex
	given := map[int64]bool{}
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			for range rounds {
				cmd := exec.Command(os.Args[0])
				cmd.Env, cmd.Stderr = append(os.Environ(), takesCounters+"="+dsn), os.Stderr
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Error(err)
					return
				}
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				lines, told := bufio.NewScanner(out), 0
				for lines.Scan() {
					var first, count int64
					if n, _ := fmt.Sscanf(lines.Text(), "%d %d", &first, &count); n != 2 {
						continue // cut by the kill
					}
					mu.Lock()
					for v := first; v < first+count; v++ {
						if given[v] {
							t.Errorf("%d was given twice", v)
						}
						given[v] = true
					}
					mu.Unlock()
					if told++; told == blocks {
						_ = cmd.Process.Kill() // what it has printed yet is read to the end
					}
				}
				_ = cmd.Wait() // it was killed
				if told < blocks {
					t.Errorf("a process ended after %d blocks", told)
				}
			}
		})
	}
	wg.Wait()
	conn := storetest.Conn(t, dsn)
	taken := storetest.Value[int64](t, conn, "SELECT taken FROM serial_counters WHERE format_id = 'default'")
	gaps := taken - int64(len(given))
	t.Logf("%d values taken, %d told, %d gaps", taken, len(given), gaps)
	// Each kill loses what 16 workers had under way: a block of 7 each.
	if most := int64(processes * rounds * 16 * 7); gaps < 0 || gaps > most {
		t.Errorf("%d gaps, want at most %d", gaps, most)
	}
}

// Taking values waits for no disk; but no batch is committed before what was taken for it
// is on disk, or a power cut could give a number twice.
func TestCountersAreSyncedWithTheirBatch(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Durable)
	db, conn := storetest.Open(t, dsn), storetest.Conn(t, dsn)
	const rounds = 50
	unsynced := 0
	for i := range rounds {
		if _, err := db.TakeCounters(t.Context(), map[store.Counter]int64{{FormatID: "default", Period: "2026-11-28"}: 1}); err != nil {
			t.Fatal(err)
		}
		var taken string
		var flushed bool
		if err := conn.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()").Scan(&taken, &flushed); err != nil {
			t.Fatal(err)
		}
		if !flushed {
			unsynced++
		}
		tx, _, err := db.Read(t.Context(), store.Refs{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Write(t.Context(), &store.Changes{Devices: []store.DeviceRow{deviceRow("plant1", fmt.Sprint("d", i))}}, 500); err != nil {
			t.Fatal(err)
		}
		if !storetest.Value[bool](t, conn, "SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn", taken) {
			t.Fatalf("round %d: the batch is committed, and the values taken for it may be lost", i)
		}
	}
	if unsynced == 0 {
		t.Errorf("taking values waited for the disk %d times", rounds)
	}
}
