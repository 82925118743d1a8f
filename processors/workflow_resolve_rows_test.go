package processors

import (
	"slices"

	"github.com/machshop/seriald"
)

func init() { workflows[seriald.TypeConflictResolve] = resolveRows }

// k is a row about a conflict by its name, with fields beside the others.
func k(name, conflict string, how seriald.Resolution, fields, want string, front ...sent) row {
	return when(name, `{"conflictId":"$`+conflict+`","conflictResolution":"`+string(how)+`","resolutionReason":"sorted out"`+fields+`}`, want, front...)
}

// named is a row about the conflict about a number of a part.
func named(name, number, part string, how seriald.Resolution, want string, front ...sent) row {
	return row{sent: resolving(number, part, how), name: name, front: front, want: want}
}

const (
	keep, retire, invalid = seriald.ResolveKeep, seriald.ResolveRetire, seriald.ResolveInvalid
	noChallenger          = "rejected VALIDATION_ERROR challengerEventId"
)

var resolveRows = []row{
	k("KEEP", "K1", keep, ``, "accepted | N1 ACTIVE, N1 of MADE | resolved"),
	k("RETIRE for a placeholder", "K1", retire, ``, "accepted | N1 RETIRED, N1 ACTIVE, SERIALIZED, N1 of MADE | resolved, retired, assigned, placeholder"),
	k("RETIRE for a vendor's", "K2", retire, ``, "accepted | V2 RETIRED, V2 PENDING, V2 of MADE | resolved, retired, received"),
	k("RETIRE, by name", "K1", retire, `,"retiredSerialId":"$N1","challengerEventId":"k1"`,
		"accepted | N1 RETIRED, N1 ACTIVE, SERIALIZED, N1 of MADE | resolved, retired, assigned, placeholder"),
	k("RETIRE for one of several", "K6", retire, `,"challengerEventId":"k6.3"`, "accepted | N3 RETIRED, N3 PENDING, N3 of MADE | resolved, retired, received"),
	k("MARK_INVALID", "K1", invalid, ``, "accepted | N1 INVALID, N1 INVALID, N1 of MADE | resolved"),
	k("MARK_INVALID of several", "K6", invalid, ``, "accepted | N3 INVALID, N3 INVALID, N3 INVALID, N3 of MADE | resolved"),
	k("MARK_INVALID of one whose part is gone", "K9", invalid, ``, "accepted | V5 INVALID, V5 INVALID, V5 of LOCAL | resolved"),
	k("KEEP of what is registered", "K7", keep, ``, "accepted | R1 of MADE | resolved"),
	k("MARK_INVALID of what is registered", "K7", invalid, ``, "accepted | R1 of MADE | resolved"),
	k("RETIRE of one that was retired in front", "K2", retire, ``, "accepted | V2 RETIRED, V2 PENDING, V2 of MADE | resolved, received",
		event(seriald.TypeSerialRetire, `{"serialId":"$V2","reason":"worn"}`)),
	named("RETIRE of one that was rejected in front", "V1", "MADE", retire, "accepted | V1 REJECTED, V1 PENDING, V1 of MADE | resolved, received",
		challenge(seriald.TypeVendorSerialReceive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"V1"}`),
		event(seriald.TypeVendorSerialReject, `{"vendorSerialId":"$V1","rejectionReason":"scratched"}`)),
	named("RETIRE of one that was rejected in front, and received by another", "V1", "MADE", retire, "rejected INVALID_STATE conflictResolution",
		challenge(seriald.TypeVendorSerialReceive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"V1"}`),
		event(seriald.TypeVendorSerialReject, `{"vendorSerialId":"$V1","rejectionReason":"scratched"}`),
		event(seriald.TypeVendorSerialReceive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"V1"}`)),

	named("KEEP of assigned in front", "X1", "LATE", keep, "accepted | X1 ACTIVE, X1 of LATE | resolved", assignedTwice...),
	named("RETIRE of assigned in front", "X1", "LATE", retire, "accepted | X1 RETIRED, X1 ACTIVE, SERIALIZED, X1 of LATE | resolved, retired, assigned, placeholder", assignedTwice...),
	named("MARK_INVALID of assigned in front", "X1", "LATE", invalid, "accepted | X1 INVALID, X1 INVALID, X1 of LATE | resolved", assignedTwice...),
	named("RETIRE of registered in front", "X1", "LATE", retire, "accepted | X1 ACTIVE, SERIALIZED, X1 of MADE | resolved, assigned, placeholder",
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"MADE","scope":["SITE","ENTERPRISE"]}`),
		challenge(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
	named("RETIRE of what was registered, asked for and assigned in front", "X1", "MADE", retire,
		"accepted | X1 RETIRED, X1 PENDING, X1 of LATE | resolved, retired, received",
		event(seriald.TypePartPut, `{"partId":"MADE","partType":"WIDGET","vendorScopes":["SITE"]}`),
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE"}`),
		challenge(seriald.TypeVendorSerialReceive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"X1"}`),
		event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
	named("KEEP of what was asked for and taken over in front", "R1", "MADE", keep, "accepted | R1 ACTIVE, R1 of MADE | resolved",
		event(seriald.TypePlaceholderCreate, `{"partId":"MADE"}`),
		challenge(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"R1"}`),
		event(seriald.TypePlaceholderAssign, `{"partId":"MADE","serialNumber":"R1"}`)),
	named("KEEP of what was registered twice, asked for twice and taken over in front", "X1", "LATE", keep, "accepted | X1 ACTIVE, X1 of LATE | resolved",
		event(seriald.TypePartPut, `{"partId":"SPARE","partType":"HOUSING"}`),
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["SITE"]}`),
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["PART_TYPE"]}`),
		challenge(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"MADE","scope":["SITE"]}`),
		challenge(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"SPARE","scope":["PART_TYPE"]}`),
		event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
	named("by the number and the part of a challenger", " N1 ", "LATE", keep, "accepted | N1 ACTIVE, N1 of MADE | resolved"),
	when("by a GTIN", `{"serialNumber":"N1","gtin":"9506000134352","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "accepted | N1 ACTIVE, N1 of MADE | resolved"),
	when("with more numbers than it goes by", `{"conflictId":"$K1","serialNumber":"N9","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "accepted | N1 ACTIVE, N1 of MADE | resolved"),
	named("the second conflict of a number", "X1", "LATE", keep, "accepted | X1 ACTIVE, X1 of LATE | resolved",
		append(slices.Clip(assignedTwice), resolving("X1", "LATE", keep), challenge(seriald.TypePlaceholderAssign, `{"placeholderId":"$P2","serialNumber":"X1"}`))...),

	k("none, by its id", "nobody", keep, ``, "rejected SERIAL_NOT_FOUND conflictId"),
	named("none, by its number", "N9", "MADE", keep, "rejected SERIAL_NOT_FOUND serialNumber"),
	named("none of the part", "N1", "LOCAL", keep, "rejected SERIAL_NOT_FOUND serialNumber"),
	named("of an unknown part", "N1", "GONE", keep, "rejected PART_NOT_FOUND partId"),
	when("of an unknown GTIN", `{"serialNumber":"N1","gtin":"00614141000036","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "rejected PART_NOT_FOUND gtin"),
	when("with the GTIN of another part", `{"serialNumber":"N1","partId":"LATE","gtin":"9506000134352","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "rejected VALIDATION_ERROR gtin"),
	named("one of two", "N5", "LOCAL", keep, "rejected VALIDATION_ERROR conflictId"),
	named("the one that is left of two", "N5", "LOCAL", keep, "accepted | N5 ACTIVE, N5 of LOCAL | resolved",
		event(seriald.TypeConflictResolve, `{"conflictId":"$K4","conflictResolution":"KEEP","resolutionReason":"sorted out"}`)),
	k("one that is resolved", "K3", keep, ``, "rejected INVALID_STATE conflictId"),
	named("one that is resolved, by its number", "N2", "MADE", retire, "rejected INVALID_STATE conflictId"),
	named("one that was resolved twice in front", "X1", "LATE", keep, "rejected INVALID_STATE conflictId",
		append(slices.Clip(assignedTwice), resolving("X1", "LATE", keep),
			challenge(seriald.TypePlaceholderAssign, `{"placeholderId":"$P2","serialNumber":"X1"}`), resolving("X1", "LATE", keep))...),
	k("one that was resolved in front", "K1", keep, ``, "rejected INVALID_STATE conflictId", resolving("N1", "MADE", retire)),
	k("RETIRE of another", "K1", retire, `,"retiredSerialId":"$N2"`, "rejected VALIDATION_ERROR retiredSerialId"),
	k("RETIRE of a serial where none is", "K7", retire, `,"retiredSerialId":"$N1"`, "rejected VALIDATION_ERROR retiredSerialId"),
	k("RETIRE for one of several that is not named", "K6", retire, ``, noChallenger),
	k("RETIRE for one that did not ask", "K1", retire, `,"challengerEventId":"k2"`, noChallenger),
	k("RETIRE for one without a unit", "K6", retire, `,"challengerEventId":"k6.2"`, noChallenger),
	k("RETIRE for nobody", "K7", retire, ``, "rejected INVALID_STATE conflictResolution"),
	k("RETIRE for a placeholder that has its number", "K8", retire, ``, "rejected INVALID_STATE challengerEventId"),
	k("RETIRE for a placeholder that got another in front", "K1", retire, ``, "rejected INVALID_STATE challengerEventId",
		event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
	k("RETIRE for one whose part is gone", "K9", retire, ``, "rejected PART_NOT_FOUND challengerEventId"),
	k("RETIRE of a number that another holds, too", "K1", retire, ``, "rejected INVALID_STATE conflictResolution",
		event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P2","serialNumber":"N1"}`).from("plant2")),
	k("RETIRE of a number that is registered for a part of the family, too", "K1", retire, ``, "rejected INVALID_STATE conflictResolution",
		event(seriald.TypePartPut, `{"partId":"SPARE","partType":"HOUSING"}`),
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"N1","partId":"SPARE","scope":["PART_TYPE"]}`)),
	k("RETIRE of a number that is registered for the challenger, too", "K1", retire, ``,
		"accepted | N1 RETIRED, N1 ACTIVE, SERIALIZED, N1 of MADE | resolved, retired, assigned, placeholder",
		event(seriald.TypeUniquenessRegister, `{"serialNumber":"N1","partId":"LATE","scope":["PART_TYPE"]}`)),

	k("by a resolution that is none", "K1", "SPLIT", ``, "rejected VALIDATION_ERROR conflictResolution"),
	k("by none", "K1", "", ``, "rejected VALIDATION_ERROR conflictResolution"),
	when("without a reason", `{"conflictId":"$K1","conflictResolution":"KEEP","resolutionReason":" "}`, "rejected VALIDATION_ERROR resolutionReason"),
	when("of nothing", `{"conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "rejected VALIDATION_ERROR serialNumber"),
	when("of a number without its part", `{"serialNumber":"N1","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "rejected VALIDATION_ERROR partId"),
	when("of an id that is none", `{"conflictId":"N1","conflictResolution":"KEEP","resolutionReason":"sorted out"}`, "rejected VALIDATION_ERROR conflictId"),
}
