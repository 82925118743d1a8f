package seriald

// KeyFields are the fields an event may be ordered by, in the order in which
// they are tried: the part first, since its events must stay in order.
type KeyFields struct {
	PartID             string `json:"partId"`
	GTIN               string `json:"gtin"`
	SerialNumber       string `json:"serialNumber"`
	SerialID           string `json:"serialId"`
	SourceSerialID     string `json:"sourceSerialId"`
	SourceSerial       string `json:"sourceSerial"`
	PlaceholderID      string `json:"placeholderId"`
	VendorSerialID     string `json:"vendorSerialId"`
	VendorSerialNumber string `json:"vendorSerialNumber"`
	TriggerID          string `json:"triggerId"`
	SiteID             string `json:"siteId"`
	FormatConfigID     string `json:"formatConfigId"`
	ConflictID         string `json:"conflictId"`
}

// Key returns the first of the fields that is set, or fallback.
func (k KeyFields) Key(fallback string) string {
	for _, v := range []string{
		k.PartID, k.GTIN, k.SerialNumber, k.SerialID, k.SourceSerialID, k.SourceSerial, k.PlaceholderID, k.VendorSerialID, k.VendorSerialNumber, k.TriggerID, k.SiteID, k.FormatConfigID, k.ConflictID,
	} {
		if v != "" {
			return v
		}
	}
	return fallback
}
