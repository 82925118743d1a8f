package gs1_test

import (
	"errors"
	"fmt"

	"github.com/machshop/seriald/gs1"
)

func Example() {
	m, err := gs1.Parse("]d2010950600013435221ABC\x1d10LOT1\x1d17250900")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Kind, m.Symbology)
	for _, e := range m.Elements {
		fmt.Printf("(%s) %s: %s\n", e.AI, e.Title(), e.Value)
	}
	fmt.Println(m.Canonical())
	expiry, _ := m.Elements.Expiry(2026)
	fmt.Println(expiry)
	// Output:
	// gs1 ]d2
	// (01) GTIN: 09506000134352
	// (21) SERIAL: ABC
	// (10) BATCH/LOT: LOT1
	// (17) USE BY or EXPIRY: 250900
	// ^010950600013435221ABC^10LOT1^17250900
	// 2025-09-30
}

// A wrong check digit is an error that says where it is.
func ExampleError() {
	_, err := gs1.Parse("]d20109506000134353")
	var e *gs1.Error
	fmt.Println(errors.As(err, &e), e.ID, e.Position, e.Rule)
	// Output: true 01 19 csum
}

// A reader that sends no symbology identifiers, and "|" for FNC1.
func ExampleParser() {
	profile, err := gs1.ParseProfile("gs1,separator=|")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := gs1.Parser{Profile: profile}.Parse("010950600013435210LOT1|21ABC")
	fmt.Println(m.Canonical(), err)
	// Output: ^010950600013435210LOT1^21ABC <nil>
}

// What can be read in two ways is not decided.
func ExampleMessage_ambiguous() {
	m, _ := gs1.Parse("010950600013435221ABC")
	for _, reading := range m.Ambiguous {
		fmt.Println(reading.Kind, reading.Canonical())
	}
	// Output:
	// gs1 ^010950600013435221ABC
	// plain 010950600013435221ABC
}

func ExampleElements_EPC() {
	es, _, err := gs1.ParseBracketed("(01)80614141123458(21)6789")
	if err != nil {
		fmt.Println(err)
		return
	}
	epc, err := es.EPC(gs1.CompanyPrefixes{"0614141"})
	fmt.Println(epc, err)
	// Output: urn:epc:id:sgtin:0614141.812345.6789 <nil>
}

func ExampleElements_DigitalLink() {
	es, _, err := gs1.ParseBracketed("(01)09506000134352(10)LOT1(21)ABC(17)250930")
	if err != nil {
		fmt.Println(err)
		return
	}
	link, err := es.DigitalLink("")
	fmt.Println(link, err)
	// Output: https://id.gs1.org/01/09506000134352/10/LOT1/21/ABC?17=250930 <nil>
}
