package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"

	"github.com/machshop/seriald"
)

// MQTTUser may log in to the MQTT listener, as an entry of its users file. It is
// exactly one of: a device, one with topic filters, an admin.
type MQTTUser struct {
	// Name of the user, the key "user". Required, of its own, not beginning with $.
	Name string `yaml:"user"`
	// Password as it is, or its bcrypt hash ($2a$…, $2b$…, $2y$…). Required.
	Password string `yaml:"password"`
	// Device is site/line/device: it may publish event/+, scan and status below
	// machshop/{site}/{line}/{device}/ and subscribe to result and label there.
	Device string `yaml:"device"`
	// Publish and Subscribe are MQTT topic filters of what it may do.
	Publish   []string `yaml:"publish"`
	Subscribe []string `yaml:"subscribe"`
	// Admin may publish and subscribe to every topic that does not begin with $.
	Admin bool `yaml:"admin"`
}

// ReadMQTTUsers reads a users file: a YAML list of users. Its error lists all
// that is wrong, a line each.
func ReadMQTTUsers(path string) ([]MQTTUser, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var users []MQTTUser
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var problems []error
	var mistakes *yaml.TypeError
	switch err := d.Decode(&users); {
	case errors.As(err, &mistakes):
		for _, m := range mistakes.Errors {
			m, _, _ = strings.Cut(m, " in type ") // ours, which the writer of the file does not know
			problems = append(problems, fmt.Errorf("%s: %s", path, m))
		}
		return nil, errors.Join(problems...)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(users) == 0:
		return nil, fmt.Errorf("%s: no user in it", path)
	}
	names, devices := map[string]bool{}, map[string]string{}
	for i, u := range users {
		who := fmt.Sprintf("%s: user %q", path, u.Name)
		if u.Name == "" {
			who = fmt.Sprintf("%s: entry %d", path, i+1)
		}
		for _, err := range u.problems() {
			problems = append(problems, fmt.Errorf("%s: %w", who, err))
		}
		if u.Name != "" && names[u.Name] {
			problems = append(problems, fmt.Errorf("%s is there twice", who))
		}
		names[u.Name] = true
		if other, ok := devices[u.Device]; ok && u.Device != "" {
			problems = append(problems, fmt.Errorf("%s: device %s is user %q already", who, u.Device, other))
		}
		devices[u.Device] = u.Name
	}
	return users, errors.Join(problems...)
}

func (u MQTTUser) problems() []error {
	var problems []error
	switch {
	case u.Name == "":
		problems = append(problems, errors.New("user is missing"))
	case strings.HasPrefix(u.Name, "$"):
		problems = append(problems, errors.New("a name must not begin with $"))
	}
	switch {
	case u.Password == "":
		problems = append(problems, errors.New("password is missing"))
	case strings.HasPrefix(u.Password, "$2") && len(u.Password) != bcryptLength:
		problems = append(problems, fmt.Errorf("password looks like a bcrypt hash but does not have its %d characters", bcryptLength))
	}
	kinds := 0
	for _, is := range []bool{u.Device != "", len(u.Publish)+len(u.Subscribe) > 0, u.Admin} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		problems = append(problems, errors.New("needs exactly one of device, publish and subscribe, admin"))
	}
	if parts := strings.Split(u.Device, "/"); u.Device != "" && (len(parts) != 3 || slices.ContainsFunc(parts, func(s string) bool {
		return !seriald.ValidToken(s)
	})) {
		problems = append(problems, fmt.Errorf("device %q must be site/line/device, each 1 to 64 of A-Z a-z 0-9 _ -", u.Device))
	}
	for _, filter := range append(slices.Clone(u.Publish), u.Subscribe...) {
		if _, err := filterSubjects(filter); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// bcryptLength is the length of every bcrypt hash.
const bcryptLength = 60

// serverSubjects are no topic's: the server's own, JetStream's interface and the
// listener's streams, which a client could otherwise delete by publishing to
// $JS/API/STREAM/DELETE/….
var serverSubjects = []string{"$JS.>", "$SYS.>", "$MQTT.>"}

// permissions are what the server lets the user do.
func (u MQTTUser) permissions() *server.Permissions {
	publish, subscribe := u.Publish, u.Subscribe
	if u.Device != "" {
		below := "machshop/" + u.Device + "/"
		publish = []string{below + "event/+", below + "scan", below + "status"}
		subscribe = []string{below + "result", below + "label"}
	}
	if u.Admin {
		publish, subscribe = []string{"#"}, []string{"#"}
	}
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: subjects(publish), Deny: serverSubjects},
		// The server delivers QoS 1 on subjects of its own below $MQTT.sub, which
		// it allows by itself and a Deny would take away.
		Subscribe: &server.SubjectPermission{Allow: subjects(subscribe), Deny: []string{"$JS.>", "$SYS.>"}},
	}
}

// subjects are those of all filters. None is a list that allows nothing, where
// nil would allow everything.
func subjects(filters []string) []string {
	all := []string{}
	for _, filter := range filters {
		s, err := filterSubjects(filter)
		if err != nil {
			continue // was refused when the file was read
		}
		all = append(all, s...)
	}
	return all
}

// filterSubjects writes an MQTT topic filter as the server's NATS subjects. A
// filter that ends in /# is two, since it matches its parent as well.
func filterSubjects(filter string) ([]string, error) {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		switch {
		case level == "":
			return nil, fmt.Errorf("topic filter %q has an empty level", filter)
		case level == "#" && i < len(levels)-1:
			return nil, fmt.Errorf("topic filter %q: # may be the last level only", filter)
		case level != "#" && level != "+" && strings.ContainsAny(level, "#+"):
			return nil, fmt.Errorf("topic filter %q: # and + stand for a whole level", filter)
		case strings.ContainsAny(level, "*> \t\r\n\f\x7f"):
			return nil, fmt.Errorf("topic filter %q: the listener knows no space, * or > in topics", filter)
		case i == 0 && strings.HasPrefix(level, "$"):
			return nil, fmt.Errorf("topic filter %q: topics that begin with $ are the server's", filter)
		}
	}
	for i, level := range levels {
		switch level {
		case "+":
			levels[i] = "*"
		case "#":
			levels[i] = ">"
		default:
			levels[i] = strings.ReplaceAll(level, ".", "//") // as the server writes a dot
		}
	}
	all := []string{strings.Join(levels, ".")}
	if n := len(levels); n > 1 && levels[n-1] == ">" {
		all = append(all, strings.Join(levels[:n-1], "."))
	}
	return all, nil
}
