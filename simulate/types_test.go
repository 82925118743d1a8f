package simulate

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

const someID = "019ab0f0-1c4c-7a3e-8f5e-0123456789ab"

// written has a command line for each event type, with every kind of field that it
// has, and the JSON that is sent.
var written = map[seriald.EventType]struct{ args, want string }{
	seriald.TypeMaterialReceipt: {
		`partId=PART-002 quantity=2 purchaseOrderId=4711 lotNumber=007 vendorName=ACME vendorSerialNumbers=["A","B"]`,
		`{"lotNumber":"007","partId":"PART-002","purchaseOrderId":"4711","quantity":2,"vendorName":"ACME","vendorSerialNumbers":["A","B"]}`,
	},
	seriald.TypeWorkOrderCreate: {`partId=PART-003 workOrderId=0815 quantity=3`, `{"partId":"PART-003","quantity":3,"workOrderId":"0815"}`},
	seriald.TypeOperationComplete: {
		`partId=1 serialNumber=2 operationCode=010 workCenterId=7 routingSequence=10 quantity=1`,
		`{"operationCode":"010","partId":"1","quantity":1,"routingSequence":10,"serialNumber":"2","workCenterId":"7"}`,
	},
	seriald.TypeQualityCheckpoint: {`serialNumber=1 result=PASS`, `{"result":"PASS","serialNumber":"1"}`},
	seriald.TypeBatchCompletion:   {`partId=1 lotNumber=2 quantity=3`, `{"lotNumber":"2","partId":"1","quantity":3}`},
	seriald.TypeVendorSerialReceive: {
		`vendorSerialNumber=1e5 vendorName=ACME partId=2 receivedDate=2026-01-31 attributes={"heat":7}`,
		`{"attributes":{"heat":7},"partId":"2","receivedDate":"2026-01-31","vendorName":"ACME","vendorSerialNumber":"1e5"}`,
	},
	seriald.TypeVendorSerialAccept: {
		`vendorSerialId=` + someID + ` internalSerialId=` + someID,
		`{"internalSerialId":"` + someID + `","vendorSerialId":"` + someID + `"}`,
	},
	seriald.TypeVendorSerialReject: {
		`vendorSerialNumber=1 vendorName=2 partId=3 rejectionReason=4`,
		`{"partId":"3","rejectionReason":"4","vendorName":"2","vendorSerialNumber":"1"}`,
	},
	seriald.TypeSerialGenerate: {
		`partId=1 formatConfigId=2 quantity=100 context={"shift":"A"}`,
		`{"context":{"shift":"A"},"formatConfigId":"2","partId":"1","quantity":100}`,
	},
	seriald.TypeSerialRetire:      {`serialId=` + someID + ` reason=7`, `{"reason":"7","serialId":"` + someID + `"}`},
	seriald.TypePlaceholderCreate: {`partId=1 quantity=2 workOrderId=3`, `{"partId":"1","quantity":2,"workOrderId":"3"}`},
	seriald.TypePlaceholderAssign: {
		`placeholderId=` + someID + ` serialNumber=007 notes=8`, `{"notes":"8","placeholderId":"` + someID + `","serialNumber":"007"}`,
	},
	seriald.TypePlaceholderFail: {`placeholderId=` + someID + ` reason=9`, `{"placeholderId":"` + someID + `","reason":"9"}`},
	seriald.TypePropagationPassThrough: {
		`sourceSerialId=` + someID + ` operationCode=020 routingSequence=20 quantity=1`,
		`{"operationCode":"020","quantity":1,"routingSequence":20,"sourceSerialId":"` + someID + `"}`,
	},
	seriald.TypeUniquenessRegister: {
		`serialNumber=007 partId=1 scope=["SITE","ENTERPRISE"] siteId=2`, `{"partId":"1","scope":["SITE","ENTERPRISE"],"serialNumber":"007","siteId":"2"}`,
	},
	seriald.TypeConflictResolve: {
		`serialNumber=007 partId=1 conflictResolution=RETIRE retiredSerialId=` + someID + ` resolutionReason=2 challengerEventId=3`,
		`{"challengerEventId":"3","conflictResolution":"RETIRE","partId":"1","resolutionReason":"2","retiredSerialId":"` + someID + `","serialNumber":"007"}`,
	},
	seriald.TypeTriggerCreate: {
		`partId=1 triggerType=OPERATION_COMPLETE operationCode=010 assignmentType=SYSTEM_GENERATED priority=10 batchMode=true batchSize=5 active=false conditions={"quantity":{"gt":5}}`,
		`{"active":false,"assignmentType":"SYSTEM_GENERATED","batchMode":true,"batchSize":5,"conditions":{"quantity":{"gt":5}},"operationCode":"010","partId":"1","priority":10,"triggerType":"OPERATION_COMPLETE"}`,
	},
	seriald.TypeTriggerUpdate:  {`triggerId=` + someID + ` operationCode= priority=-1`, `{"operationCode":"","priority":-1,"triggerId":"` + someID + `"}`},
	seriald.TypeTriggerEnable:  {`triggerId=` + someID, `{"triggerId":"` + someID + `"}`},
	seriald.TypeTriggerDisable: {`triggerId=` + someID, `{"triggerId":"` + someID + `"}`},
	seriald.TypeTriggerDelete:  {`triggerId=` + someID, `{"triggerId":"` + someID + `"}`},
	seriald.TypeSitePut:        {`siteId=2 name=3 timeZone=UTC`, `{"name":"3","siteId":"2","timeZone":"UTC"}`},
	seriald.TypeSiteDelete:     {`siteId=2`, `{"siteId":"2"}`},
	seriald.TypePartPut: {
		`partId=1 gtin=09506000134352 uniquenessScopes=["SITE"] numberRule={"minLength":4,"charset":"numeric"}`,
		`{"gtin":"09506000134352","numberRule":{"charset":"numeric","minLength":4},"partId":"1","uniquenessScopes":["SITE"]}`,
	},
	seriald.TypePartDelete: {`partId=1`, `{"partId":"1"}`},
	seriald.TypeFormatPut: {
		`formatConfigId=1 pattern={SEQ:6} counterStart=5 increment=2 reset=never assignments=[{"partType":"2","priority":3}]`,
		`{"assignments":[{"partType":"2","priority":3}],"counterStart":5,"formatConfigId":"1","increment":2,"pattern":"{SEQ:6}","reset":"never"}`,
	},
	seriald.TypeFormatDelete: {`formatConfigId=1`, `{"formatConfigId":"1"}`},
}

// Each event type can be written on a command line: the service reads what is meant.
func TestEveryEventTypeCanBeWritten(t *testing.T) {
	t.Parallel()
	for _, typ := range seriald.EventTypes() {
		w, ok := written[typ]
		if !ok {
			t.Errorf("no command line for %s", typ)
			continue
		}
		fields, err := ParseFields(strings.Split(w.args, " "))
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		data, err := json.Marshal(fields)
		if diff := cmp.Diff(w.want, string(data)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", typ, err, diff)
		}
		e := &seriald.Event{Type: typ, Data: data}
		if _, err := e.Fields(); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		switch typ {
		case seriald.TypeTriggerCreate:
			_, err = e.Trigger(seriald.Trigger{})
		case seriald.TypeFormatPut:
			_, err = e.FormatPut()
		case seriald.TypePartPut:
			_, err = e.PartPut()
		case seriald.TypeSitePut:
			_, err = e.SitePut()
		}
		if err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// What the rules read as a number is written as one, and nothing else is.
func TestNumericFieldsAreThoseThatAreNumbers(t *testing.T) {
	t.Parallel()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[seriald.Fields]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			name = strings.ToLower(f.Name[:1]) + f.Name[1:]
		}
		number := f.Type == reflect.TypeFor[*int]()
		if slices.Contains(numeric, name) != number {
			t.Errorf("%s is a number: %v", name, number)
		}
	}
}
