package seriald

import "fmt"

// Code says in one word why an event was not accepted. The set is closed: it is
// part of the contract and a metric label.
type Code string

// The codes of the contract, section 4.
const (
	CodeValidation        Code = "VALIDATION_ERROR"
	CodePartNotFound      Code = "PART_NOT_FOUND"
	CodeSiteNotFound      Code = "SITE_NOT_FOUND"
	CodeFormatNotFound    Code = "FORMAT_NOT_FOUND"
	CodeInvalidState      Code = "INVALID_STATE"
	CodeDuplicateSerial   Code = "DUPLICATE_SERIAL"
	CodeFormatMismatch    Code = "FORMAT_MISMATCH"
	CodeSequenceExhausted Code = "SEQUENCE_EXHAUSTED"
	CodeNoTrigger         Code = "NO_TRIGGER"
	CodeNoFormat          Code = "NO_FORMAT"
	CodePayloadTooLarge   Code = "PAYLOAD_TOO_LARGE"
	CodeUnknownType       Code = "UNKNOWN_TYPE"
	CodeSerialNotFound    Code = "SERIAL_NOT_FOUND"
	CodeBadTopic          Code = "BAD_TOPIC"
	CodeProcessingFailed  Code = "PROCESSING_FAILED"
)

// Rejection is a refusal that is the sender's to mend: the request broke a rule
// and nothing was changed. It is an outcome, not a failure of the service.
type Rejection struct {
	Code    Code
	Field   string // the field at fault in the event's own spelling, "" if none
	Message string // what is wrong and what to do, for the person at the device
}

// Error implements error.
func (r *Rejection) Error() string {
	if r.Field != "" {
		return fmt.Sprintf("%s: %s: %s", r.Code, r.Field, r.Message)
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Message)
}

// Reject builds a [Rejection]; format and args make its message.
func Reject(code Code, field, format string, args ...any) *Rejection {
	return &Rejection{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}
