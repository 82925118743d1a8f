package seriald_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/machshop/seriald"
)

// needs are the least that each type asks for, by the contract. Adding a type adds a
// row.
var needs = map[seriald.EventType]map[string]any{
	seriald.TypeMaterialReceipt:        {"partId": "P"},
	seriald.TypeWorkOrderCreate:        {"partId": "P", "workOrderId": "WO"},
	seriald.TypeOperationComplete:      {"partId": "P"},
	seriald.TypeQualityCheckpoint:      {"partId": "P", "result": "PASS"},
	seriald.TypeBatchCompletion:        {"partId": "P"},
	seriald.TypeVendorSerialReceive:    {"vendorSerialNumber": "3", "vendorName": "ACME", "partId": "P"},
	seriald.TypeVendorSerialAccept:     {"vendorSerialId": serial1.String()},
	seriald.TypeVendorSerialReject:     {"vendorSerialId": serial1.String(), "rejectionReason": "scratched"},
	seriald.TypeSerialGenerate:         {"partId": "P"},
	seriald.TypeSerialRetire:           {"serialNumber": "S", "partId": "P", "reason": "worn"},
	seriald.TypePlaceholderCreate:      {"partId": "P"},
	seriald.TypePlaceholderAssign:      {"placeholderId": serial1.String(), "serialNumber": "S"},
	seriald.TypePlaceholderFail:        {"placeholderId": serial1.String(), "reason": "scrapped"},
	seriald.TypePropagationPassThrough: {"sourceSerialId": serial1.String(), "operationCode": "OP-010"},
	seriald.TypeUniquenessRegister:     {"serialNumber": "S", "partId": "P"},
	seriald.TypeConflictResolve:        {"serialNumber": "S", "partId": "P", "conflictResolution": "KEEP", "resolutionReason": "sorted out"},
	seriald.TypeTriggerCreate:          {}, // Event.Trigger looks
	seriald.TypeTriggerUpdate:          {"triggerId": trigger1.String()},
	seriald.TypeTriggerEnable:          {"triggerId": trigger1.String()},
	seriald.TypeTriggerDisable:         {"triggerId": trigger1.String()},
	seriald.TypeTriggerDelete:          {"triggerId": trigger1.String()},
	seriald.TypeSitePut:                {"siteId": "plant1"},
	seriald.TypeSiteDelete:             {"siteId": "plant1"},
	seriald.TypePartPut:                {"partId": "P"},
	seriald.TypePartDelete:             {"partId": "P"},
	seriald.TypeFormatPut:              {"formatConfigId": "F"},
	seriald.TypeFormatDelete:           {"formatConfigId": "F"},
}

func TestEveryTypeNeedsItsFields(t *testing.T) {
	t.Parallel()
	for _, typ := range seriald.EventTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			least, ok := needs[typ]
			if !ok {
				t.Fatal("has no row in needs")
			}
			if _, err := fieldsOf(typ, string(encode(t, least))); err != nil {
				t.Errorf("%v: %v", least, err)
			}
			for name := range least {
				fields := maps.Clone(least)
				delete(fields, name)
				if _, err := fieldsOf(typ, string(encode(t, fields))); err == nil {
					t.Errorf("%v is taken without %s", fields, name)
				} else {
					wantRejection(t, err, seriald.CodeValidation, name, "is required")
				}
			}
		})
	}
	for typ := range needs {
		if !slices.Contains(seriald.EventTypes(), typ) {
			t.Errorf("%s is no type", typ)
		}
	}
}

// What else may stand in the place of a field that is asked for.
func TestFieldsThatStandForOthers(t *testing.T) {
	t.Parallel()
	id := serial1.String()
	for name, tc := range map[string]struct {
		typ    seriald.EventType
		fields map[string]any
		field  string // "" if it is taken
	}{
		"a unit by its id":                       {seriald.TypeOperationComplete, map[string]any{"serialId": id}, ""},
		"a placeholder":                          {seriald.TypeOperationComplete, map[string]any{"placeholderId": id}, ""},
		"a unit for a check":                     {seriald.TypeQualityCheckpoint, map[string]any{"serialNumber": "S", "result": "FAIL"}, ""},
		"a placeholder for a check":              {seriald.TypeQualityCheckpoint, map[string]any{"placeholderId": id, "result": "FAIL"}, "partId"},
		"another result":                         {seriald.TypeQualityCheckpoint, map[string]any{"partId": "P", "result": "pass"}, "result"},
		"a unit for a receipt":                   {seriald.TypeMaterialReceipt, map[string]any{"serialNumber": "S"}, "partId"},
		"a vendor's number, vendor and part":     {seriald.TypeVendorSerialAccept, map[string]any{"vendorSerialNumber": "3", "vendorName": "A", "partId": "P"}, ""},
		"a vendor's number, vendor and GTIN":     {seriald.TypeVendorSerialAccept, map[string]any{"vendorSerialNumber": "3", "vendorName": "A", "gtin": "95050003"}, ""},
		"a vendor's number without the vendor":   {seriald.TypeVendorSerialAccept, map[string]any{"vendorSerialNumber": "3", "partId": "P"}, "vendorSerialId"},
		"a vendor's number without the part":     {seriald.TypeVendorSerialReject, map[string]any{"vendorSerialNumber": "3", "vendorName": "A", "rejectionReason": "r"}, "vendorSerialId"},
		"the id of what is retired":              {seriald.TypeSerialRetire, map[string]any{"serialId": id, "reason": "worn"}, ""},
		"the GTIN of what is retired":            {seriald.TypeSerialRetire, map[string]any{"serialNumber": "S", "gtin": "95050003", "reason": "worn"}, ""},
		"the oldest placeholder of a part":       {seriald.TypePlaceholderAssign, map[string]any{"partId": "P", "serialNumber": "S"}, ""},
		"the oldest placeholder of a GTIN":       {seriald.TypePlaceholderFail, map[string]any{"gtin": "95050003", "reason": "r"}, ""},
		"the number of what passes":              {seriald.TypePropagationPassThrough, map[string]any{"sourceSerial": "S", "operationCode": "OP"}, ""},
		"an id that is none":                     {seriald.TypeSerialRetire, map[string]any{"serialId": "17", "reason": "worn"}, "serialId"},
		"a trigger's id that is none":            {seriald.TypeTriggerDelete, map[string]any{"triggerId": "made"}, "triggerId"},
		"a routing sequence below 0":             {seriald.TypePropagationPassThrough, map[string]any{"sourceSerialId": id, "operationCode": "OP", "routingSequence": -1}, "routingSequence"},
		"a routing sequence of 0":                {seriald.TypePropagationPassThrough, map[string]any{"sourceSerialId": id, "operationCode": "OP", "routingSequence": 0}, ""},
		"attributes that are a text":             {seriald.TypeSerialGenerate, map[string]any{"partId": "P", "attributes": "red"}, "attributes"},
		"attributes with a NUL":                  {seriald.TypeSerialGenerate, map[string]any{"partId": "P", "attributes": map[string]any{"a": "\x00"}}, "attributes"},
		"a context that is an array":             {seriald.TypeSerialGenerate, map[string]any{"partId": "P", "context": []int{1}}, "context"},
		"one of several numbers that is too bad": {seriald.TypeMaterialReceipt, map[string]any{"partId": "P", "vendorSerialNumbers": []string{"1", "2\x00"}}, "vendorSerialNumbers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fieldsOf(tc.typ, string(encode(t, tc.fields)))
			if tc.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is taken")
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field)
		})
	}
}
