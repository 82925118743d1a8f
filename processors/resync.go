package processors

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// DifferenceKind says how a claim differs from what the serials call for.
type DifferenceKind string

// The ways in which claims and serials differ.
const (
	ClaimMissing DifferenceKind = "missing" // a serial should hold it and nobody does
	ClaimTaken   DifferenceKind = "taken"   // a serial should hold it and another does: one of them has to go
	ClaimStale   DifferenceKind = "stale"   // its serial is not there, or gave it up
	PartMissing  DifferenceKind = "no part" // what a serial should hold can't be said: its part is not known
)

// Difference is a claim that is not what the serials call for.
type Difference struct {
	Kind   DifferenceKind
	Claim  seriald.Claim
	Holder store.Holder // of a claim that is taken
	Mended bool
}

// resyncPage is how many serials are looked at, and locked while their claims are made,
// at a time.
const resyncPage = 2000

// Resync compares the claims with the serials, all of them, and calls report for each
// difference. Unless it is dry it makes the claims that are missing, and gives up those
// that are stale, each page audited; what is taken is left to people. The service may run
// meanwhile. It returns how many serials there are.
func Resync(ctx context.Context, db *store.DB, dry bool, report func(Difference)) (serials int, err error) {
	catalog, err := db.Catalog(ctx)
	if err != nil {
		return 0, err
	}
	r := &resync{db: db, catalog: catalog, dry: dry, report: report}
	for _, source := range []seriald.Source{seriald.SourceVendor, seriald.SourceGenerated, seriald.SourceLate} {
		for after := (seriald.ID{}); ; {
			page, err := db.SerialsAfter(ctx, source, after, resyncPage)
			if err != nil {
				return serials, err
			}
			if err := r.page(ctx, page); err != nil {
				return serials, err
			}
			if serials += len(page); len(page) < resyncPage {
				break
			}
			after = page[len(page)-1].ID
		}
	}
	return serials, r.stale(ctx)
}

type resync struct {
	db      *store.DB
	catalog *seriald.Catalog
	dry     bool
	report  func(Difference)
}

// page looks at the claims of serials.
func (r *resync) page(ctx context.Context, page []seriald.Serial) error {
	var rows []store.ClaimRow
	var claims []seriald.Claim
	settled := map[seriald.ID]bool{} // whose number another may have got by a resolution
	for i := range page {
		s := &page[i]
		part := r.catalog.Parts[s.PartID]
		switch {
		case s.Status == seriald.SerialRejected:
			continue
		case part == nil:
			r.report(Difference{Kind: PartMissing, Claim: seriald.Claim{Number: s.Number, SerialID: s.ID, PartID: s.PartID}})
			continue
		}
		settled[s.ID] = s.Status == seriald.SerialRetired || s.Status == seriald.SerialInvalid
		for _, c := range claim.Of(s, part) {
			rows, claims = append(rows, store.ClaimRow{ID: newID(), EventID: s.EventID, Claim: c}), append(claims, c)
		}
	}
	holders, err := r.db.Holders(ctx, claims)
	if err != nil {
		return err
	}
	var missing []store.ClaimRow
	for i, h := range holders {
		switch {
		case h == nil:
			missing = append(missing, rows[i])
		case h.SerialID != rows[i].SerialID && !settled[rows[i].SerialID]:
			r.report(Difference{Kind: ClaimTaken, Claim: claims[i], Holder: *h})
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case r.dry:
		for i := range missing {
			r.report(Difference{Kind: ClaimMissing, Claim: missing[i].Claim})
		}
		return nil
	}
	return r.mend(ctx, func() error { return r.claim(ctx, missing) })
}

// mend repeats what another process was in the way of.
func (r *resync) mend(ctx context.Context, do func() error) error {
	for {
		if err := do(); !errors.Is(err, store.ErrRepeat) || ctx.Err() != nil {
			return err
		}
	}
}

// claim makes claims that are missing, of serials that have not given theirs up
// meanwhile.
func (r *resync) claim(ctx context.Context, missing []store.ClaimRow) error {
	var refs store.Refs
	for i := range missing {
		refs.Change.IDs = append(refs.Change.IDs, missing[i].SerialID)
	}
	tx, found, err := r.db.Read(ctx, refs, now())
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rejected := map[seriald.ID]bool{}
	for _, s := range found.Serials {
		rejected[s.ID] = s.Status == seriald.SerialRejected
	}
	missing = slices.DeleteFunc(slices.Clone(missing), func(c store.ClaimRow) bool { return rejected[c.SerialID] })
	lost, err := tx.Claim(ctx, missing)
	if err != nil {
		return err
	}
	var done []Difference
	var audit []seriald.AuditEvent
	for i := range missing {
		if h, isLost := lost[i]; isLost {
			done = append(done, Difference{Kind: ClaimTaken, Claim: missing[i].Claim, Holder: h})
			continue
		}
		done = append(done, Difference{Kind: ClaimMissing, Claim: missing[i].Claim, Mended: true})
		audit = append(audit, audited(&missing[i], "CLAIMED"))
	}
	return r.commit(ctx, tx, audit, done)
}

// stale gives up claims whose serials can't have them.
func (r *resync) stale(ctx context.Context) error {
	all, err := r.db.StaleClaims(ctx)
	if err != nil {
		return err
	}
	for page := range slices.Chunk(all, resyncPage) {
		if err := r.mend(ctx, func() error { return r.release(ctx, page) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *resync) release(ctx context.Context, page []store.ClaimRow) error {
	var done []Difference
	var audit []seriald.AuditEvent
	var ids []seriald.ID
	for i := range page {
		c := &page[i]
		ids, audit = append(ids, c.ID), append(audit, audited(c, "RELEASED"))
		done = append(done, Difference{Kind: ClaimStale, Claim: c.Claim, Mended: !r.dry})
	}
	if r.dry {
		for _, d := range done {
			r.report(d)
		}
		return nil
	}
	tx, _, err := r.db.Read(ctx, store.Refs{}, now())
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := tx.ReleaseStale(ctx, ids); err != nil {
		return err
	}
	return r.commit(ctx, tx, audit, done)
}

// commit ends a page, and reports what it did.
func (r *resync) commit(ctx context.Context, tx *store.Batch, audit []seriald.AuditEvent, done []Difference) error {
	if err := tx.Write(ctx, &store.Changes{Audit: audit}, resyncPage); err != nil {
		return err
	}
	for _, d := range done {
		r.report(d)
	}
	return nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// audited is the audit event of a claim that was mended.
func audited(c *store.ClaimRow, status string) seriald.AuditEvent {
	return seriald.AuditEvent{
		ID: newID(), Type: seriald.AuditConfigChanged, Status: seriald.AuditSuccess, SerialID: c.SerialID, SerialNumber: c.Number, PartID: c.PartID,
		PerformedBy: "seriald uniqueness resync", PerformedAt: now(),
		NewValues: values(struct {
			Scope    seriald.Scope `json:"scope"`
			ScopeKey string        `json:"scopeKey"`
			Status   string        `json:"status"`
		}{c.Scope, c.ScopeKey, status}),
	}
}
