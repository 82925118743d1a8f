package processors

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// claimKey is what the unique index judges.
type claimKey struct {
	scope          seriald.Scope
	key, canonical string
}

func keyOfClaim(c *seriald.Claim) claimKey { return claimKey{c.Scope, c.ScopeKey, c.Canonical} }

// facts are what was learned of the outcome of a batch after it had been decided: it
// is then decided again by them. They only grow, so that it comes to an end.
type facts struct {
	held  map[claimKey]store.Holder // claims that somebody else has
	fates map[*item]error           // what becomes of an event, whatever it asks for
}

func newFacts() *facts {
	return &facts{held: map[claimKey]store.Holder{}, fates: map[*item]error{}}
}

// world is what the rules know of serials, placeholders and claims: what was read,
// and what the events in front of the batch have made of it. It is theirs to change.
type world struct {
	serials map[seriald.ID]*seriald.Serial
	numbers map[string][]*seriald.Serial // those whose numbers are known
	linked  map[seriald.ID]seriald.ID    // vendor serials, by the serial of ours
	// placeholders are all; pending are those that waited when the batch began or
	// were made in it, of each part the oldest first.
	placeholders map[seriald.ID]*seriald.Placeholder
	pending      map[string][]*seriald.Placeholder
	claims       map[seriald.ID][]claimKey // of serials that were read to be changed
	held         map[claimKey]store.Holder
	made         map[seriald.ID]bool // serials and placeholders of this batch
	freed        map[claimKey]bool   // claims that were made and given up in this batch
	runs         []*run              // of serials whose numbers are not known yet
	// What was read and is changed, in the order in which it was.
	changedSerials      []*seriald.Serial
	changedPlaceholders []*seriald.Placeholder
	released            []*seriald.Serial // that were read, and give up their claims
	releasedMade        []*seriald.Serial // that were made, and give them up
	given               []store.GiveRow   // claims that go to another serial
	adopted             []store.Adoption  // of what was registered without a unit
	moved               []claimKey        // that have no holder any more, or another

	registered map[seriald.EventID]bool         // events of this batch that registered a number
	heirs      map[seriald.EventID]store.Holder // serials that took over what events registered
	conflicts  []*store.Conflict

	undo []func() // what takes back what the event at hand has changed
}

// newWorld returns the world as it was read, with what is known beside it.
func newWorld(found *store.Found, known *facts) *world {
	w := &world{
		serials: map[seriald.ID]*seriald.Serial{}, numbers: map[string][]*seriald.Serial{}, linked: maps.Clone(found.Linked),
		placeholders: map[seriald.ID]*seriald.Placeholder{}, pending: map[string][]*seriald.Placeholder{},
		claims: map[seriald.ID][]claimKey{}, held: map[claimKey]store.Holder{}, made: map[seriald.ID]bool{}, freed: map[claimKey]bool{},
		registered: map[seriald.EventID]bool{}, heirs: map[seriald.EventID]store.Holder{}, conflicts: found.Conflicts,
	}
	if w.linked == nil {
		w.linked = map[seriald.ID]seriald.ID{}
	}
	for _, read := range found.Serials {
		s := *read
		w.serials[s.ID] = &s
		w.numbers[s.Number] = append(w.numbers[s.Number], &s)
	}
	for i := range found.Claims {
		c := &found.Claims[i]
		w.claims[c.SerialID] = append(w.claims[c.SerialID], keyOfClaim(c))
		// It may be given up in this batch: who asks before that must know.
		if s := w.serials[c.SerialID]; s != nil && s.Status == seriald.SerialPending {
			w.held[keyOfClaim(c)] = holderOf(s)
		}
	}
	maps.Copy(w.held, known.held)
	waiting := slices.SortedFunc(slices.Values(found.Placeholders), func(a, b *seriald.Placeholder) int {
		if at := a.CreatedAt.Compare(b.CreatedAt); at != 0 {
			return at
		}
		return strings.Compare(string(a.ID[:]), string(b.ID[:]))
	})
	for _, read := range waiting {
		p := *read
		w.placeholders[p.ID] = &p
		if p.Status == seriald.PlaceholderPending {
			w.pending[p.PartID] = append(w.pending[p.PartID], &p)
		}
	}
	return w
}

// change notes how to take back a change.
func (w *world) change(undo func()) { w.undo = append(w.undo, undo) }

// back takes back all that the event at hand has changed.
func (w *world) back() {
	for _, undo := range slices.Backward(w.undo) {
		undo()
	}
	w.undo = w.undo[:0]
}

// keep makes what the event at hand has changed final.
func (w *world) keep() { w.undo = w.undo[:0] }

func holderOf(s *seriald.Serial) store.Holder {
	return store.Holder{SerialID: s.ID, PartID: s.PartID, EventID: s.EventID, Number: s.Number}
}

// move notes that a claim is not what others may know of it.
func (w *world) move(key claimKey) {
	w.moved = append(w.moved, key)
	w.change(func() { w.moved = w.moved[:len(w.moved)-1] })
}

// hold makes h the holder of a claim.
func (w *world) hold(key claimKey, h store.Holder) {
	before, held := w.held[key]
	w.held[key] = h
	w.change(func() {
		if delete(w.held, key); held {
			w.held[key] = before
		}
	})
}

// take takes claims for a holder. What was registered without a unit goes to the first
// serial of its part. It returns the claims that have to be made; or those that were not
// to be had, with the holder of the first: then none are taken.
func (w *world) take(claims []store.ClaimRow, by store.Holder) (free, lost []store.ClaimRow, holder store.Holder, err error) {
	var adopted []store.Adoption
	for i := range claims {
		key := keyOfClaim(&claims[i].Claim)
		h, held := w.held[key]
		heir, inherited := w.heirs[h.EventID]
		if inherited = inherited && h.SerialID.IsZero(); inherited {
			h = heir // of all that was registered, also in scopes of which it did not ask
		}
		switch {
		case w.freed[key], inherited && w.serials[heir.SerialID].Status == seriald.SerialRejected:
			return nil, nil, holder, errLater
		case !held:
			free = append(free, claims[i])
		case h.SerialID.IsZero() && !by.SerialID.IsZero() && h.PartID == by.PartID:
			if w.registered[h.EventID] {
				return nil, nil, holder, errLater
			}
			if !slices.ContainsFunc(adopted, func(a store.Adoption) bool { return a.EventID == h.EventID }) {
				adopted = append(adopted, store.Adoption{EventID: h.EventID, Registered: h.Number, SerialID: by.SerialID, Number: by.Number})
			}
		default:
			if len(lost) == 0 {
				holder = h
			}
			lost = append(lost, claims[i])
		}
	}
	if len(lost) > 0 {
		return nil, lost, holder, nil
	}
	for i := range claims {
		w.hold(keyOfClaim(&claims[i].Claim), by)
	}
	if len(adopted) > 0 {
		for i := range claims {
			w.move(keyOfClaim(&claims[i].Claim))
		}
	}
	for _, a := range adopted {
		w.adopted, w.heirs[a.EventID] = append(w.adopted, a), by
		w.change(func() {
			w.adopted = w.adopted[:len(w.adopted)-1]
			delete(w.heirs, a.EventID)
		})
	}
	return free, nil, holder, nil
}

// addSerial adds a serial that has its number. It returns the claims that it needs, or
// those that were not to be had, with their holder; then it is not there.
func (w *world) addSerial(s *seriald.Serial, st *state) (claims, lost []store.ClaimRow, holder store.Holder, err error) {
	claims, lost, holder, err = w.take(appendClaims(nil, s, st), holderOf(s))
	if err != nil || len(lost) > 0 {
		return nil, lost, holder, err
	}
	w.serials[s.ID], w.made[s.ID] = s, true
	w.numbers[s.Number] = append(w.numbers[s.Number], s)
	w.change(func() {
		delete(w.serials, s.ID)
		delete(w.made, s.ID)
		w.numbers[s.Number] = w.numbers[s.Number][:len(w.numbers[s.Number])-1]
	})
	return claims, nil, holder, nil
}

// addRegistration adds a number without a unit, as addSerial does a serial.
func (w *world) addRegistration(claims []store.ClaimRow, by store.Holder) (free, lost []store.ClaimRow, holder store.Holder, err error) {
	free, lost, holder, err = w.take(claims, by)
	if err == nil && len(lost) == 0 {
		w.registered[by.EventID] = true
		w.change(func() { delete(w.registered, by.EventID) })
	}
	return free, lost, holder, err
}

// give makes a holder give up what claims ask for.
func (w *world) give(claims []store.ClaimRow, from store.Holder) {
	for i := range claims {
		key := keyOfClaim(&claims[i].Claim)
		w.given = append(w.given, store.GiveRow{Claim: claims[i].Claim, Holder: from})
		w.change(func() { w.given = w.given[:len(w.given)-1] })
		w.move(key)
		if h, held := w.held[key]; held && h.SerialID == from.SerialID && (!h.SerialID.IsZero() || h.EventID == from.EventID) {
			delete(w.held, key)
			w.change(func() { w.held[key] = h })
		}
	}
}

// addRun adds serials whose numbers are made when the batch is decided.
func (w *world) addRun(r *run) {
	w.runs = append(w.runs, r)
	w.change(func() { w.runs = w.runs[:len(w.runs)-1] })
}

// setSerial changes a serial by set.
func (w *world) setSerial(s *seriald.Serial, set func()) {
	before := *s
	set()
	w.change(func() { *s = before })
	if !w.made[s.ID] && !slices.Contains(w.changedSerials, s) {
		w.changedSerials = append(w.changedSerials, s)
		w.change(func() { w.changedSerials = w.changedSerials[:len(w.changedSerials)-1] })
	}
}

// release gives up the claims of a serial.
func (w *world) release(s *seriald.Serial, st *state) {
	of := &w.released
	if w.made[s.ID] {
		of = &w.releasedMade
	}
	*of = append(*of, s)
	w.change(func() { *of = (*of)[:len(*of)-1] })
	keys := w.claims[s.ID]
	if w.made[s.ID] {
		for _, c := range claim.Of(s, st.catalog.Parts[s.PartID]) {
			keys = append(keys, keyOfClaim(&c))
		}
	}
	for _, key := range keys {
		w.move(key)
		holder, ok := w.held[key]
		if !ok || holder.SerialID != s.ID {
			continue
		}
		delete(w.held, key)
		w.change(func() { w.held[key] = holder })
		if w.made[s.ID] {
			// The index judges the claim before it is given up: it can't be had
			// twice in one transaction.
			w.freed[key] = true
			w.change(func() { delete(w.freed, key) })
		}
	}
}

// addPlaceholder adds a placeholder, the youngest of its part.
func (w *world) addPlaceholder(p *seriald.Placeholder) {
	w.placeholders[p.ID], w.made[p.ID] = p, true
	w.pending[p.PartID] = append(w.pending[p.PartID], p)
	w.change(func() {
		delete(w.placeholders, p.ID)
		delete(w.made, p.ID)
		w.pending[p.PartID] = w.pending[p.PartID][:len(w.pending[p.PartID])-1]
	})
}

// setPlaceholder changes a placeholder by set, after which it waits no longer.
func (w *world) setPlaceholder(p *seriald.Placeholder, set func()) {
	before := *p
	set()
	w.change(func() { *p = before })
	if !w.made[p.ID] {
		w.changedPlaceholders = append(w.changedPlaceholders, p)
		w.change(func() { w.changedPlaceholders = w.changedPlaceholders[:len(w.changedPlaceholders)-1] })
	}
}

// errLater says that an event can't be decided before what is in front of it in the
// batch is committed. It is then the first of another batch.
var errLater = errors.New("to be decided later")

// serialBy returns the serial that an event means by an id or, if that is zero, by its
// number: of a part, or of any if partID is "". field is the event's field with the
// number, and its id is in the one with Id behind it.
func (w *world) serialBy(id seriald.ID, number, partID, field string) (*seriald.Serial, error) {
	if !id.IsZero() {
		s := w.serials[id]
		if s == nil {
			return nil, seriald.Reject(seriald.CodeSerialNotFound, idField(field), "serial %s is not known", id)
		}
		if partID != "" && s.PartID != partID {
			return nil, seriald.Reject(seriald.CodeValidation, idField(field), "serial %s (%s) is of part %s, not of %s", s.Number, id, s.PartID, partID)
		}
		return s, nil
	}
	number = strings.TrimSpace(number)
	var found []*seriald.Serial
	for _, s := range w.numbers[number] {
		if partID == "" || s.PartID == partID {
			found = append(found, s)
		}
	}
	if w.mayMake(number, partID, found) {
		return nil, errLater
	}
	// What was rejected or retired gives way to what is in use.
	if inUse := only(found, (*seriald.Serial).InUse); len(inUse) > 0 {
		found = inUse
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		for _, s := range found[1:] {
			if s.PartID != found[0].PartID {
				return nil, seriald.Reject(seriald.CodeValidation, "partId",
					"serial %q is one of %s and one of %s: name the partId", number, found[0].PartID, s.PartID)
			}
		}
		return nil, seriald.Reject(seriald.CodeValidation, idField(field), "%d serials of part %s have the number %q: name the id of the one that is meant", len(found), found[0].PartID, number)
	case partID != "":
		return nil, seriald.Reject(seriald.CodeSerialNotFound, field, "serial %q of part %s is not known", number, partID)
	}
	return nil, seriald.Reject(seriald.CodeSerialNotFound, field, "serial %q is not known", number)
}

// idField is the name of the field with the id of what another field has the number
// of.
func idField(field string) string { return strings.TrimSuffix(field, "Number") + "Id" }

func only(all []*seriald.Serial, keep func(*seriald.Serial) bool) []*seriald.Serial {
	var kept []*seriald.Serial
	for _, s := range all {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// mayMake reports whether a serial in front of the batch may get a number, beside those
// that are known to have it. One of ours keeps another of its part from getting it.
func (w *world) mayMake(number, partID string, known []*seriald.Serial) bool {
	return slices.ContainsFunc(w.runs, func(r *run) bool {
		if partID != "" && r.part.ID != partID {
			return false
		}
		wide := slices.ContainsFunc(r.part.UniquenessScopes, func(s seriald.Scope) bool { return s != seriald.ScopeSite })
		excluded := slices.ContainsFunc(known, func(s *seriald.Serial) bool {
			return s.PartID == r.part.ID && s.Source != seriald.SourceVendor && (wide || s.SiteID == r.values.Site)
		})
		return !excluded && r.pattern.Matches(number)
	})
}

// waiting returns the oldest n placeholders of a part that wait, of a work order and a
// lot unless these are "".
func (w *world) waiting(part, workOrder, lot string, n int) []*seriald.Placeholder {
	var found []*seriald.Placeholder
	for _, p := range w.pending[part] {
		if len(found) == n {
			break
		}
		if p.Status == seriald.PlaceholderPending && (workOrder == "" || p.WorkOrderID == workOrder) && (lot == "" || p.LotNumber == lot) {
			found = append(found, p)
		}
	}
	return found
}
