package simulate

import (
	"bytes"
	"strings"

	"github.com/machshop/seriald"
)

// flaw is a way in which a message is wrong on purpose, and the refusal that it
// must get.
type flaw struct {
	name    string // for people
	typ     seriald.EventType
	refusal refusal
	// nameless: the id can't be read, so the refusal is without it.
	nameless bool
	// payload as it is sent, with {id} for the message's own.
	payload string
	// long has white space behind the payload, beyond what a payload may have.
	long bool
}

// refusal is what of a refusal is held to be right.
type refusal struct {
	code  seriald.Code
	field string
}

// expects reports whether a is how a message with this flaw must be answered.
func (f *flaw) expects(a *answer) bool {
	return a.Status == seriald.StatusRejected && a.refusal() == f.refusal && f.nameless == (a.EventID == "")
}

// text returns the payload of message id.
func (f *flaw) text(id string, maxPayload int) []byte {
	b := []byte(strings.ReplaceAll(f.payload, "{id}", id))
	if f.long {
		b = append(b, bytes.Repeat([]byte{' '}, max(0, maxPayload+1-len(b)))...)
	}
	return b
}

// tooDeep is nested deeper than any configuration allows.
const tooDeep = 1000

// longFlaw is rare among the others, or its bytes would be most of all.
var longFlaw = flaw{
	name: "payload too long", typ: seriald.TypeSerialGenerate, nameless: true, long: true,
	refusal: refusal{seriald.CodePayloadTooLarge, ""}, payload: `{"id":"{id}","partId":"PART-001"}`,
}

// flaws are drawn with equal chances.
var flaws = []flaw{
	{
		name: "part is not known", typ: seriald.TypeSerialGenerate,
		refusal: refusal{seriald.CodePartNotFound, "partId"},
		payload: `{"id":"{id}","partId":"NO-SUCH-PART"}`,
	},
	{
		name: "type is not known", typ: "coffee_break",
		refusal: refusal{seriald.CodeUnknownType, ""},
		payload: `{"id":"{id}","partId":"PART-001"}`,
	},
	{
		name: "required field is missing", typ: seriald.TypeVendorSerialReceive,
		refusal: refusal{seriald.CodeValidation, "vendorName"},
		payload: `{"id":"{id}","partId":"PART-002","vendorSerialNumber":"VS-{id}"}`,
	},
	{
		name: "field is of the wrong type", typ: seriald.TypeSerialGenerate,
		refusal: refusal{seriald.CodeValidation, "quantity"},
		payload: `{"id":"{id}","partId":"PART-001","quantity":"two"}`,
	},
	{
		name: "number is out of range", typ: seriald.TypeSerialGenerate,
		refusal: refusal{seriald.CodeValidation, "quantity"},
		payload: `{"id":"{id}","partId":"PART-001","quantity":0}`,
	},
	{
		name: "time is none", typ: seriald.TypeSerialGenerate,
		refusal: refusal{seriald.CodeValidation, "time"},
		payload: `{"id":"{id}","partId":"PART-001","time":"yesterday"}`,
	},
	{
		name: "CloudEvent of another version", typ: seriald.TypeSerialGenerate,
		refusal: refusal{seriald.CodeValidation, "specversion"},
		payload: `{"specversion":"0.3","id":"{id}","data":{"partId":"PART-001"}}`,
	},
	{
		name: "JSON is broken off", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, ""},
		payload: `{"id":"{id}","partId":"PART-0`,
	},
	{
		name: "JSON is no object", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, ""},
		payload: `["{id}","PART-001"]`,
	},
	{
		name: "JSON is nested too deep", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, ""},
		payload: `{"id":"{id}","partId":"PART-001","notes":` + strings.Repeat("[", tooDeep) + strings.Repeat("]", tooDeep) + `}`,
	},
	{
		name: "text is not UTF-8", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, ""},
		payload: `{"id":"{id}","partId":"PART-` + "\xff" + `"}`,
	},
	{
		name: "id is too long", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, "id"},
		payload: `{"id":"{id}-` + strings.Repeat("x", seriald.MaxEventIDLength) + `","partId":"PART-001"}`,
	},
	{
		name: "id is a number", typ: seriald.TypeSerialGenerate, nameless: true,
		refusal: refusal{seriald.CodeValidation, "id"},
		payload: `{"id":7,"partId":"PART-001","notes":"{id}"}`,
	},
}
