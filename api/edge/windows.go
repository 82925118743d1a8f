package edge

import (
	"sync"
	"time"
)

// maxWindows bounds the memory of what a process counts for itself: some 15 MiB.
const maxWindows = 100_000

// windows counts in the memory of this process. At most so many keys are counted at a
// time; past them, the one whose window ends first begins anew, which lets those with
// very many addresses do a little more than who has one.
type windows struct {
	most int

	mu             sync.Mutex // guards what follows
	byKey          map[string]*window
	oldest, newest *window // all are equally long, so that they end in the order in which they began
}

// window is what a key has done since its window began.
type window struct {
	key  string
	ends time.Time
	n    int64
	next *window // that began after it
}

func newWindows(most int) *windows { return &windows{most: most, byKey: map[string]*window{}} }

// count counts one for key at a time, which does not go back, as Count of Counter.
func (ws *windows) count(key string, now time.Time) (n int64, left time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for ws.oldest != nil && !now.Before(ws.oldest.ends) {
		ws.drop()
	}
	w := ws.byKey[key]
	if w == nil {
		if len(ws.byKey) >= ws.most {
			ws.drop()
		}
		w = &window{key: key, ends: now.Add(rateWindow)}
		ws.byKey[key] = w
		if ws.oldest == nil {
			ws.oldest = w
		} else {
			ws.newest.next = w
		}
		ws.newest = w
	}
	w.n++
	return w.n, w.ends.Sub(now)
}

// drop forgets the oldest window.
func (ws *windows) drop() {
	delete(ws.byKey, ws.oldest.key)
	ws.oldest = ws.oldest.next
}
