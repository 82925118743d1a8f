package processors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// processor runs one batch after the other through a transaction.
type processor struct {
	db      *store.DB
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	catalog *catalog // the snapshot, replaced when its version changes
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

// newID makes an id of ours.
func newID() seriald.ID {
	id, err := uuid.NewV7()
	if err != nil {
		panic("processors: no randomness: " + err.Error()) // crypto/rand never fails on a sane system
	}
	return seriald.ID(id)
}

// process runs items, in their order, through one transaction. When it returns
// without an error everything is committed. The errors are the store's.
func (p *processor) process(ctx context.Context, items []*item) (_ []reply, err error) {
	defer func() {
		// A fault in the rules must not stop the line for good: it is treated
		// like data that can't be processed, and found by halving.
		if r := recover(); r != nil {
			p.log.Error("panic while processing", "panic", r)
			err = fmt.Errorf("panic: %v: %w", r, store.ErrBadData)
		}
	}()
	if err := p.fail("read", items); err != nil {
		return nil, err
	}
	st := &state{now: p.now().UTC().Truncate(time.Microsecond), newID: newID}
	tx, found, err := p.db.Read(ctx, refs(items), st.now)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if st.catalog, err = p.snapshot(ctx, found.CatalogVersion); err != nil {
		return nil, err
	}
	st.serials = found.Serials

	// An id that comes twice is decided once.
	decisions := make([]*decision, 0, len(items))
	first := make(map[seriald.EventID]*decision, len(items))
	for _, it := range items {
		if _, done := found.Inbox[it.event.ID]; done || first[it.event.ID] != nil {
			continue
		}
		d := decide(it, st)
		first[it.event.ID] = d
		decisions = append(decisions, d)
	}
	if len(decisions) > 0 {
		if err := p.write(ctx, tx, decisions, st); err != nil {
			return nil, err
		}
	}
	return p.replies(items, decisions, found, first)
}

func refs(items []*item) store.Refs {
	r := store.Refs{EventIDs: make([]string, len(items))}
	for i, it := range items {
		r.EventIDs[i] = string(it.event.ID)
		if it.fields != nil && it.fields.PartID == "" && it.fields.SerialNumber != "" {
			r.SerialNumbers = append(r.SerialNumbers, it.fields.SerialNumber)
		}
	}
	return r
}

// snapshot returns the master data of the version that the batch has read.
func (p *processor) snapshot(ctx context.Context, version int64) (*catalog, error) {
	if p.catalog != nil && p.catalog.Version == version {
		return p.catalog, nil
	}
	c, err := p.db.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(c)
	if err != nil {
		p.log.Error("format can't be used", "error", err)
	}
	p.catalog = compiled
	return compiled, nil
}

// write numbers, claims and commits what was decided.
func (p *processor) write(ctx context.Context, tx *store.Batch, decisions []*decision, st *state) error {
	if err := p.number(ctx, decisions, st); err != nil {
		return err
	}
	if err := p.claim(ctx, tx, decisions, st); err != nil {
		return err
	}
	changes := &store.Changes{Inbox: make([]store.InboxRow, len(decisions))}
	for i, d := range decisions {
		d.finish(st)
		changes.Inbox[i] = d.inboxRow()
		changes.Serials = append(changes.Serials, d.serials...)
		changes.Conflicts = append(changes.Conflicts, d.conflicts...)
		changes.Audit = append(changes.Audit, d.audit...)
	}
	items := make([]*item, len(decisions))
	for i, d := range decisions {
		items[i] = d.item
	}
	if err := p.fail("commit", items); err != nil {
		return err
	}
	if err := tx.Write(ctx, changes, p.cfg.AuditBatchWriteSize); err != nil {
		return err
	}
	p.metrics.committed(decisions, p.now())
	return nil
}

func (d *decision) inboxRow() store.InboxRow {
	d.body = d.outcome.Encode()
	return store.InboxRow{
		EventID: d.item.event.ID, Type: d.item.event.Type, Origin: d.item.event.Origin, PartID: d.partID,
		Status: d.outcome.Status, Outcome: string(d.body), Announcements: string(seriald.EncodeAnnouncements(d.announcements)),
	}
}

// number takes what all decisions need from the counters, in one statement, and
// makes the numbers. An event whose sequence is used up is refused.
func (p *processor) number(ctx context.Context, decisions []*decision, st *state) error {
	takes := map[store.Counter]int64{}
	for _, d := range decisions {
		for _, r := range d.runs {
			takes[r.counter] += int64(len(r.serials))
		}
	}
	if len(takes) == 0 {
		return nil
	}
	next, err := p.db.TakeCounters(ctx, takes)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		for i := range d.runs {
			r := &d.runs[i]
			first := next[r.counter]
			next[r.counter] += int64(len(r.serials))
			if err := r.number(st, first); err != nil {
				if !errors.Is(err, pattern.ErrExhausted) {
					return err
				}
				d.refuse(st, exhausted(r, err))
				break
			}
		}
	}
	return nil
}

func exhausted(r *run, err error) *seriald.Rejection {
	return seriald.Reject(seriald.CodeSequenceExhausted, "formatConfigId", "format %s: %v: give it more digits or a shorter reset", r.format.ID, err)
}

// replies puts together what to publish, for each item in the batch's order.
func (p *processor) replies(items []*item, decisions []*decision, found *store.Found,
	first map[seriald.EventID]*decision,
) ([]reply, error) {
	replies := make([]reply, 0, len(items))
	answered := make(map[seriald.EventID]*reply, len(decisions))
	for _, it := range items {
		if before, ok := found.Inbox[it.event.ID]; ok {
			r, err := repeat(it, before)
			if err != nil {
				return nil, err
			}
			replies = append(replies, r)
			continue
		}
		if r := answered[it.event.ID]; r != nil {
			again := *r
			again.item, again.repeat, again.body = it, true, seriald.MarkDuplicate(r.body)
			replies = append(replies, again)
			continue
		}
		d := first[it.event.ID]
		replies = append(replies, reply{item: it, partID: d.partID, outcome: d.outcome, body: d.body, announcements: d.announcements})
		answered[it.event.ID] = &replies[len(replies)-1]
	}
	return replies, nil
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
