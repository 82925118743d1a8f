package gs1

import (
	"testing"
)

// scans are what a floor reads: the mix of the benchmarks.
var scans = []string{
	"]d2010950600013435221ABC123456789\x1d10LOT1\x1d17250930",
	"]C10109506000134352",
	"]E09506000134352",
	"SN-2026-000123",
	"https://id.gs1.org/01/09506000134352/10/LOT1/21/ABC?17=250930",
	"[)>\x1e06\x1dP4711-0815\x1d1TLOT-1\x1dQ100\x1dS000123\x1e\x04",
}

func BenchmarkParse(b *testing.B) {
	for name, one := range map[string][]string{
		"mix": scans, "datamatrix": scans[:1], "ean13": scans[2:3], "plain": scans[3:4], "link": scans[4:5], "iso15434": scans[5:],
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := Parse(one[i%len(one)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	b.ReportAllocs()
	prefixes := CompanyPrefixes{"9506000"}
	var into []byte
	i := 0
	for b.Loop() {
		m, err := Parse(scans[i%len(scans)])
		if err != nil {
			b.Fatal(err)
		}
		into = m.AppendJSON(into[:0], prefixes, 2026)
		i++
	}
}
