package api

import (
	"encoding/json"

	"github.com/machshop/seriald"
)

// What follows describes the bodies of writes. They are fields of events (section 3 of
// the contract), whose rules are the events': nothing is judged here, so that what is
// refused is refused and audited as over MQTT. Unknown fields are kept.

// SiteField may be in each.
type SiteField struct {
	SiteID string `json:"siteId,omitempty" doc:"The site that it happens at; needed where there are several."`
}

type receiveBody struct {
	SiteField
	VendorSerialNumber string          `json:"vendorSerialNumber"`
	VendorName         string          `json:"vendorName"`
	PartID             string          `json:"partId" doc:"Or gtin."`
	ReceivedDate       string          `json:"receivedDate,omitempty" doc:"YYYY-MM-DD, or a time."`
	LotNumber          string          `json:"lotNumber,omitempty"`
	Attributes         json.RawMessage `json:"attributes,omitempty" doc:"A JSON object."`
}

type acceptBody struct {
	SiteField
	InternalSerialID string `json:"internalSerialId,omitempty" doc:"The serial of ours that it is the unit of."`
	InternalSerial   string `json:"internalSerial,omitempty" doc:"Its number, instead."`
}

type rejectBody struct {
	SiteField
	RejectionReason string `json:"rejectionReason"`
}

type generateBody struct {
	SiteField
	PartID         string          `json:"partId"`
	FormatConfigID string          `json:"formatConfigId,omitempty" doc:"The part's if it is left out."`
	Quantity       int             `json:"quantity,omitempty" minimum:"1" maximum:"100000" doc:"1 if it is left out."`
	WorkOrderID    string          `json:"workOrderId,omitempty"`
	LotNumber      string          `json:"lotNumber,omitempty"`
	OperationCode  string          `json:"operationCode,omitempty"`
	Context        json.RawMessage `json:"context,omitempty" doc:"A JSON object that the serials keep as attributes."`
}

type occurrenceBody struct {
	SiteField
	TriggerType   seriald.TriggerType `json:"triggerType" doc:"What happened."`
	PartID        string              `json:"partId"`
	OperationCode string              `json:"operationCode,omitempty"`
	WorkOrderID   string              `json:"workOrderId,omitempty"`
	LotNumber     string              `json:"lotNumber,omitempty"`
	Quantity      int                 `json:"quantity,omitempty"`
	Result        string              `json:"result,omitempty" enum:"PASS,FAIL" doc:"Of a QUALITY_CHECKPOINT."`
}

type placeholderCreateBody struct {
	SiteField
	PartID        string `json:"partId"`
	Quantity      int    `json:"quantity,omitempty"`
	WorkOrderID   string `json:"workOrderId,omitempty"`
	LotNumber     string `json:"lotNumber,omitempty"`
	OperationCode string `json:"operationCode,omitempty"`
}

type placeholderAssignBody struct {
	SiteField
	SerialNumber  string `json:"serialNumber"`
	OperationCode string `json:"operationCode,omitempty"`
	Notes         string `json:"notes,omitempty"`
}

type reasonBody struct {
	SiteField
	Reason string `json:"reason"`
}

type passBody struct {
	SiteField
	SourceSerialID  string `json:"sourceSerialId" doc:"Or sourceSerial, its number, with partId."`
	OperationCode   string `json:"operationCode"`
	WorkCenterID    string `json:"workCenterId,omitempty"`
	RoutingSequence int    `json:"routingSequence,omitempty"`
	Quantity        int    `json:"quantity,omitempty"`
	Notes           string `json:"notes,omitempty"`
}

type registerBody struct {
	SiteField
	SerialNumber string          `json:"serialNumber"`
	PartID       string          `json:"partId"`
	Scope        []seriald.Scope `json:"scope,omitempty"`
	VendorName   string          `json:"vendorName,omitempty"`
}

type resolveBody struct {
	SiteField
	SerialNumber       string             `json:"serialNumber,omitempty" doc:"With partId; or conflictId."`
	PartID             string             `json:"partId,omitempty"`
	ConflictID         string             `json:"conflictId,omitempty"`
	ConflictResolution seriald.Resolution `json:"conflictResolution" enum:"KEEP,RETIRE,MARK_INVALID"`
	RetiredSerialID    string             `json:"retiredSerialId,omitempty" doc:"The holder, where RETIRE shall be sure."`
	ChallengerEventID  string             `json:"challengerEventId,omitempty" doc:"Who gets the number, where several asked for it."`
	ResolutionReason   string             `json:"resolutionReason"`
}

type triggerFieldsBody struct {
	SiteField
	PartID         string                 `json:"partId,omitempty"`
	TriggerType    seriald.TriggerType    `json:"triggerType,omitempty"`
	OperationCode  string                 `json:"operationCode,omitempty"`
	Conditions     json.RawMessage        `json:"conditions,omitempty" doc:"A JSON object over the event's fields."`
	AssignmentType seriald.AssignmentType `json:"assignmentType,omitempty"`
	FormatConfigID string                 `json:"formatConfigId,omitempty"`
	Priority       int                    `json:"priority,omitempty"`
	BatchMode      bool                   `json:"batchMode,omitempty"`
	BatchSize      int                    `json:"batchSize,omitempty"`
	Active         bool                   `json:"active,omitempty"`
}

type sitePutBody struct {
	Name     string `json:"name,omitempty"`
	TimeZone string `json:"timeZone" doc:"An IANA name." example:"Europe/Berlin"`
}

type partPutBody struct {
	SiteField
	Name             string          `json:"name,omitempty"`
	PartType         string          `json:"partType,omitempty" doc:"The family."`
	GTIN             string          `json:"gtin,omitempty"`
	FormatConfigID   string          `json:"formatConfigId,omitempty" doc:"Its default format."`
	UniquenessScopes []seriald.Scope `json:"uniquenessScopes,omitempty" doc:"SITE and PART_TYPE if it is left out."`
	VendorScopes     []seriald.Scope `json:"vendorScopes,omitempty" doc:"VENDOR if it is left out."`
	NumberRule       json.RawMessage `json:"numberRule,omitempty" doc:"minLength, maxLength, pattern, charset, case."`
}

type formatPutBody struct {
	SiteField
	Name         string          `json:"name,omitempty"`
	Pattern      string          `json:"pattern" example:"W{YYYY}{MM}-{SEQ:5}"`
	CounterStart int64           `json:"counterStart,omitempty"`
	Increment    int64           `json:"increment,omitempty"`
	Reset        seriald.Reset   `json:"reset,omitempty" enum:"never,yearly,monthly,weekly,daily"`
	CounterScope string          `json:"counterScope,omitempty" enum:"FORMAT,SITE,PART,SITE_PART"`
	Assignments  json.RawMessage `json:"assignments,omitempty" doc:"An array of partId or partType with priority and validity."`
	Active       bool            `json:"active,omitempty"`
}
