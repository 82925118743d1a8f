package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/machshop/seriald"
)

// position is a place in the stream: behind the message of a sequence.
type position struct {
	sequence uint64
	identity string // of the stream; "" if not known
}

// String returns the id that a client resumes with: "{sequence}-{identity}".
func (p position) String() string { return strconv.FormatUint(p.sequence, 10) + "-" + p.identity }

var identities = regexp.MustCompile(`^[0-9a-f]{8}$`)

// parsePosition reads what [position.String] wrote, or a sequence alone, which is
// of whichever stream there is.
func parsePosition(text string) (position, error) {
	digits, identity, ok := strings.Cut(text, "-")
	sequence, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || ok && !identities.MatchString(identity) {
		return position{}, fmt.Errorf("must be the id of an event of this stream, like 1042-1a2b3c4d, or a sequence, like 1042; not %.40q", text)
	}
	return position{sequence, identity}, nil
}

// identityOf tells a stream from one of the same name that was made at another time.
func identityOf(created time.Time) string {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt(nil, created.UnixNano(), 10)) // never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

// frame is a piece of text/event-stream as it is sent, shared by all who get it.
type frame struct {
	at   position // where a client is that has got it
	text []byte
	// event is what the frame carries; nil if it tells of the stream itself.
	event *event
}

// event is a serial event.
type event struct {
	site, name string   // name is "" of what is none
	body       []byte   // CloudEvents, in one line
	details    *details // nil until a filter asks
}

// details are what filters look at inside of an event.
type details struct {
	Data struct {
		PartID       string   `json:"partId"`
		WorkOrderID  string   `json:"workOrderId"`
		LotNumber    string   `json:"lotNumber"`
		Serials      []serial `json:"serials"`
		Placeholders []serial `json:"placeholders"`
		Conflict     struct {
			SerialNumber string `json:"serialNumber"`
		} `json:"conflict"`
	} `json:"data"`
}

type serial struct {
	SerialNumber string `json:"serialNumber"`
	PartID       string `json:"partId"`
}

// eventFrame returns the frame of a message of the stream.
func eventFrame(at position, subject string, body []byte) (*frame, error) {
	site, name, ok := seriald.SerialSubjectParts(subject)
	if !ok {
		return nil, fmt.Errorf("%s is no subject of a serial event", subject)
	}
	if bytes.ContainsAny(body, "\r\n") { // each would end the field
		var line bytes.Buffer
		if err := json.Compact(&line, body); err != nil {
			return nil, fmt.Errorf("a serial event is no JSON: %w", err)
		}
		body = line.Bytes()
	}
	text := appendFrame(make([]byte, 0, len(body)+len(name)+64), at, name, body)
	return &frame{at: at, text: text, event: &event{site: site, name: name, body: text[len(text)-len(body)-2 : len(text)-2]}}, nil
}

// notice returns the frame of an event that tells of the stream or the connection.
func notice(at position, name string, data map[string]any) *frame {
	body, _ := json.Marshal(data) // strings and numbers: never fails
	return &frame{at: at, text: appendFrame(nil, at, name, body)}
}

// resetNotice tells that the stream is another one: what follows is all it has.
func resetNotice(at position) *frame {
	return notice(at, "reset", map[string]any{"stream": at.identity})
}

// gapNotice tells that the messages from from up to the position are gone.
func gapNotice(at position, from uint64) *frame {
	return notice(at, "gap", map[string]any{"from": from, "to": at.sequence})
}

func appendFrame(b []byte, at position, name string, body []byte) []byte {
	if at.identity != "" { // else there is nothing to resume with
		b = append(append(append(b, "id: "...), at.String()...), '\n')
	}
	b = append(append(b, "event: "...), name...)
	b = append(append(b, "\ndata: "...), body...)
	return append(b, "\n\n"...)
}
