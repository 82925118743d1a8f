package processors

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// Reclaim finds site and vendor of a holder in its claims.
func (l *ledger) Reclaim(ctx context.Context, partID string, eventID seriald.EventID, of func(*store.NumberHolder) []seriald.Claim, most int) (
	first []store.Collision, collisions int, err error,
) {
	holders := map[string]*store.NumberHolder{}
	for _, c := range l.claims {
		if c.PartID != partID {
			continue
		}
		key := c.SerialID.String()
		if c.SerialID.IsZero() {
			key = fmt.Sprint(c.EventID, c.Scope)
		}
		h := holders[key]
		if h == nil {
			h = &store.NumberHolder{Serial: seriald.Serial{ID: c.SerialID, Number: c.Number, PartID: partID}}
			holders[key] = h
		}
		if c.SerialID.IsZero() {
			h.Registered, h.EventID = seriald.Claim{Scope: c.Scope, ScopeKey: c.ScopeKey}, c.EventID
		}
		switch c.Scope {
		case seriald.ScopeSite:
			h.Serial.SiteID = c.ScopeKey
		case seriald.ScopeVendor:
			h.Serial.Source = seriald.SourceVendor
			h.Serial.VendorName, _, _ = strings.Cut(c.ScopeKey, "\x1f")
		}
	}
	var rows []store.ClaimRow
	for _, key := range slices.Sorted(maps.Keys(holders)) {
		h := holders[key]
		by := eventID
		if h.Serial.ID.IsZero() {
			by = h.EventID
		}
		for _, c := range of(h) {
			rows = append(rows, store.ClaimRow{EventID: by, Claim: c})
		}
	}
	lost, err := l.Claim(ctx, rows)
	for i := range rows {
		h, isLost := lost[i]
		if !isLost || h.SerialID == rows[i].SerialID && (!h.SerialID.IsZero() || h.EventID == rows[i].EventID) {
			continue
		}
		if collisions++; len(first) < most {
			first = append(first, store.Collision{ClaimRow: rows[i], Holder: h})
		}
	}
	return first, collisions, err
}

func TestSamePolicy(t *testing.T) {
	t.Parallel()
	part := func(change func(*seriald.Part)) *seriald.Part {
		p := &seriald.Part{
			ID: "P", Type: "T", UniquenessScopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}, VendorScopes: []seriald.Scope{seriald.ScopeVendor},
		}
		change(p)
		return p
	}
	before := part(func(*seriald.Part) {})
	for name, tt := range map[string]struct {
		change func(*seriald.Part)
		same   bool
	}{
		"nothing":              {func(*seriald.Part) {}, true},
		"the name":             {func(p *seriald.Part) { p.Name, p.GTIN = "N", "09506000134352" }, true},
		"the order of scopes":  {func(p *seriald.Part) { slices.Reverse(p.UniquenessScopes) }, true},
		"a length":             {func(p *seriald.Part) { p.Rule.MaxLength = 9 }, true},
		"the family":           {func(p *seriald.Part) { p.Type = "U" }, false},
		"the case":             {func(p *seriald.Part) { p.Rule.Fold = true }, false},
		"a scope":              {func(p *seriald.Part) { p.UniquenessScopes[0] = seriald.ScopeEnterprise }, false},
		"a scope of vendors'":  {func(p *seriald.Part) { p.VendorScopes = append(p.VendorScopes, seriald.ScopeSite) }, false},
		"a scope less, of two": {func(p *seriald.Part) { p.UniquenessScopes = p.UniquenessScopes[:1] }, false},
	} {
		if got := samePolicy(before, part(tt.change)); got != tt.same {
			t.Errorf("%s: same is %v", name, got)
		}
	}
}

// A policy is changed if what was claimed so far can be claimed by it, and that is then
// claimed; else nothing is changed, and it is told what would meet.
func TestPolicyChange(t *testing.T) {
	t.Parallel()
	at := func(site string, e sent) sent { e.site = site; return e }
	for name, tt := range map[string]struct {
		front []sent
		put   string
		want  string
		then  sent
		told  string
	}{
		"wider": {
			front: []sent{event(seriald.TypePlaceholderCreate, `{"partId":"LOCAL"}`), event(seriald.TypePlaceholderAssign, `{"partId":"LOCAL","serialNumber":"Q1"}`)},
			put:   `{"partId":"LOCAL","partType":"LOCAL","uniquenessScopes":["SITE","ENTERPRISE"],"vendorScopes":["SITE"]}`,
			want:  "rejected INVALID_STATE partId", // N5 is at two sites
		},
		"wider, without what meets": {
			front: []sent{event(seriald.TypeSerialGenerate, `{"partId":"LATE"}`)},
			put:   `{"partId":"LATE","partType":"HOUSING","formatConfigId":"late","uniquenessScopes":["SITE","ENTERPRISE"]}`,
			want:  "accepted",
			then:  at("plant2", event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"L0001","scope":["ENTERPRISE"]}`)),
			told:  "conflict DUPLICATE_SERIAL | L0001 of LATE | conflict",
		},
		"folded": {
			front: []sent{event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"Ab"}`)},
			put:   `{"partId":"SPARE","partType":"SPARE","numberRule":{"case":"fold"}}`,
			want:  "accepted",
			then:  event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"aB"}`),
			told:  "conflict DUPLICATE_SERIAL | aB of SPARE | conflict",
		},
		"folded, and two would be one": {
			front: []sent{event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"Ab"}`), event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"aB"}`)},
			put:   `{"partId":"SPARE","partType":"SPARE","numberRule":{"case":"fold"}}`,
			want:  "rejected INVALID_STATE partId",
			then:  event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"AB"}`),
			told:  "accepted",
		},
		"into a family that has the number": {
			front: []sent{event(seriald.TypeSerialGenerate, `{"partId":"MADE"}`), at("plant2", event(seriald.TypeUniquenessRegister, `{"partId":"SPARE","serialNumber":"M0001"}`))},
			put:   `{"partId":"SPARE","partType":"WIDGET"}`,
			want:  "rejected INVALID_STATE partId",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, names := plant(t)
			r := row{front: tt.front, sent: event(seriald.TypePartPut, tt.put)}
			answers := db.answer(t, r.items(names)...)
			if got := told(&answers[len(tt.front)]); got != tt.want {
				t.Errorf("got %s, want %s: %s", got, tt.want, answers[len(tt.front)].outcome.Message)
			}
			if tt.told == "" {
				return
			}
			it := newItem(tt.then.typ, tt.then.fields)
			it.event.ID = "then"
			if tt.then.site != "" {
				it.atSite(tt.then.site)
			}
			if last := db.answer(t, it)[0]; told(&last) != tt.told {
				t.Errorf("then: got %s, want %s", told(&last), tt.told)
			}
		})
	}
}
