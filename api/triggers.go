package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// maxTrialBody bounds a sample, in bytes: that of an event.
const maxTrialBody = 256 << 10

// triggerBody is a trigger with what it did.
type triggerBody struct {
	ID             seriald.ID             `json:"id"`
	PartID         string                 `json:"partId"`
	TriggerType    seriald.TriggerType    `json:"triggerType"`
	OperationCode  string                 `json:"operationCode"`
	Conditions     seriald.Conditions     `json:"conditions"`
	AssignmentType seriald.AssignmentType `json:"assignmentType"`
	FormatConfigID string                 `json:"formatConfigId,omitempty"`
	Priority       int                    `json:"priority"`
	BatchMode      bool                   `json:"batchMode"`
	BatchSize      int                    `json:"batchSize"`
	Active         bool                   `json:"active"`
	CreatedAt      time.Time              `json:"createdAt"`
	UpdatedAt      time.Time              `json:"updatedAt"`
	Statistics     triggerDoneBody        `json:"statistics"`
}

// triggerDoneBody is what a trigger, or all of a part, did.
type triggerDoneBody struct {
	Fired         int64     `json:"fired"`
	Ignored       int64     `json:"ignored"` // occurrences of its kind at its part that it did not match
	Units         int64     `json:"units"`   // that got numbers or placeholders
	LastExecution time.Time `json:"lastExecution,omitzero"`
}

func asDone(s store.TriggerStatistics) triggerDoneBody {
	return triggerDoneBody{Fired: s.Fired, Ignored: s.Ignored, Units: s.Units, LastExecution: s.LastFiredAt}
}

func asTrigger(u *store.TriggerUse) triggerBody {
	t := &u.Trigger
	return triggerBody{
		ID: t.ID, PartID: t.PartID, TriggerType: t.Type, OperationCode: t.OperationCode, Conditions: t.Conditions,
		AssignmentType: t.AssignmentType, FormatConfigID: t.FormatID, Priority: t.Priority, BatchMode: t.BatchMode, BatchSize: t.BatchSize,
		Active: t.Active, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Statistics: asDone(u.Statistics),
	}
}

// trigger answers with a trigger.
func (s *Server) trigger(w http.ResponseWriter, r *http.Request) {
	if u := s.knownTrigger(w, r); u != nil {
		reply(w, http.StatusOK, asTrigger(u))
	}
}

// knownTrigger reads the trigger of a request; it has answered if it returns nil.
func (s *Server) knownTrigger(w http.ResponseWriter, r *http.Request) *store.TriggerUse {
	q := query{Values: r.URL.Query()}
	id := q.pathID(r.PathValue("id"))
	if len(q.problems) > 0 {
		badRequest(w, q.problems)
		return nil
	}
	u, err := s.deps.Database.TriggerUse(r.Context(), id)
	if err != nil {
		unread(w, err, seriald.CodeTriggerNotFound, "trigger "+id.String())
		return nil
	}
	return u
}

// triggersOfPart lists all triggers of a part, in the order in which they fire.
func (s *Server) triggersOfPart(w http.ResponseWriter, r *http.Request) {
	found, err := s.deps.Database.TriggersOfPart(r.Context(), r.PathValue("partId"))
	if err != nil {
		unread(w, err, seriald.CodePartNotFound, "part")
		return
	}
	bodies := make([]triggerBody, len(found))
	for i := range found {
		bodies[i] = asTrigger(&found[i])
	}
	reply(w, http.StatusOK, struct {
		Data  []triggerBody `json:"data"`
		Total int           `json:"total"`
	}{bodies, len(bodies)})
}

// triggerStatisticsBody tells how a part is configured, and what its triggers did.
type triggerStatisticsBody struct {
	TotalTriggers    int                            `json:"totalTriggers"`
	ActiveTriggers   int                            `json:"activeTriggers"`
	ByTriggerType    map[seriald.TriggerType]int    `json:"byTriggerType"`
	ByAssignmentType map[seriald.AssignmentType]int `json:"byAssignmentType"`
	WithConditions   int                            `json:"withConditions"`
	BatchEnabled     int                            `json:"batchEnabled"`
	triggerDoneBody
}

func (s *Server) triggerStatistics(w http.ResponseWriter, r *http.Request) {
	partID := r.PathValue("partId")
	found, err := s.deps.Database.TriggersOfPart(r.Context(), partID)
	var did store.TriggerStatistics
	if err == nil {
		did, err = s.deps.Database.TriggerTotals(r.Context(), partID)
	}
	if err != nil {
		unread(w, err, seriald.CodePartNotFound, "part")
		return
	}
	body := triggerStatisticsBody{
		TotalTriggers: len(found), ByTriggerType: map[seriald.TriggerType]int{}, ByAssignmentType: map[seriald.AssignmentType]int{},
		triggerDoneBody: asDone(did),
	}
	for i := range found {
		t := &found[i].Trigger
		body.ByTriggerType[t.Type]++
		body.ByAssignmentType[t.AssignmentType]++
		body.ActiveTriggers += oneIf(t.Active)
		body.WithConditions += oneIf(t.Conditions.Any())
		body.BatchEnabled += oneIf(t.BatchMode)
	}
	reply(w, http.StatusOK, body)
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// trialBody is what a trigger is tried on: an event that was processed, or a sample.
type trialBody struct {
	EventID string            `json:"eventId"`
	Type    seriald.EventType `json:"type"` // of the sample; the trigger's own if it is left out
	Data    json.RawMessage   `json:"data"` // the sample's fields
}

// trialAnswer is what a trigger would do.
type trialAnswer struct {
	TriggerID      seriald.ID             `json:"triggerId"`
	WouldFire      bool                   `json:"wouldFire"`
	Reason         string                 `json:"reason,omitempty"` // why it would not
	AssignmentType seriald.AssignmentType `json:"assignmentType"`
	Units          int                    `json:"units"`
	GroupSize      int                    `json:"groupSize"`
}

// testTrigger answers with what a trigger would do at an event. Nothing is changed.
func (s *Server) testTrigger(w http.ResponseWriter, r *http.Request) {
	u := s.knownTrigger(w, r)
	if u == nil {
		return
	}
	var body trialBody
	if !readJSON(w, r, maxTrialBody, &body) {
		return
	}
	var e seriald.Event
	var partID string
	switch {
	case body.EventID != "" && body.Data != nil:
		badRequest(w, []fieldProblem{{"eventId", "and data are two events: leave one of them out"}})
		return
	case body.EventID != "":
		recorded, err := s.deps.Database.RecordedEvent(r.Context(), seriald.EventID(body.EventID))
		if err != nil {
			unread(w, err, codeNotFound, "event "+body.EventID+" that was processed and whose fields are in the audit")
			return
		}
		e, partID = recorded.Event, recorded.PartID
	case body.Data != nil:
		var of struct {
			PartID string `json:"partId"`
		}
		if err := json.Unmarshal(body.Data, &of); err != nil {
			badRequest(w, []fieldProblem{{"data", "must be the fields of an event, a JSON object"}})
			return
		}
		e, partID = seriald.Event{Type: cmp.Or(body.Type, u.Type.EventType()), Data: body.Data}, cmp.Or(of.PartID, u.PartID)
	default:
		badRequest(w, []fieldProblem{{"eventId", "is required: the id of an event that was processed; or data, the fields of a sample"}})
		return
	}
	trial, err := u.Try(&e, partID)
	if rejection, ok := errors.AsType[*seriald.Rejection](err); ok {
		badRequest(w, []fieldProblem{{rejection.Field, rejection.Message}})
		return
	}
	reply(w, http.StatusOK, trialAnswer{
		TriggerID: u.ID, WouldFire: trial.Fires, Reason: trial.Reason, AssignmentType: u.AssignmentType, Units: trial.Units, GroupSize: trial.Group,
	})
}
