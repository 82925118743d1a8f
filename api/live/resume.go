package live

import (
	"context"
	"time"
)

// hesitation is the wait before what failed, or was not there yet, is tried again.
const hesitation = 200 * time.Millisecond

// resume writes what the client has missed and joins the tail.
func (s *session) resume(ctx context.Context) error {
	known := false
	short := time.Time{} // since when the stream has less than the client had of it
	for {
		j, tail, moved := s.hub.join(s.client, s.at, known)
		known = false
		var err error
		switch j {
		case joined:
			return s.mark()
		case noTail:
			err = s.wait(ctx, moved, never)
		case other:
			if s.at.identity == "" { // a sequence alone is of whichever stream there is
				s.at.identity = tail.identity
				break
			}
			err = s.reset(tail.identity)
		case behind:
			err = s.catchUp(ctx, tail, moved)
		case ahead:
			var now state
			if now, err = readState(ctx, s.hub.conn); err != nil || now.identity != s.at.identity {
				err = s.pause(ctx)
				break
			}
			if known = now.last >= s.at.sequence; known {
				break
			}
			if short.IsZero() {
				short = time.Now()
			}
			if time.Since(short) < recovery {
				err = s.pause(ctx)
				break
			}
			err = s.reset(now.identity)
		}
		if err != nil {
			return err
		}
	}
}

// reset tells the client that its position is of another stream, and goes to the
// beginning of the one there is.
func (s *session) reset(identity string) error {
	if err := s.write(resetNotice(position{0, identity})); err != nil {
		return err
	}
	return s.flush()
}

// catchUp writes what the stream has behind the client's position, up to where the
// tail was, or until the stream is another one. It returns an error only if the
// client can't be served any more.
func (s *session) catchUp(ctx context.Context, tail position, moved <-chan struct{}) error {
	subject := s.request.filter.subject()
	var r *reader
	defer func() {
		if r != nil {
			r.close()
		}
	}()
	for s.at.sequence < tail.sequence {
		p, err := s.read(ctx, &r)
		if err != nil {
			return err
		}
		if p == nil {
			if err := s.pause(ctx); err != nil {
				return err
			}
			continue
		}
		if p.now.identity != s.at.identity {
			// The hub finds out too.
			return s.wait(ctx, moved, hesitation)
		}
		if err := s.writePage(p); err != nil {
			return err
		}
		if p.full || s.at.sequence >= tail.sequence {
			continue
		}
		next, err := nextOf(ctx, s.hub.conn, subject, s.at.sequence)
		switch {
		case err == nil && (next == 0 || next > tail.sequence):
			s.at.sequence = tail.sequence
		default: // not known, or the consumer did not get what is there
			r.close()
			r = nil
			if err := s.pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// page is what was read at once.
type page struct {
	frames []*frame
	full   bool  // there may be more
	now    state // of the stream, after it was read
}

// read returns what comes next, nil if it can't be read now. It opens *r if it is
// nil, and closes it if it is of no use any more. Few clients read at the same time.
func (s *session) read(ctx context.Context, r **reader) (*page, error) {
	for held := false; !held; {
		select {
		case s.hub.reading <- struct{}{}:
			held = true
		case <-s.beat.C:
			if err := s.heartbeat(); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-s.hub.reading }()
	p, err := s.readPage(ctx, r)
	if err != nil {
		s.hub.log.Debug("client not read the stream, will try again", "error", err)
		if *r != nil {
			(*r).close()
			*r = nil
		}
		return nil, ctx.Err()
	}
	return p, nil
}

func (s *session) readPage(ctx context.Context, r **reader) (*page, error) {
	if *r == nil {
		opened, err := openReader(ctx, s.hub.conn, s.hub.log, s.request.filter.subject(), s.at.sequence)
		if err != nil {
			return nil, err
		}
		*r = opened
	}
	frames, full, err := (*r).page(s.at.identity)
	if err != nil {
		return nil, err
	}
	// Asked after: what was removed up to then may be missing, and what was read
	// is of this stream if it is still there.
	now, err := readState(ctx, s.hub.conn)
	if err != nil {
		return nil, err
	}
	return &page{frames, full, now}, nil
}

// writePage writes a page, and before it what is missing.
func (s *session) writePage(p *page) error {
	have := p.now.first // the first that is there or was read
	if len(p.frames) > 0 {
		have = min(have, p.frames[0].at.sequence)
	}
	if have > s.at.sequence+1 {
		if err := s.write(gapNotice(position{have - 1, s.at.identity}, s.at.sequence+1)); err != nil {
			return err
		}
	}
	for _, f := range p.frames {
		if !s.request.filter.matches(f.event) {
			s.at = f.at
			continue
		}
		if err := s.write(f); err != nil {
			return err
		}
	}
	return s.flush()
}

// pause waits a moment, with heartbeats.
func (s *session) pause(ctx context.Context) error {
	return s.wait(ctx, nil, hesitation)
}
