package seriald_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// textFields are the fields that hold text.
var textFields = []string{
	"performedBy", "partId", "serialNumber", "workOrderId", "lotNumber", "operationCode", "vendorSerialNumber",
	"vendorName", "receivedDate", "formatConfigId", "purchaseOrderId", "workCenterId", "internalSerial", "sourceSerial", "siteId", "result", "challengerEventId",
}

func fieldsOf(typ seriald.EventType, data string) (*seriald.Fields, error) {
	e := seriald.Event{Type: typ, Data: json.RawMessage(data)}
	return e.Fields()
}

func TestFieldsTakes(t *testing.T) {
	t.Parallel()
	five, most := 5, seriald.MaxQuantity
	for name, tc := range map[string]struct {
		typ  seriald.EventType
		data string
		want seriald.Fields
	}{
		"operation_complete of a part":   {seriald.TypeOperationComplete, `{"partId":"P"}`, seriald.Fields{PartID: "P"}},
		"operation_complete of a serial": {seriald.TypeOperationComplete, `{"serialNumber":"S"}`, seriald.Fields{SerialNumber: "S"}},
		"operation_complete with all": {
			seriald.TypeOperationComplete,
			`{"partId":"P","serialNumber":"S","operationCode":"OP-010","workOrderId":"WO","lotNumber":"L","quantity":5,"performedBy":"ann"}`,
			seriald.Fields{
				PartID: "P", SerialNumber: "S", OperationCode: "OP-010", WorkOrderID: "WO", LotNumber: "L", Quantity: &five, PerformedBy: "ann",
			},
		},
		"serial_generate":             {seriald.TypeSerialGenerate, `{"partId":"P"}`, seriald.Fields{PartID: "P"}},
		"serial_generate with format": {seriald.TypeSerialGenerate, `{"partId":"P","formatConfigId":"F"}`, seriald.Fields{PartID: "P", FormatConfigID: "F"}},
		"vendor_serial_receive": {
			seriald.TypeVendorSerialReceive, `{"partId":"P","vendorName":"ACME","vendorSerialNumber":" 3 "}`,
			seriald.Fields{PartID: "P", VendorName: "ACME", VendorSerialNumber: " 3 "},
		},
		"a GTIN for the part":           {seriald.TypeSerialGenerate, `{"gtin":"09506000134352"}`, seriald.Fields{GTIN: "09506000134352"}},
		"a GTIN of 13 digits":           {seriald.TypeOperationComplete, `{"gtin":"9506000134352"}`, seriald.Fields{GTIN: "09506000134352"}},
		"a GTIN of 8 digits":            {seriald.TypeSerialGenerate, `{"partId":"P","gtin":"95050003"}`, seriald.Fields{PartID: "P", GTIN: "00000095050003"}},
		"the most of a quantity":        {seriald.TypeSerialGenerate, `{"partId":"P","quantity":100000}`, seriald.Fields{PartID: "P", Quantity: &most}},
		"a quantity that is null":       {seriald.TypeSerialGenerate, `{"partId":"P","quantity":null}`, seriald.Fields{PartID: "P"}},
		"a text of 200 bytes":           {seriald.TypeSerialGenerate, `{"partId":"` + strings.Repeat("é", 100) + `"}`, seriald.Fields{PartID: strings.Repeat("é", 100)}},
		"a date":                        {seriald.TypeSerialGenerate, `{"partId":"P","receivedDate":"2024-02-29"}`, seriald.Fields{PartID: "P", ReceivedDate: "2024-02-29"}},
		"a date in year 1":              {seriald.TypeSerialGenerate, `{"partId":"P","receivedDate":"0001-01-01"}`, seriald.Fields{PartID: "P", ReceivedDate: "0001-01-01"}},
		"a time, by its own day":        {seriald.TypeSerialGenerate, `{"partId":"P","receivedDate":"2026-03-01T23:30:00-05:00"}`, seriald.Fields{PartID: "P", ReceivedDate: "2026-03-01"}},
		"a time with a fraction":        {seriald.TypeSerialGenerate, `{"partId":"P","receivedDate":"2026-03-01T00:00:00.125Z"}`, seriald.Fields{PartID: "P", ReceivedDate: "2026-03-01"}},
		"fields it does not know":       {seriald.TypeSerialGenerate, `{"partId":"P","quantities":"x"}`, seriald.Fields{PartID: "P"}},
		"a context":                     {seriald.TypeSerialGenerate, `{"partId":"P","context":{"a":[1,{}]}}`, seriald.Fields{PartID: "P", Attributes: []byte(`{"a":[1,{}]}`)}},
		"attributes without anything":   {seriald.TypeSerialGenerate, `{"partId":"P","attributes":{ }}`, seriald.Fields{PartID: "P"}},
		"another type's required field": {seriald.TypeOperationComplete, `{"partId":"P","vendorName":""}`, seriald.Fields{PartID: "P"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fieldsOf(tc.typ, tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFieldsRefuses(t *testing.T) {
	t.Parallel()
	const (
		operation = seriald.TypeOperationComplete
		generate  = seriald.TypeSerialGenerate
		receive   = seriald.TypeVendorSerialReceive
	)
	for name, tc := range map[string]struct {
		typ               seriald.EventType
		data, field, text string
	}{
		"operation_complete of nothing":            {operation, `{"operationCode":"OP-010"}`, "partId", "is required (or gtin, or serialNumber, or serialId, or placeholderId)"},
		"serial_generate without partId":           {generate, `{}`, "partId", "is required"},
		"serial_generate with a blank partId":      {generate, `{"partId":" \t"}`, "partId", "is required"},
		"serial_generate with partId null":         {generate, `{"partId":null}`, "partId", "is required"},
		"vendor_serial_receive without its number": {receive, `{"vendorName":"ACME","partId":"P"}`, "vendorSerialNumber", "is required"},
		"vendor_serial_receive with a blank one":   {receive, `{"vendorSerialNumber":"\r\n","vendorName":"ACME","partId":"P"}`, "vendorSerialNumber", "is required"},
		"vendor_serial_receive without vendorName": {receive, `{"vendorSerialNumber":"3","partId":"P"}`, "vendorName", "is required"},
		"vendor_serial_receive without partId":     {receive, `{"vendorSerialNumber":"3","vendorName":"ACME"}`, "partId", "is required"},

		"a GTIN of 11 digits":     {generate, `{"gtin":"61414100003"}`, "gtin", "must be 8, 12, 13 or 14 digits"},
		"a GTIN with a letter":    {generate, `{"gtin":"0950600013435X"}`, "gtin", "must be 8, 12, 13 or 14 digits"},
		"a blank GTIN":            {generate, `{"partId":"P","gtin":"        "}`, "gtin", "must be 8, 12, 13 or 14 digits"},
		"a GTIN that is a number": {generate, `{"gtin":9506000134352}`, "gtin", "must be a string, not number"},

		"quantity 0":                 {generate, `{"partId":"P","quantity":0}`, "quantity", "from 1 to 100000, not 0"},
		"quantity below 0":           {generate, `{"partId":"P","quantity":-1}`, "quantity", "from 1 to 100000, not -1"},
		"quantity above the most":    {generate, `{"partId":"P","quantity":100001}`, "quantity", "from 1 to 100000, not 100001"},
		"quantity with a fraction":   {generate, `{"partId":"P","quantity":1.5}`, "quantity", "must be a whole number, not number 1.5"},
		"quantity beyond 64 bits":    {generate, `{"partId":"P","quantity":99999999999999999999}`, "quantity", "must be a whole number"},
		"quantity as a text":         {generate, `{"partId":"P","quantity":"5"}`, "quantity", "must be a whole number, not string"},
		"quantity as an object":      {generate, `{"partId":"P","quantity":{}}`, "quantity", "must be a whole number, not object"},
		"partId as an array":         {generate, `{"partId":["P"]}`, "partId", "must be a string, not array"},
		"the first of two bad types": {generate, `{"lotNumber":1,"partId":2}`, "lotNumber", "must be a string, not number"},

		"a date without leading zeros": {generate, `{"partId":"P","receivedDate":"2026-3-1"}`, "receivedDate", `"2026-3-1" is not a date: write YYYY-MM-DD`},
		"a day that does not exist":    {generate, `{"partId":"P","receivedDate":"2026-02-29"}`, "receivedDate", "not a date"},
		"a German date":                {generate, `{"partId":"P","receivedDate":"01.03.2026"}`, "receivedDate", "not a date"},
		"a time without an offset":     {generate, `{"partId":"P","receivedDate":"2026-03-01T12:00:00"}`, "receivedDate", "not a date"},
		"a year that databases refuse": {generate, `{"partId":"P","receivedDate":"0000-01-01"}`, "receivedDate", "not a date"},
		"a blank date":                 {generate, `{"partId":"P","receivedDate":" "}`, "receivedDate", "not a date"},
		"a date of another type":       {receive, `{"vendorSerialNumber":"3","vendorName":"A","partId":"P","receivedDate":20260301}`, "receivedDate", "must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fieldsOf(tc.typ, tc.data)
			if err == nil {
				t.Fatalf("got %+v, want a refusal", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field, tc.text)
		})
	}
}

func TestFieldsRefusesEveryTextThatIsNone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ value, text string }{
		"a number":            {`17`, "must be a string, not number"},
		"an object":           {`{}`, "must be a string, not object"},
		"201 bytes":           {`"` + strings.Repeat("x", 201) + `"`, "longer than 200 bytes"},
		"101 letters of two":  {`"` + strings.Repeat("é", 101) + `"`, "longer than 200 bytes"},
		"a NUL":               {`"a\u0000b"`, "NUL"},
		"a unit separator":    {`"a\u001fb"`, "unit separator"},
		"half a surrogate":    {`"a\ud800b"`, "broken UTF-8"},
		"a replacement":       {`"a` + "\uFFFD" + `b"`, "broken UTF-8"},
		"a byte that is none": {"\"a\xffb\"", "broken UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, field := range textFields {
				_, err := fieldsOf(seriald.TypeSerialGenerate, fmt.Sprintf(`{"partId":"P",%q:%s}`, field, tc.value))
				if err == nil {
					t.Errorf("%s: got no refusal", field)
					continue
				}
				wantRejection(t, err, seriald.CodeValidation, field, tc.text)
			}
		})
	}
}

// Whatever the text fields hold, a refusal names one of them, and what is taken
// keeps every bound.
func TestFieldsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		object := map[string]any{"quantity": rapid.IntRange(-10, seriald.MaxQuantity+10).Draw(rt, "quantity")}
		for _, field := range textFields {
			object[field] = rapid.StringN(0, 60, 210).Draw(rt, field)
		}
		f, err := fieldsOf(seriald.TypeVendorSerialReceive, string(encode(t, object)))
		if err != nil {
			r, ok := err.(*seriald.Rejection) //nolint:errorlint // Fields documents it
			if !ok || object[r.Field] == nil {
				rt.Fatalf("got %v, want a refusal of one of the fields", err)
			}
			return
		}
		for _, text := range []string{f.PartID, f.VendorName, f.VendorSerialNumber} {
			if strings.TrimSpace(text) == "" || len(text) > 200 || strings.ContainsAny(text, "\x00\x1f") {
				rt.Fatalf("took %q", text)
			}
		}
		if *f.Quantity < 1 || *f.Quantity > seriald.MaxQuantity {
			rt.Fatalf("took a quantity of %d", *f.Quantity)
		}
	})
}

func TestKeyFieldsInOrder(t *testing.T) {
	t.Parallel()
	all := seriald.KeyFields{
		PartID: "part", SerialNumber: "serial", SerialID: "serial id", SourceSerialID: "source", PlaceholderID: "placeholder",
		VendorSerialID: "vendor id", VendorSerialNumber: "vendor",
	}
	for _, tc := range []struct {
		want  string
		clear *string // what is taken away for the next
	}{
		{"part", &all.PartID},
		{"serial", &all.SerialNumber},
		{"serial id", &all.SerialID},
		{"source", &all.SourceSerialID},
		{"placeholder", &all.PlaceholderID},
		{"vendor id", &all.VendorSerialID},
		{"vendor", &all.VendorSerialNumber},
		{"reader1", new(string)},
	} {
		if got := all.Key("reader1"); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		*tc.clear = ""
	}
}
