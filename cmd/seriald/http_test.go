package main

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// token is one of this installation for an hour.
func token(tb testing.TB, subject, role string) string {
	tb.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "role": role, "iss": "seriald", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(testSecret))
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}
