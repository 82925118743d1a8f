package seriald

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// MaxConditionsLength bounds the conditions of a trigger, in bytes of JSON.
const MaxConditionsLength = 4096

// triggerFields are the fields of trigger_create and trigger_update; of the latter,
// what is left out stays as it is.
type triggerFields struct {
	PartID         *string          `json:"partId"`         // required
	TriggerType    *TriggerType     `json:"triggerType"`    // required
	OperationCode  *string          `json:"operationCode"`  // "": any
	Conditions     *json.RawMessage `json:"conditions"`     // {}
	AssignmentType *AssignmentType  `json:"assignmentType"` // required
	FormatConfigID *string          `json:"formatConfigId"` // "": the part's
	Priority       *int             `json:"priority"`       // 100
	BatchMode      *bool            `json:"batchMode"`      // false
	BatchSize      *int             `json:"batchSize"`      // 1
	Active         *bool            `json:"active"`         // true
}

// Trigger returns the trigger that a trigger_create or trigger_update leaves of
// before, which is zero for a new one; its ID is that of before. What of it names
// master data is not judged here. The error is a *[Rejection] naming the field.
func (e *Event) Trigger(before Trigger) (*Trigger, error) {
	var f triggerFields
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return nil, jsonRejection(err)
	}
	if before.ID.IsZero() {
		before.Priority, before.BatchSize, before.Active = 100, 1, true
	}
	t := before
	t.PartID, t.Type = valueOr(f.PartID, t.PartID), valueOr(f.TriggerType, t.Type)
	t.OperationCode, t.AssignmentType = valueOr(f.OperationCode, t.OperationCode), valueOr(f.AssignmentType, t.AssignmentType)
	t.FormatID, t.Priority = valueOr(f.FormatConfigID, t.FormatID), valueOr(f.Priority, t.Priority)
	t.BatchMode, t.BatchSize, t.Active = valueOr(f.BatchMode, t.BatchMode), valueOr(f.BatchSize, t.BatchSize), valueOr(f.Active, t.Active)
	for _, text := range []struct{ name, value string }{
		{"partId", t.PartID}, {"operationCode", t.OperationCode}, {"formatConfigId", t.FormatID},
	} {
		if err := checkText(text.name, text.value); err != nil {
			return nil, err
		}
	}
	if f.Conditions != nil {
		if err := checkJSON("conditions", *f.Conditions); err != nil {
			return nil, err
		}
		if err := checkLength("conditions", string(*f.Conditions), MaxConditionsLength); err != nil {
			return nil, err
		}
		var err error
		if t.Conditions, err = ParseConditions(*f.Conditions); err != nil {
			return nil, Reject(CodeValidation, "conditions", "%v", err)
		}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return &t, nil
}

func (t *Trigger) check() error {
	types := []TriggerType{TriggerMaterialReceipt, TriggerWorkOrderCreate, TriggerOperationComplete, TriggerQualityCheckpoint, TriggerBatchCompletion}
	switch {
	case t.PartID == "":
		return Reject(CodeValidation, "partId", "is required")
	case !slices.Contains(types, t.Type):
		return Reject(CodeValidation, "triggerType", "must be MATERIAL_RECEIPT, WORK_ORDER_CREATE, OPERATION_COMPLETE, QUALITY_CHECKPOINT or BATCH_COMPLETION, not %q", t.Type)
	case !slices.Contains([]AssignmentType{AssignGenerated, AssignVendor, AssignLate}, t.AssignmentType):
		return Reject(CodeValidation, "assignmentType", "must be SYSTEM_GENERATED, VENDOR or LATE_ASSIGNMENT, not %q", t.AssignmentType)
	case t.AssignmentType == AssignVendor && t.Type != TriggerMaterialReceipt:
		return Reject(CodeValidation, "assignmentType", "VENDOR needs MATERIAL_RECEIPT: only a receipt brings a vendor's numbers")
	case t.AssignmentType == AssignVendor && t.FormatID != "":
		return Reject(CodeValidation, "formatConfigId", "a vendor's numbers are not made by a format: leave it out")
	case t.BatchSize < 1 || t.BatchSize > MaxQuantity:
		return Reject(CodeValidation, "batchSize", "must be from 1 to %d, not %d", MaxQuantity, t.BatchSize)
	case t.Priority < math.MinInt32 || t.Priority > math.MaxInt32:
		return Reject(CodeValidation, "priority", "%d is out of bounds", t.Priority)
	}
	return nil
}

// MarshalJSON implements [json.Marshaler]: the names are those of trigger_create.
func (t *Trigger) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID             ID             `json:"id"`
		PartID         string         `json:"partId"`
		Type           TriggerType    `json:"triggerType"`
		OperationCode  string         `json:"operationCode"`
		Conditions     Conditions     `json:"conditions"`
		AssignmentType AssignmentType `json:"assignmentType"`
		FormatID       string         `json:"formatConfigId,omitempty"`
		Priority       int            `json:"priority"`
		BatchMode      bool           `json:"batchMode"`
		BatchSize      int            `json:"batchSize"`
		Active         bool           `json:"active"`
	}{t.ID, t.PartID, t.Type, t.OperationCode, t.Conditions, t.AssignmentType, t.FormatID, t.Priority, t.BatchMode, cmp.Or(t.BatchSize, 1), t.Active})
}
