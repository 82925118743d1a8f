package simulate

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/machshop/seriald"
)

// script is what one device plays. Everything follows from numbers, so that an
// event is not kept to be repeated but made again, and a run with the same
// prefix plays the same.
type script struct {
	ids     string // what event ids begin with: "{prefix}-{device}-"
	wheel   wheel
	seed    uint64
	repeats uint64 // of 2^64 draws, how many are repeats
}

func newScript(device string, mix Mix, repeats float64) script {
	h := fnv.New64a()
	_, _ = h.Write([]byte(device))
	return script{ids: device + "-", wheel: newWheel(mix), seed: h.Sum64(), repeats: uint64(repeats * (1 << 63) * 2)}
}

// id returns the id of event n.
func (s *script) id(n uint32) string { return s.ids + strconv.FormatUint(uint64(n), 10) }

// number reads what id wrote; ok is false for any other id.
func (s *script) number(id string) (n uint32, ok bool) {
	digits, ok := strings.CutPrefix(id, s.ids)
	if !ok || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 32)
	return uint32(v), err == nil
}

// event returns the type and the payload of event n. The payload is new memory:
// the client keeps it until the broker has it. All that is written into it is
// of [A-Za-z0-9_-], so that nothing needs escaping.
func (s *script) event(n uint32) (seriald.EventType, []byte) {
	t := s.wheel.draw(scramble(s.seed + uint64(n)))
	b := make([]byte, 0, 192)
	b = append(b, `{"id":"`...)
	b = s.appendID(b, n)
	switch t {
	case seriald.TypeOperationComplete:
		b = append(b, `","partId":"PART-001","operationCode":"OP-010"}`...)
	case seriald.TypeSerialGenerate:
		b = append(b, `","partId":"PART-001"}`...)
	case seriald.TypeVendorSerialReceive:
		b = append(b, `","partId":"PART-002","vendorName":"Simulated","vendorSerialNumber":"VS-`...)
		b = s.appendID(b, n)
		b = append(b, `"}`...)
	}
	return t, b
}

func (s *script) appendID(b []byte, n uint32) []byte {
	return strconv.AppendUint(append(b, s.ids...), uint64(n), 10)
}

// repeat says whether message k, when n events have been sent and reach back
// events are remembered, is one of them again, and which.
func (s *script) repeat(k int, n, reach uint32) (again uint32, yes bool) {
	h := scramble(^s.seed + uint64(k))
	if n == 0 || h >= s.repeats {
		return 0, false
	}
	h = scramble(h)
	if h&1 == 0 {
		return n - 1, true
	}
	return n - 1 - uint32((h>>1)%uint64(min(n, reach))), true
}

// scramble turns consecutive numbers into random ones (the finalizer of
// SplitMix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
