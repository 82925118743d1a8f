package seriald

// Resolution says how a conflict ends.
type Resolution string

// The ways to end a conflict.
const (
	ResolveKeep    Resolution = "KEEP"         // the holder keeps the number, the challengers are refused
	ResolveRetire  Resolution = "RETIRE"       // the holder is retired, and its number goes to a challenger
	ResolveInvalid Resolution = "MARK_INVALID" // nobody has it: all of them are INVALID, and the number stays taken
)

var resolutions = []Resolution{ResolveKeep, ResolveRetire, ResolveInvalid}

// Conflict tells who holds a number that was asked for.
type Conflict struct {
	SerialNumber string     `json:"serialNumber"`
	HolderID     ID         `json:"holderSerialId,omitzero"` // the serial that holds it; zero if it is registered without a unit
	HolderPartID string     `json:"holderPartId,omitempty"`
	Scopes       []Scope    `json:"scopes"`
	ConflictID   ID         `json:"conflictId,omitzero"`  // of one that was resolved
	Resolution   Resolution `json:"resolution,omitempty"` // "" until it is
}

func (c *Conflict) append(b []byte) []byte {
	b = append(b, `{"serialNumber":`...)
	b = appendString(b, c.SerialNumber)
	b = appendIDField(b, "holderSerialId", c.HolderID)
	b = appendField(b, "holderPartId", c.HolderPartID)
	b = append(b, `,"scopes":[`...)
	for i, s := range c.Scopes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, string(s))
	}
	b = append(b, ']')
	b = appendIDField(b, "conflictId", c.ConflictID)
	b = appendField(b, "resolution", string(c.Resolution))
	return append(b, '}')
}
