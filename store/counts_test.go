package store_test

import (
	"testing"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// What is counted is what is listed, up to the bound.
func TestCounts(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.DSN(t, storetest.Fast))
	c := &store.Changes{Placeholders: []*seriald.Placeholder{waiting(1, "A"), waiting(2, "B"), waiting(3, "A")}}
	for n := range 7 {
		c.Serials = append(c.Serials, fullSerial(n, []seriald.Source{seriald.SourceGenerated, seriald.SourceVendor, seriald.SourceLate}[n%3]))
	}
	c.Serials[0].LotNumber = "OTHER"
	commit(t, db, noon, c)
	for n, number := range []string{"A", "B", "C"} {
		claim := siteClaim(number, newID(), "e", []string{"PART-001", "PART-002", "PART-001"}[n])
		hold(t, db, noon, claim)
		asking := asks(holderOf(&claim), number, "PART-003")
		challenge(t, db, noon, asking)
		if number == "C" {
			resolveByID(t, db, noon.Add(time.Minute), asking.ConflictID, nil)
		}
	}
	serials := func(f store.SerialFilter) func(int) (int, error) {
		return func(most int) (int, error) { return db.CountSerials(t.Context(), &f, most) }
	}
	placeholders := func(of store.PendingRef) func(int) (int, error) {
		return func(most int) (int, error) { return db.CountPendingPlaceholders(t.Context(), of, most) }
	}
	conflicts := func(part string, resolved bool) func(int) (int, error) {
		return func(most int) (int, error) { return db.CountConflicts(t.Context(), part, resolved, most) }
	}
	for name, tt := range map[string]struct {
		count func(most int) (int, error)
		want  int
	}{
		"serials":                 {serials(store.SerialFilter{}), 7},
		"of vendors":              {serials(store.SerialFilter{Source: seriald.SourceVendor}), 2},
		"of a lot":                {serials(store.SerialFilter{LotNumber: "LOT"}), 6},
		"of none":                 {serials(store.SerialFilter{PartID: "none"}), 0},
		"placeholders":            {placeholders(store.PendingRef{}), 3},
		"placeholders of a lot":   {placeholders(store.PendingRef{PartID: "PART-003", WorkOrderID: "WO", LotNumber: "A", Count: 1}), 2},
		"conflicts":               {conflicts("", false), 2},
		"conflicts of a part":     {conflicts("PART-001", false), 1},
		"conflicts of one asking": {conflicts("PART-003", false), 2},
		"resolved":                {conflicts("", true), 1},
		"resolved, of a part":     {conflicts("PART-002", true), 0},
	} {
		for _, most := range []int{1, 2, 5, 10_001} {
			if n, err := tt.count(most); n != min(most, tt.want) || err != nil {
				t.Errorf("%s, to %d: %d, %v, want %d", name, most, n, err, min(most, tt.want))
			}
		}
	}
}
