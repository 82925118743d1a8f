package api

import (
	"context"
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
}

// current returns the master data, which is at most some two seconds behind. The error
// is that of the database if it can't be asked.
func (m *master) current(ctx context.Context) (*seriald.Catalog, error) {
	if c, age := m.known(); c != nil && age < masterFresh {
		return c, nil
	}
	// Who asks first may go away; the others still want the answer.
	answer := m.flight.DoChan("", func() (any, error) { return m.revalidate(context.WithoutCancel(ctx)) })
	var err error
	select {
	case r := <-answer:
		if c, ok := r.Val.(*seriald.Catalog); ok && r.Err == nil {
			return c, nil
		}
		err = r.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if c, age := m.known(); c != nil && age < masterStale {
		return c, nil
	}
	return nil, fmt.Errorf("revalidate master data: %w", err)
}

func (m *master) known() (c *seriald.Catalog, age time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.catalog, time.Since(m.asOf)
}

// revalidate reads the master data if its version is another than that which is known.
func (m *master) revalidate(ctx context.Context) (*seriald.Catalog, error) {
	ctx, cancel := context.WithTimeout(ctx, masterTimeout)
	defer cancel()
	asked := time.Now()
	c, _ := m.known()
	if c != nil {
		version, err := m.database.CatalogVersion(ctx)
		if err != nil {
			return nil, err
		}
		if version != c.Version {
			c = nil
		}
	}
	if c == nil {
		var err error
		if c, err = m.database.Catalog(ctx); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catalog, m.asOf = c, asked
	return c, nil
}
