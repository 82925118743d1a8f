package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

// Refs is what a batch of events refers to.
type Refs struct {
	EventIDs []string
	// Change are the serials that may be changed: they are locked until the batch
	// ends. Find are those that are only looked at.
	Change, Find SerialRefs
	// Internal are the serials of ours that vendor serials may be linked to.
	Internal SerialRefs
	// Placeholders, and the oldest of Pending that wait, are locked as Change is.
	Placeholders []seriald.ID
	Pending      []PendingRef
	// Conflicts are locked, with the serials that hold their numbers and the
	// placeholders that would have got them.
	Conflicts ConflictRefs
	// PartUse and SiteUse, if not "", are a part and a site whose use is asked for.
	PartUse, SiteUse string
}

// SerialRefs names serials by their ids, and by their numbers over all parts.
type SerialRefs struct {
	IDs     []seriald.ID
	Numbers []string
}

func (r *SerialRefs) empty() bool { return len(r.IDs) == 0 && len(r.Numbers) == 0 }

// PendingRef asks for at most Count placeholders of a part that wait, of a work order
// and a lot unless these are "".
type PendingRef struct {
	PartID, WorkOrderID, LotNumber string
	Count                          int
}

// Found is what the database knows of [Refs].
type Found struct {
	CatalogVersion int64
	// Inbox has the events that were processed before.
	Inbox map[seriald.EventID]Processed
	// Serials are in no order. They have what the rules read: not the format, the
	// trigger, the times and the attributes.
	Serials []*seriald.Serial
	// Claims are those of the serials that may be changed: scope, key, canonical form and
	// serial.
	Claims []seriald.Claim
	// Linked has the vendor serial that was accepted for one of ours.
	Linked map[seriald.ID]seriald.ID
	// Placeholders are in no order.
	Placeholders []*seriald.Placeholder
	Conflicts    []*Conflict // with challengers if they are open
	Use          Use
}

// Use is what refers to the part or the site that [Refs] asks about.
type Use struct {
	Serials, Placeholders bool
}

// queue adds the statements that read what r refers to.
func (r *Refs) queue(pipe *pgx.Batch, found *Found) {
	if !r.Change.empty() {
		ids := rawIDs(r.Change.IDs)
		pipe.Queue(sqlSerialsLock, ids, r.Change.Numbers).Query(found.readSerials)
		pipe.Queue(sqlClaimsOf, ids, r.Change.Numbers).Query(func(rows pgx.Rows) error {
			var c seriald.Claim
			_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&c.SerialID), &c.Scope, &c.ScopeKey, &c.Canonical}, func() error {
				found.Claims = append(found.Claims, c)
				return nil
			})
			return err
		})
	}
	if !r.Find.empty() {
		pipe.Queue(sqlSerialsFind, rawIDs(r.Find.IDs), r.Find.Numbers).Query(found.readSerials)
	}
	if !r.Internal.empty() {
		pipe.Queue(sqlSerialsLinked, rawIDs(r.Internal.IDs), r.Internal.Numbers).Query(func(rows pgx.Rows) error {
			var internal, vendor seriald.ID
			_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&internal), (*[16]byte)(&vendor)}, func() error {
				if found.Linked == nil {
					found.Linked = map[seriald.ID]seriald.ID{}
				}
				found.Linked[internal] = vendor
				return nil
			})
			return err
		})
	}
	if len(r.Placeholders)+len(r.Pending) > 0 {
		n := len(r.Pending)
		counts, text := make([]int64, n), texts(3, n)
		for i, p := range r.Pending {
			counts[i] = int64(p.Count)
			text.set(i, p.PartID, p.WorkOrderID, p.LotNumber)
		}
		pipe.Queue(sqlPlaceholdersLock, rawIDs(r.Placeholders), text[0], text[1], text[2], counts).Query(found.readPlaceholders)
	}
	if !r.Conflicts.empty() {
		r.Conflicts.queue(pipe, found)
	}
	if r.PartUse != "" {
		pipe.Queue(sqlPartUse, r.PartUse).QueryRow(found.Use.read)
	}
	if r.SiteUse != "" {
		pipe.Queue(sqlSiteUse, r.SiteUse).QueryRow(found.Use.read)
	}
}

func (u *Use) read(row pgx.Row) error { return row.Scan(&u.Serials, &u.Placeholders) }

func rawIDs(ids []seriald.ID) [][16]byte {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	return raw
}

// readSerials adds what was not read before: what was locked first counts.
func (f *Found) readSerials(rows pgx.Rows) error {
	known := map[seriald.ID]bool{}
	for _, s := range f.Serials {
		known[s.ID] = true
	}
	var s seriald.Serial
	_, err := pgx.ForEachRow(rows, []any{
		(*[16]byte)(&s.ID), &s.Number, &s.PartID, &s.SiteID, &s.Source, &s.Status, &s.VendorName, &s.WorkOrderID, &s.LotNumber,
		(*[16]byte)(&s.InternalSerialID), &s.RejectionReason,
	}, func() error {
		if !known[s.ID] {
			read := s
			f.Serials = append(f.Serials, &read)
		}
		return nil
	})
	return err
}

// readPlaceholders refuses one that was picked because it waited and was given away
// before it was locked: another would have to be picked.
func (f *Found) readPlaceholders(rows pgx.Rows) error {
	var p seriald.Placeholder
	var picked bool
	_, err := pgx.ForEachRow(rows, []any{
		(*[16]byte)(&p.ID), &p.PartID, &p.SiteID, &p.Status, &p.WorkOrderID, &p.LotNumber, &p.OperationCode,
		(*[16]byte)(&p.SerialID), &p.FailureReason, &p.CreatedAt, &picked,
	}, func() error {
		if picked && p.Status != seriald.PlaceholderPending {
			return fmt.Errorf("a placeholder was given away meanwhile: %w", ErrRepeat)
		}
		read := p
		f.Placeholders = append(f.Placeholders, &read)
		return nil
	})
	return err
}

// Read opens a transaction and reads what refs refers to, in one round trip. at
// becomes the time of all that the batch writes. The caller must end the Batch
// by Write or Rollback.
func (db *DB) Read(ctx context.Context, refs Refs, at time.Time) (*Batch, *Found, error) {
	defer db.metrics.observe("read")()
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, translate("connect", err)
	}
	b := &Batch{db: db, conn: conn, at: at}
	found, err := b.read(ctx, refs)
	if err != nil {
		b.Rollback()
		return nil, nil, translate("read", err)
	}
	return b, found, nil
}

func (b *Batch) read(ctx context.Context, refs Refs) (*Found, error) {
	found := &Found{Inbox: map[seriald.EventID]Processed{}}
	var pipe pgx.Batch
	pipe.Queue("BEGIN")
	pipe.Queue(sqlCatalogVersion).QueryRow(func(row pgx.Row) error { return row.Scan(&found.CatalogVersion) })
	pipe.Queue(sqlInboxRead, refs.EventIDs).Query(func(rows pgx.Rows) error {
		var id string
		var p Processed
		_, err := pgx.ForEachRow(rows, []any{&id, &p.Outcome, &p.Announcements}, func() error {
			found.Inbox[seriald.EventID(id)] = Processed{slices.Clone(p.Outcome), slices.Clone(p.Announcements)}
			return nil
		})
		return err
	})
	refs.queue(&pipe, found)
	pipe.Queue("SAVEPOINT " + undecided)
	return found, b.conn.SendBatch(ctx, &pipe).Close()
}

// undecided is the savepoint to which [Batch.Undecide] goes back.
const undecided = "undecided"

// Undecide takes back all claims and releases of the batch; what was read stays
// locked.
func (b *Batch) Undecide(ctx context.Context) error {
	_, err := b.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT "+undecided)
	return translate("undecide", err)
}
