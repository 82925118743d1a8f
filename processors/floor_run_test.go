package processors

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// floorItem is an event of the floor with an id of its own.
func floorItem(id string, typ seriald.EventType, format string, args ...any) *item {
	it := newItem(typ, fmt.Sprintf(format, args...))
	it.event.ID, it.taken = seriald.EventID(id), taken{stored: time.Now()}
	return it
}

// all processes items to the end, as the runner does, and returns their outcomes.
func (p *processor) all(ctx context.Context, items []*item) ([]seriald.Outcome, error) {
	var outcomes []seriald.Outcome
	for len(items) > 0 {
		replies, rest, err := p.process(ctx, items)
		if errors.Is(err, store.ErrRepeat) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, r := range replies {
			outcomes = append(outcomes, r.outcome)
		}
		items = rest
	}
	return outcomes, nil
}

func mustAll(t *testing.T, p *processor, items ...*item) []seriald.Outcome {
	t.Helper()
	outcomes, err := p.all(t.Context(), items)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func said(o *seriald.Outcome) string {
	return strings.TrimSpace(string(o.Status) + " " + string(o.Code))
}

// mixedBatch has n events of every kind of unit event, about units that floorSetup has
// made; round tells its events from those of others.
func mixedBatch(round, n int) []*item {
	var items []*item
	for i := 0; len(items) < n; i++ {
		id := fmt.Sprintf("%d-%d", round, i)
		one := func(kind string, typ seriald.EventType, format string, args ...any) {
			if len(items) < n {
				items = append(items, floorItem(id+"-"+kind, typ, format, args...))
			}
		}
		one("receive", seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-%s"}`, id)
		one("accept", seriald.TypeVendorSerialAccept, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-%s"}`, id)
		one("pass", seriald.TypePropagationPassThrough, `{"sourceSerial":"V-%s","partId":"PART-002","operationCode":"OP-1"}`, id)
		one("retire", seriald.TypeSerialRetire, `{"serialNumber":"V-%s","partId":"PART-002","reason":"worn"}`, id)
		one("send", seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"R-%s"}`, id)
		one("reject", seriald.TypeVendorSerialReject, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"R-%s","rejectionReason":"bent"}`, id)
		one("double", seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"V-%s"}`, id)
		one("generate", seriald.TypeSerialGenerate, `{"partId":"PART-001"}`)
		one("operation", seriald.TypeOperationComplete, `{"partId":"PART-001","operationCode":"OP-010"}`)
		one("unknown", seriald.TypeOperationComplete, `{"serialNumber":"X-%s"}`, id)
		one("receipt", seriald.TypeMaterialReceipt, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumbers":["M-%s"]}`, id)
		one("order", seriald.TypeWorkOrderCreate, `{"partId":"PART-003","workOrderId":"WO-%s","quantity":2}`, id)
		one("assign", seriald.TypePlaceholderAssign, `{"partId":"PART-003","workOrderId":"WO-%s","serialNumber":"H-%s"}`, id, id)
		one("fail", seriald.TypePlaceholderFail, `{"partId":"PART-003","workOrderId":"WO-%s","reason":"scrap"}`, id)
		one("late", seriald.TypePlaceholderCreate, `{"partId":"PART-003"}`)
		one("quality", seriald.TypeQualityCheckpoint, `{"partId":"PART-001","result":"PASS"}`)
		one("batch", seriald.TypeBatchCompletion, `{"partId":"PART-001"}`)
		one("register", seriald.TypeUniquenessRegister, `{"partId":"PART-002","serialNumber":"U-%s"}`, id)
	}
	return items
}

// A batch of every kind of event is one transaction, and its statements are as many
// whether it has 18 events or 500.
func TestAMixedBatchIsOneTransactionWithAConstantNumberOfStatements(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	wire, through := newWire(t, dsn)
	p := newProcessor(t, through)
	p.cfg.AuditBatchWriteSize = 10 * maxBatch // it bounds what one statement has
	mustAll(t, p, floorItem("warm", seriald.TypeSerialGenerate, `{"partId":"PART-001"}`))
	commits := func() int64 {
		return storetest.Value[int64](t, conn, `SELECT count(DISTINCT xmin::text)::bigint FROM processed_events`)
	}
	var counts []int64
	for round, n := range []int{18, 180, maxBatch} {
		items := mixedBatch(round, n)
		before, transactions := wire.statements.Load(), commits()
		outcomes := mustAll(t, p, items...)
		counts = append(counts, wire.statements.Load()-before)
		if got := commits() - transactions; got != 1 {
			t.Errorf("%d events in %d transactions, want one", n, got)
		}
		got := map[string]int{}
		for i := range outcomes[:18] {
			got[said(&outcomes[i])]++
		}
		want := map[string]int{"accepted": 14, "conflict DUPLICATE_SERIAL": 1, "rejected SERIAL_NOT_FOUND": 1, "ignored NO_TRIGGER": 2}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	}
	if counts[0] != counts[1] || counts[0] != counts[2] || counts[0] > 30 {
		t.Errorf("statements for 18, 180 and 500 events: %v, want the same, and few", counts)
	}
	t.Logf("%d statements", counts[0])
}

// wire is a way to a database server that counts the statements.
type wire struct{ statements atomic.Int64 }

func newWire(t *testing.T, dsn string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			conns.Go(func() { defer near.Close(); _, _ = io.Copy(near, far) })
			conns.Go(func() { defer far.Close(); w.count(far, near) })
		}
	})
	u.Host = listener.Addr().String()
	return w, u.String()
}

// count passes on what a client says: a start-up message, then messages of a type and
// a length, of which Execute and Query run a statement.
func (w *wire) count(to io.Writer, from io.Reader) {
	in := bufio.NewReader(from)
	for kinds := 0; ; kinds = 1 {
		head := make([]byte, kinds+4)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		if kinds == 1 && (head[0] == 'E' || head[0] == 'Q') {
			w.statements.Add(1)
		}
		if _, err := to.Write(head); err != nil {
			return
		}
		if _, err := io.CopyN(to, in, int64(binary.BigEndian.Uint32(head[kinds:]))-4); err != nil {
			return
		}
	}
}

// Two processes that decide about the same unit at the same time: one of them comes
// first, and the other knows.
func TestTwoProcessesDecideAboutTheSameUnit(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	first, second := newProcessor(t, dsn), newProcessor(t, dsn)
	for name, tc := range map[string]struct {
		before []string // types and fields
		typ    seriald.EventType
		fields [2]string
		want   []string // in the order of the alphabet
	}{
		"receive": {
			typ: seriald.TypeVendorSerialReceive, fields: twice(`{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`),
			want: []string{"accepted", "conflict DUPLICATE_SERIAL"},
		},
		"register": {
			typ: seriald.TypeUniquenessRegister, fields: twice(`{"partId":"PART-002","serialNumber":"$"}`),
			want: []string{"accepted", "conflict DUPLICATE_SERIAL"},
		},
		"receive a list": {
			typ: seriald.TypeMaterialReceipt,
			fields: [2]string{
				`{"partId":"PART-002","vendorName":"ACME","vendorSerialNumbers":["a$","b$"]}`,
				`{"partId":"PART-002","vendorName":"ACME","vendorSerialNumbers":["b$","a$"]}`,
			},
			want: []string{"accepted", "conflict DUPLICATE_SERIAL"},
		},
		"accept": {
			before: []string{`vendor_serial_receive {"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`},
			typ:    seriald.TypeVendorSerialAccept, fields: twice(`{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`),
			want: []string{"accepted", "rejected INVALID_STATE"},
		},
		"reject": {
			before: []string{`vendor_serial_receive {"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`},
			typ:    seriald.TypeVendorSerialReject, fields: twice(`{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$","rejectionReason":"bent"}`),
			want: []string{"accepted", "rejected INVALID_STATE"},
		},
		"link the same of ours": {
			before: []string{
				`vendor_serial_receive {"partId":"PART-003","vendorName":"ACME","vendorSerialNumber":"a$"}`,
				`vendor_serial_receive {"partId":"PART-003","vendorName":"ACME","vendorSerialNumber":"b$"}`,
				`placeholder_create {"partId":"PART-003","lotNumber":"$"}`,
				`placeholder_assign {"partId":"PART-003","lotNumber":"$","serialNumber":"ours$"}`,
			},
			typ: seriald.TypeVendorSerialAccept,
			fields: [2]string{
				`{"partId":"PART-003","vendorName":"ACME","vendorSerialNumber":"a$","internalSerial":"ours$"}`,
				`{"partId":"PART-003","vendorName":"ACME","vendorSerialNumber":"b$","internalSerial":"ours$"}`,
			},
			want: []string{"accepted", "rejected INVALID_STATE"},
		},
		"assign the same number": {
			before: []string{`placeholder_create {"partId":"PART-003","lotNumber":"$","quantity":2}`},
			typ:    seriald.TypePlaceholderAssign, fields: twice(`{"partId":"PART-003","lotNumber":"$","serialNumber":"n$"}`),
			want: []string{"accepted", "conflict DUPLICATE_SERIAL"},
		},
		"assign the only placeholder": {
			before: []string{`placeholder_create {"partId":"PART-003","lotNumber":"$"}`},
			typ:    seriald.TypePlaceholderAssign,
			fields: [2]string{`{"partId":"PART-003","lotNumber":"$","serialNumber":"n$"}`, `{"partId":"PART-003","lotNumber":"$","serialNumber":"m$"}`},
			want:   []string{"accepted", "rejected PLACEHOLDER_NOT_FOUND"},
		},
		"fail the only placeholder": {
			before: []string{`placeholder_create {"partId":"PART-003","lotNumber":"$"}`},
			typ:    seriald.TypePlaceholderFail, fields: twice(`{"partId":"PART-003","lotNumber":"$","reason":"scrap"}`),
			want: []string{"accepted", "rejected PLACEHOLDER_NOT_FOUND"},
		},
		"retire": {
			before: []string{
				`vendor_serial_receive {"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`,
				`vendor_serial_accept {"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"$"}`,
			},
			typ: seriald.TypeSerialRetire, fields: twice(`{"partId":"PART-002","serialNumber":"$","reason":"worn"}`),
			want: []string{"accepted", "rejected INVALID_STATE"},
		},
		"create the same trigger": {
			before: []string{`part_put {"partId":"T$"}`},
			typ:    seriald.TypeTriggerCreate, fields: twice(`{"partId":"T$","triggerType":"BATCH_COMPLETION","assignmentType":"SYSTEM_GENERATED"}`),
			want: []string{"accepted", "rejected INVALID_STATE"},
		},
		"delete the same part": {
			before: []string{`part_put {"partId":"P$"}`},
			typ:    seriald.TypePartDelete, fields: twice(`{"partId":"P$"}`),
			want: []string{"accepted", "rejected PART_NOT_FOUND"},
		},
		"give two parts one GTIN": {
			typ:    seriald.TypePartPut,
			fields: [2]string{`{"partId":"G$","gtin":"$00000000"}`, `{"partId":"H$","gtin":"$00000000"}`},
			want:   []string{"accepted", "rejected INVALID_STATE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 10 {
				unit := fmt.Sprintf("%02d", round)
				if name != "give two parts one GTIN" {
					unit = strings.ReplaceAll(name, " ", "-") + unit
				} else {
					unit += "12"
				}
				put := func(text string) string { return strings.ReplaceAll(text, "$", unit) }
				for i, text := range tc.before {
					typ, fields, _ := strings.Cut(put(text), " ")
					if o := mustAll(t, first, floorItem(fmt.Sprint(unit, "-before-", i), seriald.EventType(typ), "%s", fields)); o[0].Status != seriald.StatusAccepted {
						t.Fatalf("%s %s: %+v", typ, fields, o[0])
					}
				}
				outcomes := make([]string, 2)
				var group errgroup.Group
				for i, p := range []*processor{first, second} {
					group.Go(func() error {
						o, err := p.all(t.Context(), []*item{floorItem(fmt.Sprint(unit, "-", i), tc.typ, "%s", put(tc.fields[i]))})
						if err == nil {
							outcomes[i] = said(&o[0])
						}
						return err
					})
				}
				if err := group.Wait(); err != nil {
					t.Fatal(err)
				}
				slices.Sort(outcomes)
				if diff := cmp.Diff(tc.want, outcomes); diff != "" {
					t.Fatalf("round %d (-want +got):\n%s", round, diff)
				}
			}
		})
	}
}

// Two processes that resolve one conflict at the same moment: one of them does.
func TestTwoProcessesResolveOneConflict(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	first, second := newProcessor(t, dsn), newProcessor(t, dsn)
	conn := storetest.Conn(t, dsn)
	for round := range 10 {
		number := fmt.Sprintf("R-%02d", round)
		for i, want := range []seriald.Status{seriald.StatusAccepted, seriald.StatusConflict} {
			it := floorItem(fmt.Sprint(number, "-before-", i), seriald.TypeVendorSerialReceive, `{"partId":"PART-002","vendorName":"ACME","vendorSerialNumber":"%s"}`, number)
			if o := mustAll(t, first, it); o[0].Status != want {
				t.Fatalf("%+v, want %s", o[0], want)
			}
		}
		conflict := storetest.Value[string](t, conn, `SELECT id::text FROM serial_conflicts WHERE resolved_at IS NULL`)
		outcomes := make([]string, 2)
		var group errgroup.Group
		for i, p := range []*processor{first, second} {
			group.Go(func() error {
				it := floorItem(fmt.Sprint(number, "-", i), seriald.TypeConflictResolve, `{"conflictId":"%s","conflictResolution":"KEEP","resolutionReason":"a label read twice"}`, conflict)
				o, err := p.all(t.Context(), []*item{it})
				if err == nil {
					outcomes[i] = said(&o[0])
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(outcomes)
		if diff := cmp.Diff([]string{"accepted", "rejected INVALID_STATE"}, outcomes); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

func twice(fields string) [2]string { return [2]string{fields, fields} }

// What waits for its number is measured.
func TestPlaceholdersAreMeasured(t *testing.T) {
	t.Parallel()
	p := newProcessor(t, storetest.DSN(t, storetest.Fast))
	r := &Runner{processor: p, metrics: p.metrics}
	for _, tc := range []struct {
		it   *item
		want float64
	}{
		{floorItem("three", seriald.TypePlaceholderCreate, `{"partId":"PART-003","quantity":3}`), 3},
		{floorItem("one less", seriald.TypePlaceholderFail, `{"partId":"PART-003","reason":"scrap"}`), 2},
	} {
		mustAll(t, p, tc.it)
		if err := r.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, age := gauge(t, r.metrics.placeholders), gauge(t, r.metrics.oldestPlaceholder); n != tc.want || age <= 0 || age > 60 {
			t.Errorf("%v wait, the oldest for %v s, want %v", n, age, tc.want)
		}
	}
}

// What one process changes of the master data holds in the next batch of every other.
func TestEveryProcessGoesByTheMasterDataOfItsBatch(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	first, second := newProcessor(t, dsn), newProcessor(t, dsn)
	generate := func(id string) string {
		o := mustAll(t, second, floorItem(id, seriald.TypeSerialGenerate, `{"partId":"NEW"}`))
		return said(&o[0])
	}
	for i, step := range []struct{ typ, fields, want string }{
		{"part_put", `{"partId":"OTHER"}`, "rejected PART_NOT_FOUND"},
		{"part_put", `{"partId":"NEW"}`, "rejected NO_FORMAT"},
		{"part_put", `{"partId":"NEW","formatConfigId":"yearly"}`, "accepted"},
		{"format_put", `{"formatConfigId":"yearly","pattern":"SN{YY}-{SEQ:8}","reset":"yearly","active":false}`, "rejected DISABLED"},
	} {
		if o := mustAll(t, first, floorItem(fmt.Sprint("change", i), seriald.EventType(step.typ), "%s", step.fields)); o[0].Status != seriald.StatusAccepted {
			t.Fatalf("%s: %+v", step.fields, o[0])
		}
		if got := generate(fmt.Sprint("generate", i)); got != step.want {
			t.Errorf("after %s: %s, want %s", step.fields, got, step.want)
		}
	}
}
