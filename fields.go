package seriald

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxQuantity is the most serials one event may ask for.
const MaxQuantity = 100_000

// MaxFieldLength bounds every text field, in bytes: longer than any number a
// carrier can hold, short enough for every index.
const MaxFieldLength = 200

// Fields are the fields of all event types that the rules read. What a type
// requires is checked by [Event.Fields]; what is missing is zero.
type Fields struct {
	PerformedBy         string   `json:"performedBy"`
	PartID              string   `json:"partId"`
	GTIN                string   `json:"gtin"` // stands for the part where there is no PartID
	SerialNumber        string   `json:"serialNumber"`
	Quantity            *int     `json:"quantity"`
	WorkOrderID         string   `json:"workOrderId"`
	PurchaseOrderID     string   `json:"purchaseOrderId"`
	LotNumber           string   `json:"lotNumber"`
	OperationCode       string   `json:"operationCode"`
	WorkCenterID        string   `json:"workCenterId"`
	RoutingSequence     *int     `json:"routingSequence"`
	Result              string   `json:"result"` // PASS or FAIL
	VendorSerialNumber  string   `json:"vendorSerialNumber"`
	VendorSerialNumbers []string `json:"vendorSerialNumbers"`
	VendorName          string   `json:"vendorName"`
	ReceivedDate        string   `json:"receivedDate"`
	RejectionReason     string   `json:"rejectionReason"`
	Reason              string   `json:"reason"`
	Notes               string   `json:"notes"`
	FormatConfigID      string   `json:"formatConfigId"`
	InternalSerial      string   `json:"internalSerial"` // the number, where there is no InternalSerialID
	SourceSerial        string   `json:"sourceSerial"`   // the number, where there is no SourceSerialID
	SiteID              string   `json:"siteId"`
	Scopes              []Scope  `json:"scope"` // in which a number is registered; those of its part if there are none
	// ConflictResolution says how a conflict ends, ChallengerEventID which of those that
	// asked for the number gets it.
	ConflictResolution Resolution `json:"conflictResolution"`
	ResolutionReason   string     `json:"resolutionReason"`
	ChallengerEventID  string     `json:"challengerEventId"`
	// Attributes are what else the event says of its serials, a JSON object; Context
	// is another name for it, and moved there.
	Attributes json.RawMessage `json:"attributes"`
	Context    json.RawMessage `json:"context"`

	SerialID         ID `json:"-"`
	VendorSerialID   ID `json:"-"`
	InternalSerialID ID `json:"-"`
	SourceSerialID   ID `json:"-"`
	PlaceholderID    ID `json:"-"`
	TriggerID        ID `json:"-"`
	ConflictID       ID `json:"-"`
	RetiredSerialID  ID `json:"-"`
}

// sentFields are [Fields] with the ids as they were sent.
type sentFields struct {
	Fields
	SerialID         string `json:"serialId"`
	VendorSerialID   string `json:"vendorSerialId"`
	InternalSerialID string `json:"internalSerialId"`
	SourceSerialID   string `json:"sourceSerialId"`
	PlaceholderID    string `json:"placeholderId"`
	TriggerID        string `json:"triggerId"`
	ConflictID       string `json:"conflictId"`
	RetiredSerialID  string `json:"retiredSerialId"`
}

// Fields decodes and checks the fields of e: JSON types, lengths, and what the
// event's type requires. The error is a *[Rejection] naming the field.
func (e *Event) Fields() (*Fields, error) {
	var f sentFields
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return nil, jsonRejection(err)
	}
	if err := f.checkTexts(); err != nil {
		return nil, err
	}
	for _, id := range []struct {
		name, sent string
		id         *ID
	}{
		{"serialId", f.SerialID, &f.Fields.SerialID},
		{"vendorSerialId", f.VendorSerialID, &f.Fields.VendorSerialID},
		{"internalSerialId", f.InternalSerialID, &f.Fields.InternalSerialID},
		{"sourceSerialId", f.SourceSerialID, &f.Fields.SourceSerialID},
		{"placeholderId", f.PlaceholderID, &f.Fields.PlaceholderID},
		{"triggerId", f.TriggerID, &f.Fields.TriggerID},
		{"conflictId", f.ConflictID, &f.Fields.ConflictID},
		{"retiredSerialId", f.RetiredSerialID, &f.Fields.RetiredSerialID},
	} {
		parsed, err := ParseID(id.sent)
		if err != nil {
			return nil, Reject(CodeValidation, id.name, "%.60q is not an id of this service: it is a UUID, as outcomes have it", id.sent)
		}
		*id.id = parsed
	}
	if q := f.Quantity; q != nil && (*q < 1 || *q > MaxQuantity) {
		return nil, Reject(CodeValidation, "quantity", "must be from 1 to %d, not %d", MaxQuantity, *q)
	}
	if n := f.RoutingSequence; n != nil && (*n < 0 || *n > math.MaxInt32) {
		return nil, Reject(CodeValidation, "routingSequence", "must be from 0 to %d, not %d", math.MaxInt32, *n)
	}
	if err := f.Fields.checkAttributes(); err != nil {
		return nil, err
	}
	if err := f.Fields.checkRequired(e.Type); err != nil {
		return nil, err
	}
	return &f.Fields, nil
}

func (f *Fields) checkTexts() error {
	for _, t := range []struct{ name, value string }{
		{"performedBy", f.PerformedBy},
		{"partId", f.PartID},
		{"gtin", f.GTIN},
		{"serialNumber", f.SerialNumber},
		{"workOrderId", f.WorkOrderID},
		{"purchaseOrderId", f.PurchaseOrderID},
		{"lotNumber", f.LotNumber},
		{"operationCode", f.OperationCode},
		{"workCenterId", f.WorkCenterID},
		{"result", f.Result},
		{"vendorSerialNumber", f.VendorSerialNumber},
		{"vendorName", f.VendorName},
		{"receivedDate", f.ReceivedDate},
		{"formatConfigId", f.FormatConfigID},
		{"internalSerial", f.InternalSerial},
		{"sourceSerial", f.SourceSerial},
		{"siteId", f.SiteID},
		{"challengerEventId", f.ChallengerEventID},
	} {
		if err := checkText(t.name, t.value); err != nil {
			return err
		}
	}
	for _, t := range []struct{ name, value string }{
		{"rejectionReason", f.RejectionReason}, {"reason", f.Reason}, {"notes", f.Notes}, {"resolutionReason", f.ResolutionReason},
	} {
		if err := checkLength(t.name, t.value, MaxRemarkLength); err != nil {
			return err
		}
	}
	if len(f.VendorSerialNumbers) > MaxQuantity {
		return Reject(CodeValidation, "vendorSerialNumbers", "must not be more than %d", MaxQuantity)
	}
	for _, number := range f.VendorSerialNumbers {
		if err := checkText("vendorSerialNumbers", number); err != nil {
			return err
		}
	}
	return nil
}

// MaxRemarkLength bounds the texts in which people say why, in bytes.
const MaxRemarkLength = 2000

// MaxAttributesLength bounds the attributes of a serial, in bytes of JSON.
const MaxAttributesLength = 4096

// checkAttributes leaves in Attributes what is to be kept.
func (f *Fields) checkAttributes() error {
	name := "attributes"
	if isNull(f.Attributes) {
		name, f.Attributes = "context", f.Context
	}
	f.Context = nil
	switch {
	case isNull(f.Attributes):
		f.Attributes = nil
	case !isObject(f.Attributes):
		return Reject(CodeValidation, name, "must be a JSON object")
	case len(f.Attributes) > MaxAttributesLength:
		return Reject(CodeValidation, name, "must not be longer than %d bytes", MaxAttributesLength)
	case isEmpty(f.Attributes):
		f.Attributes = nil
	}
	return checkJSON(name, f.Attributes)
}

func isNull(b json.RawMessage) bool { return len(b) == 0 || string(b) == "null" }

func isEmpty(b json.RawMessage) bool {
	return len(bytes.TrimSpace(bytes.Trim(bytes.TrimSpace(b), "{}"))) == 0
}

// The results of a quality_checkpoint.
const (
	ResultPass = "PASS"
	ResultFail = "FAIL"
)

// required are the fields of which a type needs one each, by their names.
var required = map[EventType][][]string{
	TypeMaterialReceipt:        {{"partId", "gtin"}},
	TypeWorkOrderCreate:        {{"partId", "gtin"}, {"workOrderId"}},
	TypeOperationComplete:      {{"partId", "gtin", "serialNumber", "serialId", "placeholderId"}},
	TypeQualityCheckpoint:      {{"partId", "gtin", "serialNumber", "serialId"}, {"result"}},
	TypeBatchCompletion:        {{"partId", "gtin"}},
	TypeVendorSerialReceive:    {{"vendorSerialNumber"}, {"vendorName"}, {"partId", "gtin"}},
	TypeVendorSerialReject:     {{"rejectionReason"}},
	TypeSerialGenerate:         {{"partId", "gtin"}},
	TypeSerialRetire:           {{"serialNumber", "serialId"}, {"reason"}},
	TypePlaceholderCreate:      {{"partId", "gtin"}},
	TypePlaceholderAssign:      {{"placeholderId", "partId", "gtin"}, {"serialNumber"}},
	TypePlaceholderFail:        {{"placeholderId", "partId", "gtin"}, {"reason"}},
	TypePropagationPassThrough: {{"sourceSerialId", "sourceSerial"}, {"operationCode"}},
	TypeUniquenessRegister:     {{"serialNumber"}, {"partId", "gtin"}},
	TypeConflictResolve:        {{"serialNumber", "conflictId"}, {"conflictResolution"}, {"resolutionReason"}},
	TypeTriggerUpdate:          {{"triggerId"}},
	TypeTriggerEnable:          {{"triggerId"}},
	TypeTriggerDisable:         {{"triggerId"}},
	TypeTriggerDelete:          {{"triggerId"}},
	TypeSitePut:                {{"siteId"}},
	TypeSiteDelete:             {{"siteId"}},
	TypePartPut:                {{"partId"}},
	TypePartDelete:             {{"partId"}},
	TypeFormatPut:              {{"formatConfigId"}},
	TypeFormatDelete:           {{"formatConfigId"}},
}

// value returns a field of those in [required] as text, "" if it is not set.
func (f *Fields) value(name string) string {
	switch name {
	case "partId":
		return f.PartID
	case "gtin":
		return f.GTIN
	case "workOrderId":
		return f.WorkOrderID
	case "serialNumber":
		return f.SerialNumber
	case "serialId":
		return f.SerialID.String()
	case "placeholderId":
		return f.PlaceholderID.String()
	case "result":
		return f.Result
	case "vendorSerialNumber":
		return f.VendorSerialNumber
	case "vendorName":
		return f.VendorName
	case "rejectionReason":
		return f.RejectionReason
	case "reason":
		return f.Reason
	case "sourceSerialId":
		return f.SourceSerialID.String()
	case "sourceSerial":
		return f.SourceSerial
	case "operationCode":
		return f.OperationCode
	case "triggerId":
		return f.TriggerID.String()
	case "siteId":
		return f.SiteID
	case "formatConfigId":
		return f.FormatConfigID
	case "conflictId":
		return f.ConflictID.String()
	case "conflictResolution":
		return string(f.ConflictResolution)
	case "resolutionReason":
		return f.ResolutionReason
	}
	panic("seriald: no field " + name)
}

func (f *Fields) checkRequired(t EventType) error {
	for _, names := range required[t] {
		if slices.ContainsFunc(names, func(name string) bool { return strings.TrimSpace(f.value(name)) != "" }) {
			continue
		}
		if len(names) == 1 {
			return Reject(CodeValidation, names[0], "is required")
		}
		return Reject(CodeValidation, names[0], "is required (or %s)", strings.Join(names[1:], ", or "))
	}
	switch t {
	case TypeQualityCheckpoint:
		if f.Result != ResultPass && f.Result != ResultFail {
			return Reject(CodeValidation, "result", "must be PASS or FAIL, not %q", f.Result)
		}
	case TypeVendorSerialAccept, TypeVendorSerialReject:
		if f.VendorSerialID.IsZero() && (f.VendorSerialNumber == "" || f.VendorName == "" || f.PartID == "" && f.GTIN == "") {
			return Reject(CodeValidation, "vendorSerialId", "is required (or vendorSerialNumber with vendorName and partId)")
		}
	case TypeUniquenessRegister:
		if len(f.Scopes) > 0 {
			if err := checkScopes("scope", f.Scopes, Scopes()...); err != nil {
				return err
			}
		}
		if slices.Contains(f.Scopes, ScopeVendor) && strings.TrimSpace(f.VendorName) == "" {
			return Reject(CodeValidation, "vendorName", "is required: the scope VENDOR is that of a vendor and a part")
		}
	case TypeConflictResolve:
		if !slices.Contains(resolutions, f.ConflictResolution) {
			return Reject(CodeValidation, "conflictResolution", "must be KEEP, RETIRE or MARK_INVALID, not %q", f.ConflictResolution)
		}
		if f.ConflictID.IsZero() && f.PartID == "" && f.GTIN == "" {
			return Reject(CodeValidation, "partId", "is required beside serialNumber (or conflictId alone)")
		}
	case TypeSerialRetire:
		if f.SerialID.IsZero() && f.PartID == "" && f.GTIN == "" {
			return Reject(CodeValidation, "partId", "is required beside serialNumber (or serialId alone)")
		}
	}
	if err := f.normalizeGTIN(); err != nil {
		return err
	}
	return f.normalizeReceivedDate()
}

// normalizeGTIN puts zeros in front of 8, 12 or 13 digits: a GTIN is compared as
// 14.
func (f *Fields) normalizeGTIN() error {
	switch len(f.GTIN) {
	case 0:
		return nil
	case 8, 12, 13, 14:
		if strings.Trim(f.GTIN, "0123456789") == "" {
			f.GTIN = "00000000000000"[:14-len(f.GTIN)] + f.GTIN
			return nil
		}
	}
	return Reject(CodeValidation, "gtin", "%q must be 8, 12, 13 or 14 digits", f.GTIN)
}

// normalizeReceivedDate leaves the date of a date or time: YYYY-MM-DD.
func (f *Fields) normalizeReceivedDate() error {
	if f.ReceivedDate == "" {
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		// SQL has no year 0.
		if t, err := time.Parse(layout, f.ReceivedDate); err == nil && t.Year() > 0 {
			f.ReceivedDate = t.Format(time.DateOnly)
			return nil
		}
	}
	return Reject(CodeValidation, "receivedDate", "%q is not a date: write YYYY-MM-DD or an RFC 3339 time", f.ReceivedDate)
}

func checkText(name, value string) error { return checkLength(name, value, MaxFieldLength) }

func checkLength(name, value string, most int) error {
	if len(value) > most {
		return Reject(CodeValidation, name, "must not be longer than %d bytes", most)
	}
	// The JSON decoder has put U+FFFD for what was broken, half a surrogate pair
	// for example: what is different would become equal. The unit separator
	// separates in keys that are made of several fields.
	if strings.ContainsAny(value, "\x00\x1f") || strings.ContainsRune(value, utf8.RuneError) {
		return Reject(CodeValidation, name, "must not contain a NUL, a unit separator or broken UTF-8")
	}
	return nil
}
