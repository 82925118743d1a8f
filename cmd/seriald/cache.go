package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/cache"
)

// openCache opens the cache of claims that are taken.
func openCache(s *session, reg prometheus.Registerer) (cache.Cache, error) {
	c, err := cache.New(s.settings.cache(), time.Duration(s.settings.UniquenessCacheTTL)*time.Second, s.log, reg)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// takenClaims are the claims that a cache knows, as the API asks for them.
type takenClaims struct{ cache cache.Cache }

func keyOf(c *seriald.Claim) cache.Key {
	return cache.Key{Scope: c.Scope, ScopeKey: c.ScopeKey, Canonical: c.Canonical}
}

// Taken implements [api.TakenCache].
func (t takenClaims) Taken(ctx context.Context, claims []seriald.Claim) []*store.Holder {
	keys := make([]cache.Key, len(claims))
	for i := range claims {
		keys[i] = keyOf(&claims[i])
	}
	holders := make([]*store.Holder, len(claims))
	for i, h := range t.cache.Taken(ctx, keys) {
		if h != nil {
			holders[i] = &store.Holder{SerialID: h.SerialID, PartID: h.PartID, Number: h.Number}
		}
	}
	return holders
}

// Add implements [api.TakenCache]. What is registered without a unit is left out: the
// first serial that comes has it, and its event is what the answer names.
func (t takenClaims) Add(ctx context.Context, claims []seriald.Claim, holders []*store.Holder) {
	var entries []cache.Entry
	for i, h := range holders {
		if !h.SerialID.IsZero() {
			entries = append(entries, cache.Entry{Key: keyOf(&claims[i]), Holder: cache.Holder{SerialID: h.SerialID, PartID: h.PartID, Number: h.Number}})
		}
	}
	if len(entries) > 0 {
		t.cache.Add(ctx, entries)
	}
}

type cacheCommand struct {
	Warm cacheWarm `cmd:"" help:"Put the newest claims into Redis, so that checks find them there."`
}

type cacheWarm struct {
	Limit int `help:"At most so many claims." default:"1000000"`
}

// warmPage is how many claims are read, and put into the cache, at a time.
const warmPage = 10_000

// Run fills the cache. Claims that move meanwhile are wrong there until the service, which
// has them forgotten, or the TTL removes them.
func (c *cacheWarm) Run(ctx context.Context, s *session) error {
	switch {
	case c.Limit < 1:
		return usageError{errors.New("--limit: must be at least 1")}
	case s.settings.RedisURL == "":
		return usageError{errors.New("REDIS_URL: is not set; without Redis each process has a cache of its own, which checks fill")}
	case s.settings.UniquenessCacheTTL == 0:
		return usageError{errors.New("SERIAL_UNIQUENESS_CACHE_TTL: is 0, which remembers nothing")}
	}
	claims, err := openCache(s, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { _ = claims.Close() }() // it has nothing left to tell
	if claims.State(ctx) != cache.StateConnected {
		return errors.New("REDIS_URL: Redis does not answer")
	}
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	put := 0
	for before := (seriald.ID{}); put < c.Limit; {
		rows, err := db.NewestClaims(ctx, before, min(warmPage, c.Limit-put))
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		all, holders := make([]seriald.Claim, len(rows)), make([]*store.Holder, len(rows))
		for i := range rows {
			r := &rows[i]
			all[i], holders[i] = r.Claim, &store.Holder{SerialID: r.SerialID, PartID: r.PartID, Number: r.Number}
		}
		takenClaims{claims}.Add(ctx, all, holders)
		put, before = put+len(rows), rows[len(rows)-1].ID
	}
	if claims.State(ctx) != cache.StateConnected {
		return errors.New("REDIS_URL: Redis went away meanwhile: run it again")
	}
	_, err = fmt.Fprintf(s.stdout, "%d claims\n", put)
	return err
}
