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

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/claims_give.sql
	sqlClaimsGive string
	//go:embed sql/claims_adopt.sql
	sqlClaimsAdopt string
	//go:embed sql/conflicts_adopt.sql
	sqlConflictsAdopt string
	//go:embed sql/conflicts_open.sql
	sqlConflictsOpen string
	//go:embed sql/challengers_insert.sql
	sqlChallengersInsert string
	//go:embed sql/conflict_holders_lock.sql
	sqlConflictHoldersLock string
	//go:embed sql/conflict_placeholders_lock.sql
	sqlConflictPlaceholdersLock string
	//go:embed sql/conflicts_lock.sql
	sqlConflictsLock string
	//go:embed sql/challengers_read.sql
	sqlChallengersRead string
	//go:embed sql/conflict_resolve.sql
	sqlConflictResolve string
	//go:embed sql/challengers_resolve.sql
	sqlChallengersResolve string
	//go:embed sql/checks_resolve.sql
	sqlChecksResolve string
)

// Conflict is a number that was asked for and is claimed.
type Conflict struct {
	ID seriald.ID
	// Holder has no ClaimID; its EventID is set if its SerialID is not.
	Holder      Holder
	Canonical   string // the number as compared
	CreatedAt   time.Time
	Challengers []Challenger // the first that came first
	// Resolution is "" as long as the conflict is open, and the others are zero.
	Resolution    seriald.Resolution
	Reason        string
	ResolvedBy    string
	ResolvedEvent seriald.EventID
	ResolvedAt    time.Time
}

// Challenger is an event that asked for a number that is claimed.
type Challenger struct {
	ID          seriald.ID
	EventID     seriald.EventID
	EventType   seriald.EventType
	PerformedBy string
	PartID      string
	Number      string          // as it was asked for
	Scopes      []seriald.Scope // in which it is claimed
	// Serial is what the number was for: a serial without an ID and a status; nil if
	// there was none to be made.
	Serial        *seriald.Serial
	PlaceholderID seriald.ID // that would have got it; zero if none
	SerialID      seriald.ID // that the resolution made of it; zero if none
	CreatedAt     time.Time
}

// ChallengerRow is a challenger on its way into the conflict with a holder; if none is
// open, into a new one with ConflictID.
type ChallengerRow struct {
	ConflictID seriald.ID
	Holder     Holder
	Canonical  string
	Challenger
}

// ConflictResolution is the end of a conflict.
type ConflictResolution struct {
	ConflictID  seriald.ID
	Resolution  seriald.Resolution
	Reason      string
	PerformedBy string
	EventID     seriald.EventID
	// Serials are those that were made of challengers, by these.
	Serials map[seriald.ID]seriald.ID
}

// ConflictRefs names conflicts by their ids, and by their numbers as compared.
type ConflictRefs struct {
	IDs       []seriald.ID
	Canonical []string
}

func (r *ConflictRefs) empty() bool { return len(r.IDs) == 0 && len(r.Canonical) == 0 }

// GiveRow is a claim that a holder gives up.
type GiveRow struct {
	seriald.Claim // its scope, key and canonical form
	Holder        Holder
}

// Adoption is a serial that takes over what was registered by an event.
type Adoption struct {
	EventID    seriald.EventID
	Registered string // the number as it was registered
	SerialID   seriald.ID
	Number     string
}

// Give gives up claims, if they are still their holders', so that they can be claimed
// anew.
func (b *Batch) Give(ctx context.Context, rows []GiveRow) error {
	n := len(rows)
	serials, text := make([][16]byte, n), texts(4, n)
	for i := range rows {
		r := &rows[i]
		serials[i] = r.Holder.SerialID
		text.set(i, string(r.Scope), r.ScopeKey, r.Canonical, string(r.Holder.EventID))
	}
	_, err := b.conn.Exec(ctx, sqlClaimsGive, text[0], text[1], text[2], serials, text[3], b.at)
	return translate("give claims", err)
}

// Adopt makes serials the holders of what was registered without a unit. The error is
// [ErrRepeat] if somebody else has taken it over.
func (b *Batch) Adopt(ctx context.Context, rows []Adoption) error {
	n := len(rows)
	serials, text := make([][16]byte, n), texts(3, n)
	for i := range rows {
		r := &rows[i]
		serials[i] = r.SerialID
		text.set(i, string(r.EventID), r.Registered, r.Number)
	}
	var pipe pgx.Batch
	var events []string
	pipe.Queue(sqlClaimsAdopt, text[0], text[1], serials, text[2]).Query(func(found pgx.Rows) (err error) {
		events, err = pgx.CollectRows(found, pgx.RowTo[string])
		return err
	})
	pipe.Queue(sqlConflictsAdopt, text[0], serials)
	if err := b.conn.SendBatch(ctx, &pipe).Close(); err != nil {
		return translate("adopt claims", err)
	}
	for i := range rows {
		if !slices.Contains(events, string(rows[i].EventID)) {
			return fmt.Errorf("adopt claims: %w: the number was taken over meanwhile", ErrRepeat)
		}
	}
	return nil
}

// registeredPrefix is in front of the event that registered a number, where the holder
// of a number is named.
const registeredPrefix = "registered:"

// key names a holder over all its claims.
func (h *Holder) key() string {
	if h.SerialID.IsZero() {
		return registeredPrefix + string(h.EventID)
	}
	return h.SerialID.String()
}

func (b *Batch) queueChallengers(pipe *pgx.Batch, rows []ChallengerRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	conflicts, holders, holderText := make([][16]byte, n), make([][16]byte, n), texts(5, n)
	ids, triggers, placeholders, text := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n), texts(17, n)
	for i := range rows {
		r := &rows[i]
		conflicts[i], holders[i] = r.ConflictID, r.Holder.SerialID
		registered := r.Holder.EventID
		if !r.Holder.SerialID.IsZero() {
			registered = ""
		}
		holderText.set(i, r.Holder.key(), string(registered), r.Holder.PartID, cmp.Or(r.Holder.Number, r.Number), r.Canonical)
		s := r.Serial
		if s == nil {
			s = &seriald.Serial{}
		}
		scopes := make([]string, len(r.Scopes))
		for j, scope := range r.Scopes {
			scopes[j] = string(scope)
		}
		ids[i], triggers[i], placeholders[i] = r.ID, s.TriggerID, r.PlaceholderID
		text.set(i, r.Holder.key(), string(r.EventID), string(r.EventType), r.PerformedBy, r.PartID, r.Number, strings.Join(scopes, ","), string(s.Source),
			s.SiteID, s.VendorName, s.ReceivedDate, s.WorkOrderID, s.LotNumber, s.OperationCode, s.Line, s.Device, string(s.Attributes))
	}
	pipe.Queue(sqlConflictsOpen, conflicts, holderText[0], holders, holderText[1], holderText[2], holderText[3], holderText[4], b.at, ids)
	pipe.Queue(sqlChallengersInsert, ids, text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8],
		text[9], text[10], text[11], text[12], text[13], text[14], text[15], text[16], triggers, placeholders, b.at)
}

func (b *Batch) queueResolution(pipe *pgx.Batch, r *ConflictResolution) {
	pipe.Queue(sqlConflictResolve, [16]byte(r.ConflictID), string(r.Resolution), r.Reason, r.PerformedBy, string(r.EventID), b.at)
	pipe.Queue(sqlChecksResolve, [16]byte(r.ConflictID), b.at)
	if len(r.Serials) > 0 {
		var challengers, serials [][16]byte
		for challenger, serial := range r.Serials {
			challengers, serials = append(challengers, challenger), append(serials, serial)
		}
		pipe.Queue(sqlChallengersResolve, challengers, serials)
	}
}

// queue adds the statements that read the conflicts that r names, with what they are
// about.
func (r *ConflictRefs) queue(pipe *pgx.Batch, found *Found) {
	ids := rawIDs(r.IDs)
	pipe.Queue(sqlConflictHoldersLock, ids, r.Canonical).Query(found.readSerials)
	pipe.Queue(sqlConflictPlaceholdersLock, ids, r.Canonical).Query(found.readPlaceholders)
	pipe.Queue(sqlConflictsLock, ids, r.Canonical).Query(func(rows pgx.Rows) (err error) {
		found.Conflicts, err = readConflicts(rows)
		return err
	})
	pipe.Queue(sqlChallengersRead, ids, r.Canonical).Query(func(rows pgx.Rows) error { return readChallengers(rows, found.Conflicts) })
}

func readConflicts(rows pgx.Rows) ([]*Conflict, error) {
	var all []*Conflict
	var c Conflict
	var status string // the resolution says as much
	var resolvedAt *time.Time
	h := &c.Holder
	_, err := pgx.ForEachRow(rows, []any{
		(*[16]byte)(&c.ID), &status, (*[16]byte)(&h.SerialID), &h.EventID, &h.PartID, &h.Number, &c.Canonical, &c.CreatedAt,
		&c.Resolution, &c.Reason, &c.ResolvedBy, &c.ResolvedEvent, &resolvedAt,
	}, func() error {
		read := c
		read.CreatedAt, read.ResolvedAt = c.CreatedAt.UTC(), utcOrZero(resolvedAt)
		all = append(all, &read)
		return nil
	})
	return all, err
}

// readChallengers adds challengers to their conflicts.
func readChallengers(rows pgx.Rows, conflicts []*Conflict) error {
	of := make(map[seriald.ID]*Conflict, len(conflicts))
	for _, c := range conflicts {
		of[c.ID] = c
	}
	var conflict seriald.ID
	var h Challenger
	var s seriald.Serial
	var scopes string
	_, err := pgx.ForEachRow(rows, []any{
		(*[16]byte)(&conflict), (*[16]byte)(&h.ID), &h.EventID, &h.EventType, &h.PerformedBy, &h.PartID, &h.Number, &scopes,
		&s.Source, &s.SiteID, &s.VendorName, &s.ReceivedDate, &s.WorkOrderID, &s.LotNumber, &s.OperationCode, &s.Line, &s.Device, &s.Attributes,
		(*[16]byte)(&s.TriggerID), (*[16]byte)(&h.PlaceholderID), (*[16]byte)(&h.SerialID), &h.CreatedAt,
	}, func() error {
		read := h
		read.CreatedAt = h.CreatedAt.UTC()
		for scope := range strings.SplitSeq(scopes, ",") {
			read.Scopes = append(read.Scopes, seriald.Scope(scope))
		}
		if s.Source != "" {
			serial := s
			serial.PartID, serial.Number, serial.Attributes = h.PartID, h.Number, slices.Clone(s.Attributes)
			read.Serial = &serial
		}
		if c := of[conflict]; c != nil {
			c.Challengers = append(c.Challengers, read)
		}
		return nil
	})
	return err
}
