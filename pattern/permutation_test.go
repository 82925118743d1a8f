package pattern

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// testKey returns a key of so many bytes: 0, 1, 2, …
func testKey(n int) []byte {
	key := make([]byte, n)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func permutation(tb testing.TB, key []byte, tweak string, size uint64) *Permutation {
	tb.Helper()
	p, err := NewPermutation(key, []byte(tweak), size)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// network returns a Feistel network of a size that is shuffled otherwise: small
// ones can be tried whole, and walk most.
func network(tb testing.TB, key []byte, tweak string, size uint64) *Permutation {
	tb.Helper()
	p := permutation(tb, key, tweak, size)
	p.shuffled = nil
	p.left, p.right = halves(size)
	return p
}

// first returns the numbers of the first n counter values.
func first(p *Permutation, n int) []uint64 {
	numbers := make([]uint64, 0, n)
	for i := range n {
		numbers = append(numbers, p.Of(uint64(i)))
	}
	return numbers
}

// bijective checks every value of a permutation, and the inverse of every step-th.
func bijective(tb testing.TB, p *Permutation, step uint64) {
	tb.Helper()
	seen := make([]bool, p.Size())
	for i := range p.Size() {
		v := p.Of(i)
		if v >= p.Size() || seen[v] {
			tb.Fatalf("size %d: Of(%d) = %d is outside or comes twice", p.Size(), i, v)
		}
		seen[v] = true
		if i%step == 0 && p.Index(v) != i {
			tb.Fatalf("size %d: Index(%d) = %d, want %d", p.Size(), v, p.Index(v), i)
		}
	}
}

// These values are for ever. If this test fails, the algorithm has changed, and a
// running counter would issue numbers again that are on products already. Don't
// correct the values: give the new algorithm another label and keep the old one
// for the counters that have begun. The values are from a second implementation,
// written from the description alone.
func TestPermutationNeverChanges(t *testing.T) {
	t.Parallel()
	const plant = "PLANT-1/2026-03-02"
	for _, tc := range []struct {
		key   int // bytes
		tweak string
		size  uint64
		want  []uint64 // of 0, 1, 2, 3 and the last
	}{
		{16, "", 10, []uint64{2, 8, 0, 6, 4}},
		{16, "", 36, []uint64{5, 4, 15, 18, 22}},
		{16, "", 1_000, []uint64{58, 499, 106, 787, 897}},
		{16, "", 10_000, []uint64{6_036, 3_100, 5_779, 3_637, 8_893}},
		{16, "", 10_001, []uint64{2_474, 6_195, 3_631, 5_646, 485}},
		{16, "", 100_000, []uint64{49_130, 1_290, 69_366, 91_566, 42_872}},
		{16, "", 1_000_000, []uint64{215_241, 892_225, 568_178, 623_854, 168_299}},
		{16, "", 36 * 36 * 36 * 36 * 36 * 36, []uint64{1_716_109_530, 1_026_042_404, 171_109_394, 1_519_069_565, 934_753_652}},
		{16, "", 1_000_000_000_000, []uint64{928_542_136_208, 682_323_080_859, 383_609_207_274, 414_463_811_284, 993_265_232_372}},
		{16, "", 1_000_000_000_000_000_000, []uint64{601_134_593_241_545_417, 801_692_762_212_309_678, 959_314_755_323_805_360, 701_334_996_221_383_478, 253_122_529_476_857_100}},
		{16, "", MaxPermutationSize, []uint64{503_452_058_506_693_631, 8_624_941_397_015_180_460, 3_033_544_600_198_163_541, 2_352_395_615_904_273_724, 2_051_844_409_168_973_896}},
		{16, plant, 1_000, []uint64{202, 328, 57, 205, 731}},
		{16, plant, 1_000_000, []uint64{419_168, 845_350, 8_408, 978_171, 320_587}},
		{32, "", 10_000, []uint64{5_929, 9_636, 1_430, 1_033, 9_277}},
		{32, "", 1_000_000, []uint64{619_309, 816_874, 254_281, 307_047, 897_303}},
		{32, "", 1_000_000_000_000_000_000, []uint64{93_707_438_144_076_522, 5_118_295_257_303_520, 689_673_781_328_739_085, 83_619_198_814_251_107, 686_960_254_585_536_550}},
		{32, plant, 1_000_000, []uint64{1_721, 919_846, 824_366, 535_561, 244_924}},
	} {
		p := permutation(t, testKey(tc.key), tc.tweak, tc.size)
		if diff := cmp.Diff(tc.want, append(first(p, 4), p.Of(tc.size-1))); diff != "" {
			t.Errorf("key of %d bytes, tweak %q, size %d (-want +got):\n%s", tc.key, tc.tweak, tc.size, diff)
		}
	}
	walked := permutation(t, testKey(16), "", 10_001)
	if diff := cmp.Diff([]uint64{9_702, 8_775, 7_687}, []uint64{walked.Of(114), walked.Of(345), walked.Of(359)}); diff != "" {
		t.Errorf("numbers that need a second step (-want +got):\n%s", diff)
	}
}

func TestPermutationOfEverySizeIsABijection(t *testing.T) {
	t.Parallel()
	t.Run("shuffle", func(t *testing.T) {
		t.Parallel()
		for size := uint64(2); size <= 3000; size++ {
			bijective(t, permutation(t, testKey(16<<(size/2%2)), fmt.Sprint(size%3), size), 1+size/50)
		}
	})
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		for size := uint64(2); size <= 3000; size += 1 + size/100 {
			bijective(t, network(t, testKey(16<<(size/2%2)), fmt.Sprint(size%3), size), 1+size/100)
		}
	})
	t.Run("of numbers of four and five characters", func(t *testing.T) {
		t.Parallel()
		for _, size := range []uint64{mostShuffled, mostShuffled + 1, 32 * 32 * 32, 36 * 36 * 36, 100_000} {
			bijective(t, permutation(t, testKey(16), "", size), 10)
		}
	})
}

func TestPermutationDoesNotRepeatInLargeSizes(t *testing.T) {
	t.Parallel()
	const n = 200_000
	for _, size := range []uint64{1_000_000, 36 * 36 * 36 * 36 * 36, 1_000_000_000_000, 1_000_000_000_000_000_000, MaxPermutationSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			p := permutation(t, testKey(16), "", size)
			numbers := make([]uint64, n)
			for i := range numbers {
				counter := size - n + uint64(i)
				numbers[i] = p.Of(counter)
				if numbers[i] >= size || i%100 == 0 && p.Index(numbers[i]) != counter {
					t.Fatalf("Of(%d) = %d, Index of that %d", counter, numbers[i], p.Index(numbers[i]))
				}
			}
			slices.Sort(numbers)
			if unique := len(slices.Compact(numbers)); unique != n {
				t.Errorf("%d of %d numbers come twice", n-unique, n)
			}
		})
	}
}

func TestPermutationIndexIsTheInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")[:rapid.SampledFrom([]int{16, 32}).Draw(t, "length")]
		size := rapid.Uint64Range(mostShuffled+1, MaxPermutationSize).Draw(t, "size")
		i := rapid.Uint64Range(0, size-1).Draw(t, "i")
		p, err := NewPermutation(key, rapid.SliceOf(rapid.Byte()).Draw(t, "tweak"), size)
		if err != nil {
			t.Fatal(err)
		}
		if v := p.Of(i); v >= size || p.Index(v) != i {
			t.Errorf("Of(%d) = %d, Index of that %d", i, v, p.Index(v))
		}
	})
}

// A larger rectangle would only walk longer; a smaller one would lose numbers.
func TestPermutationHalvesHoldTheSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// About a square, where a root in floating point is wrong first.
		root := rapid.Uint64Range(3, 3_037_000_499).Draw(t, "root")
		size := min(root*root+rapid.Uint64Range(0, 2).Draw(t, "more")-1, MaxPermutationSize)
		left, right := halves(size)
		over, product := bits.Mul64(left, right)
		if over != 0 || product < size || product-size >= left || left < right || left-right > 1 {
			t.Errorf("%d: %d times %d", size, left, right)
		}
	})
}

// chiSquare returns how far the counts of cells are from even.
func chiSquare(counts []int) float64 {
	total, squares := 0.0, 0.0
	for _, n := range counts {
		total += float64(n)
		squares += float64(n) * float64(n)
	}
	return squares*float64(len(counts))/total - total
}

// even checks counts of 10 or 100 cells. What is truly random fails at either end
// with a probability of 1e-7. Too even is no more random than too uneven.
func even(tb testing.TB, what string, counts []int) {
	tb.Helper()
	low, high := 0.1358, 50.17 // 9 degrees of freedom
	if len(counts) == 100 {
		low, high = 42.24, 190.2 // 99
	}
	if x := chiSquare(counts); x < low || x > high {
		tb.Errorf("%s: chi-square is %.1f, want %.1f to %.1f", what, x, low, high)
	}
}

func TestPermutationLooksRandom(t *testing.T) {
	t.Parallel()
	const size, n = 1_000_000, 100_000
	for _, length := range []int{16, 32} {
		numbers := first(permutation(t, testKey(length), "", size), n)
		head, tail := make([]int, 10), make([]int, 10)
		step, stepTail := make([]int, 100), make([]int, 10)
		changed := 0
		for i, v := range numbers {
			head[v*10/size]++
			tail[v%10]++
			if i == 0 {
				continue
			}
			last := numbers[i-1]
			d := (v + size - last) % size
			step[d*100/size]++
			stepTail[d%10]++
			for place := uint64(1); place < size; place *= 10 {
				if v/place%10 != last/place%10 {
					changed++
				}
			}
		}
		even(t, "first digits", head)
		even(t, "last digits", tail)
		even(t, "differences", step)
		even(t, "last digits of differences", stepTail)
		// Two random digits differ in nine of ten; 0.002 is five standard deviations.
		if share := float64(changed) / (6 * (n - 1)); share < 0.898 || share > 0.902 {
			t.Errorf("%.4f of the digits change from one number to the next, want 0.9", share)
		}
	}
}

// A shuffle that draws wrongly prefers some orders, which larger sizes hide.
func TestPermutationsOfThreeAreEquallyLikely(t *testing.T) {
	t.Parallel()
	const n = 12_000
	counts := map[string]int{}
	for i := range n {
		counts[fmt.Sprint(first(permutation(t, testKey(16), fmt.Sprint(i), 3), 3))]++
	}
	// 5 degrees of freedom, 1e-7.
	if x := chiSquare(slices.Collect(maps.Values(counts))); len(counts) != 6 || x > 40.9 {
		t.Errorf("the orders come %v times: chi-square is %.1f, want at most 40.9", counts, x)
	}
}

func TestPermutationsAreUnrelated(t *testing.T) {
	t.Parallel()
	flipped := append(testKey(15), 14)
	longer := append(testKey(16), make([]byte, 16)...)
	type made struct {
		key   []byte
		tweak string
		size  uint64
	}
	for name, tc := range map[string]struct{ a, b made }{
		"one bit of the key":         {made{testKey(16), "", 1_000_000}, made{flipped, "", 1_000_000}},
		"a key with zeros behind":    {made{testKey(16), "", 1_000_000}, made{longer, "", 1_000_000}},
		"two days":                   {made{testKey(16), "2026-03-02", 1_000_000}, made{testKey(16), "2026-03-03", 1_000_000}},
		"no tweak and an empty byte": {made{testKey(16), "", 1_000_000}, made{testKey(16), "\x00", 1_000_000}},
		"one more":                   {made{testKey(16), "", 1_000_000}, made{testKey(16), "", 1_000_001}},
		"one more digit":             {made{testKey(16), "", 1_000_000}, made{testKey(16), "", 10_000_000}},
		"two that are shuffled":      {made{testKey(16), "", 9_999}, made{testKey(16), "", 10_000}},
		"four digits and five":       {made{testKey(16), "", 10_000}, made{testKey(16), "", 100_000}},
		"two scopes, shuffled":       {made{testKey(16), "A", 10_000}, made{testKey(16), "B", 10_000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := int(min(30_000, tc.a.size))
			a, b := first(permutation(t, tc.a.key, tc.a.tweak, tc.a.size), n), first(permutation(t, tc.b.key, tc.b.tweak, tc.b.size), n)
			same, cells := 0, make([]int, 100)
			for i := range n {
				if a[i] == b[i] {
					same++
				}
				cells[a[i]*10/tc.a.size*10+b[i]*10/tc.b.size]++
			}
			// About one agrees by chance, and more than 12 with less than 1e-9.
			if same > 12 {
				t.Errorf("%d of %d numbers are the same", same, n)
			}
			// 99 degrees of freedom, 1e-7. A whole size has fewer, which is no harm.
			if x := chiSquare(cells); x > 190.2 {
				t.Errorf("deciles: chi-square is %.1f, want at most 190.2", x)
			}
		})
	}
}

func TestNewPermutationRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key  int // bytes
		size uint64
		want string
	}{
		{0, 10, "the key has 0 bytes: give 16 or 32"},
		{24, 10, "the key has 24 bytes: give 16 or 32"}, // AES-192
		{16, 0, "the size is 0: give 2 to 9223372036854775808"},
		{16, 1, "the size is 1: give"},
		{16, MaxPermutationSize + 1, "the size is 9223372036854775809: give"},
	} {
		p, err := NewPermutation(testKey(tc.key), nil, tc.size)
		if p != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("key of %d bytes, size %d: got %v, want an error with %q", tc.key, tc.size, err, tc.want)
		}
	}
}

// A value that belongs to no number must not be answered with another's.
func TestPermutationPanicsOutsideOfItsSize(t *testing.T) {
	t.Parallel()
	panics := func(call func(uint64) uint64, n uint64) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		call(n)
		return false
	}
	for _, size := range []uint64{10, 10_000, 10_001, 1_000_000} {
		p := permutation(t, testKey(16), "", size)
		for _, n := range []uint64{size, size + 1, 1 << 63} {
			if !panics(p.Of, n) || !panics(p.Index, n) {
				t.Errorf("size %d: Of or Index of %d does not panic", size, n)
			}
		}
	}
}

func TestPermutationIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := permutation(t, testKey(16), "", 1_000_000)
	want := first(p, 2000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if !slices.Equal(want, first(p, len(want))) {
				t.Error("the numbers are others than those of one goroutine")
			}
		})
	}
	wg.Wait()
}

// Not parallel: it counts the allocations of the whole process.
func TestPermutationDoesNotAllocate(t *testing.T) {
	for _, size := range []uint64{10_000, 1_000_000, MaxPermutationSize} {
		p := permutation(t, testKey(16), "", size)
		i := uint64(0)
		if n := testing.AllocsPerRun(1000, func() { i = p.Index(p.Of(i)) + 1 }); n != 0 {
			t.Errorf("size %d: %v allocations for a number, want none", size, n)
		}
	}
}

func FuzzPermutation(f *testing.F) {
	f.Add(testKey(16), []byte(nil), uint64(10), uint64(3))
	f.Add(testKey(32), []byte("PLANT-1"), uint64(10_001), uint64(10_000))
	f.Add(testKey(16), []byte{0}, uint64(MaxPermutationSize), uint64(MaxPermutationSize-1))
	f.Add(testKey(15), []byte{}, uint64(2), uint64(1))
	f.Fuzz(func(t *testing.T, key, tweak []byte, size, i uint64) {
		p, err := NewPermutation(key, tweak, size)
		if err != nil {
			if (len(key) == 16 || len(key) == 32) && size >= 2 && size <= MaxPermutationSize {
				t.Fatal(err)
			}
			return
		}
		i %= size
		if v := p.Of(i); v >= size || p.Index(v) != i {
			t.Fatalf("size %d: Of(%d) = %d, Index of that %d", size, i, v, p.Index(v))
		}
	})
}

func BenchmarkPermutation(b *testing.B) {
	for _, size := range []uint64{10_000, 100_000, 1_000_000, 1_000_000_000_000_000_000} {
		for _, length := range []int{16, 32} {
			b.Run(fmt.Sprintf("size=%d/key=%d", size, length), func(b *testing.B) {
				p := permutation(b, testKey(length), "", size)
				b.ReportAllocs()
				for i := uint64(0); b.Loop(); i++ {
					p.Of(i % size)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "numbers/s")
			})
		}
	}
}
