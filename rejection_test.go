package seriald_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/machshop/seriald"
)

// wantRejection checks that err is a *seriald.Rejection with code and field,
// whose message holds all of texts.
func wantRejection(t *testing.T, err error, code seriald.Code, field string, texts ...string) {
	t.Helper()
	got, ok := errors.AsType[*seriald.Rejection](err)
	if !ok {
		t.Fatalf("got %T %v, want a *seriald.Rejection", err, err)
	}
	if got.Code != code || got.Field != field {
		t.Errorf("got code %s field %q (%s), want code %s field %q", got.Code, got.Field, got.Message, code, field)
	}
	for _, text := range texts {
		if !strings.Contains(got.Message, text) {
			t.Errorf("got message %q, want %q in it", got.Message, text)
		}
	}
}

func TestRejectionSaysCodeFieldAndMessage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		r    *seriald.Rejection
		want string
	}{
		"of a field":    {seriald.Reject(seriald.CodeValidation, "quantity", "must be from 1 to %d", 5), "VALIDATION_ERROR: quantity: must be from 1 to 5"},
		"of everything": {seriald.Reject(seriald.CodeBadTopic, "", "no topic"), "BAD_TOPIC: no topic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.r.Error(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
