package processors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
	"github.com/machshop/seriald/store"
)

// maxCollisions is how many of the numbers that would meet a refusal names.
const maxCollisions = 10

// samePolicy reports whether numbers of a part claim the same before and after a change.
func samePolicy(before, after *seriald.Part) bool {
	same := func(a, b []seriald.Scope) bool {
		a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
		return slices.Equal(a, b)
	}
	return before.Type == after.Type && before.Rule.Fold == after.Rule.Fold &&
		same(before.UniquenessScopes, after.UniquenessScopes) && same(before.VendorScopes, after.VendorScopes)
}

// reclaim makes what the part has claimed so far claim by its new policy, too. If numbers
// would meet, that is the fate of the event that changes it.
func (n *numbering) reclaim(ctx context.Context, d *decision) (learned bool, err error) {
	part := d.policy
	first, collisions, err := n.claims.Reclaim(ctx, part.ID, d.item.event.ID, func(h *store.NumberHolder) []seriald.Claim {
		return claimsUnder(part, h)
	}, maxCollisions)
	if err != nil {
		return false, err
	}
	if collisions > 0 { // the batch is decided again
		n.known.fates[d.item] = seriald.Reject(seriald.CodeInvalidState, "partId", "%s", describe(first, collisions))
	}
	return collisions > 0, nil
}

// claimsUnder are the claims of a number that is held, under the policy of its part.
func claimsUnder(part *seriald.Part, h *store.NumberHolder) []seriald.Claim {
	if !h.Serial.ID.IsZero() {
		return claim.Of(&h.Serial, part)
	}
	c := h.Registered
	if c.Scope == seriald.ScopePartType {
		c.ScopeKey = part.Type
	}
	c.Canonical, c.Number, c.PartID = claim.Canonical(h.Serial.Number, part.Rule.Fold), h.Serial.Number, part.ID
	return []seriald.Claim{c}
}

// describe says which numbers would meet.
func describe(first []store.Collision, collisions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "numbers would meet (%d), and nothing was changed: ", collisions)
	for i, c := range first {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%.60q in %s (%s, and %s of part %s)", c.Number, c.Scope, heldBy(store.Holder{SerialID: c.SerialID, EventID: c.EventID}), heldBy(c.Holder), c.Holder.PartID)
	}
	if collisions > len(first) {
		b.WriteString("; …")
	}
	return b.String()
}
