package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

// described is an operation of api/openapi.json.
type described struct {
	ID         string `json:"operationId"`
	Role       string `json:"x-role"` // "" if it is open
	Parameters []struct{ Name, In string }
	Body       *struct {
		Required bool
		Content  map[string]media
	} `json:"requestBody"`
	Responses map[string]struct{ Content map[string]media }

	method, path string
}

type media struct{ Schema schema }

// schema is what of JSON Schema the description uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Enum       []any
	Required   []string
	Properties map[string]*schema
	Items      *schema
	Additional json.RawMessage `json:"additionalProperties"`
}

// description is api/openapi.json.
type description struct {
	Paths      map[string]map[string]*described
	Components struct{ Schemas map[string]*schema }
}

// readDescription returns the description and its operations by their ids.
func readDescription(tb testing.TB) (*description, map[string]*described) {
	tb.Helper()
	b, err := os.ReadFile("../../api/openapi.json")
	if err != nil {
		tb.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(b, &d); err != nil {
		tb.Fatal(err)
	}
	all := map[string]*described{}
	for path, item := range d.Paths {
		for method, op := range item {
			op.method, op.path = strings.ToUpper(method), path
			all[op.ID] = op
		}
	}
	return &d, all
}

// check returns where value is not as s says, "" if it is. What is described with its
// fields has no others.
func (d *description) check(s *schema, value any, at string) string {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], value, at)
	}
	if !hasType(s.Type, value) {
		return fmt.Sprintf("%s is %v, which is no %v", at, value, s.Type)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Sprintf("%s is %v, which is none of %v", at, value, s.Enum)
	}
	switch value := value.(type) {
	case string:
		return checkFormat(s.Format, value, at)
	case []any:
		for i, v := range value {
			if wrong := d.check(s.Items, v, fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		return d.checkObject(s, value, at)
	}
	return ""
}

func (d *description) checkObject(s *schema, value map[string]any, at string) string {
	for _, name := range s.Required {
		if _, ok := value[name]; !ok {
			return fmt.Sprintf("%s has no %s", at, name)
		}
	}
	var more *schema // of what the object is a map of
	if len(s.Additional) > 0 && s.Additional[0] == '{' {
		if err := json.Unmarshal(s.Additional, &more); err != nil {
			return err.Error()
		}
	}
	for name, v := range value {
		of := s.Properties[name]
		switch {
		case of == nil && more == nil && s.Properties != nil:
			return fmt.Sprintf("%s has %s, which is not described", at, name)
		case of == nil && more == nil:
			continue
		case of == nil:
			of = more
		}
		if wrong := d.check(of, v, at+"."+name); wrong != "" {
			return wrong
		}
	}
	return ""
}

// hasType reports whether value is of a type, or of one of several; nil is any.
func hasType(typ, value any) bool {
	switch typ {
	case nil:
		return true
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "array":
		_, ok := value.([]any)
		return ok
	case "string":
		_, ok := value.(string)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "number":
		n, ok := value.(json.Number)
		_, err := n.Float64()
		return ok && err == nil
	case "integer":
		n, ok := value.(json.Number)
		_, err := n.Int64()
		return ok && err == nil
	case "null":
		return value == nil
	}
	types, _ := typ.([]any)
	return slices.ContainsFunc(types, func(one any) bool { return hasType(one, value) })
}

func checkFormat(format, value, at string) string {
	var err error
	switch format {
	case "uuid":
		if _, err = seriald.ParseID(value); value == "" {
			return at + " is empty, and should be a UUID or not be there"
		}
	case "date-time":
		_, err = time.Parse(time.RFC3339Nano, value)
	case "date":
		_, err = time.Parse(time.DateOnly, value)
	}
	if err != nil {
		return fmt.Sprintf("%s: %v", at, err)
	}
	return ""
}
