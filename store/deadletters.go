package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/dead_letters_insert.sql
	sqlDeadLettersInsert string
	//go:embed sql/dead_letters_list.sql
	sqlDeadLettersList string
	//go:embed sql/dead_letters_count.sql
	sqlDeadLettersCount string
	//go:embed sql/dead_letters_waiting.sql
	sqlDeadLettersWaiting string
	//go:embed sql/dead_letter_read.sql
	sqlDeadLetterRead string
	//go:embed sql/dead_letter_replayed.sql
	sqlDeadLetterReplayed string
)

// DeadLetter is a message that could not be understood or processed. Its texts
// must be such as the database takes: valid UTF-8 without NUL.
type DeadLetter struct {
	ID         seriald.ID
	Reason     string
	Detail     string
	Origin     string // the MQTT topic or NATS subject it came on
	EventID    seriald.EventID
	Payload    []byte
	Size       int64 // bytes the message had; more than Payload has if that is cut
	Headers    map[string][]string
	ReceivedAt time.Time
	ReplayedAt *time.Time // nil if it was not replayed; not written by recording
}

// RecordDeadLetters stores letters, in one statement. One that is there already
// is left as it is. It returns the reasons of those that were not.
func (db *DB) RecordDeadLetters(ctx context.Context, letters []DeadLetter) (reasons []string, err error) {
	defer db.metrics.observe("dead_letters")()
	n := len(letters)
	ids, payloads, sizes, receivedAt := make([][16]byte, n), make([][]byte, n), make([]int64, n), make([]time.Time, n)
	text := texts(5, n)
	for i := range letters {
		l := &letters[i]
		headers := []byte("{}")
		if len(l.Headers) > 0 {
			if headers, err = json.Marshal(l.Headers); err != nil {
				return nil, translate("encode headers", err) // strings always encode
			}
		}
		ids[i], payloads[i], sizes[i], receivedAt[i] = l.ID, l.Payload, l.Size, l.ReceivedAt
		if l.Payload == nil {
			payloads[i] = []byte{} // nil would be NULL
		}
		text.set(i, l.Reason, l.Detail, l.Origin, string(l.EventID), string(headers))
	}
	rows, err := db.pool.Query(ctx, sqlDeadLettersInsert, ids, text[0], text[1], text[2], text[3], payloads, sizes, text[4], receivedAt)
	if err != nil {
		return nil, translate("record dead letters", err)
	}
	reasons, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return reasons, translate("record dead letters", err)
}

// DeadLetterSummary is a dead letter without its bytes, as lists show it.
type DeadLetterSummary struct {
	ID         seriald.ID      `json:"id"`
	Reason     string          `json:"reason"`
	Detail     string          `json:"detail"`
	Origin     string          `json:"origin"`
	EventID    seriald.EventID `json:"eventId,omitempty"`
	Kept       int64           `json:"kept"` // bytes that are kept of it; less than Size if it was cut
	Size       int64           `json:"size"`
	ReceivedAt time.Time       `json:"receivedAt"`
	ReplayedAt *time.Time      `json:"replayedAt"`
}

// LetterPlace is the place of a dead letter in the order of lists, the latest first.
type LetterPlace struct {
	ReceivedAt time.Time  `json:"receivedAt"`
	ID         seriald.ID `json:"id"`
}

// DeadLetters lists up to limit letters, the latest first: of reason, "" for all
// reasons; those that were replayed only if replayed is set; and only those behind
// before, unless that is zero. The error is [ErrTooBroad] if they could not be found in
// five seconds.
func (db *DB) DeadLetters(ctx context.Context, reason string, replayed bool, before LetterPlace, limit int) (letters []DeadLetterSummary, err error) {
	defer db.metrics.observe("dead_letters")()
	err = db.readPlanned(ctx, "list dead letters", func(pipe *pgx.Batch) {
		pipe.Queue(sqlDeadLettersList, reason, replayed, timeOrNull(before.ReceivedAt), [16]byte(before.ID), limit).Query(func(rows pgx.Rows) (err error) {
			letters, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l DeadLetterSummary, err error) {
				err = row.Scan((*[16]byte)(&l.ID), &l.Reason, &l.Detail, &l.Origin, &l.EventID, &l.Kept, &l.Size, &l.ReceivedAt, &l.ReplayedAt)
				return l, err
			})
			return err
		})
	})
	return letters, err
}

// CountDeadLetters returns how many letters there are that [DB.DeadLetters] would list,
// counted up to most.
func (db *DB) CountDeadLetters(ctx context.Context, reason string, replayed bool, most int) (int, error) {
	defer db.metrics.observe("dead_letters")()
	return db.count(ctx, "count dead letters", sqlDeadLettersCount, reason, replayed, most)
}

// WaitingDeadLetters returns the ids of up to limit letters of reason that were
// not replayed, the oldest first.
func (db *DB) WaitingDeadLetters(ctx context.Context, reason string, limit int) ([]seriald.ID, error) {
	rows, err := db.pool.Query(ctx, sqlDeadLettersWaiting, reason, limit)
	if err != nil {
		return nil, translate("list dead letters", err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id seriald.ID, err error) {
		err = row.Scan((*[16]byte)(&id))
		return id, err
	})
	return ids, translate("list dead letters", err)
}

// DeadLetter returns a letter, [ErrNotFound] if there is none with this id.
func (db *DB) DeadLetter(ctx context.Context, id seriald.ID) (*DeadLetter, error) {
	l := &DeadLetter{}
	err := db.pool.QueryRow(ctx, sqlDeadLetterRead, [16]byte(id)).Scan((*[16]byte)(&l.ID), &l.Reason, &l.Detail, &l.Origin,
		&l.EventID, &l.Payload, &l.Size, &l.Headers, &l.ReceivedAt, &l.ReplayedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, translate("read dead letter", err)
	}
	return l, nil
}

// MarkReplayed notes that a letter was published again at.
func (db *DB) MarkReplayed(ctx context.Context, id seriald.ID, at time.Time) error {
	_, err := db.pool.Exec(ctx, sqlDeadLetterReplayed, [16]byte(id), at)
	return translate("mark dead letter", err)
}
