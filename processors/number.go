package processors

import (
	"errors"
	"math"
	"strings"
	"unicode"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// tokenFields are the fields that fill a pattern's tokens.
var tokenFields = map[string]string{
	"SITE": "site", "PART": "partId", "LINE": "line", "WO": "workOrderId", "LOT": "lotNumber", "OP": "operationCode",
}

// serialAI is that of a serial number: what a part's numbers must fit into if it
// has a GTIN.
var serialAI, _ = gs1.LookupAI("21")

// newRun returns a run without serials. The site's local time decides the period of
// its counter.
func newRun(st *state, it *item, site *seriald.Site, part *seriald.Part, format *seriald.Format) *run {
	local := st.now.In(site.Location)
	return &run{
		catalog: st.catalog, part: part, format: format, pattern: st.catalog.patterns[format.ID],
		values: pattern.Values{
			Local: local, Site: site.ID, Part: part.ID, Line: it.event.Origin.Line,
			WorkOrder: it.fields.WorkOrderID, Lot: it.fields.LotNumber, Operation: it.fields.OperationCode,
			Random: st.random,
		},
		counter: store.Counter{
			FormatID: format.ID, Scope: format.CounterScope.Key(site.ID, part.ID), Period: format.Reset.Period(local),
		},
	}
}

// numberOne gives a serial the number of an ordinal of its counter.
func (r *run) numberOne(s *seriald.Serial, ordinal int64) error {
	// Beyond 64 bits the value would begin anew.
	if ordinal > (math.MaxInt64-r.format.Start)/max(r.format.Increment, 1) {
		return r.exhausted("its counter is beyond 64 bits")
	}
	r.values.Seq = r.format.Start + ordinal*r.format.Increment
	if size := r.pattern.Permuted(); size > 0 && r.values.Permutation == nil {
		var err error
		if r.values.Permutation, err = r.catalog.permutation(r.format, r.counter, size); err != nil {
			return seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %s can't be used: %v", r.format.ID, err)
		}
	}
	number, err := r.pattern.Render(&r.values)
	switch {
	case errors.Is(err, pattern.ErrExhausted):
		return r.exhausted(err.Error())
	case err != nil:
		return seriald.Reject(seriald.CodeFormatMismatch, "formatConfigId", "format %s: %v", r.format.ID, err)
	}
	s.Number = number
	return r.check(number)
}

func (r *run) exhausted(why string) error {
	return seriald.Reject(seriald.CodeSequenceExhausted, "formatConfigId", "format %s: %s: give it more characters or a shorter reset", r.format.ID, why)
}

// check refuses what no carrier or no table can hold. It is the event's texts that
// bring it: what the pattern makes was judged when it was saved.
func (r *run) check(number string) error {
	switch {
	case len(number) > seriald.MaxFieldLength:
		return seriald.Reject(seriald.CodeFormatMismatch, "formatConfigId", "format %s makes a number of %d bytes; at most %d are taken", r.format.ID, len(number), seriald.MaxFieldLength)
	case strings.ContainsFunc(number, unicode.IsControl):
		return seriald.Reject(seriald.CodeFormatMismatch, "formatConfigId", "format %s makes %q, with a control character", r.format.ID, number)
	}
	if r.part.GTIN != "" {
		if err := serialAI.Check(number); err != nil {
			return seriald.Reject(seriald.CodeFormatMismatch, "formatConfigId", "format %s makes %q, which is no serial number of a part with a GTIN: %v", r.format.ID, number, err)
		}
	}
	return nil
}
