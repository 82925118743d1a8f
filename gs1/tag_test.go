package gs1

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// tagExamples are tags as they are published: the first of TDS, section 14 and
// annex E, which has them with company prefixes of 7 and 11 digits.
var tagExamples = []struct{ uri, hex string }{
	{"urn:epc:tag:sgtin-96:3.0614141.812345.6789", "3074257BF7194E4000001A85"},
	{"urn:epc:tag:sgtin-96:3.95060001343.05.123456789", "3066C4409047E140075BCD15"},
	{"urn:epc:tag:sgtin-198:3.95060001343.05.32a%2Fb", "3666C4409047E159B2C2BF100000000000000000000000000000"},
	{"urn:epc:tag:sgtin-198:1.00000950.01093.Serial", "36300001DB011169E5E5A70EC000000000000000000000000000"},
	// The least and the greatest of what there is.
	{"urn:epc:tag:sgtin-96:0.000000000000.0.0", "300000000000000000000000"},
	{"urn:epc:tag:sgtin-96:7.999999.9999999.274877906943", "30FBD08FE6259FFFFFFFFFFF"},
}

func TestTagIsDecodedAndEncodedAsPublished(t *testing.T) {
	t.Parallel()
	for _, tt := range tagExamples {
		t.Run(tt.uri, func(t *testing.T) {
			t.Parallel()
			tag, err := ParseTagURI(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			if got := tag.Hex(); got != tt.hex {
				t.Errorf("hex is %s, want %s", got, tt.hex)
			}
			for _, text := range []string{tt.hex, strings.ToLower(tt.hex)} {
				back, err := ParseTagHex(text)
				if err != nil || back != tag || back.String() != tt.uri {
					t.Errorf("%s is %v (%v), want %v", text, back, err, tag)
				}
			}
			want, _ := hex.DecodeString(tt.hex)
			if !bytes.Equal(tag.Bytes(), want) {
				t.Errorf("bytes are %x", tag.Bytes())
			}
		})
	}
}

func TestTagHasWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scheme TagScheme
		serial string
		want   TagScheme
	}{
		{"", "6789", SGTIN96},
		{"", "0", SGTIN96},
		{"", "274877906943", SGTIN96},
		{"", "274877906944", SGTIN198},
		{"", "99999999999999999999", SGTIN198},
		{"", "06789", SGTIN198},
		{"", "32a%2Fb", SGTIN198},
		{SGTIN198, "6789", SGTIN198},
	} {
		e, err := ParseEPC("urn:epc:id:sgtin:0614141.812345." + tt.serial)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := NewTag(tt.scheme, 3, e)
		if err != nil || tag.Scheme() != tt.want || tag.Filter() != 3 || tag.EPC() != e {
			t.Errorf("tag of %s is %v (%v), want %s", tt.serial, tag, err, tt.want)
		}
	}
	if none := (Tag{}); none.String() != "" || none.Bytes() != nil || none.Hex() != "" {
		t.Error("the zero value must be none")
	}
}

func TestWhatCanNotBeOnATagIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		scheme TagScheme
		filter uint8
		uri    string
	}{
		{"zero in front", SGTIN96, 3, "urn:epc:id:sgtin:0614141.812345.06789"},
		{"two zeros", SGTIN96, 3, "urn:epc:id:sgtin:0614141.812345.00"},
		{"great number", SGTIN96, 3, "urn:epc:id:sgtin:0614141.812345.274877906944"},
		{"more than 64 bits", SGTIN96, 3, "urn:epc:id:sgtin:0614141.812345.99999999999999999999"},
		{"letter", SGTIN96, 3, "urn:epc:id:sgtin:0614141.812345.A"},
		{"filter value", "", 8, "urn:epc:id:sgtin:0614141.812345.6789"},
		{"other scheme", "sscc-96", 3, "urn:epc:id:sgtin:0614141.812345.6789"},
		{"other EPC", "", 3, "urn:epc:id:sscc:0614141.1234567890"},
		{"lot", "", 3, "urn:epc:class:lgtin:4012345.012345.998877"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := ParseEPC(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			tag, err := NewTag(tt.scheme, tt.filter, e)
			fails(t, err, "", 0, RuleNotEncodable)
			if tag != (Tag{}) {
				t.Errorf("got %v", tag)
			}
		})
	}
	_, err := NewTag("", 0, EPC{})
	fails(t, err, "", 0, RuleNotEncodable)
}

func TestTagThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, hex string
		position  int
		rule      Rule
	}{
		{"nothing", "", 1, RuleEmpty},
		{"no hexadecimal digit", "3074257BF7194E40G0001A85", 17, RuleCharacter},
		{"half a byte", "3074257BF7194E4000001A8", 1, RuleLength},
		{"header", "3174257BF7194E4000001A85", 1, RuleSyntax},
		{"one byte less", "3074257BF7194E4000001A", 1, RuleLength},
		{"one byte more", "3074257BF7194E4000001A8500", 1, RuleLength},
		{"SGTIN-198 without the bits that fill it up", "3666C4409047E159B2C2BF1000000000000000000000000000", 1, RuleLength},
		{"partition 7", "307C257BF7194E4000001A85", 3, RuleSyntax},
		{"company prefix of 8 digits for 7", "3077FFFFF7194E4000001A85", 3, RuleLength},
		{"item reference of 7 digits for 6", "3074257BF7FFFFC000001A85", 9, RuleLength},
		{"no serial number", "3666C4409047E100000000000000000000000000000000000000", 15, RuleLength},
		{"character", "3666C4409047E140B2C2BF100000000000000000000000000000", 15, RuleCharacter},
		{"bits behind the serial number", "3666C4409047E159B2C2BF100000000000000000000000010000", 47, RuleSyntax},
		{"bits that fill up", "3666C4409047E159B2C2BF100000000000000000000000000001", 51, RuleSyntax},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tag, err := ParseTagHex(tt.hex)
			fails(t, err, "", tt.position, tt.rule)
			if tag != (Tag{}) {
				t.Errorf("got %v", tag)
			}
		})
	}
	_, err := DecodeTag([]byte{0x30, 0xff})
	fails(t, err, "", 1, RuleLength)
}

func TestTagURIThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, uri string
		position  int
		rule      Rule
	}{
		{"identity", "urn:epc:id:sgtin:0614141.812345.6789", 1, RuleSyntax},
		{"other scheme", "urn:epc:tag:sscc-96:0.952012.03456789123", 13, RuleSyntax},
		{"no filter value", "urn:epc:tag:sgtin-96:0614141.812345.6789", 22, RuleSyntax},
		{"filter value 8", "urn:epc:tag:sgtin-96:8.0614141.812345.6789", 22, RuleSyntax},
		{"nothing behind", "urn:epc:tag:sgtin-96", 21, RuleSyntax},
		{"short reference", "urn:epc:tag:sgtin-96:3.0614141.81234.6789", 32, RuleLength},
		{"zero in front", "urn:epc:tag:sgtin-96:3.0614141.812345.06789", 39, RuleNotEncodable},
		{"escape", "urn:epc:tag:sgtin-96:3.0614141.812345.32a%2Fb", 39, RuleNotEncodable},
		{"long serial number", "urn:epc:tag:sgtin-198:3.0614141.812345.123456789012345678901", 40, RuleLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tag, err := ParseTagURI(tt.uri)
			fails(t, err, "", tt.position, tt.rule)
			if tag != (Tag{}) {
				t.Errorf("got %v", tag)
			}
		})
	}
}
