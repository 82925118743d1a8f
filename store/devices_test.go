package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

var seen = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func deviceRow(site, device string) store.DeviceRow {
	return store.DeviceRow{Origin: seriald.Origin{Site: site, Line: "l", Device: device}, SeenAt: seen}
}

func writeDevices(tb testing.TB, db *store.DB, rows ...store.DeviceRow) {
	tb.Helper()
	tx, _, err := db.Read(context.Background(), store.Refs{}, time.Now())
	if err != nil {
		tb.Error(err)
		return
	}
	if err := tx.Write(context.Background(), &store.Changes{Devices: rows}, 500); err != nil {
		tb.Error(err)
	}
}

func TestDevicesAddUp(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	ctx := context.Background()
	online, offline := deviceRow("plant1", "a"), deviceRow("plant1", "a")
	online.Online, online.StatusAt, online.SeenAt = true, seen.Add(time.Minute), seen.Add(time.Minute)
	offline.StatusAt = seen
	counted := deviceRow("plant1", "a")
	counted.Events, counted.Refused, counted.SeenAt = 3, 1, seen.Add(2*time.Minute)
	writeDevices(t, db, counted)
	writeDevices(t, db, online)
	writeDevices(t, db, offline) // said before, comes after
	counted.SeenAt = seen.Add(-time.Minute)
	writeDevices(t, db, counted)
	writeDevices(t, db, deviceRow("plant2", "b"), deviceRow("plant1", "c"))

	yes, at := true, seen.Add(time.Minute)
	want := []store.Device{
		{Site: "plant1", Line: "l", Device: "a", Online: &yes, StatusAt: &at, LastSeenAt: seen.Add(2 * time.Minute), Events: 6, Refused: 2},
		{Site: "plant1", Line: "l", Device: "c", LastSeenAt: seen},
		{Site: "plant2", Line: "l", Device: "b", LastSeenAt: seen},
	}
	for name, tt := range map[string]struct {
		site  string
		after seriald.Origin
		limit int
		want  []store.Device
		total int
	}{
		"all":        {"", seriald.Origin{}, 50, want, 3},
		"a page":     {"", want[0].Origin(), 1, want[1:2], 3},
		"a site":     {"plant2", seriald.Origin{}, 50, want[2:], 1},
		"beyond it":  {"plant1", want[1].Origin(), 50, []store.Device{}, 2},
		"beyond all": {"", want[2].Origin(), 50, []store.Device{}, 3},
	} {
		got, err := db.Devices(ctx, tt.site, tt.after, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		total, err := db.CountDevices(ctx, tt.site, 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
			t.Errorf("%s: %d of %d (-want +got):\n%s", name, total, tt.total, diff)
		}
	}
	if on, off, err := db.DevicesOnline(ctx); on != 1 || off != 0 || err != nil {
		t.Errorf("%d online, %d offline, %v", on, off, err)
	}
	// A newer one counts, and one of the same moment, too: it came after.
	offline.StatusAt = online.StatusAt
	writeDevices(t, db, offline)
	if on, off, err := db.DevicesOnline(ctx); on != 0 || off != 1 || err != nil {
		t.Errorf("%d online, %d offline, %v", on, off, err)
	}
}

// Batches that know the same devices in opposite orders wait for each other, and
// none is a deadlock's victim.
func TestDevicesInOppositeOrdersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	db := storetest.Open(t, dsn)
	const devices, rounds = 100, 20
	var wg sync.WaitGroup
	for _, backwards := range []bool{false, true} {
		wg.Go(func() {
			for range rounds {
				var rows []store.DeviceRow
				for i := range devices {
					if backwards {
						i = devices - 1 - i
					}
					row := deviceRow("plant1", fmt.Sprintf("d%03d", i))
					row.Events = 1
					rows = append(rows, row)
				}
				writeDevices(t, db, rows...)
			}
		})
	}
	wg.Wait()
	conn := storetest.Conn(t, dsn)
	if n := storetest.Value[int64](t, conn, "SELECT sum(events)::bigint FROM devices"); n != 2*devices*rounds {
		t.Errorf("%d events, want %d", n, 2*devices*rounds)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	ctx := context.Background()
	letters := []store.DeadLetter{
		{ID: newID(), Reason: "BAD_TOPIC", Detail: "d", Origin: "a/b", EventID: "e", Payload: []byte{0, 255}, Size: 9, Headers: map[string][]string{"A": {"1", "2"}}, ReceivedAt: seen},
		{ID: newID(), Reason: "VALIDATION_ERROR", Size: 0, Payload: []byte{}, Headers: map[string][]string{}, ReceivedAt: seen.Add(time.Minute)},
		{ID: newID(), Reason: "BAD_TOPIC", Payload: []byte("x"), Size: 1, Headers: map[string][]string{}, ReceivedAt: seen.Add(2 * time.Minute)},
	}
	for round, want := range []int{3, 0} {
		if reasons, err := db.RecordDeadLetters(ctx, letters); len(reasons) != want || err != nil {
			t.Errorf("recording %d: %v, %v, want %d new ones", round, reasons, err, want)
		}
	}
	for i := range letters {
		got, err := db.DeadLetter(ctx, letters[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&letters[i], got); diff != "" {
			t.Errorf("letter %d (-want +got):\n%s", i, diff)
		}
	}
	if err := db.MarkReplayed(ctx, letters[2].ID, seen); err != nil {
		t.Fatal(err)
	}
	begin := store.LetterPlace{}
	behind := func(i int) store.LetterPlace {
		return store.LetterPlace{ReceivedAt: letters[i].ReceivedAt, ID: letters[i].ID}
	}
	for name, tt := range map[string]struct {
		reason   string
		replayed bool
		before   store.LetterPlace
		limit    int
		want     []int
		total    int
	}{
		"waiting":    {"", false, begin, 10, []int{1, 0}, 2},
		"all":        {"", true, begin, 10, []int{2, 1, 0}, 3},
		"the latest": {"", true, begin, 1, []int{2}, 3},
		"the next":   {"", true, behind(2), 1, []int{1}, 3},
		"behind all": {"", true, behind(0), 1, nil, 3},
		"a reason":   {"BAD_TOPIC", true, begin, 10, []int{2, 0}, 2},
		"more of it": {"BAD_TOPIC", true, behind(2), 10, []int{0}, 2},
	} {
		got, err := db.DeadLetters(ctx, tt.reason, tt.replayed, tt.before, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		if total, err := db.CountDeadLetters(ctx, tt.reason, tt.replayed, 10); total != tt.total || err != nil {
			t.Errorf("%s: %d in all, %v, want %d", name, total, err, tt.total)
		}
		var ids, want []seriald.ID
		for i := range got {
			ids = append(ids, got[i].ID)
		}
		for _, i := range tt.want {
			want = append(want, letters[i].ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if total, err := db.CountDeadLetters(ctx, "", true, 2); total != 2 || err != nil {
		t.Errorf("counted to two: %d, %v", total, err)
	}
	waiting, err := db.WaitingDeadLetters(ctx, "BAD_TOPIC", 10)
	if diff := cmp.Diff([]seriald.ID{letters[0].ID}, waiting); diff != "" || err != nil {
		t.Errorf("waiting: %v\n%s", err, diff)
	}
}

// Letters that are there when the schema goes up are whole, and stay when it
// goes down.
func TestDeadLettersSurviveMigration(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	m, err := migrations.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if _, err := m.Down(int(migrations.Latest()) - 1); err != nil {
		t.Fatal(err)
	}
	conn := storetest.Conn(t, dsn)
	if _, err := conn.Exec(context.Background(), `INSERT INTO dead_letters (id, reason, detail, origin, payload, received_at)
		VALUES (gen_random_uuid(), 'BAD_TOPIC', 'd', 'a/b', 'four', now())`); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(); err != nil {
		t.Fatal(err)
	}
	if size := storetest.Value[int64](t, conn, "SELECT size FROM dead_letters WHERE event_id IS NULL"); size != 4 {
		t.Errorf("size %d, want 4", size)
	}
}
