package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// errJournal is what all errors of a journal wrap.
var errJournal = errors.New("journal")

// journal is a file of events, one a line, each id once. Where an MES has a
// database, it is a table with the event's id as primary key.
type journal struct {
	file *os.File
	w    *bufio.Writer
	ids  map[string]bool // of what is in the file
}

// openJournal opens dir/serials.jsonl, or creates it. It is locked as long as it is
// open: two programs would each keep what the other has already.
func openJournal(dir string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", errJournal, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "serials.jsonl"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errJournal, err)
	}
	j := &journal{file: f, w: bufio.NewWriter(f), ids: map[string]bool{}}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another mes keeps events here")
	}
	if err == nil {
		err = j.read()
	}
	if err == nil {
		err = syncDir(dir) // the file's name has to last, too
	}
	if err != nil {
		j.close()
		return nil, fmt.Errorf("%w: %s: %w", errJournal, f.Name(), err)
	}
	return j, nil
}

// read takes in what is there and cuts off a line that was being written when the
// program was killed: it was not acknowledged, and comes again.
func (j *journal) read() error {
	r := bufio.NewReader(j.file)
	for size := int64(0); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if err := j.file.Truncate(size); err != nil {
				return err
			}
			_, err := j.file.Seek(size, io.SeekStart)
			return err
		}
		if err != nil {
			return err
		}
		var e serialEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("at byte %d: %w", size, err)
		}
		j.ids[e.ID] = true
		size += int64(len(line))
	}
}

// add writes an event, unless one with its id is there already; isNew says which.
// It lasts when sync has returned.
func (j *journal) add(id string, e []byte) (isNew bool, err error) {
	if j.ids[id] {
		return false, nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, e); err != nil {
		return false, fmt.Errorf("%w: %w", errJournal, err)
	}
	line.WriteByte('\n')
	if _, err := j.w.Write(line.Bytes()); err != nil {
		return false, fmt.Errorf("%w: %w", errJournal, err)
	}
	j.ids[id] = true
	return true, nil
}

// sync returns when all that was added is on disk.
func (j *journal) sync() error {
	if err := errors.Join(j.w.Flush(), j.file.Sync()); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

// close gives the file up; what was added and not synced is not kept.
func (j *journal) close() {
	// By itself: a process that is being started at this moment has the file, too, and would
	// keep the lock until it begins.
	_ = syscall.Flock(int(j.file.Fd()), syscall.LOCK_UN)
	_ = j.file.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
