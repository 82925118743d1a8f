package pattern

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// MaxPermutationSize is the largest size of a [Permutation].
const MaxPermutationSize = 1 << 63

const (
	// mostShuffled is the largest size that is shuffled whole. It takes in
	// {SERIAL_RANDOM:4}, at 20 kB, and keeps the Feistel network away from the
	// sizes at which it is weakest.
	mostShuffled = 10_000
	// feistelRounds is four more than FF1 has. Message recovery was published with
	// about (√size)^5 numbers over 8 rounds, and √size times as many for each round
	// more. That makes 10^22 for our smallest network, and 10^21 for FF1 at its own
	// smallest, a million.
	feistelRounds = 14
	// permutationLabel goes into every key. A change of the algorithm needs
	// another label, and the old algorithm for the counters that run.
	permutationLabel = "seriald permutation 1"
)

// Permutation is a keyed bijection of the numbers from 0 to below its size. It
// turns a counter into numbers that look random and can't repeat. It is safe for
// concurrent use and must not be copied.
//
// What is promised, as long as the key is random and secret: who knows some of
// the numbers, and even which counter values made them, can say of the others
// only that they are not among those. A guess at a number that is in use is right
// with probability issued / size. Permutations that differ in key, tweak or size
// are unrelated.
//
// What is not promised: that a number is genuine, which needs a look into the
// store; that the count of issued numbers stays hidden from who can try guesses on
// a system that answers; and anything once the key is known.
//
// Up to a size of 10,000 it is a Fisher–Yates shuffle that draws by AES: as good
// as drawing lots for as long as AES is a pseudorandom function, even if all
// numbers but two are known.
//
// Above, it is an alternating Feistel network of 14 rounds: as in FF1 of NIST
// SP 800-38G, AES is the round function, and its output is added to one half in
// turn. But the halves are of two near-equal ranges whose product is just above
// size, and what falls outside of size is permuted again (cycle walking; both are
// from Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002). It is not
// FF1 and claims no conformity. FF1 needs strings of digits and, by the drafts of
// revision 1, a million values or more, because of attacks on fewer that gather
// numbers under many tweaks (Bellare, Hoang, Tessaro, Message-Recovery Attacks on
// Feistel-Based Format Preserving Encryption, 2016). More rounds put them out of
// reach, as those authors say: by the growth they show, it would be about 10^22
// numbers at a size of 10,001, and more at larger ones. That is an estimate from
// known attacks, not a proof, least of all for who sees nearly all numbers of a size.
type Permutation struct {
	size  uint64
	block cipher.Block

	shuffled []uint16 // of a small size: the permutation itself

	left, right uint64 // of a large size: left*right >= size, left >= right

	// scratch are *[aes.BlockSize]byte: AES is behind an interface, so a buffer on
	// the stack would escape, an allocation for each number.
	scratch sync.Pool
}

// NewPermutation makes the permutation of [0, size) under a secret key of 16 or 32
// random bytes (AES-128 or AES-256), and size from 2 to [MaxPermutationSize]. The
// tweak is no secret: it is what tells counters under one key apart, such as the
// counter's scope and period, of any length and unambiguous. It may be empty. The
// same key, tweak and size give the same permutation for ever: two counters that
// share all three make the same numbers.
//
// It takes microseconds, but up to a millisecond and 20 kB for sizes to 10,000,
// which are shuffled: keep it for as long as its counter runs.
func NewPermutation(key, tweak []byte, size uint64) (*Permutation, error) {
	if len(key) != 16 && len(key) != 32 {
		return nil, fmt.Errorf("permutation: the key has %d bytes: give 16 or 32", len(key))
	}
	if size < 2 || size > MaxPermutationSize {
		return nil, fmt.Errorf("permutation: the size is %d: give 2 to %d", size, uint64(MaxPermutationSize))
	}
	// What has no fixed length comes last, so that no two tweaks and sizes read
	// alike. The key's length is there because HMAC fills short keys with zeros.
	info := binary.BigEndian.AppendUint64([]byte(permutationLabel), size)
	info = append(info, byte(len(key)))
	info = append(info, tweak...)
	derived, err := hkdf.Key(sha256.New, key, nil, string(info), len(key))
	if err != nil {
		return nil, fmt.Errorf("permutation: derive the key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("permutation: %w", err)
	}
	p := &Permutation{size: size, block: block}
	p.scratch.New = func() any { return new([aes.BlockSize]byte) }
	if size <= mostShuffled {
		p.shuffle()
	} else {
		p.left, p.right = halves(size)
	}
	return p, nil
}

// halves returns the sides of the smallest near-square that holds size values. It
// is exact: a side that hung on a rounded root would hang on the processor.
func halves(size uint64) (left, right uint64) {
	left = uint64(math.Sqrt(float64(size)))
	for left*left < size {
		left++
	}
	for (left-1)*(left-1) >= size {
		left--
	}
	return left, (size + left - 1) / left
}

// shuffle fills the table of a small size.
func (p *Permutation) shuffle() {
	buffer := p.scratch.Get().(*[aes.BlockSize]byte)
	defer p.scratch.Put(buffer)
	p.shuffled = make([]uint16, p.size)
	for i := range p.shuffled {
		j := p.draw(buffer, uint64(i), 0, uint64(i)+1)
		p.shuffled[i] = p.shuffled[j]
		p.shuffled[j] = uint16(i)
	}
}

// draw returns a number below n, which must be below 2^32: always the same for the
// same round and x. It is uniform but for n/2^64.
func (p *Permutation) draw(buffer *[aes.BlockSize]byte, round, x, n uint64) uint64 {
	binary.BigEndian.PutUint64(buffer[:8], round)
	binary.BigEndian.PutUint64(buffer[8:], x)
	p.block.Encrypt(buffer[:], buffer[:])
	y, _ := bits.Mul64(binary.BigEndian.Uint64(buffer[:8]), n)
	return y
}

// Size returns how many numbers the permutation has.
func (p *Permutation) Size() uint64 { return p.size }

// Of returns the number, below Size, that a counter's value makes. The value must
// be below Size, which is the caller's to check ([ErrExhausted]): Of panics if it
// isn't, like an index out of range, because any answer would be a number that
// belongs to another value.
func (p *Permutation) Of(i uint64) uint64 {
	p.mustHold(i)
	if p.shuffled != nil {
		return uint64(p.shuffled[i])
	}
	buffer := p.scratch.Get().(*[aes.BlockSize]byte)
	// What is walked over lies outside of [0, size), so the walk comes back into
	// it, and no two walks meet. Few take a second step: one in √size.
	v := p.encrypt(buffer, i)
	for v >= p.size {
		v = p.encrypt(buffer, v)
	}
	p.scratch.Put(buffer)
	return v
}

// Index is the inverse of Of: the counter's value that made number v, for support.
// Any v below Size has one, whether it was issued or not. The caller checks that v
// is below Size: Index panics if it isn't. Up to a size of 10,000 it searches,
// which takes microseconds.
func (p *Permutation) Index(v uint64) uint64 {
	p.mustHold(v)
	if p.shuffled != nil {
		return uint64(slices.Index(p.shuffled, uint16(v)))
	}
	buffer := p.scratch.Get().(*[aes.BlockSize]byte)
	i := p.decrypt(buffer, v)
	for i >= p.size {
		i = p.decrypt(buffer, i)
	}
	p.scratch.Put(buffer)
	return i
}

func (p *Permutation) mustHold(n uint64) {
	if n >= p.size {
		panic(fmt.Sprintf("pattern: %d is outside of a permutation of %d numbers", n, p.size))
	}
}

// encrypt permutes [0, left*right).
func (p *Permutation) encrypt(buffer *[aes.BlockSize]byte, v uint64) uint64 {
	l, r := v/p.right, v%p.right
	for round := uint64(0); round < feistelRounds; round += 2 {
		if l += p.draw(buffer, round, r, p.left); l >= p.left {
			l -= p.left
		}
		if r += p.draw(buffer, round+1, l, p.right); r >= p.right {
			r -= p.right
		}
	}
	return l*p.right + r
}

// decrypt undoes encrypt.
func (p *Permutation) decrypt(buffer *[aes.BlockSize]byte, v uint64) uint64 {
	l, r := v/p.right, v%p.right
	for round := uint64(feistelRounds); round > 0; round -= 2 {
		if d := p.draw(buffer, round-1, l, p.right); r < d {
			r += p.right - d
		} else {
			r -= d
		}
		if d := p.draw(buffer, round-2, r, p.left); l < d {
			l += p.left - d
		} else {
			l -= d
		}
	}
	return l*p.right + r
}
