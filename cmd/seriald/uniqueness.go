package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/machshop/seriald/processors"
)

type uniquenessCommand struct {
	Resync uniquenessResync `cmd:"" help:"Rebuild the claims from the serials, and tell what differed."`
}

type uniquenessResync struct {
	DryRun bool `help:"Tell what differs, and change nothing."`
}

// errDiffers is the result of a comparison that leaves something to do.
var errDiffers = errors.New("claims and serials differ: see above")

// Run compares claims and serials. What is left to be done by people makes it fail.
func (c *uniquenessResync) Run(ctx context.Context, s *session) error {
	db, err := openStore(s)
	if err != nil {
		return err
	}
	defer db.Close()
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	mended, left := 0, 0
	serials, err := processors.Resync(ctx, db, c.DryRun, func(d processors.Difference) {
		if mended+left == 0 {
			fmt.Fprintln(w, "CLAIM\tMENDED\tSCOPE\tNUMBER\tPART\tSERIAL\tHELD BY")
		}
		done, holder := "no", "-"
		if d.Mended {
			mended, done = mended+1, "yes"
		} else {
			left++
		}
		if d.Kind == processors.ClaimTaken {
			holder = "a registration of part " + d.Holder.PartID
			if !d.Holder.SerialID.IsZero() {
				holder = d.Holder.SerialID.String() + " of part " + d.Holder.PartID
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Kind, done, d.Claim.Scope, printable(d.Claim.Number, 60), printable(d.Claim.PartID, 60), d.Claim.SerialID, printable(holder, 120))
	})
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.stdout, "%d serials, %d claims mended, %d left\n", serials, mended, left); err != nil {
		return err
	}
	if left > 0 {
		return errDiffers
	}
	return nil
}
