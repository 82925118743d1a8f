package seriald

import "time"

// Source says how a serial came by its number.
type Source string

// The sources of a serial.
const (
	SourceVendor    Source = "VENDOR"           // the vendor's number on a bought part
	SourceGenerated Source = "SYSTEM_GENERATED" // a number of ours
	SourceLate      Source = "LATE_ASSIGNMENT"  // the number a placeholder got
)

// SerialStatus is where a serial stands in its life.
type SerialStatus string

// The statuses of a serial. A vendor's is PENDING, then ACCEPTED or REJECTED; all
// others are ACTIVE. Each may end as RETIRED or INVALID.
const (
	SerialActive   SerialStatus = "ACTIVE"
	SerialRetired  SerialStatus = "RETIRED" // end of life; its number stays claimed for good
	SerialPending  SerialStatus = "PENDING"
	SerialAccepted SerialStatus = "ACCEPTED"
	SerialRejected SerialStatus = "REJECTED" // its number may be received again
	SerialInvalid  SerialStatus = "INVALID"  // taken out by the resolution of a conflict
)

// Serial is one number on one unit.
type Serial struct {
	ID            ID
	Number        string // as on the part
	PartID        string
	SiteID        string
	Source        Source
	Status        SerialStatus
	FormatID      string // of a generated number, else ""
	FormatVersion int
	TriggerID     ID // that asked for it, if one did
	WorkOrderID   string
	LotNumber     string
	OperationCode string
	VendorName    string // of a vendor serial, else ""
	ReceivedDate  string // YYYY-MM-DD, of a vendor serial that came with one
	// InternalSerialID is the number of ours that a vendor serial was accepted for;
	// zero if there is none.
	InternalSerialID ID
	RejectionReason  string // of a vendor serial that was rejected, else ""
	RetirementReason string // of a serial that was retired, else ""
	Line, Device     string // where it was made; "" if no device asked for it
	// Attributes are what else its event says of it: a JSON object, nil if nothing.
	Attributes []byte
	EventID    EventID
	CreatedAt  time.Time
}

// InUse reports whether s is a unit that may go on through the routing: one of ours
// that is active, or a vendor's that was accepted.
func (s *Serial) InUse() bool { return s.Status == SerialActive || s.Status == SerialAccepted }

// Ref returns the serial's name as outcomes and events carry it.
func (s *Serial) Ref() SerialRef {
	return SerialRef{ID: s.ID, SerialNumber: s.Number, PartID: s.PartID, Status: s.Status}
}

// Scope is where a number has to be unique.
type Scope string

// The scopes of uniqueness.
const (
	ScopeSite       Scope = "SITE"       // within one site
	ScopePartType   Scope = "PART_TYPE"  // within a part family, at all sites
	ScopeEnterprise Scope = "ENTERPRISE" // everywhere
	ScopeVendor     Scope = "VENDOR"     // per vendor and part
)

// Scopes lists the scopes of uniqueness.
func Scopes() []Scope { return []Scope{ScopeSite, ScopePartType, ScopeEnterprise, ScopeVendor} }

// Claim is the right of one serial to one number in one scope. The unique index
// over (Scope, ScopeKey, Canonical) is the only judge of who has it.
type Claim struct {
	Scope     Scope
	ScopeKey  string // what the scope is of: a site, a family, "" for everywhere, vendor and part
	Canonical string // the number in the form that is compared
	Number    string // the number as scanned or made
	SerialID  ID
	PartID    string
}

// AuditType names what an audit event tells of.
type AuditType string

// The audit event types that are written.
const (
	AuditVendorReceived     AuditType = "VENDOR_RECEIVED"
	AuditVendorAccepted     AuditType = "VENDOR_ACCEPTED"
	AuditVendorRejected     AuditType = "VENDOR_REJECTED"
	AuditSerialGenerated    AuditType = "SERIAL_GENERATED"
	AuditSerialRetired      AuditType = "SERIAL_RETIRED"
	AuditPlaceholderCreated AuditType = "PLACEHOLDER_CREATED"
	AuditLateAssignment     AuditType = "LATE_ASSIGNMENT"
	AuditPlaceholderFailed  AuditType = "PLACEHOLDER_FAILED"
	AuditPropagated         AuditType = "PROPAGATED"
	AuditTriggerCreated     AuditType = "TRIGGER_CREATED"
	AuditTriggerUpdated     AuditType = "TRIGGER_UPDATED"
	AuditTriggerEnabled     AuditType = "TRIGGER_ENABLED"
	AuditTriggerDisabled    AuditType = "TRIGGER_DISABLED"
	AuditTriggerDeleted     AuditType = "TRIGGER_DELETED"
	AuditTriggerExecuted    AuditType = "TRIGGER_EXECUTED"
	AuditConflictDetected   AuditType = "CONFLICT_DETECTED"
	AuditConflictResolved   AuditType = "CONFLICT_RESOLVED"
	AuditNumberRegistered   AuditType = "UNIQUENESS_REGISTERED"
	AuditEventIgnored       AuditType = "EVENT_IGNORED"
	AuditEventRefused       AuditType = "EVENT_REFUSED"
	AuditConfigChanged      AuditType = "CONFIG_CHANGED"
)

// AuditStatus says whether what is told of came about.
type AuditStatus string

// The audit statuses.
const (
	AuditSuccess AuditStatus = "SUCCESS"
	AuditFailed  AuditStatus = "FAILED"
)

// AuditEvent tells what happened, to what, by whom and when. It is written in
// the transaction of the change it tells of.
type AuditEvent struct {
	ID           ID
	Type         AuditType
	Status       AuditStatus
	EventID      EventID
	SerialID     ID
	SerialNumber string
	PartID       string
	SiteID       string
	PerformedBy  string    // a person if the event named one, else the device
	PerformedAt  time.Time // by the service's clock
	DeviceTime   time.Time // by the device's clock; zero if it did not say
	OldValues    []byte    // JSON: what was before a change; nil if nothing was
	NewValues    []byte    // JSON: what is now, or the request that was refused
}
