package ingest

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/machshop/seriald"
)

// decodeStatus reads whether a device came or went: online or offline, in any
// case, or {"status":"online"}.
func decodeStatus(e *seriald.Event, payload []byte) error {
	text := string(bytes.TrimSpace(payload))
	if isObject(payload) {
		var object struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(payload, &object); err != nil {
			return seriald.Reject(seriald.CodeValidation, "status", "must be JSON with a text: {\"status\":\"online\"}")
		}
		text = strings.TrimSpace(object.Status)
	}
	for _, status := range []string{"online", "offline"} {
		if strings.EqualFold(text, status) {
			e.Data = json.RawMessage(`{"status":"` + status + `"}`)
			e.Key = e.Origin.Device
			return nil
		}
	}
	return seriald.Reject(seriald.CodeValidation, "status", "must be online or offline, not %.40q", text)
}
