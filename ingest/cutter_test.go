package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"pgregory.net/rapid"
)

func publishPacket(topic string, qos byte, id uint16, payload []byte) *packets.PublishPacket {
	p, ok := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	if !ok {
		panic("not a PUBLISH")
	}
	p.TopicName, p.Qos, p.MessageID, p.Payload = topic, qos, id, payload
	return p
}

// Whatever is sent, the library reads the same packets, with payloads that are
// cut where they are far too long.
func TestPacketCutter(t *testing.T) {
	t.Parallel()
	const maxPayload = 1024
	rapid.Check(t, func(t *rapid.T) {
		var wire bytes.Buffer
		sent := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) packets.ControlPacket {
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				ack, ok := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				if !ok {
					t.Fatal("not a PUBACK")
				}
				ack.MessageID = rapid.Uint16().Draw(t, "id")
				return ack
			}
			size := rapid.OneOf(rapid.IntRange(0, 3000), rapid.IntRange(60_000, 300_000)).Draw(t, "size")
			topic := string(bytes.Repeat([]byte("t"), rapid.IntRange(1, 2000).Draw(t, "topic")))
			return publishPacket(topic, byte(rapid.IntRange(0, 2).Draw(t, "qos")), rapid.Uint16().Draw(t, "id"), bytes.Repeat([]byte("x"), size))
		}), 1, 8).Draw(t, "packets")
		for _, p := range sent {
			if err := p.Write(&wire); err != nil {
				t.Fatal(err)
			}
		}
		var from io.Reader = bytes.NewReader(wire.Bytes())
		if rapid.Bool().Draw(t, "byte by byte") {
			from = iotest.HalfReader(from)
		}
		r := &packetCutter{from: bufio.NewReaderSize(from, readBuffer), maxPayload: maxPayload}
		for i, want := range sent {
			got, err := packets.ReadPacket(r)
			if err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			w, isPublish := want.(*packets.PublishPacket)
			if !isPublish {
				if got.Details() != want.Details() {
					t.Fatalf("packet %d: %v, want %v", i, got, want)
				}
				continue
			}
			g, ok := got.(*packets.PublishPacket)
			if !ok || g.TopicName != w.TopicName || g.Qos != w.Qos || g.Qos > 0 && g.MessageID != w.MessageID {
				t.Fatalf("packet %d: %v, want %v", i, got, want)
			}
			if len(w.Payload)+len(w.TopicName) <= maxPayload+maxTopicLength-2 && len(g.Payload) != len(w.Payload) {
				t.Fatalf("packet %d: %d bytes of %d are left", i, len(g.Payload), len(w.Payload))
			}
			if len(g.Payload) < min(len(w.Payload), maxPayload+1) || len(g.Payload) > maxPayload+maxTopicLength+4 {
				t.Fatalf("packet %d: %d bytes of %d are left", i, len(g.Payload), len(w.Payload))
			}
		}
		if _, err := packets.ReadPacket(r); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestPacketCutterRefusesWhatIsNotMQTT(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string][]byte{
		"a length of five bytes": {0x30, 0xff, 0xff, 0xff, 0xff, 0x01},
		"a PUBACK of 2 MB":       {0x40, 0x80, 0x80, 0x80, 0x01},
	} {
		r := &packetCutter{from: bufio.NewReader(bytes.NewReader(wire)), maxPayload: 1024}
		if _, err := io.ReadAll(r); !errors.Is(err, errPacket) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
