package api

import (
	"encoding/json"
	"time"

	"github.com/machshop/seriald"
)

// What follows describes the bodies of writes. They are fields of events (section 3 of
// the contract), whose rules are the events': nothing is judged here, so that what is
// refused is refused and audited as over MQTT. Unknown fields are kept.

// SiteField may be in each.
type SiteField struct {
	SiteID string `json:"siteId,omitempty" doc:"The site that it happens at; needed where there are several."`
}

// PartFields name a part.
type PartFields struct {
	PartID string `json:"partId,omitempty" doc:"The part. This, or gtin, is needed."`
	GTIN   string `json:"gtin,omitempty" doc:"The part's GTIN, of 8, 12, 13 or 14 digits."`
}

type receiveBody struct {
	SiteField
	PartFields
	VendorSerialNumber string          `json:"vendorSerialNumber"`
	VendorName         string          `json:"vendorName"`
	ReceivedDate       string          `json:"receivedDate,omitempty" doc:"YYYY-MM-DD, or a time."`
	LotNumber          string          `json:"lotNumber,omitempty"`
	Attributes         json.RawMessage `json:"attributes,omitempty" doc:"A JSON object."`
}

type acceptBody struct {
	SiteField
	InternalSerialID string `json:"internalSerialId,omitempty" format:"uuid" doc:"The serial of ours that it is the unit of."`
	InternalSerial   string `json:"internalSerial,omitempty" doc:"Its number, instead."`
}

type rejectBody struct {
	SiteField
	RejectionReason string `json:"rejectionReason"`
}

type generateBody struct {
	SiteField
	PartFields
	FormatConfigID string          `json:"formatConfigId,omitempty" doc:"The part's if it is left out."`
	Quantity       int             `json:"quantity,omitempty" minimum:"1" maximum:"100000" doc:"1 if it is left out."`
	WorkOrderID    string          `json:"workOrderId,omitempty"`
	LotNumber      string          `json:"lotNumber,omitempty"`
	OperationCode  string          `json:"operationCode,omitempty"`
	Context        json.RawMessage `json:"context,omitempty" doc:"A JSON object that the serials keep as attributes."`
}

type occurrenceBody struct {
	SiteField
	PartFields
	TriggerType         seriald.TriggerType `json:"triggerType" doc:"What happened."`
	SerialNumber        string              `json:"serialNumber,omitempty" doc:"The unit that an operation or a checkpoint was about, instead of the part."`
	OperationCode       string              `json:"operationCode,omitempty"`
	WorkCenterID        string              `json:"workCenterId,omitempty"`
	WorkOrderID         string              `json:"workOrderId,omitempty"`
	LotNumber           string              `json:"lotNumber,omitempty"`
	Quantity            int                 `json:"quantity,omitempty" minimum:"1" maximum:"100000"`
	Result              string              `json:"result,omitempty" enum:"PASS,FAIL" doc:"Of a QUALITY_CHECKPOINT."`
	VendorName          string              `json:"vendorName,omitempty" doc:"Of a MATERIAL_RECEIPT."`
	VendorSerialNumbers []string            `json:"vendorSerialNumbers,omitempty" doc:"The numbers that the material of a MATERIAL_RECEIPT came with."`
}

type placeholderCreateBody struct {
	SiteField
	PartFields
	Quantity      int    `json:"quantity,omitempty" minimum:"1" maximum:"100000"`
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
	SourceSerialID  string `json:"sourceSerialId,omitempty" format:"uuid" doc:"The unit. This, or sourceSerial, is needed."`
	SourceSerial    string `json:"sourceSerial,omitempty" doc:"The unit's number, with partId where the number alone is ambiguous."`
	PartID          string `json:"partId,omitempty"`
	OperationCode   string `json:"operationCode"`
	WorkCenterID    string `json:"workCenterId,omitempty"`
	RoutingSequence int    `json:"routingSequence,omitempty" minimum:"0" maximum:"2147483647"`
	Quantity        int    `json:"quantity,omitempty" minimum:"1" maximum:"100000"`
	Notes           string `json:"notes,omitempty"`
}

type registerBody struct {
	SiteField
	PartFields
	SerialNumber string          `json:"serialNumber"`
	Scope        []seriald.Scope `json:"scope,omitempty" doc:"Where it has to be unique; those of the part if it is left out."`
	VendorName   string          `json:"vendorName,omitempty" doc:"Needed for the scope VENDOR."`
}

type resolveBody struct {
	SiteField
	SerialNumber       string             `json:"serialNumber,omitempty" doc:"With partId; or conflictId."`
	PartID             string             `json:"partId,omitempty"`
	ConflictID         string             `json:"conflictId,omitempty" format:"uuid"`
	ConflictResolution seriald.Resolution `json:"conflictResolution"`
	RetiredSerialID    string             `json:"retiredSerialId,omitempty" format:"uuid" doc:"The holder, where RETIRE shall be sure."`
	ChallengerEventID  string             `json:"challengerEventId,omitempty" doc:"Who gets the number, where several asked for it."`
	ResolutionReason   string             `json:"resolutionReason"`
}

type triggerCreateBody struct {
	TriggerFields
	PartID         string                 `json:"partId"`
	TriggerType    seriald.TriggerType    `json:"triggerType"`
	AssignmentType seriald.AssignmentType `json:"assignmentType"`
}

type triggerUpdateBody struct {
	TriggerFields
	PartID         string                 `json:"partId,omitempty"`
	TriggerType    seriald.TriggerType    `json:"triggerType,omitempty"`
	AssignmentType seriald.AssignmentType `json:"assignmentType,omitempty"`
}

// TriggerFields may be in a new trigger, and in a change to one.
type TriggerFields struct {
	SiteField
	OperationCode  string          `json:"operationCode,omitempty" doc:"The operation of the routing; any if it is left out."`
	Conditions     json.RawMessage `json:"conditions,omitempty"`
	FormatConfigID string          `json:"formatConfigId,omitempty" doc:"The format of its numbers; the part's if it is left out."`
	Priority       int             `json:"priority,omitempty" doc:"The lowest fires first; 100 if it is left out."`
	BatchMode      bool            `json:"batchMode,omitempty"`
	BatchSize      int             `json:"batchSize,omitempty" minimum:"1" maximum:"100000"`
	Active         bool            `json:"active,omitempty" doc:"Whether it fires; true if it is left out."`
}

type sitePutBody struct {
	Name     string `json:"name,omitempty"`
	TimeZone string `json:"timeZone,omitempty" doc:"An IANA name; UTC if it is left out." example:"Europe/Berlin"`
}

type partPutBody struct {
	SiteField
	Name             string          `json:"name,omitempty"`
	PartType         string          `json:"partType,omitempty" doc:"The family."`
	GTIN             string          `json:"gtin,omitempty"`
	FormatConfigID   string          `json:"formatConfigId,omitempty" doc:"Its default format."`
	UniquenessScopes []seriald.Scope `json:"uniquenessScopes,omitempty" doc:"SITE and PART_TYPE if it is left out."`
	VendorScopes     []seriald.Scope `json:"vendorScopes,omitempty" doc:"VENDOR if it is left out."`
	NumberRule       *ruleFields     `json:"numberRule,omitempty" doc:"What numbers from outside must be like."`
}

type ruleFields struct {
	MinLength int             `json:"minLength,omitempty" minimum:"0" maximum:"200"`
	MaxLength int             `json:"maxLength,omitempty" minimum:"0" maximum:"200"`
	Pattern   string          `json:"pattern,omitempty" doc:"A regular expression (RE2) of the whole number."`
	Charset   seriald.Charset `json:"charset,omitempty"`
	Case      string          `json:"case,omitempty" enum:"exact,fold"`
}

type formatPutBody struct {
	SiteField
	Name         string               `json:"name,omitempty"`
	Pattern      string               `json:"pattern" example:"W{YYYY}{MM}-{SEQ:5}"`
	CounterStart int64                `json:"counterStart,omitempty" minimum:"0" doc:"The counter's first value; 1 if it is left out."`
	Increment    int64                `json:"increment,omitempty" minimum:"1" doc:"Between two values of the counter; 1 if it is left out."`
	Reset        seriald.Reset        `json:"reset,omitempty"`
	CounterScope seriald.CounterScope `json:"counterScope,omitempty"`
	Assignments  []assignmentFields   `json:"assignments,omitempty" maxItems:"1000" doc:"What it is the format of."`
	Active       bool                 `json:"active,omitempty" doc:"Whether it is in use; true if it is left out."`
}

// assignmentFields name a part, or a family.
type assignmentFields struct {
	PartID     string    `json:"partId,omitempty"`
	PartType   string    `json:"partType,omitempty"`
	Priority   int       `json:"priority,omitempty" doc:"The lowest comes first; 100 if it is left out."`
	ValidFrom  time.Time `json:"validFrom,omitzero" doc:"Since when; ever since if it is left out."`
	ValidUntil time.Time `json:"validUntil,omitzero" doc:"Until when; for ever if it is left out."`
}
