package api

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

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
	Statistics     TriggerDone            `json:"statistics"`
}

// TriggerDone is what a trigger, or all of a part, did.
type TriggerDone struct {
	Fired         int64     `json:"fired"`
	Ignored       int64     `json:"ignored"` // occurrences of its kind at its part that it did not match
	Units         int64     `json:"units"`   // that got numbers or placeholders
	LastExecution time.Time `json:"lastExecution,omitzero"`
}

func asDone(s store.TriggerStatistics) TriggerDone {
	return TriggerDone{Fired: s.Fired, Ignored: s.Ignored, Units: s.Units, LastExecution: s.LastFiredAt}
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
func (s *Server) trigger(ctx context.Context, in *IDParam) (*output[triggerBody], error) {
	u, err := s.knownTrigger(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(asTrigger(u), nil)
}

func (s *Server) knownTrigger(ctx context.Context, text string) (*store.TriggerUse, error) {
	id, err := readID("id", text)
	if err != nil {
		return nil, err
	}
	u, err := s.deps.Database.TriggerUse(ctx, id)
	if err != nil {
		return nil, unread(err, seriald.CodeTriggerNotFound, "trigger "+id.String())
	}
	return u, nil
}

// triggersBody are all triggers of a part.
type triggersBody struct {
	Data  []triggerBody `json:"data"`
	Total int           `json:"total"`
}

// triggersOfPart lists all triggers of a part, in the order in which they fire.
func (s *Server) triggersOfPart(ctx context.Context, in *PartParam) (*output[triggersBody], error) {
	found, err := s.deps.Database.TriggersOfPart(ctx, in.PartID)
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part")
	}
	bodies := make([]triggerBody, len(found))
	for i := range found {
		bodies[i] = asTrigger(&found[i])
	}
	return answer(triggersBody{bodies, len(bodies)}, nil)
}

// triggerStatisticsBody tells how a part is configured, and what its triggers did.
type triggerStatisticsBody struct {
	TotalTriggers    int                            `json:"totalTriggers"`
	ActiveTriggers   int                            `json:"activeTriggers"`
	ByTriggerType    map[seriald.TriggerType]int    `json:"byTriggerType"`
	ByAssignmentType map[seriald.AssignmentType]int `json:"byAssignmentType"`
	WithConditions   int                            `json:"withConditions"`
	BatchEnabled     int                            `json:"batchEnabled"`
	TriggerDone
}

func (s *Server) triggerStatistics(ctx context.Context, in *PartParam) (*output[triggerStatisticsBody], error) {
	found, err := s.deps.Database.TriggersOfPart(ctx, in.PartID)
	var did store.TriggerStatistics
	if err == nil {
		did, err = s.deps.Database.TriggerTotals(ctx, in.PartID)
	}
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part")
	}
	body := triggerStatisticsBody{
		TotalTriggers: len(found), ByTriggerType: map[seriald.TriggerType]int{}, ByAssignmentType: map[seriald.AssignmentType]int{},
		TriggerDone: asDone(did),
	}
	for i := range found {
		t := &found[i].Trigger
		body.ByTriggerType[t.Type]++
		body.ByAssignmentType[t.AssignmentType]++
		body.ActiveTriggers += oneIf(t.Active)
		body.WithConditions += oneIf(t.Conditions.Any())
		body.BatchEnabled += oneIf(t.BatchMode)
	}
	return answer(body, nil)
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// trialInput is what a trigger is tried on: an event that was processed, or a sample.
type trialInput struct {
	IDParam
	Body struct {
		EventID string            `json:"eventId,omitempty" doc:"An event that was processed."`
		Type    seriald.EventType `json:"type,omitempty" doc:"Of the sample; the trigger's own if it is left out."`
		Data    json.RawMessage   `json:"data,omitempty" doc:"The fields of a sample, a JSON object."`
	}
}

// trialAnswer is what a trigger would do.
type trialAnswer struct {
	TriggerID      seriald.ID             `json:"triggerId"`
	WouldFire      bool                   `json:"wouldFire"`
	Reason         string                 `json:"reason,omitempty" doc:"Why it would not."`
	AssignmentType seriald.AssignmentType `json:"assignmentType"`
	Units          int                    `json:"units"`
	GroupSize      int                    `json:"groupSize"`
}

// testTrigger answers with what a trigger would do at an event. Nothing is changed.
func (s *Server) testTrigger(ctx context.Context, in *trialInput) (*output[trialAnswer], error) {
	u, err := s.knownTrigger(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	e, partID, err := s.trialEvent(ctx, in, u)
	if err != nil {
		return nil, err
	}
	trial, err := u.Try(e, partID)
	if err != nil {
		return nil, refused(err)
	}
	return answer(trialAnswer{
		TriggerID: u.ID, WouldFire: trial.Fires, Reason: trial.Reason, AssignmentType: u.AssignmentType, Units: trial.Units, GroupSize: trial.Group,
	}, nil)
}

// trialEvent is the event that a trigger is tried on, and the part that it is about.
func (s *Server) trialEvent(ctx context.Context, in *trialInput, u *store.TriggerUse) (*seriald.Event, string, error) {
	body := &in.Body
	switch {
	case body.EventID != "" && body.Data != nil:
		return nil, "", invalidField("eventId", "and data are two events: leave one of them out")
	case body.EventID != "":
		recorded, err := s.deps.Database.RecordedEvent(ctx, seriald.EventID(body.EventID))
		if err != nil {
			return nil, "", unread(err, codeNotFound, "event "+body.EventID+" that was processed and whose fields are in the audit")
		}
		return &recorded.Event, recorded.PartID, nil
	case body.Data == nil:
		return nil, "", invalidField("eventId", "is required: the id of an event that was processed; or data, the fields of a sample")
	}
	var of struct {
		PartID string `json:"partId"`
	}
	if err := json.Unmarshal(body.Data, &of); err != nil {
		return nil, "", invalidField("data", "must be the fields of an event, a JSON object")
	}
	return &seriald.Event{Type: cmp.Or(body.Type, u.Type.EventType()), Data: body.Data}, cmp.Or(of.PartID, u.PartID), nil
}
