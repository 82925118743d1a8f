package simulate

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

// plant judges events as the service does, by what the events before them did to
// the parts of the demo plant.
type plant struct {
	vendors map[string]seriald.SerialStatus // by number
	waiting map[string]int                  // placeholders, by work order or lot
	inUse   map[string]bool                 // serials, by part and number
	given   map[string]bool                 // numbers that were ever given
	master  map[string]bool                 // master data that is there, and parts that have a trigger
}

func newPlant() *plant {
	return &plant{map[string]seriald.SerialStatus{}, map[string]int{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

// judge returns why an event is refused, "" if it is not.
func (p *plant) judge(t seriald.EventType, f *seriald.Fields) string {
	quantity := 1
	if f.Quantity != nil {
		quantity = *f.Quantity
	}
	order, unit := f.WorkOrderID+"|"+f.LotNumber, f.PartID+" "
	switch t {
	case seriald.TypeVendorSerialReceive, seriald.TypeMaterialReceipt:
		numbers := f.VendorSerialNumbers
		if t == seriald.TypeVendorSerialReceive {
			numbers = []string{f.VendorSerialNumber}
		}
		if len(numbers) != quantity || f.VendorName == "" || f.PartID != "PART-002" {
			return "the receipt is not whole"
		}
		for _, number := range numbers {
			if p.given[number] {
				return number + " is taken"
			}
			p.given[number], p.vendors[number] = true, seriald.SerialPending
		}
	case seriald.TypeVendorSerialAccept, seriald.TypeVendorSerialReject:
		if p.vendors[f.VendorSerialNumber] != seriald.SerialPending || f.VendorName == "" || f.PartID != "PART-002" {
			return f.VendorSerialNumber + " is not pending"
		}
		p.vendors[f.VendorSerialNumber] = seriald.SerialRejected
		if t == seriald.TypeVendorSerialAccept {
			p.vendors[f.VendorSerialNumber] = seriald.SerialAccepted
			p.inUse[unit+f.VendorSerialNumber] = true
		}
	case seriald.TypeWorkOrderCreate, seriald.TypePlaceholderCreate:
		if f.PartID != "PART-003" {
			return "no trigger makes a placeholder"
		}
		p.waiting[order] += quantity
	case seriald.TypePlaceholderAssign, seriald.TypePlaceholderFail:
		if p.waiting[order] == 0 || f.PartID != "PART-003" {
			return "nothing waits for " + order
		}
		p.waiting[order]--
		if t == seriald.TypePlaceholderFail {
			break
		}
		if p.given[f.SerialNumber] {
			return f.SerialNumber + " is taken"
		}
		p.given[f.SerialNumber], p.inUse[unit+f.SerialNumber] = true, true
	case seriald.TypeSerialRetire:
		if !p.inUse[unit+f.SerialNumber] {
			return f.SerialNumber + " is not in use"
		}
		delete(p.inUse, unit+f.SerialNumber)
	case seriald.TypePropagationPassThrough:
		if !p.inUse[unit+f.SourceSerial] {
			return f.SourceSerial + " is not in use"
		}
	default:
		return p.judgeMasterData(t, f)
	}
	return ""
}

// judgeMasterData is judge for what changes the master data.
func (p *plant) judgeMasterData(t seriald.EventType, f *seriald.Fields) string {
	id := f.PartID + f.SiteID + f.FormatConfigID
	switch t {
	case seriald.TypeSitePut, seriald.TypePartPut, seriald.TypeFormatPut:
		if p.master[id] {
			return id + " is there"
		}
		p.master[id] = true
	case seriald.TypeSiteDelete, seriald.TypePartDelete, seriald.TypeFormatDelete:
		if !p.master[id] || p.master["trigger of "+id] {
			return id + " is not there, or is referred to"
		}
		delete(p.master, id)
	case seriald.TypeTriggerCreate:
		if !p.master[id] {
			return id + " is not there"
		}
		p.master["trigger of "+id] = true
	}
	return ""
}

// Whatever the mix, and whatever is wrong in between, each event is one that a
// service accepts which accepted those before it.
func TestScriptRefersToWhatIsThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mix := Mix{rapid.SampledFrom(playable).Draw(t, "type"): 1}
		for _, typ := range rapid.SliceOf(rapid.SampledFrom(playable)).Draw(t, "types") {
			mix[typ]++
		}
		cfg := Config{Mix: mix, Wrong: rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "wrong")}.withDefaults()
		device := rapid.StringMatching(`[a-z]{1,3}-[1-9]`).Draw(t, "device")
		s, p := newScript(device, cfg), newPlant()
		events := uint32(rapid.IntRange(1, 3*chapterLength).Draw(t, "events"))
		var played [][]byte
		for n := range events {
			typ, payload := s.event(n)
			played = append(played, payload)
			if s.flaw(n) != nil {
				continue
			}
			e := &seriald.Event{Type: typ, Data: payload}
			f, err := e.Fields()
			if err != nil {
				t.Fatalf("event %d, %s %s: %v", n, typ, payload, err)
			}
			if why := p.judge(typ, f); why != "" {
				t.Fatalf("event %d, %s %s: %s", n, typ, payload, why)
			}
			if drawn, _ := s.draw(n); !refers(drawn) && typ != drawn {
				t.Fatalf("event %d is %s, was to be %s", n, typ, drawn)
			}
		}
		// What is made again, in whatever order, is the same.
		again := newScript(device, cfg)
		for n := range events {
			if _, payload := again.event(events - 1 - n); !bytes.Equal(payload, played[events-1-n]) {
				t.Fatalf("event %d is\n%s and then\n%s", events-1-n, played[events-1-n], payload)
			}
		}
	})
}

// Each type comes to be played, alone too: with what it needs.
func TestScriptPlaysEachType(t *testing.T) {
	t.Parallel()
	byID := []seriald.EventType{
		seriald.TypeConflictResolve,
		seriald.TypeTriggerUpdate, seriald.TypeTriggerEnable, seriald.TypeTriggerDisable, seriald.TypeTriggerDelete,
	}
	for _, typ := range seriald.EventTypes() {
		if typ != seriald.TypeConflictResolve && slices.Contains(ofDevices, typ) == typ.Configures() {
			t.Errorf("%s is a device's to send, or is not and changes the master data", typ)
		}
		if slices.Contains(byID, typ) {
			continue
		}
		if !slices.Contains(playable, typ) {
			t.Errorf("%s can't be played: add it to playable, and to payload.fields", typ)
			continue
		}
		s := newScript("sim-1", Config{Mix: Mix{typ: 1}})
		types := map[seriald.EventType]int{}
		const events = 10 * chapterLength
		for n := range uint32(events) {
			got, _ := s.event(n)
			types[got]++
		}
		if !refers(typ) && (types[typ] != events || len(types) != 1) {
			t.Errorf("a mix of %s plays %v", typ, types)
		}
		ways := 2
		if typ.Configures() {
			ways = 1
		}
		if refers(typ) && (types[typ] < events/4 || len(types) < 1+ways) {
			t.Errorf("a mix of %s plays %v, want it and all ways to what it refers to", typ, types)
		}
	}
}

// Payloads are read by people, in dead letters and in the audit: this is what they
// look like.
func TestScriptPayloads(t *testing.T) {
	t.Parallel()
	mix, err := ParseMix("all")
	if err != nil {
		t.Fatal(err)
	}
	s := newScript("sim-1", Config{Mix: mix})
	vendor, late := unit{seriald.TypeMaterialReceipt, 3, 1}, unit{seriald.TypePlaceholderAssign, 4, 0}
	for typ, c := range map[seriald.EventType]struct {
		scene scene
		want  string
	}{
		seriald.TypeMaterialReceipt: {
			scene{brings: 2},
			`,"partId":"PART-002","vendorName":"Simulated","vendorSerialNumbers":["VS-sim-1-7.1","VS-sim-1-7.2"],"quantity":2,"purchaseOrderId":"PO-sim-1-7"`,
		},
		seriald.TypeWorkOrderCreate:   {scene{brings: 3}, `,"partId":"PART-003","workOrderId":"WO-sim-1-7","quantity":3`},
		seriald.TypePlaceholderCreate: {scene{brings: 1}, `,"partId":"PART-003","lotNumber":"LOT-sim-1-7","quantity":1`},
		seriald.TypeQualityCheckpoint: {scene{dice: 1}, `,"partId":"PART-001","operationCode":"OP-010","result":"FAIL"`},
		seriald.TypeVendorSerialAccept: {
			scene{about: vendor}, `,"partId":"PART-002","vendorSerialNumber":"VS-sim-1-3.2","vendorName":"Simulated"`,
		},
		seriald.TypeSerialRetire: {scene{about: late}, `,"partId":"PART-003","serialNumber":"SN-sim-1-4","reason":"worn"`},
		seriald.TypePlaceholderAssign: {
			scene{about: unit{seriald.TypeWorkOrderCreate, 5, 2}}, `,"partId":"PART-003","workOrderId":"WO-sim-1-5","serialNumber":"SN-sim-1-7"`,
		},
		seriald.TypePlaceholderFail: {
			scene{about: unit{seriald.TypePlaceholderCreate, 6, 0}}, `,"partId":"PART-003","lotNumber":"LOT-sim-1-6","reason":"scrapped"`,
		},
		seriald.TypePropagationPassThrough: {
			scene{about: vendor},
			`,"partId":"PART-002","sourceSerial":"VS-sim-1-3.2","operationCode":"OP-020","workCenterId":"WC-1","routingSequence":20`,
		},
		seriald.TypeTriggerCreate: {
			scene{about: unit{seriald.TypePartPut, 6, 0}},
			`,"partId":"P-sim-1-6","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED"`,
		},
		seriald.TypeFormatPut:  {scene{}, `,"formatConfigId":"F-sim-1-7","pattern":"F-sim-1-7-{SEQ:4}"`},
		seriald.TypeSiteDelete: {scene{about: unit{seriald.TypeSitePut, 6, 0}}, `,"siteId":"S-sim-1-6"`},
	} {
		p := payload{script: &s}
		c.scene.typ = typ
		if p.fields(7, c.scene); string(p.json) != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", typ, p.json, c.want)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	for _, mix := range []string{DefaultMix, "operation_complete=50,all=4", "all"} {
		b.Run(mix, func(b *testing.B) {
			m, err := ParseMix(mix)
			if err != nil {
				b.Fatal(err)
			}
			s, n := newScript("sim-1", Config{Mix: m}), uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				s.event(n)
				n++
			}
		})
	}
}

func ExampleParseMix() {
	mix, err := ParseMix("operation_complete=50,serial_generate=0,all=4")
	if err != nil {
		panic(err)
	}
	fmt.Println(mix[seriald.TypeOperationComplete], mix[seriald.TypeSerialGenerate], mix[seriald.TypeVendorSerialAccept], len(mix))
	// Output: 50 0 4 15
}
