package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claims are those of a token that count (RFC 7519, section 4.1), and its roles.
type claims struct {
	sub, iss, id  string
	aud           jwt.ClaimStrings
	iat, nbf, exp *numericDate
	names         names // of roles
}

// UnmarshalJSON implements [json.Unmarshaler]. Names count as they are written: a
// struct's fields would take Role for role.
func (c *claims) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	var role, roles names
	for name, claim := range map[string]any{
		"sub": &c.sub, "iss": &c.iss, "jti": &c.id, "aud": &c.aud, "iat": &c.iat, "nbf": &c.nbf, "exp": &c.exp, "role": &role, "roles": &roles,
	} {
		if value, ok := all[name]; ok {
			if err := json.Unmarshal(value, claim); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	c.names = append(role, roles...)
	return nil
}

// role is the most powerful one that is known, or "".
func (c *claims) role() Role {
	for _, r := range Roles() {
		if slices.Contains(c.names, string(r)) {
			return r
		}
	}
	return ""
}

// GetExpirationTime implements [jwt.Claims], as those below do.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.exp.date(), nil }

// GetIssuedAt is iat.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return c.iat.date(), nil }

// GetNotBefore is nbf.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.nbf.date(), nil }

// GetIssuer is iss.
func (c *claims) GetIssuer() (string, error) { return c.iss, nil }

// GetSubject is sub.
func (c *claims) GetSubject() (string, error) { return c.sub, nil }

// GetAudience is aud.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return c.aud, nil }

// numericDate is seconds since 1970, to the microsecond: whole seconds would not tell
// whether a token was issued before or after it was revoked.
type numericDate time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (d *numericDate) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return errors.New("must be a number: seconds since 1970")
	}
	if math.Abs(seconds) > 1<<40 { // beyond what arithmetic on times is for
		return errors.New("must be seconds since 1970, not smaller units")
	}
	*d = numericDate(time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC())
	return nil
}

// seconds is t as a numericDate is written.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func (d *numericDate) time() time.Time {
	if d == nil {
		return time.Time{}
	}
	return time.Time(*d)
}

func (d *numericDate) date() *jwt.NumericDate {
	if d == nil {
		return nil
	}
	return &jwt.NumericDate{Time: time.Time(*d)}
}

// names is a text or a list of texts; what is neither is nobody's role.
type names []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *names) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	all, several := v.([]any)
	if !several {
		all = []any{v}
	}
	*n = nil
	for _, one := range all {
		if s, ok := one.(string); ok {
			*n = append(*n, s)
		}
	}
	return nil
}
