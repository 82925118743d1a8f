package store

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/inbox_read.sql
	sqlInboxRead string
	//go:embed sql/serials_by_number.sql
	sqlSerialsByNumber string
	//go:embed sql/claims_insert.sql
	sqlClaimsInsert string
	//go:embed sql/claims_held.sql
	sqlClaimsHeld string
	//go:embed sql/claims_drop.sql
	sqlClaimsDrop string
)

// Refs is what a batch of events refers to.
type Refs struct {
	EventIDs      []string
	SerialNumbers []string
}

// Found is what the database knows of [Refs].
type Found struct {
	CatalogVersion int64
	// Inbox has the events that were processed before.
	Inbox map[seriald.EventID]Processed
	// Serials has the serials of a number, over all parts.
	Serials map[string][]seriald.SerialRef
}

// Processed is an inbox row: what was decided about an event, as JSON.
type Processed struct {
	Outcome       []byte
	Announcements []byte // nil if there are none
}

// Batch is one open transaction: [DB.Read] opens it, [Batch.Write] commits it.
// It is not safe for concurrent use.
type Batch struct {
	db   *DB
	conn *pgxpool.Conn
	at   time.Time
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
	found := &Found{Inbox: map[seriald.EventID]Processed{}, Serials: map[string][]seriald.SerialRef{}}
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
	if len(refs.SerialNumbers) > 0 {
		pipe.Queue(sqlSerialsByNumber, refs.SerialNumbers).Query(func(rows pgx.Rows) error {
			var s seriald.SerialRef
			_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&s.ID), &s.SerialNumber, &s.PartID, &s.Status}, func() error {
				found.Serials[s.SerialNumber] = append(found.Serials[s.SerialNumber], s)
				return nil
			})
			return err
		})
	}
	return found, b.conn.SendBatch(ctx, &pipe).Close()
}

// Rollback ends the transaction without a trace. After Write it does nothing.
func (b *Batch) Rollback() {
	if b.conn == nil {
		return
	}
	// A connection whose transaction can't be ended is not given back open: the
	// pool closes what is returned in a transaction.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = b.conn.Exec(ctx, "ROLLBACK")
	b.release()
}

func (b *Batch) release() {
	b.conn.Release()
	b.conn = nil
}

// ClaimRow is a claim on its way into the table.
type ClaimRow struct {
	ID      seriald.ID
	EventID seriald.EventID
	seriald.Claim
}

// Holder is who holds what a [ClaimRow] asked for.
type Holder struct {
	ClaimID  seriald.ID
	SerialID seriald.ID // zero for a number that is registered without a unit
	PartID   string
}

// Claim tries to take claims, which must come in the order of their events: of
// two that ask for the same, the first wins. It returns the holders of those
// that were not to be had, by their index; nil if all were.
func (b *Batch) Claim(ctx context.Context, claims []ClaimRow) (map[int]Holder, error) {
	defer b.db.metrics.observe("claim")()
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		a, b := &claims[x], &claims[y]
		return cmp.Or(strings.Compare(string(a.Scope), string(b.Scope)), strings.Compare(a.ScopeKey, b.ScopeKey),
			strings.Compare(a.Canonical, b.Canonical))
	})
	n := len(claims)
	ids, serials := make([][16]byte, n), make([][16]byte, n)
	scopes, keys, canonical, numbers := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	parts, events := make([]string, n), make([]string, n)
	for i, at := range order {
		c := &claims[at]
		ids[i], serials[i] = c.ID, c.SerialID
		scopes[i], keys[i], canonical[i], numbers[i] = string(c.Scope), c.ScopeKey, c.Canonical, c.Number
		parts[i], events[i] = c.PartID, string(c.EventID)
	}
	tag, err := b.conn.Exec(ctx, sqlClaimsInsert, ids, scopes, keys, canonical, numbers, serials, parts, events, b.at)
	if err != nil {
		return nil, translate("claim", err)
	}
	if int(tag.RowsAffected()) == n {
		return nil, nil
	}
	rows, err := b.conn.Query(ctx, sqlClaimsHeld, scopes, keys, canonical)
	if err != nil {
		return nil, translate("read holders", err)
	}
	lost := map[int]Holder{}
	var ordinal int
	var h Holder
	var serial *[16]byte
	_, err = pgx.ForEachRow(rows, []any{&ordinal, (*[16]byte)(&h.ClaimID), &serial, &h.PartID}, func() error {
		at := order[ordinal-1]
		if h.ClaimID == claims[at].ID {
			return nil
		}
		h.SerialID = seriald.ID{}
		if serial != nil {
			h.SerialID = *serial
		}
		lost[at] = h
		return nil
	})
	if err != nil {
		return nil, translate("read holders", err)
	}
	// A holder that gave its claim up between the two statements leaves a claim
	// that is neither ours nor lost: the batch is run again.
	if int(tag.RowsAffected())+len(lost) != n {
		return nil, fmt.Errorf("claim: %w: a holder released its claim meanwhile", ErrRepeat)
	}
	return lost, nil
}

// Unclaim gives back claims that this batch took.
func (b *Batch) Unclaim(ctx context.Context, ids []seriald.ID) error {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	_, err := b.conn.Exec(ctx, sqlClaimsDrop, raw)
	return translate("unclaim", err)
}
