package processors

import (
	"context"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// maxRenumber is how often a number of ours that is taken is replaced by
// another. The counter jumps twice as far each time, so that a block of a
// million registered numbers is passed.
const maxRenumber = 20

// claim takes the claims of all decisions and turns the losers into conflicts.
//
// An event has all its claims or none. One that loses gives back what it has;
// those that had lost to it then try again. A number of ours that is taken is
// no conflict: nobody asked for just this number, so it gets the next one.
func (p *processor) claim(ctx context.Context, tx *store.Batch, decisions []*decision, st *state) error {
	var pending []store.ClaimRow
	for _, d := range decisions {
		d.claimAll(st)
		pending = append(pending, d.claims...)
	}
	var book *claimBook
	for round := 0; len(pending) > 0; round++ {
		lost, err := tx.Claim(ctx, pending)
		if err != nil {
			return err
		}
		if len(lost) == 0 {
			return nil
		}
		if book == nil {
			book = newClaimBook(decisions, st)
		}
		renumber := book.settle(pending, lost, round < maxRenumber)
		if err := p.renumber(ctx, book, renumber, round); err != nil {
			return err
		}
		if len(book.giveBack) > 0 {
			if err := tx.Unclaim(ctx, book.giveBack); err != nil {
				return err
			}
		}
		pending = book.retries()
	}
	return nil
}

// claimBook keeps who has which claim while losers are settled. It is made only
// when a claim is lost.
type claimBook struct {
	st       *state
	owner    map[seriald.ID]*decision // by claim
	numbered map[seriald.ID]numbered  // by serial: those of ours
	undone   map[*decision]bool       // lost, and gave back what they had
	giveBack []seriald.ID             // claims, in this round
	again    []store.ClaimRow         // to be tried in the next round
}

// numbered is a serial of ours with what its number was made from.
type numbered struct {
	serial *seriald.Serial
	run    *run
	owner  *decision
}

func newClaimBook(decisions []*decision, st *state) *claimBook {
	b := &claimBook{
		st: st, owner: map[seriald.ID]*decision{}, numbered: map[seriald.ID]numbered{}, undone: map[*decision]bool{},
	}
	for _, d := range decisions {
		for _, c := range d.claims {
			b.owner[c.ID] = d
		}
		for i := range d.runs {
			for _, s := range d.runs[i].serials {
				b.numbered[s.ID] = numbered{s, &d.runs[i], d}
			}
		}
	}
	return b
}

// settle decides about the claims of one round that were lost, in the order of
// their events. It returns the serials of ours that need another number; if
// mayRenumber is false these become conflicts like the rest.
func (b *claimBook) settle(pending []store.ClaimRow, lost map[int]store.Holder, mayRenumber bool) []numbered {
	b.giveBack, b.again = nil, nil
	type loser struct {
		decision *decision
		rows     []store.ClaimRow
		holder   store.Holder
	}
	var losers []*loser
	losing := map[*decision]*loser{}
	var renumber []numbered
	if mayRenumber {
		renumber = b.lostOfOurs(pending, lost)
	}
	// open are the events that this round does not end for: they give something
	// back, or wait for one that does. Who loses to one of them waits, too: it may
	// yet give back what it has.
	open := map[*decision]bool{}
	for _, n := range renumber {
		open[n.owner] = true
	}
	for i, row := range pending {
		holder, isLost := lost[i]
		if _, ours := b.numbered[row.SerialID]; !isLost || ours && mayRenumber {
			continue
		}
		owner := b.owner[row.ID]
		if h := b.owner[holder.ClaimID]; h != nil && open[h] {
			b.again = append(b.again, row)
			open[owner] = true
			continue
		}
		l := losing[owner]
		if l == nil {
			l = &loser{decision: owner, holder: holder}
			losing[owner], open[owner] = l, true
			losers = append(losers, l)
		}
		l.rows = append(l.rows, row)
	}
	for _, l := range losers {
		b.undo(l.decision)
		l.decision.conflict(b.st, l.rows, l.holder)
	}
	return renumber
}

// lostOfOurs returns the serials of ours that lost a claim, each once.
func (b *claimBook) lostOfOurs(pending []store.ClaimRow, lost map[int]store.Holder) []numbered {
	var all []numbered
	seen := map[seriald.ID]bool{}
	for i, row := range pending {
		n, ours := b.numbered[row.SerialID]
		if _, isLost := lost[i]; isLost && ours && !seen[row.SerialID] {
			seen[row.SerialID] = true
			all = append(all, n)
		}
	}
	return all
}

// undo gives back all that d has claimed.
func (b *claimBook) undo(d *decision) {
	b.undone[d] = true
	for _, c := range d.claims {
		b.giveBack = append(b.giveBack, c.ID)
	}
}

// retries returns what is to be tried again, without the claims of events that
// lost meanwhile.
func (b *claimBook) retries() []store.ClaimRow {
	kept := b.again[:0]
	for _, row := range b.again {
		if !b.undone[b.owner[row.ID]] {
			kept = append(kept, row)
		}
	}
	return kept
}

// renumber gives each of serials the last value of a block of its counter; the
// blocks double with each round.
func (p *processor) renumber(ctx context.Context, b *claimBook, serials []numbered, round int) error {
	if len(serials) == 0 {
		return nil
	}
	jump := int64(1) << round
	takes := map[store.Counter]int64{}
	for _, n := range serials {
		takes[n.run.counter] += jump
	}
	next, err := p.db.TakeCounters(ctx, takes)
	if err != nil {
		return err
	}
	for _, n := range serials {
		next[n.run.counter] += jump
		if b.undone[n.owner] {
			continue
		}
		if err := n.run.numberOne(b.st, n.serial, next[n.run.counter]-1); err != nil {
			rejection := exhausted(n.run, err)
			b.undo(n.owner)
			n.owner.refuse(b.st, rejection)
			continue
		}
		b.reclaim(n)
	}
	return nil
}

// reclaim exchanges the claims of a serial for those of its new number.
func (b *claimBook) reclaim(n numbered) {
	kept := n.owner.claims[:0]
	for _, c := range n.owner.claims {
		if c.SerialID == n.serial.ID {
			b.giveBack = append(b.giveBack, c.ID)
		} else {
			kept = append(kept, c)
		}
	}
	rows := claimRows(n.serial, b.st)
	for _, row := range rows {
		b.owner[row.ID] = n.owner
	}
	n.owner.claims = append(kept, rows...)
	b.again = append(b.again, rows...)
}
