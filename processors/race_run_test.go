package processors

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

const (
	// asRacers makes the test program racers of the database that it names: each line
	// that it reads is a part and a number, which all of them then ask for.
	asRacers = "SERIALD_TEST_AS_RACERS"
	// raceRounds is how many numbers are raced for in each scope.
	raceRounds = "SERIALD_TEST_RACE_ROUNDS"
)

const racersEach, racingProcesses = 16, 4

// finish is what a racer was told.
type finish struct {
	Outcome seriald.Outcome
	Error   string
}

// race is that program.
func race(dsn string, in io.Reader, out io.Writer) int {
	db, err := store.Open(store.Config{URL: dsn, PoolSize: racersEach, IdleTimeout: store.DefaultIdleTimeout, StatementCacheSize: store.DefaultStatementCacheSize},
		prometheus.NewRegistry())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	racers := make([]*processor, racersEach)
	for i := range racers {
		racers[i] = &processor{
			db: db, cfg: Config{SerialBatchSize: DefaultSerialBatchSize, AuditBatchWriteSize: DefaultAuditBatchWriteSize},
			now: time.Now, log: slog.New(slog.DiscardHandler), metrics: newMetrics(prometheus.NewRegistry()),
		}
	}
	encoder := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		part, number, _ := strings.Cut(lines.Text(), " ")
		finishes := make([]finish, racersEach)
		var group sync.WaitGroup
		for i, p := range racers {
			group.Go(func() {
				it := floorItem(fmt.Sprintf("%s-%s-%d-%d", part, number, os.Getpid(), i), seriald.TypeVendorSerialReceive,
					`{"partId":%q,"vendorName":"ACME","vendorSerialNumber":%q}`, part, number)
				outcomes, err := p.all(context.Background(), []*item{it})
				if err != nil {
					finishes[i].Error = err.Error()
					return
				}
				finishes[i].Outcome = outcomes[0]
			})
		}
		group.Wait()
		if err := encoder.Encode(finishes); err != nil {
			return 1
		}
	}
	return 0
}

// racing is a process with racers.
type racing struct {
	in  io.Writer
	out *json.Decoder
}

func startRacing(t *testing.T, dsn string) racing {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), asRacers+"="+dsn), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends it
		if err := cmd.Wait(); err != nil {
			t.Errorf("a racing process: %v", err)
		}
	})
	return racing{in, json.NewDecoder(out)}
}

// Sixty-four racers of four processes ask for one number: in each scope, and in all of
// them, one has it, and all others are told who. They join one conflict.
func TestOneOfSixtyFourHasTheNumber(t *testing.T) {
	t.Parallel()
	rounds := 15
	if n, err := strconv.Atoi(os.Getenv(raceRounds)); err == nil {
		rounds = n
	}
	dsn := storetest.DSN(t, storetest.Fast)
	p := newProcessor(t, dsn)
	parts := map[string]string{
		"SITE": `["SITE"]`, "PART-TYPE": `["PART_TYPE"]`, "ENTERPRISE": `["ENTERPRISE"]`, "VENDOR": `["VENDOR"]`, "ALL": `["SITE","PART_TYPE","ENTERPRISE","VENDOR"]`,
	}
	for part, scopes := range parts {
		if o := mustAll(t, p, floorItem("part-"+part, seriald.TypePartPut, `{"partId":%q,"vendorScopes":%s}`, part, scopes))[0]; said(&o) != "accepted" {
			t.Fatalf("%s: %+v", part, o)
		}
	}
	processes := make([]racing, racingProcesses)
	for i := range processes {
		processes[i] = startRacing(t, dsn)
	}
	conn := storetest.Conn(t, dsn)
	begun := time.Now()
	for part, scopes := range parts {
		for round := range rounds {
			number := fmt.Sprintf("%s-%d", part, round)
			finishes := askAll(t, processes, part+" "+number)
			var winner seriald.ID
			for i := range finishes {
				if f := &finishes[i]; f.Error != "" {
					t.Fatalf("%s: %s", number, f.Error)
				} else if said(&f.Outcome) == "accepted" {
					if !winner.IsZero() {
						t.Fatalf("%s has two winners", number)
					}
					winner = f.Outcome.Serials[0].ID
				}
			}
			if winner.IsZero() {
				t.Fatalf("%s has no winner", number)
			}
			for i := range finishes {
				o := &finishes[i].Outcome
				if said(o) == "accepted" {
					continue
				}
				got, err := json.Marshal(o.Conflict.Scopes)
				if said(o) != "conflict DUPLICATE_SERIAL" || o.Conflict.HolderID != winner || string(got) != scopes || err != nil {
					t.Fatalf("%s: the winner is %s, and a loser was told %+v", number, winner, o)
				}
			}
			if got := storetest.Value[string](t, conn, `
				SELECT count(DISTINCT c.id) || ' conflict, ' || count(h.id) || ' challengers'
				FROM serial_conflicts AS c JOIN serial_conflict_challengers AS h ON h.conflict_id = c.id
				WHERE c.holder_serial_id = $1 AND c.status = 'OPEN'`, [16]byte(winner)); got != "1 conflict, 63 challengers" {
				t.Fatalf("%s: %s", number, got)
			}
		}
	}
	t.Logf("%d rounds of 64 in %v", rounds*len(parts), time.Since(begun).Round(time.Millisecond))
}

// askAll has all racers ask for what line says, and returns what they were told.
func askAll(t *testing.T, processes []racing, line string) []finish {
	t.Helper()
	for _, p := range processes {
		if _, err := fmt.Fprintln(p.in, line); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var all []finish
	var group errgroup.Group
	for _, p := range processes {
		group.Go(func() error {
			var finishes []finish
			err := p.out.Decode(&finishes)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, finishes...)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Batches that ask for the same numbers in opposite orders wait for each other in one
// direction only, or are run again: all are answered, and each number has one holder.
func TestOppositeBatchesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const numbers, rounds = 60, 8
	dsn := storetest.DSN(t, storetest.Fast)
	first := newProcessor(t, dsn)
	if o := mustAll(t, first, floorItem("part", seriald.TypePartPut, `{"partId":"BOTH","vendorScopes":["SITE","ENTERPRISE","VENDOR"]}`))[0]; said(&o) != "accepted" {
		t.Fatalf("%+v", o)
	}
	for round := range rounds {
		var group errgroup.Group
		won := make([]map[string]int, 4)
		for side := range won {
			p := newProcessor(t, dsn)
			group.Go(func() error {
				var items []*item
				for i := range numbers {
					n := i
					if side%2 == 1 {
						n = numbers - 1 - i
					}
					items = append(items, floorItem(fmt.Sprintf("%d-%d-%d", round, side, n), seriald.TypeVendorSerialReceive,
						`{"partId":"BOTH","vendorName":"ACME","vendorSerialNumber":"N-%d-%d"}`, round, n))
				}
				outcomes, err := p.all(context.Background(), items)
				won[side] = map[string]int{}
				for i := range outcomes {
					won[side][said(&outcomes[i])]++
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		accepted, conflicts := 0, 0
		for _, w := range won {
			accepted, conflicts = accepted+w["accepted"], conflicts+w["conflict DUPLICATE_SERIAL"]
		}
		if accepted != numbers || conflicts != 3*numbers {
			t.Fatalf("round %d: %v, want each of %d numbers once", round, won, numbers)
		}
	}
}
