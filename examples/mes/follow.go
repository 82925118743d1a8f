package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// defaultAckWait is more than it takes to keep what was fetched together, on a
	// slow disk too.
	defaultAckWait = 30 * time.Second
	// together is the most events that share a sync of the journal.
	together = 256
	// silence is how often JetStream says that there is nothing new; twice as long
	// without a word means that the connection is gone.
	silence = 2 * time.Second
)

// serialEvent is what this MES reads of a serial event; it keeps all of it.
type serialEvent struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		PartID      string `json:"partId"`
		WorkOrderID string `json:"workOrderId"`
		Serials     []struct {
			SerialNumber string `json:"serialNumber"`
		} `json:"serials"`
		Placeholders []struct {
			ID string `json:"id"`
		} `json:"placeholders"`
	} `json:"data"`
}

// follow keeps the serial events of the site in dir until ctx ends. What NATS
// fails at is tried again. A journal that can't be written ends it: what was not
// acknowledged comes again when it is started again.
func (m *mes) follow(ctx context.Context, dir string, ackWait time.Duration) error {
	j, err := openJournal(dir)
	if err != nil {
		return err
	}
	defer j.close()
	for ctx.Err() == nil {
		err := m.fetch(ctx, j, ackWait)
		if errors.Is(err, errJournal) {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(m.log, "mes: %v; trying again\n", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// fetch keeps serial events until something fails.
func (m *mes) fetch(ctx context.Context, j *journal, ackWait time.Duration) error {
	// Durable: NATS remembers what was acknowledged while nobody is connected.
	consumer, err := m.js.CreateOrUpdateConsumer(ctx, "MACHSHOP_SERIALS", jetstream.ConsumerConfig{
		Durable: "mes-" + m.site, FilterSubject: "machshop.serial." + m.site + ".>",
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
	})
	if err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	for {
		batch, err := consumer.Fetch(together, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(silence))
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		if err := m.keep(batch.Messages(), j); err != nil {
			return err
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
	}
}

// keep adds events to the journal, and acknowledges them when they are on disk.
func (m *mes) keep(messages <-chan jetstream.Msg, j *journal) error {
	var unacknowledged []jetstream.Msg
	for msg := range messages {
		var e serialEvent
		if err := json.Unmarshal(msg.Data(), &e); err != nil || e.ID == "" {
			fmt.Fprintf(m.log, "mes: no serial event: %s\n", msg.Data())
			_ = msg.TermWithReason("not a CloudEvent with an id") // else it came again, and again
		} else {
			isNew, err := j.add(e.ID, msg.Data())
			if err != nil {
				return err
			}
			if isNew {
				m.tell(&e)
			}
			unacknowledged = append(unacknowledged, msg)
		}
		if len(messages) > 0 {
			continue // what has come already shares the sync
		}
		if err := j.sync(); err != nil {
			return err
		}
		for _, kept := range unacknowledged {
			_ = kept.Ack() // if it is lost, the event comes again and is known
		}
		unacknowledged = unacknowledged[:0]
	}
	return nil
}

// tell prints an event.
func (m *mes) tell(e *serialEvent) {
	var units []string
	for _, s := range e.Data.Serials {
		units = append(units, s.SerialNumber)
	}
	for _, p := range e.Data.Placeholders {
		units = append(units, p.ID)
	}
	fmt.Fprintln(m.out, strings.TrimPrefix(e.Type, "machshop.serial."), e.Data.PartID, e.Data.WorkOrderID, strings.Join(units, " "))
}
