package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// apiTimeout bounds a call to JetStream's API.
	apiTimeout = 5 * time.Second
	// abandoned is when the server removes a consumer that nobody reads any more,
	// if it could not be told to.
	abandoned = time.Minute
	// pageSize is the most messages that a client is read at once.
	pageSize = 64
)

// errLost says that a delivery did not arrive: with a connection, for example.
var errLost = errors.New("a delivery was lost")

// reader reads the serial stream in order with a consumer of its own, which keeps
// nothing and acknowledges nothing. It ends with the first error; another one
// begins behind what this one returned.
type reader struct {
	conn     *stream.Conn
	log      *slog.Logger
	consumer jetstream.Consumer
	next     uint64 // the consumer sequence that comes next
}

// openReader returns a reader of what subject has behind a sequence. The caller
// must close it.
func openReader(ctx context.Context, conn *stream.Conn, log *slog.Logger, subject string, behind uint64) (*reader, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	c, err := conn.JS.CreateConsumer(ctx, seriald.StreamSerials, jetstream.ConsumerConfig{
		Description: "Serial events over HTTP", FilterSubject: subject,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: behind + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: abandoned,
	})
	if err != nil {
		return nil, fmt.Errorf("read serial events: %w", err)
	}
	return &reader{conn: conn, log: log, consumer: c, next: 1}, nil
}

// close removes the consumer; without a connection the server does so by itself.
func (r *reader) close() {
	if !r.conn.Up() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	_ = r.conn.JS.DeleteConsumer(ctx, seriald.StreamSerials, r.consumer.CachedInfo().Name)
}

// frame returns the frame of the delivery that comes next; what is no serial event
// gives one that no filter matches.
func (r *reader) frame(msg jetstream.Msg, identity string) (*frame, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read serial events: %w", err)
	}
	if meta.Sequence.Consumer != r.next {
		return nil, errLost
	}
	r.next++
	at := position{meta.Sequence.Stream, identity}
	f, err := eventFrame(at, msg.Subject(), msg.Data())
	if err != nil {
		r.log.Warn("not sent over sse", "sequence", at.sequence, "error", err)
		return &frame{at: at, event: &event{}}, nil
	}
	return f, nil
}

// page returns what there is, at most pageSize frames, of a stream of an identity.
// full says that there may be more.
func (r *reader) page(identity string) (frames []*frame, full bool, err error) {
	batch, err := r.consumer.FetchNoWait(pageSize)
	if err != nil {
		return nil, false, fmt.Errorf("read serial events: %w", err)
	}
	for msg := range batch.Messages() { // to the end: the channel is closed soon
		if err != nil {
			continue
		}
		var f *frame
		if f, err = r.frame(msg, identity); err == nil {
			frames = append(frames, f)
		}
	}
	if err == nil {
		err = batch.Error()
	}
	return frames, len(frames) == pageSize, err
}

// state is what a stream has.
type state struct {
	identity    string
	first, last uint64
}

// readState asks for the state of the serial stream.
func readState(ctx context.Context, conn *stream.Conn) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := conn.JS.Stream(ctx, seriald.StreamSerials)
	if err != nil {
		return state{}, fmt.Errorf("ask for the serial stream: %w", err)
	}
	i := s.CachedInfo()
	return state{identityOf(i.Created), max(1, i.State.FirstSeq), i.State.LastSeq}, nil
}

// nextOf asks for the sequence of the first message of subject behind another, 0 if
// there is none. The leader of the stream answers: a consumer may be on a server
// that does not have everything yet.
func nextOf(ctx context.Context, conn *stream.Conn, subject string, behind uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	msg, err := conn.NATS.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+seriald.StreamSerials,
		fmt.Appendf(nil, `{"seq":%d,"next_by_subj":%q}`, behind+1, subject))
	if err != nil {
		return 0, fmt.Errorf("ask for a serial event: %w", err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Sequence uint64 `json:"seq"`
		} `json:"message"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return 0, fmt.Errorf("ask for a serial event: %w", err)
	}
	switch {
	case answer.Error == nil:
		return answer.Message.Sequence, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, nil
	}
	return 0, fmt.Errorf("ask for a serial event: %w", answer.Error)
}
