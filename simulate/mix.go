package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/machshop/seriald"
)

// Mix weighs event types against each other: with 90 and 10, nine of ten events
// are of the first type.
type Mix map[seriald.EventType]int

// maxWeight keeps the sum of all weights far from any limit.
const maxWeight = 1_000_000

// playable are the types a device can play.
func playable() []seriald.EventType {
	return []seriald.EventType{
		seriald.TypeOperationComplete, seriald.TypeSerialGenerate, seriald.TypeVendorSerialReceive,
	}
}

// ParseMix reads "operation_complete=90,serial_generate=10"; a type without a
// weight weighs 1.
func ParseMix(s string) (Mix, error) {
	m := Mix{}
	for part := range strings.SplitSeq(s, ",") {
		name, weight, weighed := strings.Cut(strings.TrimSpace(part), "=")
		t, n := seriald.EventType(strings.TrimSpace(name)), 1
		if weighed {
			var err error
			if n, err = strconv.Atoi(strings.TrimSpace(weight)); err != nil {
				return nil, fmt.Errorf("%q: write type=weight, with a whole number as weight", part)
			}
		}
		if _, twice := m[t]; twice {
			return nil, fmt.Errorf("%s is given twice", t)
		}
		m[t] = n
	}
	return m, m.validate()
}

// String writes what [ParseMix] reads.
func (m Mix) String() string {
	parts := make([]string, 0, len(m))
	for t, weight := range m {
		parts = append(parts, string(t)+"="+strconv.Itoa(weight))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func (m Mix) validate() error {
	var errs []error
	sum := 0
	for t, weight := range m {
		if !slices.Contains(playable(), t) {
			errs = append(errs, fmt.Errorf("%q can't be played; write of %v", t, playable()))
		}
		if weight < 0 || weight > maxWeight {
			errs = append(errs, fmt.Errorf("the weight of %s must be from 0 to %d, not %d", t, maxWeight, weight))
		}
		sum += weight
	}
	if len(errs) == 0 && sum == 0 {
		errs = append(errs, errors.New("all weights are 0: there is nothing to play"))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// wheel draws event types by their weights.
type wheel struct {
	types []seriald.EventType
	upTo  []uint64 // the weights, summed up
}

func newWheel(m Mix) wheel {
	var w wheel
	sum := uint64(0)
	for _, t := range playable() { // not the map: the order decides what is drawn
		if weight := m[t]; weight > 0 {
			sum += uint64(weight)
			w.types, w.upTo = append(w.types, t), append(w.upTo, sum)
		}
	}
	return w
}

// draw returns the type that the random number h falls on.
func (w wheel) draw(h uint64) seriald.EventType {
	h %= w.upTo[len(w.upTo)-1]
	for i, end := range w.upTo {
		if h < end {
			return w.types[i]
		}
	}
	return w.types[0] // not reached: h is below the last
}
