// Package gs1 understands what bar code scanners read on a shop floor: GS1 element
// strings, GS1 Digital Link URIs, EPCs, and ISO/IEC 15434 messages with the data
// identifiers of MH10.8.2. It uses the standard library only, does no I/O and
// keeps no state.
//
// # Scans
//
// [Parse] takes a scan as the reader sent it and returns a [Message]: the form it
// was in, and its [Elements], each an identifier with a value:
//
//	m, err := gs1.Parse("]d2010950600013435221ABC\x1d10LOT1")
//	m.Elements.GTIN()   // 09506000134352
//	m.Elements.Serial() // ABC
//	m.Elements.Lot()    // LOT1
//
// The symbology identifier in front (ISO/IEC 15424) says what kind of symbol was
// read. Most readers send it only if they are told to, and should be. Without it,
// a text that could be an element string or just text is ambiguous: Parse returns
// all readings and decides for none.
//
// What a reader does to its scans is told by a [Profile]: it sends "|" for FNC1,
// or nothing at all, or no symbology identifiers. A profile is chosen for a reader,
// by who knows it; nothing is guessed.
//
// # What is checked
//
// Every application identifier of the GS1 Syntax Dictionary with all it says about
// its value: length, characters, check digits, dates, codes of countries,
// currencies and packages, and so on; and which identifiers must be, or must not
// be, together. An [Error] says which identifier is wrong, where, by which [Rule],
// and, where it helps, what to do.
//
// # Other forms
//
// Elements are written as element strings ([Elements.ElementString],
// [Elements.Caret], [Elements.Bracketed]), as Digital Links
// ([Elements.DigitalLink]) and as EPCs ([Elements.EPC]), the latter also as the
// bits of a tag ([Tag]). For an EPC the length of the GS1 Company Prefix must be
// known: it can't be seen in a number, so who owns the prefix tells it, in
// [CompanyPrefixes].
//
// # Sources
//
// GS1 General Specifications, GS1 Barcode Syntax Dictionary, GS1 Digital Link
// Standard: URI Syntax, GS1 EPC Tag Data Standard, ISO/IEC 15424, 15418 and 15434,
// ANS MH10.8.2. Comments name the section that a rule is from.
package gs1
