package store

import (
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
)

// Every template is proven, in GS1's bounds too, and no two make the same number.
func TestSeededFormatsAreProven(t *testing.T) {
	t.Parallel()
	var all []*pattern.Pattern
	for _, f := range seedFormats {
		p, err := pattern.Parse(f.pattern)
		if err != nil {
			t.Fatal(err)
		}
		proof := p.Prove(pattern.Use{
			Start: 1, Increment: 1, Period: seriald.Reset(f.reset).Period, Unit: seriald.Reset(f.reset).Unit(),
			AcrossSites: true, AcrossParts: true, GS1: true, Year: 2026,
		})
		if f.scope != "FORMAT" || len(proof.Problems) > 0 {
			t.Errorf("%s: %+v", f.id, proof.Problems)
		}
		for _, other := range all {
			if number, ok := pattern.Overlap(p, other, true); ok {
				t.Errorf("%s and %s both make %s", p, other, number)
			}
		}
		all = append(all, p)
		if f.id == "automotive" && (proof.MinLength != 17 || proof.MaxLength != 17 || strings.ContainsAny(f.pattern[:7], "IOQ")) {
			t.Errorf("%s is not like a VIN", f.pattern)
		}
	}
}
