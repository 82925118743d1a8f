package gs1

import (
	"slices"
	"strings"
	"testing"
)

// The release that the table follows has 541 application identifiers.
func TestTableIsWhole(t *testing.T) {
	t.Parallel()
	all := slices.Collect(AIs())
	if len(all) != 541 {
		t.Errorf("%d application identifiers, want 541", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b *AI) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("not in the order of their digits")
	}
	for _, ai := range all {
		if got, ok := LookupAI(ai.Code); !ok || got != ai {
			t.Errorf("LookupAI(%q) finds another", ai.Code)
		}
		if got := leadingAI(ai.Code + "123"); got != ai {
			t.Errorf("%s123 begins with another", ai.Code)
		}
	}
}

// GS1 General Specifications, figure 7.8.5-2: what begins with these two digits
// has a predefined length, AI and value together.
func TestPredefinedLengths(t *testing.T) {
	t.Parallel()
	lengths := map[string]int{
		"00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "11": 8, "12": 8, "13": 8, "14": 8, "15": 8, "16": 8,
		"17": 8, "18": 8, "19": 8, "20": 4, "31": 10, "32": 10, "33": 10, "34": 10, "35": 10, "36": 10, "41": 16,
	}
	for ai := range AIs() {
		want, ok := lengths[ai.Code[:2]]
		if ok != ai.Predefined {
			t.Errorf("(%s) predefined: %t, want %t", ai.Code, ai.Predefined, ok)
		}
		if got := len(ai.Code) + ai.max; ok && got != want {
			t.Errorf("(%s) with its value has %d characters, want %d", ai.Code, got, want)
		}
	}
}

func TestAssociationsNameWhatExists(t *testing.T) {
	t.Parallel()
	exists := func(ai *AI, pattern string) {
		for other := range AIs() {
			if matches(pattern, other.Code) {
				return
			}
		}
		t.Errorf("(%s) names %s, which no application identifier is", ai.Code, pattern)
	}
	for ai := range AIs() {
		for _, pattern := range ai.excludes {
			exists(ai, pattern)
		}
		for _, alternatives := range ai.requires {
			for _, pattern := range slices.Concat(alternatives...) {
				exists(ai, pattern)
			}
		}
		for _, code := range slices.Concat(ai.qualifiers...) {
			exists(ai, code)
		}
	}
}

func TestLookupAIRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "0", "1", "04", "05", "310", "3106", "00000", "a1", "9a", "١٢", "-1", "+1"} {
		if ai, ok := LookupAI(code); ok {
			t.Errorf("LookupAI(%q) = %s", code, ai.Code)
		}
	}
}
