package pattern

// checkFacts are what is known of a scheme.
type checkFacts struct {
	scheme         Scheme
	covers         string       // what it covers, for errors
	values         *checkValues // of the characters that it covers
	characters     string       // what a check character can be, each at the place of its value
	length         int          // how many check characters there are
	most           int          // how many characters it covers at most; 0 if any number
	transpositions bool         // whether it finds every exchange of neighbours
}

// checkSchemes are the known schemes, in the order of [Schemes].
var checkSchemes = [...]checkFacts{
	{Luhn, "digits", decimalValues, base10, 1, 0, false},
	{Luhn36, "digits and A-Z", alphanumericValues, base36, 1, 0, false},
	{Mod11, "digits", decimalValues, base10 + "X", 1, 0, true},
	{ISO7064Mod11Radix2, "digits", decimalValues, base10 + "X", 1, 0, true},
	{ISO7064Mod37Radix2, "digits and A-Z", alphanumericValues, base36 + "*", 1, 0, true},
	{ISO7064Mod97Radix10, "digits", decimalValues, base10, 2, 0, true},
	{ISO7064Mod11And10, "digits", decimalValues, base10, 1, 0, false},
	{ISO7064Mod37And36, "digits and A-Z", alphanumericValues, base36, 1, 0, false},
	{Damm, "digits", decimalValues, base10, 1, 0, true},
	{Verhoeff, "digits", decimalValues, base10, 1, 0, true},
	{GS1, "digits", decimalValues, base10, 1, 0, false},
	{GS1Alpha, "characters of CSET 82", cset82Values, gs1PairCharacters, 2, len(gs1PairWeights), true},
}

// unknownFacts are those of a scheme that is none: it covers nothing.
var unknownFacts = checkFacts{values: checkValuesOf("")}

// facts returns what is known of a scheme.
func (s Scheme) facts() *checkFacts {
	for i := range checkSchemes {
		if checkSchemes[i].scheme == s {
			return &checkSchemes[i]
		}
	}
	return &unknownFacts
}

// checkValues are the values of characters in an alphabet, -1 for what is not in it.
type checkValues [256]int8

var (
	decimalValues      = checkValuesOf(base10)
	alphanumericValues = checkValuesOf(base36)
	// cset82Values are those of CSET 82 (GS1 General Specifications, figure 7.11-1).
	cset82Values = checkValuesOf(`!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`)
)

// checkValuesOf gives each character the value of its place.
func checkValuesOf(alphabet string) *checkValues {
	var values checkValues
	for i := range values {
		values[i] = -1
	}
	for i := range len(alphabet) {
		values[alphabet[i]] = int8(i)
	}
	return &values
}

// checkValue returns the value of a text's check characters, the first of two being
// the higher, and how many characters of the text they cover. The value means nothing
// if these are none or too many.
func checkValue[T string | []byte](f *checkFacts, text T) (value, covered int) {
	switch f.scheme {
	case Luhn, Luhn36:
		return luhnValue(f.values, text, len(f.characters))
	case Mod11:
		sum, n := weightedSum(f.values, text, mod11Weights[:])
		return (11 - sum%11) % 11, n
	case GS1:
		sum, n := weightedSum(f.values, text, gs1Weights[:])
		return (10 - sum%10) % 10, n
	case GS1Alpha:
		sum, n := weightedSum(f.values, text, gs1PairWeights[:])
		return sum % gs1PairModulus, n
	case ISO7064Mod11Radix2:
		return pureValue(f.values, text, 11, 2)
	case ISO7064Mod37Radix2:
		return pureValue(f.values, text, 37, 2)
	case ISO7064Mod97Radix10:
		p, n := pureSum(f.values, text, 97, 10)
		// For the second check digit. The standard takes the remainder from 98, so
		// "00" and "01" are never written, though 97 and 98 are the same to the modulus.
		return 98 - p*10%97, n
	case ISO7064Mod11And10:
		return hybridValue(f.values, text, 10)
	case ISO7064Mod37And36:
		return hybridValue(f.values, text, 36)
	case Damm:
		return dammValue(f.values, text)
	case Verhoeff:
		return verhoeffValue(f.values, text)
	}
	return 0, 0
}

// luhnValue doubles every second value, from the last, and adds up the digits of what
// results, in base n.
func luhnValue[T string | []byte](values *checkValues, text T, n int) (value, covered int) {
	sum := 0
	for i := len(text) - 1; i >= 0; i-- {
		v := int(values[text[i]])
		if v < 0 {
			continue
		}
		if covered%2 == 0 {
			v = 2*v/n + 2*v%n
		}
		sum += v
		covered++
	}
	return (n - sum%n) % n, covered
}

// The weights of characters from the right, which come again when they are used up.
var (
	// mod11Weights end before 11, which would hide a wrong digit.
	mod11Weights = [...]int{2, 3, 4, 5, 6, 7, 8, 9, 10}
	gs1Weights   = [...]int{3, 1}
	// gs1PairWeights are the first primes. There are no more: a longer text has no pair.
	gs1PairWeights = [...]int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83}
)

// The pair of GS1 is calculated in package gs1 too, but not without allocation, and
// not from a text with characters to skip. A test holds the two to the same answers.
const (
	gs1PairCharacters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	// gs1PairModulus is a prime above all values and weights, so it divides no product
	// of their differences, and below 32 times 32.
	gs1PairModulus = 1021
)

// weightedSum adds up the values, each times its weight.
func weightedSum[T string | []byte](values *checkValues, text T, weights []int) (sum, covered int) {
	at := 0
	for i := len(text) - 1; i >= 0; i-- {
		v := int(values[text[i]])
		if v < 0 {
			continue
		}
		sum += v * weights[at]
		covered++
		if at++; at == len(weights) {
			at = 0
		}
	}
	return sum, covered
}

// pureSum takes the values for the digits of a number in base radix, with a zero for
// the check character behind them, and returns its remainder (ISO/IEC 7064, pure
// systems, recursive method).
func pureSum[T string | []byte](values *checkValues, text T, modulus, radix int) (p, covered int) {
	for i := range len(text) {
		v := int(values[text[i]])
		if v < 0 {
			continue
		}
		p = (p + v) * radix % modulus
		covered++
	}
	return p, covered
}

// pureValue is the check character of a pure system that has one: what makes the
// remainder 1.
func pureValue[T string | []byte](values *checkValues, text T, modulus, radix int) (value, covered int) {
	p, covered := pureSum(values, text, modulus, radix)
	return (modulus + 1 - p) % modulus, covered
}

// hybridValue is the check character of the hybrid system MOD m+1,m: what makes the
// remainder 1 (ISO/IEC 7064, hybrid systems).
func hybridValue[T string | []byte](values *checkValues, text T, m int) (value, covered int) {
	p := m
	for i := range len(text) {
		v := int(values[text[i]])
		if v < 0 {
			continue
		}
		// A remainder of 0 counts as m: zero has no place among the remainders of m+1.
		s := (p + v) % m
		if s == 0 {
			s = m
		}
		p = 2 * s % (m + 1)
		covered++
	}
	return (m + 1 - p) % m, covered
}

// dammTable is the totally anti-symmetric quasigroup of Damm's thesis: no row and no
// column has a digit twice, and the diagonal is zero, so the check digit is what the
// text ends in.
var dammTable = [10]string{
	"0317598642",
	"7092154863",
	"4206871359",
	"1750983426",
	"6123045978",
	"3674209581",
	"5869720134",
	"8945362017",
	"9438617205",
	"2581436790",
}

func dammValue[T string | []byte](values *checkValues, text T) (value, covered int) {
	for i := range len(text) {
		v := values[text[i]]
		if v < 0 {
			continue
		}
		value = int(dammTable[value][v] - '0')
		covered++
	}
	return value, covered
}

var (
	// verhoeffProduct is the multiplication of D5, the symmetries of a pentagon.
	verhoeffProduct = [10]string{
		"0123456789",
		"1234067895",
		"2340178956",
		"3401289567",
		"4012395678",
		"5987604321",
		"6598710432",
		"7659821043",
		"8765932104",
		"9876543210",
	}
	// verhoeffPermuted are the digits at each place from the right, the check digit's
	// first: Verhoeff's permutation, applied once more at every place. The eighth time
	// gives the first row again.
	verhoeffPermuted = [8]string{
		"0123456789",
		"1576283094",
		"5803796142",
		"8916043527",
		"9453126870",
		"4286573901",
		"2793806415",
		"7046913258",
	}
)

// verhoeffInverse are the digits whose product with another is zero.
const verhoeffInverse = "0432156789"

func verhoeffValue[T string | []byte](values *checkValues, text T) (value, covered int) {
	for i := len(text) - 1; i >= 0; i-- {
		v := values[text[i]]
		if v < 0 {
			continue
		}
		covered++
		value = int(verhoeffProduct[value][verhoeffPermuted[covered%8][v]-'0'] - '0')
	}
	return int(verhoeffInverse[value] - '0'), covered
}
