package pattern_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/machshop/seriald/pattern"
)

func Example() {
	p, err := pattern.Parse("TST-{YYYY}{MM}{DD}-{SEQ:6}")
	if err != nil {
		fmt.Println(err)
		return
	}
	day := time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)
	for value := int64(1); value <= 3; value++ {
		number, err := p.Render(&pattern.Values{Local: day, Seq: value})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(number)
	}
	_, err = p.Render(&pattern.Values{Local: day, Seq: 1_000_000})
	fmt.Println(errors.Is(err, pattern.ErrExhausted), err)
	// Output:
	// TST-20260302-000001
	// TST-20260302-000002
	// TST-20260302-000003
	// true sequence exhausted: value 1000000 needs more than the 6 characters of {SEQ:6}
}

// An error says where in the pattern it is, and what to write.
func ExampleParse() {
	_, err := pattern.Parse("PROD-{YYYY}-{SEQ}")
	fmt.Println(err)
	// Output:
	// pattern "PROD-{YYYY}-{SEQ}": position 13: {SEQ}: say how many characters, from 1 to 18: write {SEQ:6}
}
