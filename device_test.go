package seriald_test

import (
	"errors"
	"testing"

	"github.com/machshop/seriald"
)

func TestDeviceStatus(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		origin seriald.Origin
		data   string
		online bool
		field  string // of the refusal; "-" for none
	}{
		"online":            {reader1, `{"status":"online"}`, true, "-"},
		"offline, and more": {reader1, `{"status":"offline","id":"x"}`, false, "-"},
		"another word":      {reader1, `{"status":"Online"}`, false, "status"},
		"no status":         {reader1, `{}`, false, "status"},
		"a number":          {reader1, `{"status":1}`, false, "status"},
		"no device":         {seriald.Origin{Site: "plant1"}, `{"status":"online"}`, false, "source"},
		"no site":           {seriald.Origin{Site: "plant 1", Line: "l", Device: "d"}, `{"status":"online"}`, false, "source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &seriald.Event{ID: "e", Type: seriald.TypeDeviceStatus, Origin: tt.origin, Data: []byte(tt.data)}
			online, err := e.DeviceStatus()
			field := "-"
			if rejection, ok := errors.AsType[*seriald.Rejection](err); ok {
				field = rejection.Field
			}
			if online != tt.online || field != tt.field {
				t.Errorf("got %t, %v, want %t and a refusal of %s", online, err, tt.online, tt.field)
			}
		})
	}
}
