package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// each sends the good call of every operation that is wanted, all at once, and hands the
// answers to see.
func (c *contract) each(base string, wanted func(*described) bool, see func(op *described, a answer)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, op := range c.operations {
		good, ok := c.good(op)
		if !ok || !wanted(op) {
			continue
		}
		all.Go(func() {
			good.base = base
			a := c.do(good)
			mu.Lock()
			defer mu.Unlock()
			see(op, a)
		})
	}
	all.Wait()
}

// limits asks a daemon that lets each client ask once.
func (c *contract) limits() {
	c.t.Helper()
	d := newDaemon(c.t, append(slices.Clone(c.env), "RATE_LIMIT_PER_MINUTE=1", "MQTT_CLIENT_ID=limited")...)
	d.start("--roles", "api")
	for _, role := range []string{"", "viewer", "operator", "supervisor"} {
		c.do(request{op: c.operations["databaseHealth"], base: d.api, role: role, at: "/api/v1/health/db"})
	}
	limited := func(op *described) bool { return !strings.HasPrefix(op.path, "/health") }
	c.each(d.api, limited, func(op *described, a answer) {
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"code":"RATE_LIMITED"`) {
			c.t.Errorf("%s past the limit: %d %s", op.ID, a.status, a.body)
		}
	})
	d.stop()
}

// withoutNATS asks while nothing can be stored in the stream.
func (c *contract) withoutNATS() {
	c.t.Helper()
	c.nats.Refuse(true)
	c.nats.Cut()
	c.each("", (*described).isWrite, func(op *described, a answer) {
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, `"code":"UNAVAILABLE"`) {
			c.t.Errorf("%s without NATS: %d %s", op.ID, a.status, a.body)
		}
	})
	c.want(request{op: c.operations["health"], at: "/health"}, http.StatusServiceUnavailable, `"nats":"disconnected"`)
	c.nats.Refuse(false)
	c.daemon.waitReady()
}

// withoutDatabase asks while nothing can be read or processed. What names its site is
// stored in the stream, and answered with where its outcome will be.
func (c *contract) withoutDatabase() {
	c.t.Helper()
	c.postgres.Refuse(true)
	c.postgres.Cut()
	c.daemon.eventually("/health", `"database":"disconnected"`) // which asks it four times a second
	c.each("", func(op *described) bool { return !op.isWrite() }, func(op *described, a answer) {
		if needsDatabase(op) != (a.status == http.StatusServiceUnavailable) || a.status >= 500 && a.status != http.StatusServiceUnavailable {
			c.t.Errorf("%s without a database: %d %s", op.ID, a.status, a.body)
		}
	})
	var all sync.WaitGroup
	for _, op := range c.operations {
		r, ok := c.good(op)
		if !ok || !op.isWrite() {
			continue
		}
		all.Go(func() {
			if op.Body != nil {
				r.body = strings.Replace(r.body, "{", `{"siteId":"plant1",`, 1)
				r.body = strings.Replace(r.body, ",}", "}", 1)
			}
			a := c.do(r)
			if op.Body != nil && (a.status != http.StatusAccepted || !strings.HasPrefix(a.header.Get("Location"), "/api/v1/events/")) {
				c.t.Errorf("%s without a database: %d %s", op.ID, a.status, a.body)
			}
		})
	}
	all.Wait()
	c.postgres.Refuse(false)
	c.daemon.waitReady()
}
