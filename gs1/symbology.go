package gs1

// Symbology is an AIM symbology identifier (ISO/IEC 15424): "]", a letter for the
// symbology and a modifier, such as "]d2" for GS1 DataMatrix. Readers send it in
// front of what they read if they are told to.
type Symbology string

// carrier is what a symbol can carry.
type carrier uint8

const (
	carrierUnknown   carrier = iota // the reader did not say
	carrierGS1                      // element strings
	carrierEAN13                    // a GTIN of 13 digits, or 12
	carrierEAN13Plus                // the same with an add-on of 2 or 5 digits
	carrierEAN8                     // a GTIN of 8 digits
	carrierITF14                    // a GTIN of 14 digits, if it has as many
	carrierText                     // anything but element strings
)

// carriers are the symbologies that GS1 uses (GS1 General Specifications, section
// 5.1), each with what it carries. All others carry text.
var carriers = map[Symbology]carrier{
	"]C1": carrierGS1, // GS1-128
	"]e0": carrierGS1, // GS1 DataBar, composite component
	"]d2": carrierGS1, // GS1 DataMatrix
	"]d5": carrierGS1, // the same with ECI
	"]Q3": carrierGS1, // GS1 QR Code
	"]Q4": carrierGS1, // the same with ECI
	"]J1": carrierGS1, // GS1 DotCode
	"]J4": carrierGS1, // the same with ECI
	"]E0": carrierEAN13,
	"]E3": carrierEAN13Plus,
	"]E4": carrierEAN8,
	"]I1": carrierITF14, // its check digit was judged
}

// splitSymbology returns the symbology identifier that scan begins with, "" if
// there is none, and the rest.
func splitSymbology(scan string) (Symbology, string) {
	if len(scan) < 3 || scan[0] != ']' || !letter(scan[1]) || !letter(scan[2]) && (scan[2] < '0' || scan[2] > '9') {
		return "", scan
	}
	return Symbology(scan[:3]), scan[3:]
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// carries returns what a symbol of s can carry.
func (s Symbology) carries() carrier {
	if s == "" {
		return carrierUnknown
	}
	if c, ok := carriers[s]; ok {
		return c
	}
	return carrierText
}
