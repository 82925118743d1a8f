package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// MQTT 3.1.1, section 2.2: the packet type is in the upper half of the first
// byte, the QoS of a PUBLISH in bits 1 and 2 of it.
const (
	packetPublish    = 3
	maxTopicLength   = 1<<16 - 1
	maxLengthBytes   = 4
	maxControlPacket = 1 << 20 // what is no PUBLISH has some bytes; this is far beyond
)

var errPacket = errors.New("the broker sends what is not MQTT 3.1.1")

// packetCutter reads a stream of MQTT packets and shortens publications whose
// payload is far too long. The library reads a packet into memory as a whole,
// and MQTT allows 256 MB: some of those in the window would be the end of the
// process. What is left is still longer than allowed, and so is refused and kept
// as a dead letter like any other that is too long.
type packetCutter struct {
	from       *bufio.Reader
	maxPayload int
	// cut is told of what is shortened: the packet id, and how many bytes the
	// payload had; nil is not called.
	cut func(id uint16, size int)

	head [1 + maxLengthBytes]byte // the fixed header that is to be passed on
	due  []byte                   // the rest of it
	pass int                      // bytes of the packet to be passed on …
	skip int                      // … and then to be left out
}

// Read implements [io.Reader].
func (c *packetCutter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.due) == 0 && c.pass == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.due) > 0 {
		n := copy(p, c.due)
		c.due = c.due[n:]
		return n, nil
	}
	n, err := c.from.Read(p[:min(len(p), c.pass)])
	c.pass -= n
	return n, err
}

// next reads the fixed header of the next packet and decides what is passed on.
func (c *packetCutter) next() error {
	for c.skip > 0 {
		n, err := c.from.Discard(min(c.skip, readBuffer))
		c.skip -= n
		if err != nil {
			return err
		}
	}
	first, err := c.from.ReadByte()
	if err != nil {
		return err
	}
	length, err := c.readLength()
	if err != nil {
		return err
	}
	c.pass = length
	switch publish := first>>4 == packetPublish; {
	case !publish && length > maxControlPacket:
		return errPacket
	case publish && length > c.maxPayload+maxTopicLength+4:
		if c.pass, err = c.keep(first, length); err != nil {
			return err
		}
		c.skip = length - c.pass
	}
	c.head[0] = first
	c.due = c.head[:1+putLength(c.head[1:], c.pass)]
	return nil
}

// keep returns how much of a publication is kept: its topic, its packet id and a
// byte more than may be.
func (c *packetCutter) keep(first byte, length int) (int, error) {
	head, err := c.from.Peek(2)
	if err != nil {
		return 0, err
	}
	n := 2 + int(binary.BigEndian.Uint16(head))
	if first&0b0110 != 0 {
		n += 2
		// A topic that does not fit is refused for its own length.
		if head, err = c.from.Peek(n); err == nil && c.cut != nil {
			c.cut(binary.BigEndian.Uint16(head[n-2:]), length-n)
		}
	}
	return n + c.maxPayload + 1, nil
}

// readLength reads a remaining length: 7 bits a byte, the lowest first.
func (c *packetCutter) readLength() (int, error) {
	length := 0
	for i := range maxLengthBytes {
		b, err := c.from.ReadByte()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		length |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			return length, nil
		}
	}
	return 0, errPacket
}

// putLength writes a remaining length to b and returns how many bytes it took.
func putLength(b []byte, length int) int {
	for i := 0; ; i++ {
		b[i] = byte(length & 0x7f)
		if length >>= 7; length == 0 {
			return i + 1
		}
		b[i] |= 0x80
	}
}
