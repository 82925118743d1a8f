package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/machshop/seriald"
)

const (
	// masterFresh is how long master data is used before it is asked whether it has
	// changed, masterStale how long if there is no answer.
	masterFresh, masterStale = time.Second, 2 * time.Second
	// masterTimeout bounds a question and, if there was a change, what is read then.
	masterTimeout = 5 * time.Second
)

// master is the master data as the API knows it. It is safe for concurrent use.
type master struct {
	database Database
	flight   singleflight.Group

	mu      sync.Mutex
	catalog *seriald.Catalog // nil until it was read
	asOf    time.Time
	changed time.Time // what is known as of before is not used any more
}

// current returns the master data, which is at most some two seconds behind, and not
// behind what was changed through this process. The error is that of the database if it
// can't be asked.
func (m *master) current(ctx context.Context) (*seriald.Catalog, error) {
	c, asOf, changed := m.known()
	usable := c != nil && !asOf.Before(changed)
	if usable && time.Since(asOf) < masterFresh {
		return c, nil
	}
	newer, err := m.since(ctx, changed)
	if err != nil && usable && time.Since(asOf) < masterStale {
		return c, nil
	}
	return newer, err
}

// newest returns the master data as of now or later.
func (m *master) newest(ctx context.Context) (*seriald.Catalog, error) {
	return m.since(ctx, time.Now())
}

// since returns the master data as of a time or later.
func (m *master) since(ctx context.Context, least time.Time) (*seriald.Catalog, error) {
	for {
		// Who asks first may go away; the others still want the answer.
		answer := m.flight.DoChan("", func() (any, error) { return m.revalidate(context.WithoutCancel(ctx)) })
		select {
		case r := <-answer:
			got, _ := r.Val.(reading)
			switch {
			case r.Err != nil:
				return nil, fmt.Errorf("revalidate master data: %w", r.Err)
			case !got.asOf.Before(least):
				return got.catalog, nil
			} // else it was asked before, for others
		case <-ctx.Done():
			return nil, fmt.Errorf("revalidate master data: %w", ctx.Err())
		}
	}
}

// outdate notes that the master data were changed.
func (m *master) outdate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changed = time.Now()
}

// onMaster does what goes by the master data; where they don't know what it is about, by
// the newest: it may just have been added.
func onMaster[T any](ctx context.Context, m *master, do func(*seriald.Catalog) (T, error)) (T, error) {
	var none T
	c, err := m.current(ctx)
	if err != nil {
		return none, err
	}
	done, err := do(c)
	r, ok := errors.AsType[*seriald.Rejection](err)
	if !ok || r.Code != seriald.CodePartNotFound && r.Code != seriald.CodeSiteNotFound {
		return done, err
	}
	newest, err := m.newest(ctx)
	if err != nil {
		return none, err
	}
	return do(newest)
}

// reading is the master data as of when they were asked for.
type reading struct {
	catalog *seriald.Catalog
	asOf    time.Time
}

func (m *master) known() (c *seriald.Catalog, asOf, changed time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.catalog, m.asOf, m.changed
}

// revalidate reads the master data if its version is another than that which is known.
func (m *master) revalidate(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, masterTimeout)
	defer cancel()
	asked := time.Now()
	c, _, _ := m.known()
	if c != nil {
		version, err := m.database.CatalogVersion(ctx)
		if err != nil {
			return reading{}, err
		}
		if version != c.Version {
			c = nil
		}
	}
	if c == nil {
		var err error
		if c, err = m.database.Catalog(ctx); err != nil {
			return reading{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catalog, m.asOf = c, asked
	return reading{c, asked}, nil
}
