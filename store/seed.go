package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/seed_site.sql
	sqlSeedSite string
	//go:embed sql/seed_format.sql
	sqlSeedFormat string
	//go:embed sql/seed_part.sql
	sqlSeedPart string
	//go:embed sql/seed_trigger.sql
	sqlSeedTrigger string
	//go:embed sql/seed_audit.sql
	sqlSeedAudit string
)

// seedFormats are the pattern templates of a new installation.
var seedFormats = []struct{ id, name, pattern, reset, scope string }{
	{"default", "Date and daily sequence", "TST-{YYYY}{MM}{DD}-{SEQ:6}", "daily", "FORMAT"},
	{"yearly", "Year and yearly sequence", "SN{YY}-{SEQ:8}", "yearly", "FORMAT"},
	{"weekly", "ISO week and weekly sequence", "{GGGG}W{WW}-{SEQ:5}", "weekly", "FORMAT"},
	{"date-luhn", "Digits: date, daily sequence, Luhn check", "{YYYY}{MM}{DD}{SEQ:6}{CHECK:luhn}", "daily", "FORMAT"},
	// Twelve digits without a zero in front, below 2^38: they fit into an SGTIN-96.
	{"gs1-sgtin", "GS1 serial for AI (21) and SGTIN-96, unguessable", "1{SERIAL_RANDOM:11}", "never", "FORMAT"},
	{"automotive", "17 characters like a VIN, without I, O and Q", "MSH1ABC{YYYY}{SEQ:6}", "yearly", "FORMAT"},
	{"aerospace", "Day of the year and daily sequence", "AERO{YYYY}{DDD}-{SEQ:5}", "daily", "FORMAT"},
	{"medical-udi", "UDI production identifier with ISO 7064 check", "MD{YYYY}{MM}{SEQ:8}{CHECK:iso7064-37-36}", "monthly", "FORMAT"},
	{"electronics", "ISO week and weekly sequence in base 36", "E{GGGG}{WW}{SEQ:6:36}", "weekly", "FORMAT"},
}

// demo is the plant that a first embedded start has to try things with.
var demo = struct {
	site  struct{ id, name, zone string }
	parts []struct{ id, name, family, gtin, format string }
	rules []struct{ part, trigger, operation, assignment string }
}{
	site: struct{ id, name, zone string }{"plant1", "Demo plant", "UTC"},
	parts: []struct{ id, name, family, gtin, format string }{
		{"PART-001", "Widget, made here", "WIDGET", "09506000134352", "default"}, // the number GS1 gives in examples
		{"PART-002", "Bearing, bought", "WIDGET", "", "default"},
		{"PART-003", "Housing, serialized late", "WIDGET", "", "default"},
	},
	rules: []struct{ part, trigger, operation, assignment string }{
		{"PART-001", "OPERATION_COMPLETE", "OP-010", "SYSTEM_GENERATED"},
		{"PART-002", "MATERIAL_RECEIPT", "", "VENDOR"},
		{"PART-003", "WORK_ORDER_CREATE", "", "LATE_ASSIGNMENT"},
	},
}

// Seed adds the pattern templates and, if withDemo is set, the demo plant. What
// is there already stays as it is. It returns how many rows it added.
func (db *DB) Seed(ctx context.Context, withDemo bool) (added int, err error) {
	// The seed writes audit events, which need their month.
	if err := db.EnsureAuditMonths(ctx, time.Now()); err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		seed := func(what, id, sql string, args ...any) error {
			tag, err := tx.Exec(ctx, sql, args...)
			if err != nil {
				return fmt.Errorf("%s %s: %w", what, id, err)
			}
			if tag.RowsAffected() == 0 {
				return nil
			}
			added++
			change, err := json.Marshal(map[string]string{"kind": what, "id": id})
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, sqlSeedAudit, uuid.Must(uuid.NewV7()), "seed", string(change))
			return err
		}
		for _, f := range seedFormats {
			if err := seed("format", f.id, sqlSeedFormat, f.id, f.name, f.pattern, f.reset, f.scope); err != nil {
				return err
			}
		}
		if !withDemo {
			return nil
		}
		if err := seed("site", demo.site.id, sqlSeedSite, demo.site.id, demo.site.name, demo.site.zone); err != nil {
			return err
		}
		for _, p := range demo.parts {
			if err := seed("part", p.id, sqlSeedPart, p.id, p.name, p.family, p.gtin, p.format); err != nil {
				return err
			}
		}
		for _, r := range demo.rules {
			id := seriald.ID(uuid.Must(uuid.NewV7()))
			if err := seed("trigger", r.part, sqlSeedTrigger, [16]byte(id), r.part, r.trigger, r.operation, r.assignment); err != nil {
				return err
			}
		}
		return nil
	})
	return added, translate("seed", err)
}
