package processors

import (
	"slices"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// plantConflict is a conflict of the plant with a serial, by its name, or with what an
// event registered.
type plantConflict struct {
	name, holder string
	resolution   seriald.Resolution
	challengers  []store.Challenger
}

var (
	// plantRegistered is R1, which "r1" registered for MADE.
	plantRegistered = []store.ClaimRow{
		{ID: plantID(0x38, 0), EventID: "r1", Claim: seriald.Claim{Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: "R1", Number: "R1", PartID: "MADE"}},
		{ID: plantID(0x38, 1), EventID: "r1", Claim: seriald.Claim{Scope: seriald.ScopeEnterprise, Canonical: "R1", Number: "R1", PartID: "MADE"}},
	}
	plantConflicts = []plantConflict{
		{"K1", "N1", "", []store.Challenger{late("k1", 0, "N1")}},
		{"K2", "V2", "", []store.Challenger{bought("k2", "MADE", "V2", "plant1", seriald.ScopeVendor)}},
		{"K3", "N2", seriald.ResolveKeep, []store.Challenger{late("k3", 0, "N2")}},
		{"K4", "N5", "", []store.Challenger{bought("k4", "LOCAL", "N5", "plant1", seriald.ScopeSite)}},
		{"K5", "N5 elsewhere", "", []store.Challenger{bought("k5", "LOCAL", "N5", "plant2", seriald.ScopeSite)}},
		{"K6", "N3", "", []store.Challenger{
			late("k6.1", 1, "N3"), registering("k6.2", "LATE", "N3"), bought("k6.3", "LOCAL", "N3", "plant1", seriald.ScopeSite),
		}},
		{"K7", "r1", "", []store.Challenger{registering("k7", "LATE", "R1")}},
		{"K8", "N4 of another", "", []store.Challenger{late("k8", 2, "N4")}},
		{"K9", "V5", "", []store.Challenger{bought("k9", "GONE", "V5", "plant1", seriald.ScopeSite)}},
	}
)

// late asked for a number for the plant's nth placeholder.
func late(event seriald.EventID, n int, number string) store.Challenger {
	h := registering(event, "LATE", number)
	h.EventType, h.PlaceholderID = seriald.TypePlaceholderAssign, plantID(0x40, n)
	h.Serial = &seriald.Serial{PartID: "LATE", Number: number, SiteID: "plant1", Source: seriald.SourceLate, WorkOrderID: "WO-1"}
	return h
}

func bought(event seriald.EventID, part, number, site string, scope seriald.Scope) store.Challenger {
	h := registering(event, part, number)
	h.EventType, h.Scopes = seriald.TypeVendorSerialReceive, []seriald.Scope{scope}
	h.Serial = &seriald.Serial{PartID: part, Number: number, SiteID: site, Source: seriald.SourceVendor, VendorName: "ACME"}
	return h
}

func registering(event seriald.EventID, part, number string) store.Challenger {
	return store.Challenger{
		EventID: event, EventType: seriald.TypeUniquenessRegister, PerformedBy: "ann", PartID: part, Number: number,
		Scopes: []seriald.Scope{seriald.ScopeSite},
	}
}

func (k *plantConflict) row(id seriald.ID) *store.Conflict {
	c := &store.Conflict{ID: id, Holder: store.Holder{PartID: "MADE", EventID: "r1", Number: "R1"}, CreatedAt: testNow}
	for i := range plantSerials {
		if s := &plantSerials[i]; s.name == k.holder {
			c.Holder = store.Holder{SerialID: plantID(0x20, i), PartID: s.PartID, Number: s.Number}
		}
	}
	c.Canonical, c.Challengers = c.Holder.Number, slices.Clone(k.challengers)
	for i := range c.Challengers {
		c.Challengers[i].ID = seriald.ID{0: 0x61, 1: id[15], 15: byte(i + 1)}
	}
	if k.resolution != "" {
		c.Resolution, c.Reason, c.ResolvedBy, c.ResolvedEvent, c.ResolvedAt = k.resolution, "worn", "ann", "e0", testNow
	}
	return c
}

func init() {
	for typ, rows := range conflictWorkflows {
		workflows[typ] = append(workflows[typ], rows...)
	}
}

// assignedTwice are events in front by which X1 of LATE is of one placeholder and asked for
// another.
var assignedTwice = []sent{
	event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`),
	challenge(seriald.TypePlaceholderAssign, `{"placeholderId":"$P2","serialNumber":"X1"}`),
}

// receivedTwice are events in front by which A1 of ACME came twice.
var receivedTwice = []sent{
	event(seriald.TypeVendorSerialReceive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`),
	challenge(seriald.TypeVendorSerialReceive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`),
}

// resolving is the resolution of the conflict about a number of a part in front.
func resolving(number, part string, how seriald.Resolution) sent {
	return event(seriald.TypeConflictResolve, `{"serialNumber":"`+number+`","partId":"`+part+`","conflictResolution":"`+string(how)+`","resolutionReason":"sorted out"}`)
}

// conflictWorkflows are the cases about numbers that are registered, and of conflicts.
var conflictWorkflows = map[seriald.EventType][]row{
	seriald.TypeUniquenessRegister: {
		when("in the scopes of the part", `{"serialNumber":" X1 ","partId":"MADE"}`, "accepted"),
		when("in scopes of its own", `{"serialNumber":"X1","partId":"MADE","scope":["ENTERPRISE","VENDOR"],"vendorName":"ACME"}`, "accepted"),
		when("by a GTIN", `{"serialNumber":"X1","gtin":"9506000134352"}`, "accepted"),
		when("at another site", `{"serialNumber":"N1","partId":"MADE","scope":["SITE"],"siteId":"plant2"}`, "accepted"),
		when("that was rejected in front", `{"serialNumber":"V1","partId":"MADE","scope":["VENDOR"],"vendorName":"acme"}`, "accepted",
			event(seriald.TypeVendorSerialReject, `{"vendorSerialId":"$V1","rejectionReason":"scratched"}`)),
		when("that was received and rejected in front", `{"serialNumber":"A1","partId":"BOUGHT","scope":["VENDOR"],"vendorName":"ACME"}`, "accepted",
			event(seriald.TypeVendorSerialReceive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`),
			event(seriald.TypeVendorSerialReject, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1","rejectionReason":"scratched"}`)),
		when("that is a unit's", `{"serialNumber":"N1","partId":"MADE"}`, "conflict DUPLICATE_SERIAL | N1 of MADE | conflict"),
		when("that is a retired unit's", `{"serialNumber":"N2","partId":"LATE"}`, "conflict DUPLICATE_SERIAL | N2 of MADE | conflict"),
		when("that is a vendor's unit's", `{"serialNumber":"V1","partId":"MADE","scope":["SITE","VENDOR"],"vendorName":"acme"}`, "conflict DUPLICATE_SERIAL | V1 of MADE | conflict"),
		when("that is registered", `{"serialNumber":"R1","partId":"MADE"}`, "conflict DUPLICATE_SERIAL | R1 of MADE | conflict"),
		when("that is registered in another scope", `{"serialNumber":"R1","partId":"MADE","scope":["PART_TYPE"]}`, "accepted"),
		when("that was registered in front", `{"serialNumber":"X1","partId":"LATE"}`, "conflict DUPLICATE_SERIAL | X1 of MADE | conflict",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"MADE"}`)),
		when("that was assigned in front", `{"serialNumber":"X1","partId":"LATE"}`, "conflict DUPLICATE_SERIAL | X1 of LATE | conflict",
			event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
		when("that was registered and assigned in front", `{"serialNumber":"X1","partId":"MADE","scope":["ENTERPRISE"]}`, "conflict DUPLICATE_SERIAL | X1 of LATE | conflict",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["SITE","ENTERPRISE"]}`),
			event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
		when("that was registered, received and rejected in front", `{"serialNumber":"A1","partId":"MADE","scope":["ENTERPRISE"]}`, "accepted",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"A1","partId":"BOUGHT","scope":["VENDOR","ENTERPRISE"],"vendorName":"ACME"}`),
			event(seriald.TypeVendorSerialReceive, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`),
			event(seriald.TypeVendorSerialReject, `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1","rejectionReason":"scratched"}`)),
		when("that breaks the rule", `{"serialNumber":"1A","partId":"BOUGHT"}`, "rejected FORMAT_MISMATCH serialNumber"),
		when("without a number", `{"serialNumber":" ","partId":"MADE"}`, "rejected VALIDATION_ERROR serialNumber"),
		when("without a part", `{"serialNumber":"X1"}`, "rejected VALIDATION_ERROR partId"),
		when("in a scope that is none", `{"serialNumber":"X1","partId":"MADE","scope":["SITE","LINE"]}`, "rejected VALIDATION_ERROR scope"),
		when("in a scope that is no list", `{"serialNumber":"X1","partId":"MADE","scope":"SITE"}`, "rejected VALIDATION_ERROR scope"),
		when("in a scope twice", `{"serialNumber":"X1","partId":"MADE","scope":["SITE","SITE"]}`, "rejected VALIDATION_ERROR scope"),
		when("in a vendor's scope without the vendor", `{"serialNumber":"X1","partId":"MADE","scope":["VENDOR"],"vendorName":" "}`, "rejected VALIDATION_ERROR vendorName"),
		when("of an unknown part", `{"serialNumber":"X1","partId":"GONE"}`, "rejected PART_NOT_FOUND partId"),
		when("of an unknown GTIN", `{"serialNumber":"X1","gtin":"00614141000036"}`, "rejected PART_NOT_FOUND gtin"),
		when("with the GTIN of another part", `{"serialNumber":"X1","partId":"MADE","gtin":"00614141000036"}`, "rejected VALIDATION_ERROR gtin"),
		when("from an unknown site", `{"serialNumber":"X1","partId":"MADE"}`, "rejected SITE_NOT_FOUND site").at("plant9"),
		when("at an unknown site", `{"serialNumber":"X1","partId":"MADE","siteId":"plant9"}`, "rejected SITE_NOT_FOUND siteId"),
		when("at a site that was added in front", `{"serialNumber":"X1","partId":"MADE","siteId":"plant9"}`, "accepted", event(seriald.TypeSitePut, `{"siteId":"plant9"}`)),
	},
	seriald.TypePlaceholderAssign: {
		when("a number that was registered in front", `{"placeholderId":"$P1","serialNumber":"X1"}`, "accepted | X1 ACTIVE, SERIALIZED | assigned, placeholder",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE"}`)),
		when("a number that was registered in one scope of two", `{"placeholderId":"$P1","serialNumber":"X1"}`, "accepted | X1 ACTIVE, SERIALIZED | assigned, placeholder",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["PART_TYPE"],"siteId":"plant2"}`)),
		when("a number that was registered twice", `{"placeholderId":"$P1","serialNumber":"X1"}`, "accepted | X1 ACTIVE, SERIALIZED | assigned, placeholder",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["SITE"]}`), event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["PART_TYPE"]}`)),
		when("a number that another got which was registered", `{"placeholderId":"$P2","serialNumber":"X1"}`, "conflict DUPLICATE_SERIAL | X1 of LATE | conflict",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE"}`), event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
		when("a number that is registered for another part", `{"placeholderId":"$P1","serialNumber":"R1"}`, "conflict DUPLICATE_SERIAL | R1 of MADE | conflict"),
		when("a number that is a unit's and registered", `{"placeholderId":"$P1","serialNumber":"N1"}`, "conflict DUPLICATE_SERIAL | N1 of MADE | conflict",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"N1","partId":"LATE","scope":["PART_TYPE"]}`)),
	},
	seriald.TypeVendorSerialReceive: {
		when("a number that was registered in front", `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`, "accepted | A1 PENDING | received",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"A1","partId":"BOUGHT","scope":["VENDOR"],"vendorName":"acme"}`)),
		when("a number that is registered in another scope", `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"R1"}`, "accepted | R1 PENDING | received"),
		when("a number that was registered and assigned in front", `{"partId":"LATE","vendorName":"ACME","vendorSerialNumber":"X1"}`, "conflict DUPLICATE_SERIAL | X1 of LATE | conflict",
			event(seriald.TypeUniquenessRegister, `{"serialNumber":"X1","partId":"LATE","scope":["SITE","VENDOR"],"vendorName":"ACME"}`),
			event(seriald.TypePlaceholderAssign, `{"placeholderId":"$P1","serialNumber":"X1"}`)),
		when("a number whose holder stayed", `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`, "conflict DUPLICATE_SERIAL | A1 of BOUGHT | conflict",
			append(slices.Clip(receivedTwice), resolving("A1", "BOUGHT", seriald.ResolveKeep))...),
		when("a number whose holder was retired", `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`, "conflict DUPLICATE_SERIAL | A1 of BOUGHT | conflict",
			append(slices.Clip(receivedTwice), resolving("A1", "BOUGHT", seriald.ResolveRetire))...),
		when("a number that was taken out", `{"partId":"BOUGHT","vendorName":"ACME","vendorSerialNumber":"A1"}`, "conflict DUPLICATE_SERIAL | A1 of BOUGHT | conflict",
			append(slices.Clip(receivedTwice), resolving("A1", "BOUGHT", seriald.ResolveInvalid))...),
	},
	seriald.TypeVendorSerialAccept: {
		when("that got its number from one that was retired", `{"vendorSerialNumber":"A1","vendorName":"ACME","partId":"BOUGHT"}`, "accepted | A1 ACCEPTED | accepted",
			append(slices.Clip(receivedTwice), resolving("A1", "BOUGHT", seriald.ResolveRetire))...),
		when("that was taken out", `{"vendorSerialId":"$V1"}`, "rejected INVALID_STATE vendorSerialId",
			challenge(seriald.TypeVendorSerialReceive, `{"partId":"MADE","vendorName":"ACME","vendorSerialNumber":"V1"}`), resolving("V1", "MADE", seriald.ResolveInvalid)),
	},
	seriald.TypeSerialGenerate: {
		when("past a number that was registered in front", `{"partId":"MADE"}`, "accepted | M0002 ACTIVE | assigned", event(seriald.TypeUniquenessRegister, `{"serialNumber":"M0001","partId":"MADE"}`)),
	},
}
