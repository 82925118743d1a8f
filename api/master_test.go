package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald"
)

// masterDatabase counts what it is asked, and can take its time or be down.
type masterDatabase struct {
	fakeDatabase
	version         atomic.Int64
	loads, versions atomic.Int64
	pings           atomic.Int64
	down            atomic.Bool
	takes           atomic.Int64 // nanoseconds to answer
}

var errDown = errors.New("down")

func (d *masterDatabase) answer(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(d.takes.Load())):
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.down.Load() {
		return errDown
	}
	return nil
}

func (d *masterDatabase) Catalog(ctx context.Context) (*seriald.Catalog, error) {
	d.loads.Add(1)
	return catalogOf(d.version.Load(), "plant1"), d.answer(ctx)
}

func (d *masterDatabase) CatalogVersion(ctx context.Context) (int64, error) {
	d.versions.Add(1)
	return d.version.Load(), d.answer(ctx)
}

func (d *masterDatabase) Ping(ctx context.Context) error {
	d.pings.Add(1)
	return d.answer(ctx)
}

func TestMasterDataAreRevalidated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &masterDatabase{}
		m := &master{database: d}
		want := func(what string, version, loads, versions int64) {
			t.Helper()
			c, err := m.current(t.Context())
			switch {
			case version < 0 && err == nil:
				t.Errorf("%s: version %d, want an error", what, c.Version)
			case version >= 0 && (err != nil || c.Version != version):
				t.Errorf("%s: %+v, %v, want version %d", what, c, err, version)
			}
			if gotLoads, gotVersions := d.loads.Load(), d.versions.Load(); gotLoads != loads || gotVersions != versions {
				t.Errorf("%s: %d loads and %d questions, want %d and %d", what, gotLoads, gotVersions, loads, versions)
			}
		}
		d.down.Store(true)
		want("down from the start", -1, 1, 0)
		d.down.Store(false)
		want("the first time", 0, 2, 0)
		<-time.After(masterFresh - 1)
		want("fresh", 0, 2, 0)
		<-time.After(1)
		want("a second later", 0, 2, 1)
		want("once a second", 0, 2, 1)
		d.version.Store(1)
		want("a change is not seen at once", 0, 2, 1)
		<-time.After(masterFresh)
		want("but within a second", 1, 3, 2)
		d.down.Store(true)
		want("down, fresh", 1, 3, 2)
		<-time.After(masterFresh)
		want("down, used", 1, 3, 3)
		<-time.After(masterStale - masterFresh)
		want("down, stale", -1, 3, 4)
		want("still", -1, 3, 5)
		d.down.Store(false)
		want("up again", 1, 3, 6)
	})
}

// Many that ask at once are one question; who goes away takes nothing from the others.
func TestMasterDataAreAskedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &masterDatabase{}
		d.takes.Store(int64(time.Second))
		m := &master{database: d}
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := m.current(gone); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away got %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			wg.Go(func() {
				if c, err := m.current(t.Context()); err != nil || c == nil {
					t.Errorf("%+v, %v", c, err)
				}
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		if d.loads.Load() != 1 || d.versions.Load() != 0 {
			t.Errorf("%d loads, %d questions", d.loads.Load(), d.versions.Load())
		}

		// A database that does not answer keeps nobody for longer than the bound.
		d.takes.Store(int64(time.Hour))
		<-time.After(masterStale)
		start := time.Now()
		if _, err := m.current(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != masterTimeout {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// What this process changed is never answered from what it knew before, nor from what was
// asked for before the change and comes after it.
func TestMasterDataAreNewAfterAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &masterDatabase{}
		m := &master{database: d}
		if _, err := m.current(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(masterFresh)
		d.takes.Store(int64(time.Second))
		var wg sync.WaitGroup
		wg.Go(func() { // is told version 0 when the change is there
			if _, err := m.current(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-time.After(time.Millisecond)
		d.version.Store(1)
		m.outdate()
		if c, err := m.current(t.Context()); err != nil || c.Version != 1 {
			t.Errorf("%+v, %v, want version 1", c, err)
		}
		wg.Wait()
		m.outdate()
		d.down.Store(true)
		if c, err := m.current(t.Context()); err == nil {
			t.Errorf("version %d, with the database down and another version in it for certain", c.Version)
		}
	})
}

// What the master data don't know is looked for in the newest: another process may just
// have added it.
func TestMasterDataAreAskedAgainForWhatIsNew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err      error
		versions []int64 // of the master data that it is done on
	}{
		"done":              {nil, []int64{0}},
		"a wrong value":     {seriald.Reject(seriald.CodeValidation, "x", "is wrong"), []int64{0}},
		"a part":            {seriald.Reject(seriald.CodePartNotFound, "partId", "is not known"), []int64{0, 1}},
		"a site":            {seriald.Reject(seriald.CodeSiteNotFound, "siteId", "is not known"), []int64{0, 1}},
		"not asked for one": {errDown, []int64{0}},
	} {
		d := &masterDatabase{}
		m := &master{database: d}
		if _, err := m.current(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.version.Store(1)
		var on []int64
		_, err := onMaster(t.Context(), m, func(c *seriald.Catalog) (int, error) {
			on = append(on, c.Version)
			return 0, tt.err
		})
		if !slices.Equal(on, tt.versions) || !errors.Is(err, tt.err) {
			t.Errorf("%s: on %v, %v, want on %v", name, on, err, tt.versions)
		}
	}
	d := &masterDatabase{}
	m := &master{database: d}
	if _, err := m.current(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.down.Store(true)
	_, err := onMaster(t.Context(), m, func(*seriald.Catalog) (int, error) {
		return 0, seriald.Reject(seriald.CodePartNotFound, "partId", "is not known")
	})
	if !errors.Is(err, errDown) {
		t.Errorf("%v: whether there is such a part is not known", err)
	}
}
