package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

//go:generate go test -run ^TestOpenAPI$ . -update

func init() {
	// A list without entries is empty, never null. The library has no other way to be told.
	huma.DefaultArrayNullable = false
}

// closedSets are the words that a type has, for good.
var closedSets = map[reflect.Type][]any{
	reflect.TypeFor[State]():                     words(StateConnected, StateDisconnected, StateDisabled, StateStandby),
	reflect.TypeFor[conflictStatus]():            words(conflictOpen, conflictResolved),
	reflect.TypeFor[seriald.Status]():            words(seriald.StatusAccepted, seriald.StatusRejected, seriald.StatusConflict, seriald.StatusIgnored),
	reflect.TypeFor[seriald.Source]():            words(seriald.SourceVendor, seriald.SourceGenerated, seriald.SourceLate),
	reflect.TypeFor[seriald.SerialStatus]():      words(seriald.SerialActive, seriald.SerialRetired, seriald.SerialPending, seriald.SerialAccepted, seriald.SerialRejected, seriald.SerialInvalid),
	reflect.TypeFor[seriald.PlaceholderStatus](): words(seriald.PlaceholderPending, seriald.PlaceholderSerialized, seriald.PlaceholderFailed),
	reflect.TypeFor[seriald.Scope]():             words(seriald.Scopes()...),
	reflect.TypeFor[seriald.Resolution]():        words(seriald.ResolveKeep, seriald.ResolveRetire, seriald.ResolveInvalid),
	reflect.TypeFor[seriald.Reset]():             words(seriald.ResetNever, seriald.ResetYearly, seriald.ResetMonthly, seriald.ResetWeekly, seriald.ResetDaily),
	reflect.TypeFor[seriald.CounterScope]():      words(seriald.CounterPerFormat, seriald.CounterPerSite, seriald.CounterPerPart, seriald.CounterPerSitePart),
	reflect.TypeFor[seriald.Charset]():           words(seriald.CharsetAny, seriald.CharsetNumeric, seriald.CharsetAlphanumeric),
	reflect.TypeFor[seriald.AuditStatus]():       words(seriald.AuditSuccess, seriald.AuditFailed),
	reflect.TypeFor[seriald.AssignmentType]():    words(seriald.AssignGenerated, seriald.AssignVendor, seriald.AssignLate),
	reflect.TypeFor[seriald.TriggerType](): words(
		seriald.TriggerMaterialReceipt, seriald.TriggerWorkOrderCreate, seriald.TriggerOperationComplete, seriald.TriggerQualityCheckpoint, seriald.TriggerBatchCompletion),
	reflect.TypeFor[store.CheckStatus](): words(store.CheckClaimed, store.CheckReleased, store.CheckConflict, store.CheckResolved),
}

func words[T ~string](all ...T) []any {
	list := make([]any, len(all))
	for i, w := range all {
		list[i] = string(w)
	}
	return list
}

// closed is what the description says of a type of [closedSets].
type closed[T ~string] string

// Schema implements [huma.SchemaProvider].
func (closed[T]) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: closedSets[reflect.TypeFor[T]()]}
}

func describeClosed[T ~string](r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[T](), reflect.TypeFor[closed[T]]())
}

// idSchema is what the description says of an id of ours.
type idSchema struct{}

// Schema implements [huma.SchemaProvider].
func (idSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// describeTypes tells the registry of types that the library can't see through.
func describeTypes(r huma.Registry) {
	describeClosed[State](r)
	describeClosed[conflictStatus](r)
	describeClosed[seriald.Status](r)
	describeClosed[seriald.Source](r)
	describeClosed[seriald.SerialStatus](r)
	describeClosed[seriald.PlaceholderStatus](r)
	describeClosed[seriald.Scope](r)
	describeClosed[seriald.Resolution](r)
	describeClosed[seriald.Reset](r)
	describeClosed[seriald.CounterScope](r)
	describeClosed[seriald.Charset](r)
	describeClosed[seriald.AuditStatus](r)
	describeClosed[seriald.AssignmentType](r)
	describeClosed[seriald.TriggerType](r)
	describeClosed[store.CheckStatus](r)
	object := reflect.TypeFor[map[string]any]()
	r.RegisterTypeAlias(reflect.TypeFor[seriald.ID](), reflect.TypeFor[idSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[seriald.Conditions](), object)
	r.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), object)
}

// describeParameters tells which of op's parameters are ids of ours. They are judged by
// the handlers, whose answer says more than the library's; so it must not know.
func describeParameters(doc *huma.OpenAPI, op operation) {
	if op.tag == tagMaster || op.tag == tagService { // names that people chose, and ids of events
		return
	}
	for _, p := range operationsOf(doc.Paths[op.path])[op.method].Parameters {
		if p.In == "path" && p.Name == "id" || p.Name == "serialId" {
			told := *p.Schema
			told.Format = "uuid"
			p.Schema = &told
		}
	}
}

// describeNames adds to fields and parameters that nothing is said of what their names
// mean everywhere.
func describeNames(doc *huma.OpenAPI) {
	for _, schema := range doc.Components.Schemas.Map() {
		for name, of := range schema.Properties {
			if of.Ref == "" && of.Description == "" {
				of.Description = glossary[name]
			}
		}
	}
	for _, item := range doc.Paths {
		for _, o := range operationsOf(item) {
			for _, p := range o.Parameters {
				if p.Description != "" {
					continue
				}
				p.Description = glossary[p.Name]
				if p.Name == "id" {
					segments := strings.Split(strings.TrimPrefix(o.Path, prefix), "/")
					p.Description = cmp.Or(idOf[segments[1]], "An id of ours: a UUID.")
				}
			}
		}
	}
}

// operationsOf are the operations of a path, by their methods.
func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}
