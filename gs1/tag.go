package gs1

import (
	"strconv"
	"strings"
)

// TagScheme is how an EPC is encoded on a tag (GS1 EPC Tag Data Standard, section
// 14).
type TagScheme string

// The tag schemes of serialised GTINs.
const (
	SGTIN96  TagScheme = "sgtin-96"  // 12 bytes; the serial number is a number up to 274877906943
	SGTIN198 TagScheme = "sgtin-198" // 26 bytes; any serial number
)

// Tag is what the EPC memory bank of an RFID tag has: an SGTIN and a filter value.
// It is good by how it is made: by [NewTag], [DecodeTag], [ParseTagHex] or
// [ParseTagURI]. Tags can be compared with ==.
type Tag struct {
	scheme TagScheme
	filter uint8
	epc    EPC
}

const (
	headerSGTIN96, headerSGTIN198 = 0x30, 0x36
	bytesSGTIN96, bytesSGTIN198   = 12, 26 // the latter are 198 bits, filled up to 16-bit words

	filterAt, filterBits       = 8, 3
	partitionAt, partitionBits = 11, 3
	prefixAt, keyBits          = 14, 44 // company prefix and reference
	serialAt                   = prefixAt + keyBits
	serialBits96               = 38
	charBits                   = 7
	mostSerialChars            = 20
	mostSerial96               = 1<<serialBits96 - 1

	mostFilter    = 7
	mostPartition = 6
)

// prefixBits are the bits of the company prefix in each partition; the partition is
// 12 less the digits of the prefix (GS1 EPC Tag Data Standard, section 14, partition
// table of the SGTIN).
var prefixBits = [mostPartition + 1]int{40, 37, 34, 30, 27, 24, 20}

// NewTag returns the tag of an SGTIN. The filter value is 0 to 7 (section 10.2 of
// the standard): 1 for an item of retail trade, 2 for a full case, 4 for an inner
// pack, 6 for a unit load, 7 for a part that is not sold alone, 0 for all others.
// With scheme "" it is [SGTIN96] if the serial number allows it. All errors are of
// [RuleNotEncodable].
func NewTag(scheme TagScheme, filter uint8, epc EPC) (Tag, error) {
	wrong := func(detail string) (Tag, error) {
		return Tag{}, &Error{Rule: RuleNotEncodable, Detail: detail}
	}
	small := fits96(epc.serial)
	if scheme == "" {
		if scheme = SGTIN198; small {
			scheme = SGTIN96
		}
	}
	switch {
	case epc.Scheme() != sgtin:
		return wrong("only an sgtin can be on such a tag, not " + strconv.Quote(epc.Scheme()))
	case filter > mostFilter:
		return wrong("filter value is " + strconv.Itoa(int(filter)) + ", must be 0 to 7")
	case scheme == SGTIN96 && !small:
		return wrong("serial number " + strconv.Quote(epc.serial) + " must be a number without leading zeros, up to 274877906943: use " + string(SGTIN198))
	case scheme != SGTIN96 && scheme != SGTIN198:
		return wrong("there is no tag scheme " + strconv.Quote(string(scheme)) + ": use " + string(SGTIN96) + " or " + string(SGTIN198))
	}
	return Tag{scheme: scheme, filter: filter, epc: epc}, nil
}

// fits96 reports whether an SGTIN-96 can have the serial number.
func fits96(serial string) bool {
	if !digits(serial) || len(serial) > 1 && serial[0] == '0' {
		return false
	}
	n, err := strconv.ParseUint(serial, 10, 64)
	return err == nil && n <= mostSerial96
}

// Scheme returns the tag's scheme; "" of the zero value.
func (t Tag) Scheme() TagScheme { return t.scheme }

// Filter returns the filter value, 0 to 7.
func (t Tag) Filter() uint8 { return t.filter }

// EPC returns the SGTIN.
func (t Tag) EPC() EPC { return t.epc }

// String returns the tag URI, "urn:epc:tag:sgtin-96:3.0614141.812345.6789"
// (section 12 of the standard); "" of the zero value.
func (t Tag) String() string {
	if t.epc.scheme == nil {
		return ""
	}
	b := make([]byte, 0, 80)
	b = append(append(append(b, tagURI...), t.scheme...), ':', '0'+t.filter, '.')
	return string(t.epc.appendParts(b))
}

// Bytes returns the bits as they are on the tag, 12 bytes or 26 (section 14 of
// the standard); nil of the zero value.
func (t Tag) Bytes() []byte {
	if t.epc.scheme == nil {
		return nil
	}
	b := make([]byte, bytesSGTIN198)
	b[0] = headerSGTIN198
	if t.scheme == SGTIN96 {
		b = b[:bytesSGTIN96]
		b[0] = headerSGTIN96
	}
	partition := mostPrefix - len(t.epc.prefix)
	size := prefixBits[partition]
	putBits(b, filterAt, filterBits, uint64(t.filter))
	putBits(b, partitionAt, partitionBits, uint64(partition))
	putBits(b, prefixAt, size, number(t.epc.prefix))
	putBits(b, prefixAt+size, keyBits-size, number(t.epc.reference))
	if t.scheme == SGTIN96 {
		putBits(b, serialAt, serialBits96, number(t.epc.serial))
		return b
	}
	for i := range len(t.epc.serial) {
		putBits(b, serialAt+i*charBits, charBits, uint64(t.epc.serial[i]))
	}
	return b
}

// number returns the number that at most 13 digits are.
func number(digits string) uint64 {
	n := uint64(0)
	for i := range len(digits) {
		n = 10*n + uint64(digits[i]-'0')
	}
	return n
}

// Hex returns the bytes as upper-case hexadecimal digits, as RFID readers and
// printers show them.
func (t Tag) Hex() string {
	const figures = "0123456789ABCDEF"
	data := t.Bytes()
	b := make([]byte, 0, 2*len(data))
	for _, c := range data {
		b = append(b, figures[c>>4], figures[c&15])
	}
	return string(b)
}

// DecodeTag decodes the bits of an SGTIN-96 or SGTIN-198, 12 bytes or 26 (section
// 14 of the standard). Errors are [RuleEmpty], [RuleSyntax] for the header, the
// partition and what must be zero, [RuleLength], and [RuleCharacter]. Positions are
// in data.
func DecodeTag(data []byte) (Tag, error) {
	if len(data) == 0 {
		return Tag{}, &Error{Position: 1, Rule: RuleEmpty, Detail: "the tag has no data"}
	}
	t := Tag{epc: EPC{scheme: schemeOf(sgtin, false)}}
	size := bytesSGTIN96
	switch data[0] {
	case headerSGTIN96:
		t.scheme = SGTIN96
	case headerSGTIN198:
		t.scheme, size = SGTIN198, bytesSGTIN198
	default:
		return Tag{}, &Error{Position: 1, Rule: RuleSyntax, Detail: "header " + string(appendPercent(nil, data[0])[1:]) + " must be 30, of an SGTIN-96, or 36, of an SGTIN-198"}
	}
	if len(data) != size {
		return Tag{}, &Error{
			Position: 1, Rule: RuleLength,
			Detail: "the tag has " + strconv.Itoa(len(data)) + " bytes, must have " + strconv.Itoa(size) + " for " + string(t.scheme),
		}
	}
	t.filter = uint8(getBits(data, filterAt, filterBits))
	partition := int(getBits(data, partitionAt, partitionBits))
	if partition > mostPartition {
		return Tag{}, &Error{Position: 1 + partitionAt/8, Rule: RuleSyntax, Detail: "partition is " + strconv.Itoa(partition) + ", must be 0 to 6"}
	}
	var err error
	bits := prefixBits[partition]
	if t.epc.prefix, err = decimal(data, prefixAt, bits, mostPrefix-partition, "company prefix"); err != nil {
		return Tag{}, err
	}
	if t.epc.reference, err = decimal(data, prefixAt+bits, keyBits-bits, partition+1, "item reference"); err != nil {
		return Tag{}, err
	}
	if t.scheme == SGTIN96 {
		t.epc.serial = strconv.FormatUint(getBits(data, serialAt, serialBits96), 10)
		return t, nil
	}
	if t.epc.serial, err = serialChars(data); err != nil {
		return Tag{}, err
	}
	return t, nil
}

// decimal returns bits of a tag as a number with leading zeros.
func decimal(data []byte, at, bits, size int, what string) (string, error) {
	text := strconv.FormatUint(getBits(data, at, bits), 10)
	if len(text) > size {
		return "", &Error{Position: 1 + at/8, Rule: RuleLength, Detail: what + " is " + text + ", must have " + strconv.Itoa(size) + " digits for this partition"}
	}
	return "000000000000"[:size-len(text)] + text, nil
}

// serialChars returns the serial number of an SGTIN-198: what is behind its last
// character must be zero.
func serialChars(data []byte) (string, error) {
	b := make([]byte, 0, mostSerialChars)
	at := serialAt
	for ; len(b) < mostSerialChars; at += charBits {
		c := byte(getBits(data, at, charBits))
		if c == 0 {
			break
		}
		if members[c]&in82 == 0 {
			return "", &Error{Position: 1 + at/8, Rule: RuleCharacter, Detail: quoted(string(rune(c))) + " in the serial number is not " + cset82.String()}
		}
		b = append(b, c)
	}
	if len(b) == 0 {
		return "", &Error{Position: 1 + at/8, Rule: RuleLength, Detail: "the serial number has no characters, must have 1 to 20"}
	}
	for ; at < 8*len(data); at++ {
		if getBits(data, at, 1) != 0 {
			return "", &Error{Position: 1 + at/8, Rule: RuleSyntax, Detail: "all bits behind the serial number must be zero"}
		}
	}
	return string(b), nil
}

// ParseTagHex decodes hexadecimal digits, of either case, as [DecodeTag] does.
// Positions are in text.
func ParseTagHex(text string) (Tag, error) {
	data := make([]byte, 0, bytesSGTIN198)
	for i := range len(text) {
		n := unhex(text[i])
		if n < 0 {
			return Tag{}, &Error{Position: 1 + i, Rule: RuleCharacter, Detail: quoted(text[i:i+1]) + " is no hexadecimal digit"}
		}
		if i%2 == 0 {
			data = append(data, byte(n<<4))
		} else {
			data[i/2] |= byte(n)
		}
	}
	if len(text)%2 != 0 {
		return Tag{}, &Error{Position: 1, Rule: RuleLength, Detail: "the tag has " + strconv.Itoa(len(text)) + " hexadecimal digits: one is missing"}
	}
	t, err := DecodeTag(data)
	if e, ok := err.(*Error); ok { //nolint:errorlint // made just here
		e.Position = 2*e.Position - 1
	}
	return t, err
}

// ParseTagURI parses a tag URI, "urn:epc:tag:sgtin-96:3.0614141.812345.6789"
// (section 12 of the standard). Errors are as those of [ParseEPC] and [NewTag].
func ParseTagURI(uri string) (Tag, error) {
	rest, ok := strings.CutPrefix(uri, tagURI)
	if !ok {
		return Tag{}, &Error{Position: 1, Rule: RuleSyntax, Detail: "a tag URI must begin with " + tagURI}
	}
	name, body, _ := strings.Cut(rest, ":")
	scheme := TagScheme(name)
	if scheme != SGTIN96 && scheme != SGTIN198 {
		return Tag{}, &Error{Position: 1 + len(tagURI), Rule: RuleSyntax, Detail: "tag scheme " + strconv.Quote(name) + " must be " + string(SGTIN96) + " or " + string(SGTIN198)}
	}
	at := 1 + len(uri) - len(body)
	if len(body) < 2 || body[0] < '0' || body[0] > '0'+mostFilter || body[1] != '.' {
		return Tag{}, &Error{Position: at, Rule: RuleSyntax, Detail: "the filter value must be 0 to 7, and a . follow it"}
	}
	epc, err := schemeOf(sgtin, false).parse(body[2:], at+2)
	if err != nil {
		return Tag{}, err
	}
	t, err := NewTag(scheme, body[0]-'0', epc)
	if e, ok := err.(*Error); ok { //nolint:errorlint // made just here
		e.Position = at + len("3.") + len(epc.prefix) + len(".") + len(epc.reference) + len(".")
	}
	return t, err
}
