package processors

import (
	"maps"

	"github.com/machshop/seriald"
)

func init() { maps.Copy(workflows, configWorkflows) }

// configWorkflows are the cases of the types that change the master data.
var configWorkflows = map[seriald.EventType][]row{
	seriald.TypeTriggerCreate: {
		when("a new one", `{"partId":"MADE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED","conditions":{"quantity":{"gt":1}}}`, "accepted"),
		when("one that does what a disabled one does", `{"partId":"MADE","triggerType":"WORK_ORDER_CREATE","assignmentType":"SYSTEM_GENERATED"}`, "accepted"),
		when("a disabled one that does what another does", `{"partId":"MADE","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED","active":false}`, "accepted"),
		when("one that does what another does", `{"partId":"MADE","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED","priority":1}`, "rejected INVALID_STATE triggerId"),
		when("one that was made in front", `{"partId":"SPARE","triggerType":"BATCH_COMPLETION","assignmentType":"LATE_ASSIGNMENT"}`, "rejected INVALID_STATE triggerId",
			event(seriald.TypeTriggerCreate, `{"partId":"SPARE","triggerType":"BATCH_COMPLETION","assignmentType":"LATE_ASSIGNMENT"}`)),
		when("one that does what was deleted in front", `{"partId":"MADE","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED"}`, "accepted",
			event(seriald.TypeTriggerDelete, `{"triggerId":"$made"}`)),
		when("of a part that was added in front", `{"partId":"NEW","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED"}`, "accepted", event(seriald.TypePartPut, `{"partId":"NEW"}`)),
		when("of an unknown part", `{"partId":"GONE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED"}`, "rejected PART_NOT_FOUND partId"),
		when("of an unknown format", `{"partId":"MADE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED","formatConfigId":"none"}`, "rejected FORMAT_NOT_FOUND formatConfigId"),
		when("of a format that makes another's numbers", `{"partId":"SPARE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED","formatConfigId":"same"}`, "rejected VALIDATION_ERROR formatConfigId",
			event(seriald.TypeFormatPut, `{"formatConfigId":"first","pattern":"Q{SEQ:4}","assignments":[{"partId":"SPARE"}]}`),
			event(seriald.TypeFormatPut, `{"formatConfigId":"same","pattern":"Q{SEQ:4}","assignments":[{"partType":"OTHER"}],"active":false}`),
			event(seriald.TypePartPut, `{"partId":"OTHER","partType":"OTHER","uniquenessScopes":["PART_TYPE"]}`),
			event(seriald.TypeFormatPut, `{"formatConfigId":"same","pattern":"Q{SEQ:4}","assignments":[{"partType":"OTHER"}]}`)),
		when("of a vendor's numbers where none come", `{"partId":"MADE","triggerType":"BATCH_COMPLETION","assignmentType":"VENDOR"}`, "rejected VALIDATION_ERROR assignmentType"),
		when("with a condition that is none", `{"partId":"MADE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED","conditions":{"quantity":{"above":1}}}`, "rejected VALIDATION_ERROR conditions"),
	},
	seriald.TypeTriggerUpdate: {
		when("its operation", `{"triggerId":"$made","operationCode":"OP-020"}`, "accepted"),
		when("nothing", `{"triggerId":"$made"}`, "accepted"),
		when("to what another does", `{"triggerId":"$made","triggerType":"QUALITY_CHECKPOINT","operationCode":""}`, "rejected INVALID_STATE triggerId"),
		when("to an unknown part", `{"triggerId":"$made","partId":"GONE"}`, "rejected PART_NOT_FOUND partId"),
		when("to an unknown format", `{"triggerId":"$made","formatConfigId":"none"}`, "rejected FORMAT_NOT_FOUND formatConfigId"),
		when("to a size that is none", `{"triggerId":"$made","batchSize":0}`, "rejected VALIDATION_ERROR batchSize"),
		when("one that was deleted in front", `{"triggerId":"$made","priority":1}`, "rejected TRIGGER_NOT_FOUND triggerId", event(seriald.TypeTriggerDelete, `{"triggerId":"$made"}`)),
		when("none", `{"priority":1}`, "rejected VALIDATION_ERROR triggerId"),
	},
	seriald.TypeTriggerEnable: {
		when("one that is disabled", `{"triggerId":"$off"}`, "accepted"),
		when("one that was disabled in front", `{"triggerId":"$made"}`, "accepted", event(seriald.TypeTriggerDisable, `{"triggerId":"$made"}`)),
		when("one that is enabled", `{"triggerId":"$made"}`, "rejected INVALID_STATE triggerId"),
		when("one that does what was made in front", `{"triggerId":"$off"}`, "rejected INVALID_STATE triggerId",
			event(seriald.TypeTriggerCreate, `{"partId":"MADE","triggerType":"WORK_ORDER_CREATE","assignmentType":"SYSTEM_GENERATED"}`)),
		when("one that is not known", `{"triggerId":"$nobody"}`, "rejected TRIGGER_NOT_FOUND triggerId"),
	},
	seriald.TypeTriggerDisable: {
		when("one that is enabled", `{"triggerId":"$made"}`, "accepted"),
		when("one that is disabled", `{"triggerId":"$off"}`, "rejected INVALID_STATE triggerId"),
		when("one that was disabled in front", `{"triggerId":"$made"}`, "rejected INVALID_STATE triggerId", event(seriald.TypeTriggerDisable, `{"triggerId":"$made"}`)),
		when("one that is not known", `{"triggerId":"$nobody"}`, "rejected TRIGGER_NOT_FOUND triggerId"),
	},
	seriald.TypeTriggerDelete: {
		when("one that is enabled", `{"triggerId":"$made"}`, "accepted"),
		when("one that was deleted in front", `{"triggerId":"$made"}`, "rejected TRIGGER_NOT_FOUND triggerId", event(seriald.TypeTriggerDelete, `{"triggerId":"$made"}`)),
		when("none", `{}`, "rejected VALIDATION_ERROR triggerId"),
	},

	seriald.TypeSitePut: {
		when("a new one, from a place that is not known", `{"siteId":"plant9","timeZone":"Europe/Berlin"}`, "accepted").at("plant9"),
		when("one that is there", `{"siteId":"plant1","name":"First"}`, "accepted"),
		when("in a zone that is none", `{"siteId":"plant9","timeZone":"Mars"}`, "rejected VALIDATION_ERROR timeZone"),
	},
	seriald.TypeSiteDelete: {
		when("one that is not used", `{"siteId":"spare"}`, "accepted"),
		when("one that was added in front", `{"siteId":"plant9"}`, "accepted", event(seriald.TypeSitePut, `{"siteId":"plant9"}`)),
		when("one with serials", `{"siteId":"plant2"}`, "rejected INVALID_STATE siteId"),
		when("one with a placeholder that was made in front", `{"siteId":"spare"}`, "rejected INVALID_STATE siteId",
			event(seriald.TypePlaceholderCreate, `{"partId":"LATE"}`).from("spare")),
		when("one that was deleted in front", `{"siteId":"spare"}`, "rejected SITE_NOT_FOUND siteId", event(seriald.TypeSiteDelete, `{"siteId":"spare"}`)),
		when("none", `{}`, "rejected VALIDATION_ERROR siteId"),
	},
	seriald.TypePartPut: {
		when("a new one", `{"partId":"NEW","partType":"WIDGET","formatConfigId":"made"}`, "accepted"),
		when("one that is there, with its GTIN", `{"partId":"MADE","partType":"WIDGET","gtin":"9506000134352","formatConfigId":"made"}`, "accepted"),
		when("with a format that was added in front", `{"partId":"SPARE","formatConfigId":"new"}`, "accepted", event(seriald.TypeFormatPut, `{"formatConfigId":"new","pattern":"NEW-{SEQ:4}"}`)),
		when("with another's GTIN", `{"partId":"NEW","gtin":"9506000134352"}`, "rejected INVALID_STATE gtin"),
		when("with a GTIN that was given in front", `{"partId":"NEW","gtin":"614141000036"}`, "rejected INVALID_STATE gtin", event(seriald.TypePartPut, `{"partId":"SPARE","gtin":"614141000036"}`)),
		when("with a GTIN that became free in front", `{"partId":"NEW","gtin":"9506000134352"}`, "accepted", event(seriald.TypePartPut, `{"partId":"MADE","partType":"WIDGET","formatConfigId":"made"}`)),
		when("with an unknown format", `{"partId":"NEW","formatConfigId":"none"}`, "rejected FORMAT_NOT_FOUND formatConfigId"),
		when("with a format that does not fit its GTIN", `{"partId":"NEW","gtin":"614141000036","formatConfigId":"long"}`, "rejected VALIDATION_ERROR partId",
			event(seriald.TypeFormatPut, `{"formatConfigId":"long","pattern":"LONG-{SEQ:16}"}`)),
		when("with a scope that is none", `{"partId":"NEW","uniquenessScopes":["LINE"]}`, "rejected VALIDATION_ERROR uniquenessScopes"),
	},
	seriald.TypePartDelete: {
		when("one that is not used", `{"partId":"SPARE"}`, "accepted"),
		when("one with serials", `{"partId":"MADE"}`, "rejected INVALID_STATE partId"),
		when("one with placeholders", `{"partId":"LATE"}`, "rejected INVALID_STATE partId"),
		when("one with a trigger", `{"partId":"BOUGHT"}`, "rejected INVALID_STATE partId"),
		when("one whose triggers were deleted in front", `{"partId":"BOUGHT"}`, "accepted",
			event(seriald.TypeTriggerDelete, `{"triggerId":"$bought"}`), event(seriald.TypeTriggerDelete, `{"triggerId":"$bare"}`)),
		when("one with an assignment that was made in front", `{"partId":"SPARE"}`, "rejected INVALID_STATE partId",
			event(seriald.TypeFormatPut, `{"formatConfigId":"new","pattern":"NEW-{SEQ:4}","assignments":[{"partId":"SPARE"}]}`)),
		when("one with a unit that was received in front", `{"partId":"SPARE"}`, "rejected INVALID_STATE partId",
			event(seriald.TypeVendorSerialReceive, `{"partId":"SPARE","vendorName":"ACME","vendorSerialNumber":"A1"}`)),
		when("one that is not known", `{"partId":"GONE"}`, "rejected PART_NOT_FOUND partId"),
	},
	seriald.TypeFormatPut: {
		when("a new one", `{"formatConfigId":"new","pattern":"NEW-{SEQ:8}"}`, "accepted"),
		when("one that is there", `{"formatConfigId":"made","pattern":"M{SEQ:5}"}`, "accepted"),
		when("one that does not parse", `{"formatConfigId":"new","pattern":"{SEQ"}`, "rejected VALIDATION_ERROR pattern"),
		when("one that makes another's numbers", `{"formatConfigId":"new","pattern":"M{SEQ:4}"}`, "rejected VALIDATION_ERROR pattern"),
		when("one that makes the numbers of one in front", `{"formatConfigId":"newer","pattern":"NEW-{SEQ:4}"}`, "rejected VALIDATION_ERROR pattern",
			event(seriald.TypeFormatPut, `{"formatConfigId":"new","pattern":"NEW-{SEQ:4}"}`)),
		when("for an unknown part", `{"formatConfigId":"new","pattern":"NEW-{SEQ:8}","assignments":[{"partId":"GONE"}]}`, "rejected PART_NOT_FOUND assignments"),
		when("with a reset that is none", `{"formatConfigId":"new","pattern":"NEW-{SEQ:8}","reset":"hourly"}`, "rejected VALIDATION_ERROR reset"),
	},
	seriald.TypeFormatDelete: {
		when("one that is not used", `{"formatConfigId":"spare"}`, "accepted"),
		when("one of a part", `{"formatConfigId":"made"}`, "rejected INVALID_STATE formatConfigId"),
		when("one of a part that changed in front", `{"formatConfigId":"late"}`, "accepted", event(seriald.TypePartPut, `{"partId":"LATE","partType":"HOUSING"}`)),
		when("one of a trigger that was made in front", `{"formatConfigId":"spare"}`, "rejected INVALID_STATE formatConfigId",
			event(seriald.TypeTriggerCreate, `{"partId":"SPARE","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED","formatConfigId":"spare"}`)),
		when("one that is not known", `{"formatConfigId":"none"}`, "rejected FORMAT_NOT_FOUND formatConfigId"),
	},
}
