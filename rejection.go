package seriald

import (
	"fmt"
	"strings"
)

// Code says in one word why an event was not accepted. The set is closed: it is
// part of the contract and a metric label.
type Code string

// The codes of the contract, section 4.
const (
	CodeValidation           Code = "VALIDATION_ERROR"
	CodePartNotFound         Code = "PART_NOT_FOUND"
	CodeSiteNotFound         Code = "SITE_NOT_FOUND"
	CodeFormatNotFound       Code = "FORMAT_NOT_FOUND"
	CodeDisabled             Code = "DISABLED"
	CodeInvalidState         Code = "INVALID_STATE"
	CodeDuplicateSerial      Code = "DUPLICATE_SERIAL"
	CodeFormatMismatch       Code = "FORMAT_MISMATCH"
	CodeSequenceExhausted    Code = "SEQUENCE_EXHAUSTED"
	CodeNoTrigger            Code = "NO_TRIGGER"
	CodeNoFormat             Code = "NO_FORMAT"
	CodePayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"
	CodeUnknownType          Code = "UNKNOWN_TYPE"
	CodeSerialNotFound       Code = "SERIAL_NOT_FOUND"
	CodeVendorSerialNotFound Code = "VENDOR_SERIAL_NOT_FOUND"
	CodePlaceholderNotFound  Code = "PLACEHOLDER_NOT_FOUND"
	CodeTriggerNotFound      Code = "TRIGGER_NOT_FOUND"
	CodeBadScan              Code = "BAD_SCAN"
	CodeRateLimited          Code = "RATE_LIMITED"
	CodeBadTopic             Code = "BAD_TOPIC"
	CodeProcessingFailed     Code = "PROCESSING_FAILED"
)

// DeadLetterCodes are the codes for which a message becomes a dead letter.
func DeadLetterCodes() []Code {
	return []Code{
		CodeBadTopic, CodeValidation, CodeUnknownType, CodePayloadTooLarge,
		CodeBadScan, CodeRateLimited, CodeSiteNotFound, CodeProcessingFailed,
	}
}

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

// maxMessage bounds a refusal's message, in bytes. It may quote what was sent,
// and must not become longer than what can be sent back.
const maxMessage = 1000

// Reject builds a [Rejection]; format and args make its message, of which the
// first thousand bytes are kept.
func Reject(code Code, field, format string, args ...any) *Rejection {
	message := fmt.Sprintf(format, args...)
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return &Rejection{Code: code, Field: field, Message: message}
}
