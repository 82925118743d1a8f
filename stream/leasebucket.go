package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// leasesBucket is the key-value bucket of all leases, a key each.
const leasesBucket = "MACHSHOP_LEASES"

// leaseBucket is the leaseStore in JetStream. It uses nothing that came after
// NATS 2.9; a key that expires by itself would need 2.11.
type leaseBucket struct {
	conn *Conn
	mu   sync.Mutex // guards kv
	kv   jetstream.KeyValue
}

// open returns the bucket, which is created if need be.
func (b *leaseBucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kv != nil {
		return b.kv, nil
	}
	kv, err := b.conn.JS.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leasesBucket, Description: "Who does what only one process may do; how far a plain event stream is",
		History: 1, Storage: jetstream.FileStorage, Replicas: b.conn.cfg.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("provision %s: %w", leasesBucket, err)
	}
	b.kv = kv
	return kv, nil
}

// forget has the bucket looked for again: it may have been removed.
func (b *leaseBucket) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kv = nil
}

func (b *leaseBucket) get(ctx context.Context, name string) ([]byte, uint64, error) {
	kv, err := b.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	e, err := kv.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		b.forget()
		return nil, 0, fmt.Errorf("read lease: %w", err)
	}
	return e.Value(), e.Revision(), nil
}

func (b *leaseBucket) put(ctx context.Context, name string, value []byte, replaces uint64) (uint64, error) {
	kv, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	var revision uint64
	if replaces == 0 {
		// Not Update: it would not replace the mark of a lease that was released.
		revision, err = kv.Create(ctx, name, value)
	} else {
		revision, err = kv.Update(ctx, name, value, replaces)
	}
	if err != nil {
		return 0, changed("write lease", err)
	}
	return revision, nil
}

func (b *leaseBucket) remove(ctx context.Context, name string, replaces uint64) error {
	kv, err := b.open(ctx)
	if err != nil {
		return err
	}
	if err := kv.Delete(ctx, name, jetstream.LastRevision(replaces)); err != nil {
		return changed("release lease", err)
	}
	return nil
}

// changed says errRevision for what the server says of a revision that is not
// the last.
func changed(doing string, err error) error {
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists) {
		return errRevision
	}
	return fmt.Errorf("%s: %w", doing, err)
}
