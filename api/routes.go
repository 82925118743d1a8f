package api

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	swguiconfig "github.com/swaggest/swgui"
	swgui "github.com/swaggest/swgui/v5emb"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
)

// routes returns the API, without what stands in front of all of it.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.describe(mux)
	if s.cfg.Metrics && s.private == nil {
		mux.Handle("GET /metrics", s.metrics())
	}
	mux.Handle("GET /docs/", docs())
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	mux.Handle("GET /api/v1/events/stream", s.only(auth.Viewer, s.deps.Events))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.unmatched(w, r, mux) })
	return mux
}

func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry})
}

// privateRoutes are for those who run the service.
func (s *Server) privateRoutes() http.Handler {
	mux := http.NewServeMux()
	if s.cfg.Metrics {
		mux.Handle("GET /metrics", s.metrics())
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// docs is the page that shows the description, with all that it needs.
func docs() http.Handler {
	page := swgui.NewHandlerWithConfig(swguiconfig.Config{
		Title: "MachShop Serialization", SwaggerJSON: "/openapi.json", BasePath: "/docs/", HideCurl: false,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	})
}

// describe registers all operations.
func (s *Server) describe(mux *http.ServeMux) {
	config := huma.DefaultConfig("MachShop Serialization", "1")
	config.DocsPath, config.SchemasPath = "", ""
	config.RejectUnknownQueryParameters = true       // one that is misspelt would find too much
	config.AllowAdditionalPropertiesByDefault = true // what is not known is kept, or added later
	config.CreateHooks = nil                         // they add links to schemas to every answer
	config.Info.Description = "Serial numbers for the shop floor. Writes become events in the stream and wait for their outcome; what is refused is refused and audited as over MQTT."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	s.api = humago.New(mux, config)
	describeTypes(config.Components.Schemas)
	s.api.UseMiddleware(s.authorize)
	s.describeOpen()
	s.describeSerials()
	s.describeAudit()
	s.describeUniqueness()
	s.describeTriggers()
	s.describeMaster()
	s.describeStream()
	describeNames(s.api.OpenAPI())
}

// unmatched answers what no route takes: 405 if the path is known under other methods,
// else 404.
func (s *Server) unmatched(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := mux.Handler(probe); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 && !slices.Contains(allowed, r.Method) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		edge.Problem(w, r, http.StatusMethodNotAllowed, codeMethodNotAllowed, r.Method+" is not allowed here; "+allowed[0]+" is")
		return
	}
	edge.Problem(w, r, http.StatusNotFound, codeNotFound, "there is nothing at "+r.URL.Path)
}

const (
	tagService     = "Service"
	tagSerials     = "Serials"
	tagVendor      = "Vendor serials"
	tagLate        = "Late assignment"
	tagUniqueness  = "Uniqueness"
	tagTriggers    = "Triggers"
	tagMaster      = "Master data"
	tagPropagation = "Propagation"
	tagAudit       = "Audit"
	tagLetters     = "Dead letters"
)

func (s *Server) describeOpen() {
	register(s, operation{id: "health", method: "GET", path: "/health", tag: tagService, summary: "How the service is.", unwell: healthBody{}}, s.health)
	register(s, operation{id: "live", method: "GET", path: "/health/live", tag: tagService, summary: "Whether the process runs."}, s.live)
	register(s, operation{id: "ready", method: "GET", path: "/health/ready", tag: tagService, summary: "Whether it does its work, else what it waits for.", unwell: readyBody{}}, s.ready)
	register(s, operation{
		id: "token", method: "POST", path: "/api/v1/auth/token", tag: tagService, summary: "A token for a user and their password.", most: 4 << 10,
		errors: []int{http.StatusUnauthorized},
	}, s.login)
	register(s, operation{id: "databaseHealth", method: "GET", path: "/api/v1/health/db", tag: tagService, summary: "How the database is.", unwell: databaseBody{}}, s.databaseHealth)
	register(s, conditional(operation{
		id: "eventOutcome", method: "GET", path: "/api/v1/events/{id}", tag: tagService, role: auth.Viewer, errors: notFound,
		summary: "The outcome of an event, wherever it came from.", answer: seriald.Outcome{},
	}), s.eventOutcome)
	register(s, operation{id: "devices", method: "GET", path: "/api/v1/devices", tag: tagService, role: auth.Viewer, errors: readErrors, summary: "The devices that were seen."}, s.devices)
	register(s, operation{
		id: "parseScan", method: "POST", path: prefix + "/scan/parse", tag: tagSerials, role: auth.Viewer, errors: []int{http.StatusUnprocessableEntity},
		summary: "What a scan says.", most: 64 << 10, answer: scanAnswer{},
	}, s.parseScan)
}

// The statuses of problems that kinds of operations answer with.
var (
	readErrors  = []int{http.StatusUnprocessableEntity}
	notFound    = []int{http.StatusNotFound}
	writeErrors = []int{http.StatusUnprocessableEntity}
	claimErrors = []int{http.StatusConflict, http.StatusUnprocessableEntity} // of a number that was asked for
)

// conditional is op with an ETag on its answer.
func conditional(op operation) operation {
	op.conditional = true
	return op
}

func (s *Server) describeSerials() {
	get := func(id, path, tag, summary string, errors []int) operation {
		return operation{id: id, method: "GET", path: prefix + path, tag: tag, summary: summary, role: auth.Viewer, errors: errors}
	}
	register(s, get("serials", "/serials", tagSerials, "Serials of any source, the newest first.", readErrors), s.serials)
	register(s, conditional(get("serial", "/serials/{id}", tagSerials, "A serial.", notFound)), s.serial)
	register(s, conditional(get("vendorSerial", "/vendor/{id}", tagVendor, "A vendor's serial.", notFound)), s.vendorSerial)
	register(s, get("vendorSerials", "/vendor/part/{partId}", tagVendor, "The vendors' serials of a part, the newest first.", readErrors), s.vendorSerials)
	register(s, get("generatedSerials", "/system-generated/part/{partId}", tagSerials, "The serials of a part that were made here.", readErrors), s.generatedSerials)
	register(s, conditional(get("placeholder", "/late-assignment/placeholder/{id}", tagLate, "A unit that gets its number later, or got it.", notFound)), s.placeholder)
	register(s, get("pendingPlaceholders", "/late-assignment/pending", tagLate, "Units that wait, in the order in which they get numbers.", readErrors), s.pendingPlaceholders)
	register(s, get("placeholderStatistics", "/late-assignment/statistics/{partId}", tagLate, "What became of the units of a part that waited.", readErrors), s.placeholderStatistics)

	write := func(id, path, tag, summary string, body any) operation {
		return operation{id: id, method: "POST", path: prefix + path, tag: tag, summary: summary, role: auth.Operator, errors: writeErrors, event: true, most: maxWriteBody, body: body}
	}
	claims := func(op operation) operation { op.errors = claimErrors; return op }
	created := func(op operation) operation { op.status = http.StatusCreated; return op }
	register(s, claims(created(write("receiveVendorSerial", "/vendor/receive", tagVendor, "Take a vendor's number on a bought part.", receiveBody{}))), s.receiveVendor)
	register(s, write("acceptVendorSerial", "/vendor/{id}/accept", tagVendor, "Take a vendor's unit in.", acceptBody{}), byID(s, seriald.TypeVendorSerialAccept, "vendorSerialId"))
	register(s, write("rejectVendorSerial", "/vendor/{id}/reject", tagVendor, "Send a vendor's unit back.", rejectBody{}), byID(s, seriald.TypeVendorSerialReject, "vendorSerialId"))
	register(s, created(write("generateSerials", "/system-generated/generate", tagSerials, "Make numbers.", generateBody{})), s.generate)
	register(s, claims(write("occur", "/system-generated/trigger", tagTriggers, "Tell of an occurrence on the floor, which fires triggers.", occurrenceBody{})), s.occur)
	register(s, created(write("createPlaceholders", "/late-assignment/placeholder", tagLate, "Make units that get their numbers later.", placeholderCreateBody{})), s.createPlaceholders)
	register(s, claims(write("assignPlaceholder", "/late-assignment/placeholder/{id}/assign", tagLate, "Give a unit its number.", placeholderAssignBody{})), byID(s, seriald.TypePlaceholderAssign, "placeholderId"))
	register(s, write("failPlaceholder", "/late-assignment/placeholder/{id}/fail", tagLate, "Give a unit up.", reasonBody{}), byID(s, seriald.TypePlaceholderFail, "placeholderId"))
	register(s, write("retireSerial", "/serials/{id}/retire", tagSerials, "End the life of a unit.", reasonBody{}), byID(s, seriald.TypeSerialRetire, "serialId"))
	register(s, created(write("passThrough", "/propagation/pass-through", tagPropagation, "Record that a unit passed an operation.", passBody{})), plainWrite(s, seriald.TypePropagationPassThrough))
}

func (s *Server) describeAudit() {
	get := func(id, path, tag, summary string, role auth.Role, errors []int) operation {
		return operation{id: id, method: "GET", path: prefix + path, tag: tag, summary: summary, role: role, errors: errors}
	}
	register(s, get("auditEvents", "/audit/events", tagAudit, "What happened, to what, by whom; the newest first.", auth.Viewer, readErrors), s.auditEvents)
	register(s, get("auditStatistics", "/audit/statistics", tagAudit, "How often what happened.", auth.Viewer, readErrors), s.auditStatistics)
	file := get("exportAudit", "/audit/events/export", tagAudit, "Audit events as a file, the oldest first.", auth.Supervisor, readErrors)
	file.file = []string{"text/csv", "application/jsonl"}
	register(s, file, s.exportAudit)
	register(s, get("deadLetters", "/dead-letters", tagLetters, "What could not be understood or processed, the latest first.", auth.Supervisor, readErrors), s.deadLetters)
	register(s, conditional(get("deadLetter", "/dead-letters/{id}", tagLetters, "A dead letter, with its bytes.", auth.Supervisor, notFound)), s.deadLetter)
	again := get("replayDeadLetter", "/dead-letters/{id}/replay", tagLetters, "Publish a dead letter again, with its id and time.", auth.Supervisor, append(readErrors, http.StatusNotFound, http.StatusRequestEntityTooLarge))
	again.method, again.status, again.most = "POST", http.StatusAccepted, maxWriteBody
	register(s, again, s.replayLetter)
	register(s, get("serialHistory", "/serials/{id}/history", tagSerials, "What happened to a serial, the oldest first.", auth.Viewer, notFound), s.serialHistory)
	register(s, get("propagationHistory", "/propagation/history/{partId}", tagPropagation, "The steps of the units of a part, the newest first.", auth.Viewer, readErrors), s.propagationHistory)
	register(s, get("propagationStatistics", "/propagation/statistics/{partId}", tagPropagation, "How often units of a part passed what.", auth.Viewer, readErrors), s.propagationStatistics)
}

func (s *Server) describeUniqueness() {
	const at = prefix + "/uniqueness"
	get := func(id, path, summary string, errors []int) operation {
		return operation{id: id, method: "GET", path: at + path, tag: tagUniqueness, summary: summary, role: auth.Viewer, errors: errors}
	}
	register(s, operation{
		id: "checkUniqueness", method: "POST", path: at + "/check", tag: tagUniqueness, role: auth.Viewer, most: 16 << 10, body: checkFields{},
		errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}, summary: "Who holds a number. Nothing is claimed.",
	}, s.checkUniqueness)
	register(s, get("uniquenessReport", "/report/{serialNumber}/{partId}", "All that is known of a number of a part.", []int{http.StatusNotFound, http.StatusUnprocessableEntity}), s.uniquenessReport)
	register(s, get("pendingConflicts", "/conflicts/pending", "Conflicts that nobody has resolved, the oldest first.", readErrors), s.pendingConflicts)
	register(s, get("conflictHistory", "/conflicts/history", "Conflicts that were resolved, the last one first.", readErrors), s.conflictHistory)
	register(s, get("uniquenessStatistics", "/statistics/{partId}", "How often numbers of a part were asked for again.", readErrors), s.uniquenessStatistics)
	register(s, operation{
		id: "registerNumber", method: "POST", path: at + "/register", tag: tagUniqueness, role: auth.Operator, status: http.StatusCreated,
		errors: claimErrors, event: true, most: maxWriteBody, body: registerBody{}, summary: "Claim a number that was made elsewhere.",
	}, plainWrite(s, seriald.TypeUniquenessRegister))
	register(s, operation{
		id: "resolveConflict", method: "POST", path: at + "/conflict/resolve", tag: tagUniqueness, role: auth.Supervisor,
		errors: writeErrors, event: true, most: maxWriteBody, body: resolveBody{}, summary: "End a conflict.",
	}, plainWrite(s, seriald.TypeConflictResolve))
}

func (s *Server) describeTriggers() {
	const at = prefix + "/triggers"
	get := func(id, path, summary string, errors []int) operation {
		return operation{id: id, method: "GET", path: at + path, tag: tagTriggers, summary: summary, role: auth.Viewer, errors: errors}
	}
	register(s, conditional(get("trigger", "/{id}", "A trigger, with what it did.", notFound)), s.trigger)
	register(s, get("triggersOfPart", "/part/{partId}", "The triggers of a part, in the order in which they fire.", readErrors), s.triggersOfPart)
	register(s, get("triggerStatistics", "/statistics/{partId}", "How a part is configured, and what its triggers did.", readErrors), s.triggerStatistics)
	test := get("testTrigger", "/{id}/test", "What a trigger would do at an event. Nothing is changed.", notFound)
	test.method, test.most = "POST", maxWriteBody
	register(s, test, s.testTrigger)

	change := func(id, method, path, summary string, body any) operation {
		op := operation{id: id, method: method, path: at + path, tag: tagTriggers, summary: summary, role: auth.Supervisor, errors: writeErrors, event: true, body: body}
		if body != nil {
			op.most = maxWriteBody
		}
		return op
	}
	create := change("createTrigger", "POST", "", "Add a trigger.", triggerCreateBody{})
	create.status = http.StatusCreated
	register(s, create, plainWrite(s, seriald.TypeTriggerCreate))
	register(s, change("updateTrigger", "PATCH", "/{id}", "Change what is said of a trigger.", triggerUpdateBody{}), byID(s, seriald.TypeTriggerUpdate, "triggerId"))
	register(s, change("enableTrigger", "POST", "/{id}/enable", "Let a trigger fire.", nil), bare(s, seriald.TypeTriggerEnable, "triggerId"))
	register(s, change("disableTrigger", "POST", "/{id}/disable", "Keep a trigger from firing.", nil), bare(s, seriald.TypeTriggerDisable, "triggerId"))
	register(s, change("deleteTrigger", "DELETE", "/{id}", "Take a trigger away.", nil), bare(s, seriald.TypeTriggerDelete, "triggerId"))
}

func (s *Server) describeMaster() {
	put := func(id, path, summary string, body any) operation {
		return operation{id: id, method: "PUT", path: prefix + path, tag: tagMaster, summary: summary, role: auth.Supervisor, errors: writeErrors, event: true, most: maxWriteBody, body: body}
	}
	del := func(id, path, summary string) operation {
		return operation{id: id, method: "DELETE", path: prefix + path, tag: tagMaster, summary: summary, role: auth.Supervisor, errors: writeErrors, event: true}
	}
	get := func(id, path, summary string, errors []int) operation {
		return operation{id: id, method: "GET", path: prefix + path, tag: tagMaster, summary: summary, role: auth.Viewer, errors: errors}
	}
	register(s, get("sites", "/sites", "The sites.", readErrors), s.sites)
	register(s, conditional(get("site", "/sites/{id}", "A site.", notFound)), s.site)
	register(s, get("parts", "/parts", "The parts.", readErrors), s.parts)
	register(s, conditional(get("part", "/parts/{id}", "A part.", notFound)), s.part)
	register(s, get("formats", "/formats", "The formats.", readErrors), s.formats)
	register(s, conditional(get("format", "/formats/{id}", "A format, and how much of it was used.", notFound)), s.format)
	register(s, operation{id: "previewFormat", method: "POST", path: prefix + "/formats/preview", tag: tagMaster, role: auth.Viewer, most: 64 << 10, summary: "Numbers of a pattern, and its proof. No number is used."}, s.previewFormat)
	register(s, put("putFormat", "/formats/{id}", "Add a format or change it, if it is proven.", formatPutBody{}), byID(s, seriald.TypeFormatPut, "formatConfigId"))
	register(s, del("deleteFormat", "/formats/{id}", "Take a format away that nothing refers to."), bare(s, seriald.TypeFormatDelete, "formatConfigId"))
	register(s, put("putPart", "/parts/{id}", "Add a part or change it, whole.", partPutBody{}), byID(s, seriald.TypePartPut, "partId"))
	register(s, del("deletePart", "/parts/{id}", "Take a part away that nothing refers to."), bare(s, seriald.TypePartDelete, "partId"))
	register(s, put("putSite", "/sites/{id}", "Add a site or change it, whole.", sitePutBody{}), byID(s, seriald.TypeSitePut, "siteId"))
	register(s, del("deleteSite", "/sites/{id}", "Take a site away that nothing refers to."), bare(s, seriald.TypeSiteDelete, "siteId"))
}

// OpenAPI returns the description of the API, OpenAPI 3.1 as JSON, indented.
func OpenAPI() ([]byte, error) {
	s := &Server{}
	s.describe(http.NewServeMux())
	b, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	return append(b, '\n'), err
}
