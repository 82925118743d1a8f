package simulate

import (
	"hash/fnv"
	"slices"
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
	tied    bool // some of the wheel's types refer to earlier events
	seed    uint64
	repeats uint64 // of 2^64 draws, how many are repeats
	wrong   uint64 // and how many are wrong
	// maxPayload is what a payload may have at most, in bytes.
	maxPayload int
}

func newScript(device string, cfg Config) script {
	h := fnv.New64a()
	_, _ = h.Write([]byte(device))
	w := newWheel(cfg.Mix)
	return script{
		ids: device + "-", wheel: w, tied: slices.ContainsFunc(w.types, refers), seed: h.Sum64(),
		repeats: draws(cfg.Repeats), wrong: draws(cfg.Wrong), maxPayload: cfg.Broker.MaxPayload,
	}
}

// draws returns how many of 2^64 draws make a share, from 0 to below 1.
func draws(share float64) uint64 { return uint64(share * (1 << 63) * 2) }

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

// flaw returns what is wrong with event n, nil if nothing is.
func (s *script) flaw(n uint32) *flaw {
	h := scramble(scramble(s.seed) + uint64(n))
	if h >= s.wrong {
		return nil
	}
	h = scramble(h)
	if h&31 == 0 {
		return &longFlaw
	}
	return &flaws[(h>>5)%uint64(len(flaws))]
}

// event returns the type and the payload of event n, wrong ones too. The payload
// is new memory: the client keeps it until the broker has it.
func (s *script) event(n uint32) (seriald.EventType, []byte) {
	if f := s.flaw(n); f != nil {
		return f.typ, f.text(s.id(n), s.maxPayload)
	}
	scene := s.scene(n)
	p := payload{json: make([]byte, 0, 192), script: s}
	p.add(`{"id":"`)
	p.json = s.appendID(p.json, n)
	p.add(`"`)
	p.fields(n, scene)
	p.add("}")
	return scene.typ, p.json
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
