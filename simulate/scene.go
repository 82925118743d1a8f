package simulate

import (
	"slices"

	"github.com/machshop/seriald"
)

// chapterLength is how many events of a device make a chapter. An event refers to
// earlier ones of its chapter only, so that what it refers to is found by playing
// the chapter again up to it, and nothing is kept. In a longer chapter more may lie
// between the two, and each event costs more: two microseconds at this length.
const chapterLength = 64

// scene is what happens in an event.
type scene struct {
	typ    seriald.EventType
	about  unit   // what it refers to; zero for a type that refers to nothing
	brings int    // how many units it brings to the floor
	dice   uint64 // decides what else there is to decide
}

// unit is what an event brings to the floor, for later events to refer to: a
// vendor's number, a placeholder, a number that a placeholder got, or a piece of
// master data.
type unit struct {
	from  seriald.EventType
	event uint32 // the number of the event that brought it
	nth   int    // of those that the event brought, from 0
}

// floor is what the events of a chapter have left on it.
type floor struct {
	received []unit // vendors' numbers that were neither accepted nor rejected
	waiting  []unit // placeholders without a number
	inUse    []unit // what was accepted, or got its number, and is not retired

	sites, parts, formats []unit // that can be deleted: nothing refers to them
}

// pile returns where the units lie that an event of type t refers to, and the types
// that bring them there; nil for a type that refers to nothing.
func (f *floor) pile(t seriald.EventType) (pile *[]unit, bringers [2]seriald.EventType) {
	switch t {
	case seriald.TypeVendorSerialAccept, seriald.TypeVendorSerialReject:
		return &f.received, [2]seriald.EventType{seriald.TypeVendorSerialReceive, seriald.TypeMaterialReceipt}
	case seriald.TypePlaceholderAssign, seriald.TypePlaceholderFail:
		return &f.waiting, [2]seriald.EventType{seriald.TypeWorkOrderCreate, seriald.TypePlaceholderCreate}
	case seriald.TypeSerialRetire, seriald.TypePropagationPassThrough:
		return &f.inUse, [2]seriald.EventType{seriald.TypeVendorSerialAccept, seriald.TypePlaceholderAssign}
	case seriald.TypeSiteDelete:
		return &f.sites, [2]seriald.EventType{seriald.TypeSitePut, seriald.TypeSitePut}
	case seriald.TypePartDelete, seriald.TypeTriggerCreate:
		return &f.parts, [2]seriald.EventType{seriald.TypePartPut, seriald.TypePartPut}
	case seriald.TypeFormatDelete:
		return &f.formats, [2]seriald.EventType{seriald.TypeFormatPut, seriald.TypeFormatPut}
	}
	return nil, bringers
}

// refers reports whether events of type t refer to earlier ones.
func refers(t seriald.EventType) bool {
	pile, _ := new(floor).pile(t)
	return pile != nil
}

// play returns the scene of event n, and leaves the floor as it is behind it. The
// scene is of type t, or, where nothing is there that t could refer to, of a type
// that brings it.
func (f *floor) play(n uint32, t seriald.EventType, dice uint64) scene {
	pile, bringers := f.pile(t)
	for pile != nil && len(*pile) == 0 {
		t = bringers[dice&1]
		dice >>= 1
		pile, bringers = f.pile(t)
	}
	s := scene{typ: t, dice: dice}
	if pile != nil {
		i := int(dice % uint64(len(*pile)))
		s.about = (*pile)[i]
		if t != seriald.TypePropagationPassThrough { // after which the unit goes on
			*pile = slices.Delete(*pile, i, i+1)
		}
	}
	switch t {
	case seriald.TypeVendorSerialReceive:
		f.received = s.bring(f.received, n, 1)
	case seriald.TypeMaterialReceipt:
		f.received = s.bring(f.received, n, 1+int(dice%3))
	case seriald.TypeWorkOrderCreate, seriald.TypePlaceholderCreate:
		f.waiting = s.bring(f.waiting, n, 1+int(dice%3))
	case seriald.TypeVendorSerialAccept:
		f.inUse = append(f.inUse, s.about)
	case seriald.TypePlaceholderAssign:
		f.inUse = s.bring(f.inUse, n, 1)
	case seriald.TypeSitePut:
		f.sites = s.bring(f.sites, n, 1)
	case seriald.TypePartPut:
		f.parts = s.bring(f.parts, n, 1)
	case seriald.TypeFormatPut:
		f.formats = s.bring(f.formats, n, 1)
	}
	return s
}

// bring appends what event n brings to a pile.
func (s *scene) bring(pile []unit, n uint32, units int) []unit {
	s.brings = units
	for i := range units {
		pile = append(pile, unit{s.typ, n, i})
	}
	return pile
}

// scene returns what happens in event n, which is not wrong.
func (s *script) scene(n uint32) scene {
	var f floor
	m := n
	if s.tied {
		m = n - n%chapterLength
	}
	for ; m < n; m++ {
		if s.flaw(m) == nil { // what is wrong changes nothing
			t, dice := s.draw(m)
			f.play(m, t, dice)
		}
	}
	t, dice := s.draw(n)
	return f.play(n, t, dice)
}

// draw returns the type that event n is to have, and what decides the rest.
func (s *script) draw(n uint32) (t seriald.EventType, dice uint64) {
	h := scramble(s.seed + uint64(n))
	return s.wheel.draw(h), scramble(h)
}
