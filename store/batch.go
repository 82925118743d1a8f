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
	//go:embed sql/serials_find.sql
	sqlSerialsFind string
	//go:embed sql/serials_lock.sql
	sqlSerialsLock string
	//go:embed sql/serials_linked.sql
	sqlSerialsLinked string
	//go:embed sql/placeholders_lock.sql
	sqlPlaceholdersLock string
	//go:embed sql/part_use.sql
	sqlPartUse string
	//go:embed sql/site_use.sql
	sqlSiteUse string
	//go:embed sql/claims_insert.sql
	sqlClaimsInsert string
	//go:embed sql/claims_held.sql
	sqlClaimsHeld string
	//go:embed sql/claims_drop.sql
	sqlClaimsDrop string
	//go:embed sql/claims_of.sql
	sqlClaimsOf string
	//go:embed sql/claims_release.sql
	sqlClaimsRelease string
)

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
	EventID  seriald.EventID // that made the claim
	Number   string          // as it was claimed
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
	if len(order) >= manyRows {
		ok, err := b.copyClaims(ctx, claims, order)
		if err != nil {
			return nil, translate("claim", err)
		}
		if ok {
			return nil, nil
		}
	}
	lost := map[int]Holder{}
	for chunk := range slices.Chunk(order, maxRows) {
		if err := b.claimChunk(ctx, claims, chunk, lost); err != nil {
			return nil, err
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	return lost, nil
}

// maxRows is the most rows in one statement. An event may make 100,000 serials:
// in one statement they would take as long as the time that ends one that hangs.
const maxRows = 10_000

// claimChunk tries to take those of claims whose indexes are in order, and adds
// the holders of those that were not to be had to lost.
func (b *Batch) claimChunk(ctx context.Context, claims []ClaimRow, order []int, lost map[int]Holder) error {
	n := len(order)
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
		return translate("claim", err)
	}
	if int(tag.RowsAffected()) == n {
		return nil
	}
	rows, err := b.conn.Query(ctx, sqlClaimsHeld, scopes, keys, canonical)
	if err != nil {
		return translate("read holders", err)
	}
	before := len(lost)
	var ordinal int
	var h Holder
	_, err = pgx.ForEachRow(rows, h.columns(&ordinal), func() error {
		if at := order[ordinal-1]; h.ClaimID != claims[at].ID {
			lost[at] = h
		}
		return nil
	})
	if err != nil {
		return translate("read holders", err)
	}
	// A holder that gave its claim up between the two statements leaves a claim
	// that is neither ours nor lost: the batch is run again.
	if int(tag.RowsAffected())+len(lost)-before != n {
		return fmt.Errorf("claim: %w: a holder released its claim meanwhile", ErrRepeat)
	}
	return nil
}

// Unclaim gives back claims that this batch took.
func (b *Batch) Unclaim(ctx context.Context, ids []seriald.ID) error {
	_, err := b.conn.Exec(ctx, sqlClaimsDrop, rawIDs(ids))
	return translate("unclaim", err)
}

// Release gives up the claims of serials, so that their numbers can be claimed anew.
func (b *Batch) Release(ctx context.Context, serials []*seriald.Serial) error {
	var pipe pgx.Batch
	b.queueRelease(&pipe, serials)
	return translate("release", b.conn.SendBatch(ctx, &pipe).Close())
}

func (b *Batch) queueRelease(pipe *pgx.Batch, serials []*seriald.Serial) {
	n := len(serials)
	if n == 0 {
		return
	}
	ids, numbers := make([][16]byte, n), make([]string, n)
	for i, s := range serials {
		ids[i], numbers[i] = s.ID, s.Number
	}
	pipe.Queue(sqlClaimsRelease, ids, numbers, b.at)
}
