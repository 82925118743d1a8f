package store

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

//go:embed sql/part_holders.sql
var sqlPartHolders string

// Collision is a number that two would hold.
type Collision struct {
	ClaimRow        // of the one that can't have it
	Holder   Holder // of it, or of the one in front that would have it
}

// NumberHolder is a serial that holds claims, or a claim of a number that is registered
// without a unit: then Serial has no ID, and Registered says what is claimed.
type NumberHolder struct {
	Serial     seriald.Serial // its ID, Number, PartID, SiteID, Source and VendorName
	Registered seriald.Claim
	EventID    seriald.EventID // that registered it
}

// Reclaim makes everything that holds claims as a number of a part hold those that of
// says as well. It returns how many of these are somebody else's, and the first most of
// them: then the batch has to be given up. Claims that of does not say stay.
func (b *Batch) Reclaim(ctx context.Context, partID string, eventID seriald.EventID, of func(*NumberHolder) []seriald.Claim, most int) (
	first []Collision, collisions int, err error,
) {
	defer b.db.metrics.observe("reclaim")()
	// What is fetched by and by: a part may have millions of serials.
	if _, err := b.conn.Exec(ctx, "DECLARE holders NO SCROLL CURSOR FOR "+sqlPartHolders, pgx.QueryExecModeSimpleProtocol, partID); err != nil {
		return nil, 0, translate("read holders", err)
	}
	for {
		page, err := b.fetchHolders(ctx, partID)
		if err != nil {
			return nil, 0, translate("read holders", err)
		}
		var rows []ClaimRow
		for i := range page {
			h := &page[i]
			by := eventID
			if h.Serial.ID.IsZero() {
				by = h.EventID // that is who has it
			}
			for _, c := range of(h) {
				rows = append(rows, ClaimRow{ID: seriald.ID(uuid.Must(uuid.NewV7())), EventID: by, Claim: c})
			}
		}
		lost, err := b.Claim(ctx, rows)
		if err != nil {
			return nil, 0, err
		}
		for i := range rows {
			h, isLost := lost[i]
			if !isLost || h.SerialID == rows[i].SerialID && (!h.SerialID.IsZero() || h.EventID == rows[i].EventID) {
				continue
			}
			if collisions++; len(first) < most {
				first = append(first, Collision{rows[i], h})
			}
		}
		if len(page) < maxRows {
			break
		}
	}
	_, err = b.conn.Exec(ctx, "CLOSE holders")
	return first, collisions, translate("read holders", err)
}

// fetchHolders returns the next page of the cursor.
func (b *Batch) fetchHolders(ctx context.Context, partID string) ([]NumberHolder, error) {
	rows, err := b.conn.Query(ctx, fmt.Sprintf("FETCH %d FROM holders", maxRows))
	if err != nil {
		return nil, err
	}
	var page []NumberHolder
	h := NumberHolder{}
	s, c := &h.Serial, &h.Registered
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&s.ID), &s.Number, &s.SiteID, &s.Source, &s.VendorName, &c.Scope, &c.ScopeKey, &h.EventID}, func() error {
		s.PartID = partID
		page = append(page, h)
		return nil
	})
	return page, err
}
