package stream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// BenchmarkPublish shows, per number of messages that wait, what storing them
// synced costs: as one atomic batch and one by one. Where the two meet is where
// batches begin to pay (minBatch). "old" is one by one to a server before 2.10,
// which can't sync each.
func BenchmarkPublish(b *testing.B) {
	conn := streamtest.Connect(b, streamtest.Start(b, false))
	old := streamtest.Connect(b, streamtest.StartOld(b).URL)
	body := make([]byte, 300)
	for _, n := range []int{2, 8, 16, 32, 64, 128, 500} {
		for name, publish := range map[string]func(context.Context, []*nats.Msg) error{
			"atomic": conn.PublishAtomic, "each": conn.PublishEach, "old": old.PublishEach,
		} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				for b.Loop() {
					msgs := make([]*nats.Msg, n)
					for i := range msgs {
						msgs[i] = stream.NewMessage("machshop.result.s.l.d", "", body)
					}
					if err := publish(context.Background(), msgs); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}
