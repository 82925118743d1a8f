package processors

import (
	"errors"
	"fmt"
	"time"

	"github.com/machshop/seriald"
)

// Config is how events are processed.
type Config struct {
	// SerialBatchSize is the most serials in one message of the serial stream.
	SerialBatchSize int
	// AuditBatchWriteSize is the most audit rows in one statement.
	AuditBatchWriteSize int
}

// Defaults of the contract, section 8.
const (
	DefaultSerialBatchSize     = 100
	DefaultAuditBatchWriteSize = 500
)

// maxBatch is the most events in one transaction. Beyond it nothing is gained,
// and at ten times as many half the rate is lost.
const maxBatch = 500

// maxUnits is the most serials that the events of one transaction ask for; the
// last one may exceed it. An event alone may ask for as many.
const maxUnits = seriald.MaxQuantity

// A batch may take runTimeout, and unitTimeout for each serial it is asked for: a
// serial takes 0.13 ms, and 0.5 ms on a machine with four times too much to do.
const (
	runTimeout  = 20 * time.Second
	unitTimeout = 2 * time.Millisecond
)

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var errs []error
	if c.SerialBatchSize < 1 || c.SerialBatchSize > 1000 {
		errs = append(errs, fmt.Errorf("SERIAL_BATCH_SIZE: must be from 1 to 1000, not %d", c.SerialBatchSize))
	}
	if c.AuditBatchWriteSize < 1 || c.AuditBatchWriteSize > 10_000 {
		errs = append(errs, fmt.Errorf("AUDIT_BATCH_WRITE_SIZE: must be from 1 to 10000, not %d", c.AuditBatchWriteSize))
	}
	return errors.Join(errs...)
}
