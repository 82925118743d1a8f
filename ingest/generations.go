package ingest

import "time"

// generations is a map that forgets: what was put into it stays for one to two
// periods, or until most newer keys have come, whichever is sooner. It is not
// safe for concurrent use.
type generations[K comparable, V any] struct {
	period time.Duration
	most   int // keys in a generation; 0: no bound
	// A key in both has its value in current.
	current, old map[K]V
	since        time.Time
}

// age must come before get and put, once for what happens at now.
func (g *generations[K, V]) age(now time.Time) {
	full := g.most > 0 && len(g.current) >= g.most
	if g.current != nil && !full && now.Sub(g.since) <= g.period {
		return
	}
	size := len(g.current)
	if now.Sub(g.since) > 2*g.period {
		g.current = nil // all of it is past: puts follow their age at once
	}
	g.old, g.current, g.since = g.current, make(map[K]V, size), now
}

func (g *generations[K, V]) get(k K) (V, bool) {
	if v, ok := g.current[k]; ok {
		return v, true
	}
	v, ok := g.old[k]
	return v, ok
}

func (g *generations[K, V]) put(k K, v V) { g.current[k] = v }

func (g *generations[K, V]) remove(k K) {
	delete(g.current, k)
	delete(g.old, k)
}
