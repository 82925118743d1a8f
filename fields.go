package seriald

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxQuantity is the most serials one event may ask for.
const MaxQuantity = 100_000

// maxFieldLength bounds every text field, in bytes: longer than any number a
// carrier can hold, short enough for every index.
const maxFieldLength = 200

// Fields are the fields of all event types that the rules read. What a type
// requires is checked by [Event.Fields]; what is missing is zero.
type Fields struct {
	PerformedBy        string `json:"performedBy"`
	PartID             string `json:"partId"`
	SerialNumber       string `json:"serialNumber"`
	Quantity           *int   `json:"quantity"`
	WorkOrderID        string `json:"workOrderId"`
	LotNumber          string `json:"lotNumber"`
	OperationCode      string `json:"operationCode"`
	VendorSerialNumber string `json:"vendorSerialNumber"`
	VendorName         string `json:"vendorName"`
	ReceivedDate       string `json:"receivedDate"`
	FormatConfigID     string `json:"formatConfigId"`
}

// Fields decodes and checks the fields of e: JSON types, lengths, and what the
// event's type requires. The error is a *[Rejection] naming the field.
func (e *Event) Fields() (*Fields, error) {
	var f Fields
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return nil, jsonRejection(err)
	}
	for _, t := range []struct{ name, value string }{
		{"performedBy", f.PerformedBy},
		{"partId", f.PartID},
		{"serialNumber", f.SerialNumber},
		{"workOrderId", f.WorkOrderID},
		{"lotNumber", f.LotNumber},
		{"operationCode", f.OperationCode},
		{"vendorSerialNumber", f.VendorSerialNumber},
		{"vendorName", f.VendorName},
		{"receivedDate", f.ReceivedDate},
		{"formatConfigId", f.FormatConfigID},
	} {
		if err := checkText(t.name, t.value); err != nil {
			return nil, err
		}
	}
	if q := f.Quantity; q != nil && (*q < 1 || *q > MaxQuantity) {
		return nil, Reject(CodeValidation, "quantity", "must be from 1 to %d, not %d", MaxQuantity, *q)
	}
	if err := f.checkRequired(e.Type); err != nil {
		return nil, err
	}
	return &f, nil
}

func (f *Fields) checkRequired(t EventType) error {
	type field struct{ name, value string }
	var required []field
	switch t {
	case TypeOperationComplete:
		if f.PartID == "" && f.SerialNumber == "" {
			return Reject(CodeValidation, "partId", "is required (or serialNumber)")
		}
	case TypeSerialGenerate:
		required = []field{{"partId", f.PartID}}
	case TypeVendorSerialReceive:
		required = []field{
			{"vendorSerialNumber", f.VendorSerialNumber}, {"vendorName", f.VendorName}, {"partId", f.PartID},
		}
	}
	for _, r := range required {
		if strings.TrimSpace(r.value) == "" {
			return Reject(CodeValidation, r.name, "is required")
		}
	}
	return f.normalizeReceivedDate()
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

func checkText(name, value string) error {
	if len(value) > maxFieldLength {
		return Reject(CodeValidation, name, "must not be longer than %d bytes", maxFieldLength)
	}
	// The JSON decoder has put U+FFFD for what was broken, half a surrogate pair
	// for example: what is different would become equal. The unit separator
	// separates in keys that are made of several fields.
	if strings.ContainsAny(value, "\x00\x1f") || strings.ContainsRune(value, utf8.RuneError) {
		return Reject(CodeValidation, name, "must not contain a NUL, a unit separator or broken UTF-8")
	}
	return nil
}

// KeyFields are the fields an event may be ordered by, in the order in which
// they are tried: the part first, since its events must stay in order.
type KeyFields struct {
	PartID             string `json:"partId"`
	SerialNumber       string `json:"serialNumber"`
	SerialID           string `json:"serialId"`
	SourceSerialID     string `json:"sourceSerialId"`
	PlaceholderID      string `json:"placeholderId"`
	VendorSerialID     string `json:"vendorSerialId"`
	VendorSerialNumber string `json:"vendorSerialNumber"`
}

// Key returns the first of the fields that is set, or fallback.
func (k KeyFields) Key(fallback string) string {
	for _, v := range []string{
		k.PartID, k.SerialNumber, k.SerialID, k.SourceSerialID, k.PlaceholderID, k.VendorSerialID, k.VendorSerialNumber,
	} {
		if v != "" {
			return v
		}
	}
	return fallback
}
