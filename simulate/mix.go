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
//
// Some types refer to what earlier events of the device brought: a
// vendor_serial_accept to a vendor's number that waits, say. Where there is none
// among the last events, one of a type that brings it is played instead. So a mix
// of vendor_serial_accept alone is half receipts.
type Mix map[seriald.EventType]int

// maxWeight keeps the sum of all weights far from any limit.
const maxWeight = 1_000_000

// ofDevices are the types that devices send, in the contract's order: all but those
// that change the master data, and conflict_resolve, which is a person's.
var ofDevices = []seriald.EventType{
	seriald.TypeMaterialReceipt, seriald.TypeWorkOrderCreate, seriald.TypeOperationComplete,
	seriald.TypeQualityCheckpoint, seriald.TypeBatchCompletion,
	seriald.TypeVendorSerialReceive, seriald.TypeVendorSerialAccept, seriald.TypeVendorSerialReject,
	seriald.TypeSerialGenerate, seriald.TypeSerialRetire,
	seriald.TypePlaceholderCreate, seriald.TypePlaceholderAssign, seriald.TypePlaceholderFail,
	seriald.TypePropagationPassThrough, seriald.TypeUniquenessRegister,
}

// ofMasterData are the types that change the master data and refer to nothing but
// what a device can name itself. The others name a trigger by the id that the
// service gave it, which no script can know.
var ofMasterData = []seriald.EventType{
	seriald.TypeTriggerCreate, seriald.TypeSitePut, seriald.TypeSiteDelete,
	seriald.TypePartPut, seriald.TypePartDelete, seriald.TypeFormatPut, seriald.TypeFormatDelete,
}

var playable = slices.Concat(ofDevices, ofMasterData)

// Playable lists the event types that a [Mix] may have, in the contract's order:
// all but those that change a trigger, and conflict_resolve.
func Playable() []seriald.EventType { return slices.Clone(playable) }

// allTypes stands in a mix for every type that devices send and that is not named.
const allTypes = "all"

// ParseMix reads "operation_complete=90,serial_generate=10"; a type without a
// weight weighs 1. In "operation_complete=90,all=1" each type that devices send and
// that is not named weighs 1; those that change the master data are to be named.
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
	if weight, ok := m[allTypes]; ok {
		delete(m, allTypes)
		for _, t := range ofDevices {
			if _, named := m[t]; !named {
				m[t] = weight
			}
		}
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
		if !slices.Contains(playable, t) {
			errs = append(errs, fmt.Errorf("%q can't be played; write of %v, or %s", t, playable, allTypes))
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
	for _, t := range playable { // not the map: the order decides what is drawn
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
