package processors

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/cache"
)

// Cache is what knows of claims, and has to forget those that moved.
type Cache interface {
	Forget(ctx context.Context, keys []cache.Key)
}

// processor runs one batch after the other through a transaction.
type processor struct {
	db      *store.DB
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	catalog *catalog // the snapshot, replaced when its version changes
	cache   Cache    // nil if there is none
	// failBatch is set by tests to make the work on a batch fail where it says.
	failBatch atomic.Pointer[func(stage string, items []*item) error]
}

// reply is what has to be published for one event, in the order of the batch.
type reply struct {
	item          *item
	partID        string
	outcome       seriald.Outcome
	body          []byte // the outcome's JSON as it is published
	announcements []seriald.Announcement
	repeat        bool // answered from the inbox
}

// random fills b with what nobody can predict.
func random(b []byte) { _, _ = rand.Read(b) } // it never fails

// newID makes an id of ours.
func newID() seriald.ID {
	id, err := uuid.NewV7()
	if err != nil {
		panic("processors: no randomness: " + err.Error()) // crypto/rand never fails on a sane system
	}
	return seriald.ID(id)
}

// process runs items, in their order, through one transaction, as far as one event
// need not be committed before another is decided; rest are those for which it must.
// When it returns without an error what is not in rest is committed. The errors are
// the store's.
func (p *processor) process(ctx context.Context, items []*item) (_ []reply, rest []*item, err error) {
	defer func() {
		// A fault in the rules must not stop the line for good: it is treated
		// like data that can't be processed, and found by halving.
		if r := recover(); r != nil {
			p.log.Error("panic while processing", "panic", r)
			err = fmt.Errorf("panic: %v: %w", r, store.ErrBadData)
		}
	}()
	if err := p.fail("read", items); err != nil {
		return nil, nil, err
	}
	items, rest = inTurn(items)
	st := &state{now: p.now().UTC().Truncate(time.Microsecond), newID: newID, random: random}
	events, statuses := split(items)
	tx, found, err := p.read(ctx, events, st)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback()
	fresh := unprocessed(events, found)
	if configures(fresh) {
		if err := tx.LockCatalog(ctx, st.catalog.Version); err != nil {
			return nil, nil, err
		}
	}
	n := &numbering{counters: p.db, claims: tx, metrics: p.metrics, known: newFacts(), taken: map[store.Counter]*values64{}}
	decisions, err := n.decide(ctx, fresh, st, found)
	if err != nil {
		return nil, nil, err
	}
	if len(decisions) < len(fresh) {
		at := slices.Index(items, fresh[len(decisions)])
		rest = slices.Concat(items[at:], rest)
		events, statuses = split(items[:at:at])
	}
	if len(decisions)+len(statuses) > 0 {
		if err := p.write(ctx, tx, decisions, statuses, st); err != nil {
			return nil, nil, err
		}
		p.forget(ctx, st.world)
	}
	replies, err := replies(events, decisions, found)
	return replies, rest, err
}

// forget tells the cache which claims are not what it may know of them: after the commit,
// or somebody could add them again from what is there until then.
func (p *processor) forget(ctx context.Context, w *world) {
	if w == nil || len(w.moved) == 0 || p.cache == nil {
		return
	}
	keys := make([]cache.Key, len(w.moved))
	for i, k := range w.moved {
		keys[i] = cache.Key{Scope: k.scope, ScopeKey: k.key, Canonical: k.canonical}
	}
	p.cache.Forget(ctx, keys)
}

// inTurn cuts items where one is processed by itself: what follows goes by it.
func inTurn(items []*item) (first, rest []*item) {
	at := slices.IndexFunc(items, func(it *item) bool { return it.event.Type.Alone() })
	switch at {
	case -1:
		return items, nil
	case 0:
		at = 1
	}
	return items[:at], items[at:]
}

// read opens a transaction and reads what events refer to, with the master data that
// is valid in it.
func (p *processor) read(ctx context.Context, events []*item, st *state) (*store.Batch, *store.Found, error) {
	for {
		if p.catalog == nil {
			c, err := p.db.Catalog(ctx)
			if err != nil {
				return nil, nil, err
			}
			if p.catalog, err = compile(c); err != nil {
				p.log.Error("format can't be used", "error", err)
			}
		}
		tx, found, err := p.db.Read(ctx, refs(events, p.catalog), st.now)
		if err != nil {
			return nil, nil, err
		}
		if found.CatalogVersion == p.catalog.Version {
			st.catalog, st.use = p.catalog, found.Use
			return tx, found, nil
		}
		// What events refer to goes by the master data, too.
		tx.Rollback()
		p.catalog = nil
	}
}

// unprocessed returns the events that are not in the inbox. An id that comes twice is
// decided once.
func unprocessed(events []*item, found *store.Found) []*item {
	fresh := make([]*item, 0, len(events))
	seen := make(map[seriald.EventID]bool, len(events))
	for _, it := range events {
		if _, done := found.Inbox[it.event.ID]; done || seen[it.event.ID] {
			continue
		}
		seen[it.event.ID] = true
		fresh = append(fresh, it)
	}
	return fresh
}

// configures reports whether something changes the master data.
func configures(items []*item) bool {
	return slices.ContainsFunc(items, func(it *item) bool { return it.event.Type.Configures() })
}

// write commits what was decided, with the statuses of devices.
func (p *processor) write(ctx context.Context, tx *store.Batch, decisions []*decision, statuses []*item, st *state) error {
	items := slices.Clone(statuses)
	for _, d := range decisions {
		items = append(items, d.item)
	}
	if err := p.fail("commit", items); err != nil {
		return err
	}
	if err := tx.Write(ctx, changes(decisions, statuses, st), p.cfg.AuditBatchWriteSize); err != nil {
		return err
	}
	p.metrics.committed(decisions, len(statuses), p.now())
	return nil
}

// changes are the rows that decisions and statuses make.
func changes(decisions []*decision, statuses []*item, st *state) *store.Changes {
	c := &store.Changes{
		Inbox: make([]store.InboxRow, len(decisions)), Released: st.world.releasedMade,
		ChangedSerials: st.world.changedSerials, ChangedPlaceholders: st.world.changedPlaceholders,
		Triggers: countTriggers(decisions), Devices: deviceRows(decisions, statuses),
	}
	serials, audit := 0, 0
	for _, d := range decisions {
		d.finish(st)
		serials, audit = serials+len(d.serials), audit+len(d.audit)
	}
	c.Serials, c.Audit = make([]*seriald.Serial, 0, serials), make([]seriald.AuditEvent, 0, audit)
	for i, d := range decisions {
		c.Inbox[i] = d.inboxRow()
		c.Serials = append(c.Serials, d.serials...)
		c.Placeholders = append(c.Placeholders, d.placeholders...)
		c.Propagations = append(c.Propagations, d.propagations...)
		c.Conflicts = append(c.Conflicts, d.conflicts...)
		if d.challenger != nil {
			row := *d.challenger
			if row.Holder.SerialID.IsZero() { // what was registered may have been taken over behind it
				row.Holder.SerialID = st.world.heirs[row.Holder.EventID].SerialID
			}
			c.Challengers = append(c.Challengers, row)
		}
		if d.resolution != nil {
			c.Resolution = d.resolution // alone in its batch
		}
		c.Audit = append(c.Audit, d.audit...)
		c.Master = append(c.Master, d.master...)
	}
	return c
}

func (d *decision) inboxRow() store.InboxRow {
	d.body = d.outcome.Encode()
	return store.InboxRow{
		EventID: d.item.event.ID, Type: d.item.event.Type, Origin: d.item.event.Origin, PartID: d.partID,
		Status: d.outcome.Status, Outcome: string(d.body), Announcements: string(seriald.EncodeAnnouncements(d.announcements)),
	}
}

// replies puts together what to publish, for each item in the batch's order.
func replies(items []*item, decisions []*decision, found *store.Found) ([]reply, error) {
	all := make([]reply, 0, len(items))
	decided := make(map[seriald.EventID]*decision, len(decisions))
	for _, d := range decisions {
		decided[d.item.event.ID] = d
	}
	answered := make(map[seriald.EventID]*reply, len(decisions))
	for _, it := range items {
		if before, ok := found.Inbox[it.event.ID]; ok {
			r, err := repeat(it, before)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
			continue
		}
		if r := answered[it.event.ID]; r != nil {
			again := *r
			again.item, again.repeat, again.body = it, true, seriald.MarkDuplicate(r.body)
			all = append(all, again)
			continue
		}
		d := decided[it.event.ID]
		all = append(all, reply{item: it, partID: d.partID, outcome: d.outcome, body: d.body, announcements: d.announcements})
		answered[it.event.ID] = &all[len(all)-1]
	}
	return all, nil
}

// repeat answers an event from its inbox row.
func repeat(it *item, before store.Processed) (reply, error) {
	r := reply{item: it, repeat: true, body: seriald.MarkDuplicate(before.Outcome)}
	if it.fields != nil {
		r.partID = it.fields.PartID
	}
	if err := json.Unmarshal(before.Outcome, &r.outcome); err != nil {
		return reply{}, fmt.Errorf("read outcome of %s: %w", it.event.ID, err)
	}
	if before.Announcements != nil {
		if err := json.Unmarshal(before.Announcements, &r.announcements); err != nil {
			return reply{}, fmt.Errorf("read announcements of %s: %w", it.event.ID, err)
		}
	}
	return r, nil
}

// fail is where tests make a batch fail.
func (p *processor) fail(stage string, items []*item) error {
	if f := p.failBatch.Load(); f != nil {
		return (*f)(stage, items)
	}
	return nil
}
