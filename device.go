package seriald

import "encoding/json"

// DeviceStatus reads a [TypeDeviceStatus] event: whether its device is online.
// The error is a *[Rejection].
func (e *Event) DeviceStatus() (online bool, err error) {
	var data struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return false, jsonRejection(err)
	}
	if !ValidToken(e.Origin.Site) || e.Origin.Device == "" {
		return false, Reject(CodeValidation, "source", "a status must name its device: /{site}/{line}/{device}")
	}
	switch data.Status {
	case "online":
		return true, nil
	case "offline":
		return false, nil
	}
	return false, Reject(CodeValidation, "status", "must be online or offline, not %q", data.Status)
}
