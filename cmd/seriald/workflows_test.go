package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/store/storetest"
)

// step is an event on its way through the whole service, and what has to come of it.
// In its fields $name.serial, $name.number, $name.placeholder and $name.trigger stand
// for what the outcome of an earlier step says.
type step struct {
	name   string
	typ    seriald.EventType
	fields string
	want   string // status, and the code if there is one
	units  string // what the outcome lists
	events string // serial events
	audit  string
	rows   string // what the query answers; "" if there is none
	query  string
}

// workflow is a day on the floor. Adding a type of event adds a row.
var workflow = []step{
	// Master data.
	{
		name: "site", typ: seriald.TypeSitePut, fields: `{"siteId":"plant9","name":"Ninth","timeZone":"Europe/Berlin"}`, want: "accepted", audit: "CONFIG_CHANGED",
		query: `SELECT name || ' ' || time_zone FROM sites WHERE id = 'plant9'`, rows: "Ninth Europe/Berlin",
	},
	{typ: seriald.TypeSitePut, fields: `{"siteId":"plant9","timeZone":"Mars"}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeSiteDelete, fields: `{"siteId":"plant9"}`, want: "accepted", audit: "CONFIG_CHANGED",
		query: `SELECT count(*)::text FROM sites WHERE id = 'plant9'`, rows: "0",
	},
	{typ: seriald.TypeFormatPut, fields: `{"formatConfigId":"gear","pattern":"GEAR-{SEQ:5}"}`, want: "accepted", audit: "CONFIG_CHANGED"},
	{
		typ: seriald.TypePartPut, fields: `{"partId":"GEAR","partType":"DRIVE","formatConfigId":"gear","numberRule":{"pattern":"[A-Z]+-?\\d+","case":"fold"}}`, want: "accepted", audit: "CONFIG_CHANGED",
		query: `SELECT part_type || ' ' || number_case FROM parts WHERE id = 'GEAR'`, rows: "DRIVE fold",
	},
	{typ: seriald.TypePartPut, fields: `{"partId":"GEAR","formatConfigId":"none"}`, want: "rejected FORMAT_NOT_FOUND", audit: "EVENT_REFUSED"},
	{typ: seriald.TypePartPut, fields: `{"partId":"SPARE"}`, want: "accepted", audit: "CONFIG_CHANGED"},
	{typ: seriald.TypePartDelete, fields: `{"partId":"SPARE"}`, want: "accepted", audit: "CONFIG_CHANGED"},
	{typ: seriald.TypePartDelete, fields: `{"partId":"PART-001"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeFormatDelete, fields: `{"formatConfigId":"gear"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},

	// Triggers.
	{
		name: "made", typ: seriald.TypeTriggerCreate, fields: `{"partId":"GEAR","triggerType":"OPERATION_COMPLETE","operationCode":"OP-10","conditions":{"quantity":{"gte":2}},"assignmentType":"SYSTEM_GENERATED","batchMode":true,"batchSize":10}`, want: "accepted", audit: "TRIGGER_CREATED",
		query: `SELECT assignment_type || ' ' || batch_size FROM serial_assignment_triggers WHERE part_id = 'GEAR'`, rows: "SYSTEM_GENERATED 10",
	},
	{typ: seriald.TypeTriggerCreate, fields: `{"partId":"GEAR","triggerType":"OPERATION_COMPLETE","operationCode":"OP-10","conditions":{"quantity":{"gte":2}},"assignmentType":"SYSTEM_GENERATED"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeOperationComplete, fields: `{"partId":"GEAR","operationCode":"OP-10","quantity":25,"workOrderId":"WO-1"}`, want: "accepted", units: "25 serials", events: "assigned assigned assigned",
		audit: "TRIGGER_EXECUTED" + strings.Repeat(" SERIAL_GENERATED", 25), query: `SELECT count(*) || ' ' || min(serial_number) FROM serials WHERE work_order_id = 'WO-1'`, rows: "25 GEAR-00001",
	},
	{typ: seriald.TypeOperationComplete, fields: `{"partId":"GEAR","operationCode":"OP-10","quantity":1}`, want: "ignored NO_TRIGGER", audit: "EVENT_IGNORED"},
	{typ: seriald.TypeTriggerDisable, fields: `{"triggerId":"$made.trigger"}`, want: "accepted", audit: "TRIGGER_DISABLED"},
	{typ: seriald.TypeTriggerDisable, fields: `{"triggerId":"$made.trigger"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeOperationComplete, fields: `{"partId":"GEAR","operationCode":"OP-10","quantity":25}`, want: "ignored NO_TRIGGER", audit: "EVENT_IGNORED"},
	{typ: seriald.TypeTriggerEnable, fields: `{"triggerId":"$made.trigger"}`, want: "accepted", audit: "TRIGGER_ENABLED"},
	{typ: seriald.TypeTriggerUpdate, fields: `{"triggerId":"$made.trigger","operationCode":"OP-20"}`, want: "accepted", audit: "TRIGGER_UPDATED"},
	{
		typ: seriald.TypeOperationComplete, fields: `{"partId":"GEAR","operationCode":"OP-20","quantity":2}`, want: "accepted", units: "2 serials", events: "assigned", audit: "TRIGGER_EXECUTED SERIAL_GENERATED SERIAL_GENERATED",
		query: `SELECT fired || ' ' || ignored || ' ' || units FROM serial_trigger_statistics WHERE part_id = 'GEAR'`, rows: "2 1 27",
	},
	{typ: seriald.TypeTriggerDelete, fields: `{"triggerId":"$made.trigger"}`, want: "accepted", audit: "TRIGGER_DELETED"},
	{typ: seriald.TypeTriggerDelete, fields: `{"triggerId":"$made.trigger"}`, want: "rejected TRIGGER_NOT_FOUND", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeTriggerCreate, fields: `{"partId":"GEAR","triggerType":"QUALITY_CHECKPOINT","assignmentType":"SYSTEM_GENERATED"}`, want: "accepted", audit: "TRIGGER_CREATED"},
	{typ: seriald.TypeQualityCheckpoint, fields: `{"partId":"GEAR","result":"FAIL"}`, want: "ignored NO_TRIGGER", audit: "EVENT_IGNORED"},
	{typ: seriald.TypeQualityCheckpoint, fields: `{"partId":"GEAR","result":"PASS"}`, want: "accepted", units: "1 serials", events: "assigned", audit: "TRIGGER_EXECUTED SERIAL_GENERATED"},
	{typ: seriald.TypeQualityCheckpoint, fields: `{"partId":"GEAR","result":"MAYBE"}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},

	// Vendors' serials.
	{
		name: "bolt", typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-1","vendorName":"Acme","partId":"GEAR","receivedDate":"2026-03-01","attributes":{"heat":"H7"}}`, want: "accepted", units: "PENDING", events: "received", audit: "VENDOR_RECEIVED",
		query: `SELECT attributes->>'heat' || ' ' || device FROM serials WHERE serial_number = 'V-1'`, rows: "H7 tester",
	},
	{typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"v-1","vendorName":"ACME","partId":"GEAR"}`, want: "rejected FORMAT_MISMATCH", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-1","vendorName":"ACME","partId":"GEAR"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED",
		query: `SELECT string_agg(status, ' ' ORDER BY status) FROM serial_uniqueness_checks WHERE serial_number = 'V-1'`, rows: "CLAIMED CONFLICT",
	},
	{typ: seriald.TypePropagationPassThrough, fields: `{"sourceSerialId":"$bolt.serial","operationCode":"OP-30"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeVendorSerialReject, fields: `{"vendorSerialId":"$bolt.serial","rejectionReason":"scratched"}`, want: "accepted", units: "REJECTED", events: "rejected", audit: "VENDOR_REJECTED",
		query: `SELECT rejection_reason FROM vendor_serials WHERE serial_number = 'V-1'`, rows: "scratched",
	},
	{typ: seriald.TypeVendorSerialAccept, fields: `{"vendorSerialId":"$bolt.serial"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{name: "again", typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-1","vendorName":"Acme","partId":"GEAR"}`, want: "accepted", units: "PENDING", events: "received", audit: "VENDOR_RECEIVED"},
	{name: "ours", typ: seriald.TypeSerialGenerate, fields: `{"partId":"GEAR"}`, want: "accepted", units: "1 serials", events: "assigned", audit: "SERIAL_GENERATED"},
	{
		typ: seriald.TypeVendorSerialAccept, fields: `{"vendorSerialNumber":"V-1","vendorName":"acme","partId":"GEAR","internalSerial":"$ours.number"}`, want: "accepted", units: "ACCEPTED", events: "accepted", audit: "VENDOR_ACCEPTED",
		query: `SELECT count(*)::text FROM vendor_serials WHERE internal_serial_id IS NOT NULL`, rows: "1",
	},
	{typ: seriald.TypeVendorSerialAccept, fields: `{"vendorSerialId":"00000000-0000-7000-8000-000000000001"}`, want: "rejected VENDOR_SERIAL_NOT_FOUND", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypePropagationPassThrough, fields: `{"sourceSerialId":"$again.serial","operationCode":"OP-30","workCenterId":"WC-1","routingSequence":30,"notes":"fine"}`, want: "accepted", units: "ACCEPTED", events: "propagated", audit: "PROPAGATED",
		query: `SELECT propagation_type || ' ' || operation_code || ' ' || work_center_id || ' ' || routing_sequence || ' ' || notes FROM serial_propagations`, rows: "PASS_THROUGH OP-30 WC-1 30 fine",
	},
	{
		typ: seriald.TypeOperationComplete, fields: `{"serialNumber":"$ours.number","operationCode":"OP-40"}`, want: "accepted", units: "ACTIVE", events: "propagated", audit: "PROPAGATED",
		query: `SELECT count(*)::text FROM serial_propagations`, rows: "2",
	},
	{typ: seriald.TypeOperationComplete, fields: `{"serialNumber":"unheard-of"}`, want: "rejected SERIAL_NOT_FOUND", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeSerialRetire, fields: `{"serialNumber":"$ours.number","partId":"GEAR","reason":"worn"}`, want: "accepted", units: "RETIRED", events: "retired", audit: "SERIAL_RETIRED",
		query: `SELECT retirement_reason FROM serials WHERE status = 'RETIRED'`, rows: "worn",
	},
	{typ: seriald.TypeSerialRetire, fields: `{"serialId":"$ours.serial","reason":"again"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeMaterialReceipt, fields: `{"partId":"PART-002","vendorName":"Acme","vendorSerialNumbers":["A-1","A-2"],"quantity":2,"lotNumber":"L-1"}`, want: "accepted", units: "PENDING PENDING", events: "received", audit: "TRIGGER_EXECUTED VENDOR_RECEIVED VENDOR_RECEIVED"},
	{typ: seriald.TypeMaterialReceipt, fields: `{"partId":"PART-002","quantity":2}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeMaterialReceipt, fields: `{"partId":"PART-002","vendorName":"Acme","vendorSerialNumbers":["A-3","A-2"]}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED",
		query: `SELECT count(*)::text FROM serials WHERE serial_number = 'A-3'`, rows: "0",
	},
	{typ: seriald.TypeMaterialReceipt, fields: `{"partId":"GONE"}`, want: "rejected PART_NOT_FOUND", audit: "EVENT_REFUSED"},

	// Late assignment.
	{name: "order", typ: seriald.TypeWorkOrderCreate, fields: `{"partId":"PART-003","workOrderId":"WO-3","quantity":3}`, want: "accepted", units: "PENDING PENDING PENDING", events: "placeholder", audit: "TRIGGER_EXECUTED PLACEHOLDER_CREATED PLACEHOLDER_CREATED PLACEHOLDER_CREATED"},
	{
		name: "late", typ: seriald.TypePlaceholderAssign, fields: `{"placeholderId":"$order.placeholder","serialNumber":"HOUSING-1","notes":"by hand"}`, want: "accepted", units: "ACTIVE SERIALIZED", events: "assigned placeholder", audit: "LATE_ASSIGNMENT",
		query: `SELECT s.work_order_id || ' ' || p.notes FROM late_assigned_serials AS s JOIN late_assignment_placeholders AS p ON p.serial_id = s.id`, rows: "WO-3 by hand",
	},
	{typ: seriald.TypePlaceholderAssign, fields: `{"placeholderId":"$order.placeholder","serialNumber":"HOUSING-2"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{typ: seriald.TypePlaceholderAssign, fields: `{"partId":"PART-003","workOrderId":"WO-3","serialNumber":"HOUSING-1"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{typ: seriald.TypePlaceholderFail, fields: `{"partId":"PART-003","workOrderId":"WO-3","reason":"scrapped"}`, want: "accepted", units: "FAILED", events: "placeholder", audit: "PLACEHOLDER_FAILED"},
	{name: "last", typ: seriald.TypeTriggerCreate, fields: `{"partId":"PART-003","triggerType":"BATCH_COMPLETION","assignmentType":"LATE_ASSIGNMENT"}`, want: "accepted", audit: "TRIGGER_CREATED"},
	{typ: seriald.TypeBatchCompletion, fields: `{"partId":"PART-003","workOrderId":"WO-3","quantity":2}`, want: "rejected PLACEHOLDER_NOT_FOUND", audit: "EVENT_REFUSED"},
	{
		typ: seriald.TypeBatchCompletion, fields: `{"partId":"PART-003","workOrderId":"WO-3","quantity":1}`, want: "accepted", units: "1 serials SERIALIZED", events: "assigned placeholder", audit: "TRIGGER_EXECUTED LATE_ASSIGNMENT",
		query: `SELECT string_agg(status, ' ' ORDER BY status) FROM late_assignment_placeholders`, rows: "FAILED SERIALIZED SERIALIZED",
	},
	{typ: seriald.TypePlaceholderCreate, fields: `{"partId":"PART-003","quantity":2,"lotNumber":"L-9"}`, want: "accepted", units: "PENDING PENDING", events: "placeholder", audit: "PLACEHOLDER_CREATED PLACEHOLDER_CREATED"},
	{typ: seriald.TypePlaceholderCreate, fields: `{"partId":"PART-003","quantity":0}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{typ: seriald.TypePlaceholderFail, fields: `{"placeholderId":"00000000-0000-7000-8000-000000000001","reason":"none"}`, want: "rejected PLACEHOLDER_NOT_FOUND", audit: "EVENT_REFUSED"},

	// Numbers made elsewhere, and conflicts.
	{
		typ: seriald.TypeUniquenessRegister, fields: `{"serialNumber":"REG-1","partId":"PART-003"}`, want: "accepted", audit: "UNIQUENESS_REGISTERED",
		query: `SELECT string_agg(scope || ' ' || status, ' ' ORDER BY scope) FROM serial_uniqueness_checks WHERE serial_number = 'REG-1' AND serial_id IS NULL`, rows: "PART_TYPE CLAIMED SITE CLAIMED",
	},
	{typ: seriald.TypeUniquenessRegister, fields: `{"serialNumber":"REG-1","partId":"PART-003","scope":["SITE"]}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{typ: seriald.TypeUniquenessRegister, fields: `{"serialNumber":"REG-2","partId":"PART-003","scope":["PLANET"]}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeUniquenessRegister, fields: `{"serialNumber":"REG-2","partId":"PART-003","siteId":"plant0"}`, want: "rejected SITE_NOT_FOUND", audit: "EVENT_REFUSED"},
	{name: "four", typ: seriald.TypePlaceholderCreate, fields: `{"partId":"PART-003","workOrderId":"WO-4","quantity":3}`, want: "accepted", units: "PENDING PENDING PENDING", events: "placeholder", audit: "PLACEHOLDER_CREATED PLACEHOLDER_CREATED PLACEHOLDER_CREATED"},
	{
		typ: seriald.TypePlaceholderAssign, fields: `{"partId":"PART-003","workOrderId":"WO-4","serialNumber":"REG-1"}`, want: "accepted", units: "ACTIVE SERIALIZED", events: "assigned placeholder", audit: "LATE_ASSIGNMENT",
		query: `SELECT count(*) FILTER (WHERE serial_id IS NULL) || ' ' || count(serial_id) FROM serial_uniqueness_checks WHERE serial_number = 'REG-1' AND status = 'CLAIMED'`, rows: "0 2",
	},
	{name: "first", typ: seriald.TypePlaceholderAssign, fields: `{"partId":"PART-003","workOrderId":"WO-4","serialNumber":"C-1"}`, want: "accepted", units: "ACTIVE SERIALIZED", events: "assigned placeholder", audit: "LATE_ASSIGNMENT"},
	{name: "challenge", typ: seriald.TypePlaceholderAssign, fields: `{"partId":"PART-003","workOrderId":"WO-4","serialNumber":"C-1"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"C-1","conflictResolution":"KEEP","resolutionReason":"no part"}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"C-1","partId":"PART-003","conflictResolution":"RETIRE","retiredSerialId":"$ours.serial","resolutionReason":"not the holder"}`, want: "rejected VALIDATION_ERROR", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"C-2","partId":"PART-003","conflictResolution":"KEEP","resolutionReason":"nothing there"}`, want: "rejected SERIAL_NOT_FOUND", audit: "EVENT_REFUSED"},
	{
		name: "second", typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"C-1","partId":"PART-003","conflictResolution":"RETIRE","retiredSerialId":"$first.serial","resolutionReason":"the first was scrapped"}`, want: "accepted",
		units: "RETIRED ACTIVE SERIALIZED", events: "resolved retired assigned placeholder", audit: "CONFLICT_RESOLVED SERIAL_RETIRED LATE_ASSIGNMENT",
		query: `SELECT string_agg(c.status || ' ' || s.status, ' ' ORDER BY c.status, s.status) FROM serial_uniqueness_checks AS c JOIN serials AS s ON s.id = c.serial_id WHERE c.serial_number = 'C-1'`,
		rows:  "CLAIMED ACTIVE CLAIMED ACTIVE RELEASED RETIRED RELEASED RETIRED",
	},
	{typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"C-1","partId":"PART-003","conflictResolution":"KEEP","resolutionReason":"again"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{name: "doubled", typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-9","vendorName":"Acme","partId":"GEAR"}`, want: "accepted", units: "PENDING", events: "received", audit: "VENDOR_RECEIVED"},
	{typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-9","vendorName":"Acme","partId":"GEAR"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-9","vendorName":"ACME","partId":"GEAR"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{
		typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"V-9","partId":"GEAR","conflictResolution":"MARK_INVALID","resolutionReason":"the vendor made it twice"}`, want: "accepted",
		units: "INVALID INVALID INVALID", events: "resolved", audit: "CONFLICT_RESOLVED CONFLICT_RESOLVED CONFLICT_RESOLVED",
		query: `SELECT (SELECT string_agg(status, ' ' ORDER BY status) FROM serial_uniqueness_checks WHERE serial_number = 'V-9') || ' ' || (SELECT string_agg(resolution, ' ') FROM serial_conflicts WHERE serial_number = 'V-9')`,
		rows:  "CLAIMED RESOLVED RESOLVED MARK_INVALID",
	},
	{typ: seriald.TypeVendorSerialAccept, fields: `{"vendorSerialId":"$doubled.serial"}`, want: "rejected INVALID_STATE", audit: "EVENT_REFUSED"},
	{typ: seriald.TypeVendorSerialReceive, fields: `{"vendorSerialNumber":"V-9","vendorName":"Acme","partId":"GEAR"}`, want: "conflict DUPLICATE_SERIAL", events: "conflict", audit: "CONFLICT_DETECTED"},
	{
		typ: seriald.TypeConflictResolve, fields: `{"serialNumber":"V-9","partId":"GEAR","conflictResolution":"KEEP","resolutionReason":"still that number"}`, want: "accepted", units: "INVALID", events: "resolved", audit: "CONFLICT_RESOLVED",
		query: `SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 'OPEN') FROM serial_conflicts WHERE serial_number = 'V-9'`, rows: "2 0",
	},
}

// reads are what is asked over HTTP at the end of that day: paths below
// /api/v1/serialization, and what the answer has to say.
var reads = []struct{ path, body, want string }{
	{"/serials?workOrderId=WO-1&limit=5", "", `"serialNumber":"GEAR-00025"`},
	{"/serials?attributes[heat]=H7", "", `"serialNumber":"V-1"`},
	{"/serials?device=tester&status=RETIRED", "", `"retirementReason":"worn"`},
	{"/serials/$ours.serial", "", `"serialNumber":"$ours.number"`},
	{"/vendor/$again.serial", "", `"status":"ACCEPTED"`},
	{"/vendor/part/GEAR?status=REJECTED", "", `"rejectionReason":"scratched"`},
	{"/system-generated/part/GEAR?from=2026-01-01", "", `"generatedAt":`},
	{"/late-assignment/placeholder/$order.placeholder", "", `"serialNumber":"HOUSING-1"`},
	{"/late-assignment/pending?partId=PART-003&lotNumber=L-9", "", `"status":"PENDING"`},
	{"/late-assignment/statistics/PART-003", "", `"totalPending":2,"totalSerialized":5,"totalFailed":1,"successRate":83.3`},
	{"/triggers/part/PART-003", "", `"statistics":{"fired":1,"ignored":0,"units":1,"lastExecution":`},
	{"/triggers/$last.trigger", "", `"triggerType":"BATCH_COMPLETION"`},
	{"/triggers/statistics/GEAR", "", `{"totalTriggers":1,"activeTriggers":1,"byTriggerType":{"QUALITY_CHECKPOINT":1},"byAssignmentType":{"SYSTEM_GENERATED":1},"withConditions":0,"batchEnabled":0,"fired":3,`},
	{"/triggers/$last.trigger/test", `{"eventId":"$order.event"}`, `"wouldFire":false,"reason":"the trigger is for BATCH_COMPLETION, not WORK_ORDER_CREATE"`},
	{"/triggers/$last.trigger/test", `{"data":{"partId":"PART-003","quantity":4}}`, `"wouldFire":true,"assignmentType":"LATE_ASSIGNMENT","units":4,`},
}

// floor is a service with one device and what reads behind it.
type floor struct {
	t        *testing.T
	daemon   *daemon
	device   *ingest.Device
	outcomes chan []byte
	db       *pgx.Conn
	serials  jetstream.Consumer
	names    map[string]string // what $name.field stands for
}

func newFloor(t *testing.T, env ...string) *floor {
	t.Helper()
	mqttURL, natsURL, dsn := brokertest.Start(t).URL, startNATSServer(t), storetest.DSN(t, storetest.Fast)
	d := newDaemon(t, append(env, "MQTT_URL="+mqttURL, "NATS_URL="+natsURL, "DATABASE_URL="+dsn)...)
	d.start()
	f := &floor{t: t, daemon: d, outcomes: make(chan []byte, 100), db: storetest.Conn(t, dsn), names: map[string]string{}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	device, err := ingest.DialDevice(ctx, ingest.Config{URL: mqttURL, MaxPayload: ingest.DefaultMaxPayload},
		seriald.Origin{Site: "plant1", Line: "line1", Device: "tester"}, ingest.SessionPassing, func(o []byte) { f.outcomes <- append([]byte(nil), o...) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(device.Close)
	f.device = device
	nc, err := nats.Connect(natsURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if f.serials, err = js.CreateConsumer(ctx, seriald.StreamSerials, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}); err != nil {
		t.Fatal(err)
	}
	return f
}

// send publishes an event and returns its outcome.
func (f *floor) send(typ seriald.EventType, id, fields string) seriald.Outcome {
	f.t.Helper()
	payload := `{"id":"` + id + `",` + strings.TrimPrefix(fields, "{")
	f.device.Publish(typ, []byte(payload))
	select {
	case b := <-f.outcomes:
		var o seriald.Outcome
		if err := json.Unmarshal(b, &o); err != nil || string(o.EventID) != id {
			f.t.Fatalf("%s %s: %v, outcome %s", typ, payload, err, b)
		}
		return o
	case <-time.After(patience):
		f.t.Fatalf("%s %s: no outcome", typ, payload)
	}
	panic("unreachable")
}

// told returns the serial events that follow from an event.
func (f *floor) told(id string, n int) string {
	f.t.Helper()
	var names []string
	for range n {
		m, err := f.serials.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			f.t.Fatalf("%s: %d of %d serial events: %v", id, len(names), n, err)
		}
		var e struct {
			Type string
			Data struct{ EventID string }
		}
		if err := json.Unmarshal(m.Data(), &e); err != nil || e.Data.EventID != id {
			f.t.Fatalf("%s: %v, serial event %s", id, err, m.Data())
		}
		names = append(names, strings.TrimPrefix(e.Type, "machshop.serial."))
	}
	return strings.Join(names, " ")
}

// unitsOf is what an outcome lists.
func unitsOf(o *seriald.Outcome) string {
	var all []string
	for _, s := range o.Serials {
		all = append(all, string(s.Status))
	}
	for _, p := range o.Placeholders {
		all = append(all, string(p.Status))
	}
	return strings.Join(all, " ")
}

// Every type of event: what is accepted and what is refused, on the result, in the
// serial events, in the rows and in the audit; and a repeat changes nothing.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	types := map[seriald.EventType]bool{}
	for i, s := range workflow {
		types[s.typ] = true
		fields := f.named(s.fields)
		id := fmt.Sprintf("step-%02d", i)
		at := fmt.Sprintf("step %d, %s %s", i, s.typ, fields)
		o := f.send(s.typ, id, fields)
		if got := strings.TrimSpace(string(o.Status) + " " + string(o.Code)); got != s.want {
			t.Fatalf("%s: %s (%s: %s), want %s", at, got, o.Field, o.Message, s.want)
		}
		want := strings.Split(s.units, " ")
		if len(want) > 1 && want[1] == "serials" { // all of them new
			var n int
			_, _ = fmt.Sscan(want[0], &n)
			want = append(strings.Fields(strings.Repeat("ACTIVE ", n)), want[2:]...)
		}
		if got := unitsOf(&o); got != strings.Join(want, " ") {
			t.Errorf("%s: lists %s, want %s", at, got, strings.Join(want, " "))
		}
		if got := f.told(id, len(strings.Fields(s.events))); got != s.events {
			t.Errorf("%s: serial events %s, want %s", at, got, s.events)
		}
		audit := func() string {
			return storetest.Value[string](t, f.db, `SELECT COALESCE(string_agg(event_type, ' ' ORDER BY id), '') FROM audit_events WHERE event_id = $1`, id)
		}
		if got := audit(); got != s.audit {
			t.Errorf("%s: audit %s, want %s", at, got, s.audit)
		}
		if s.query != "" {
			if got := storetest.Value[string](t, f.db, s.query); got != s.rows {
				t.Errorf("%s: %s: %s, want %s", at, s.query, got, s.rows)
			}
		}
		if s.name != "" {
			f.name(s.name, &o)
		}
		before := rows(t, f.db)
		again := f.send(s.typ, id, fields)
		if !again.Duplicate || again.Status != o.Status || again.Code != o.Code || unitsOf(&again) != unitsOf(&o) {
			t.Errorf("%s: the repeat got %+v", at, again)
		}
		// Its serial events have the ids of the first ones, so that the stream drops
		// them: one that came through would be told of in the next step.
		if after := rows(t, f.db); after != before || audit() != s.audit {
			t.Errorf("%s: %s before the repeat, %s after", at, before, after)
		}
	}
	for _, typ := range seriald.EventTypes() {
		if !types[typ] {
			t.Errorf("no step for %s", typ)
		}
	}
	for _, read := range reads {
		path, body, want := f.named(read.path), f.named(read.body), f.named(read.want)
		if status, answer := f.daemon.ask("/api/v1/serialization"+path, body); status != http.StatusOK || !strings.Contains(answer, want) {
			t.Errorf("%s %s: %d %s, want %s", path, body, status, answer, want)
		}
	}
}

// named is text with what its $names stand for.
func (f *floor) named(text string) string {
	for name, value := range f.names {
		text = strings.ReplaceAll(text, "$"+name, value)
	}
	return text
}

// name keeps what an outcome says under a name.
func (f *floor) name(name string, o *seriald.Outcome) {
	f.names[name+".event"] = string(o.EventID)
	if len(o.Serials) > 0 {
		f.names[name+".serial"], f.names[name+".number"] = o.Serials[0].ID.String(), o.Serials[0].SerialNumber
	}
	if len(o.Placeholders) > 0 {
		f.names[name+".placeholder"] = o.Placeholders[0].ID.String()
	}
	if !o.TriggerID.IsZero() {
		f.names[name+".trigger"] = o.TriggerID.String()
	}
}
