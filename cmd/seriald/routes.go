package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"go.yaml.in/yaml/v3"

	"github.com/machshop/seriald/ingest"
)

// parseRoutes reads the setting routes: a list, or, from the environment, the
// text of one in YAML or JSON. What a route means is not checked here.
func parseRoutes(value any) ([]ingest.Route, error) {
	if text, ok := value.(string); ok {
		value = nil
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return nil, fmt.Errorf("ROUTES: is neither YAML nor JSON: %w", err)
		}
	}
	if value == nil {
		return nil, nil
	}
	if routes, ok := value.([]ingest.Route); ok { // the default
		return routes, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, errors.New("ROUTES: must be a list of routes")
	}
	var problems []error
	routes := make([]ingest.Route, len(list))
	for i, item := range list {
		if err := parseRoute(item, &routes[i]); err != nil {
			problems = append(problems, fmt.Errorf("ROUTES: route %d (%s): %w", i+1, routes[i].Topic, err))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err // a part of them would be told to be wrong in other ways
	}
	return routes, nil
}

func parseRoute(item any, route *ingest.Route) error {
	fields, ok := item.(map[string]any)
	if !ok {
		return errors.New("must have keys: topic, decoder, …")
	}
	var unknown mapstructure.Metadata
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: route, Metadata: &unknown, DecodeHook: mapstructure.StringToTimeDurationHookFunc(),
		MatchName: func(key, field string) bool { return key == strings.ToLower(field) },
	})
	if err != nil {
		return err
	}
	var problems []error
	if err := decoder.Decode(fields); err != nil {
		problems = append(problems, errors.New(strings.Join(strings.Fields(err.Error()), " ")))
	}
	slices.Sort(unknown.Unused)
	for _, key := range unknown.Unused {
		problems = append(problems, fmt.Errorf("unknown key %q", key))
	}
	return errors.Join(problems...)
}

// splitList reads a list from a text with commas; spaces and an empty text are
// none of it.
func splitList(from, to reflect.Type, value any) (any, error) {
	text, ok := value.(string)
	if !ok || from.Kind() != reflect.String || to != reflect.TypeFor[[]string]() {
		return value, nil
	}
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list, nil
}
