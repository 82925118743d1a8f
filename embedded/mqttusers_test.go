package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

func writeUsers(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const plantUsers = `
- {user: d1, password: one, device: plant1/line1/d1}
- {user: d2, password: two, device: plant1/line1/d2}
- user: gateway
  password: three
  publish: [factory/+/scan, "v1.0/#"]
  subscribe: [factory/#]
- {user: boss, password: four, admin: true}
`

func TestReadMQTTUsersListsEveryProblem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string // in the error; none for no error
	}{
		{"good", plantUsers, nil},
		{"bcrypt", `[{user: a, password: "$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", admin: true}]`, nil},
		{"empty", "", []string{"no user"}},
		{"not YAML", "{", []string{"yaml"}},
		{"unknown keys", "[{user: a, passwort: b, admim: true}]", []string{"passwort", "admim"}},
		{"incomplete", "[{user: a}, {password: b, admin: true}]", []string{`"a": password is missing`, `"a": needs exactly one`, "entry 2: user is missing"}},
		{"two kinds", "[{user: a, password: b, admin: true, device: s/l/d}]", []string{"exactly one"}},
		{"twice", "[{user: a, password: b, device: s/l/d}, {user: a, password: b, device: s/l/d}]", []string{`"a" is there twice`, `device s/l/d is user "a" already`}},
		{"ours", "[{user: $mqtt-bridge, password: b, admin: true}]", []string{"must not begin with $"}},
		{"bad device", "[{user: a, password: b, device: s/l}, {user: c, password: b, device: s/+/d}]", []string{`"s/l" must be`, `"s/+/d" must be`}},
		{"bad hash", "[{user: a, password: $2a$10$short, admin: true}]", []string{"bcrypt"}},
		{"bad filters", `[{user: a, password: b, publish: [/a, a//b, "a/#/b", a+, "a b", "a/>", $SYS/a]}]`, []string{
			`"/a" has an empty`, `"a//b" has an empty`, `"a/#/b": # may be`, `"a+": # and +`, `"a b": the listener`, `"a/>": the listener`, `"$SYS/a": topics`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadMQTTUsers(writeUsers(t, tt.text))
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestFilterSubjects(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string][]string{
		"a": {"a"}, "a/b": {"a.b"}, "a/+/c": {"a.*.c"}, "#": {">"}, "a/#": {"a.>", "a"}, "v1.0/b": {"v1//0.b"},
	} {
		if got, err := filterSubjects(filter); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", filter, got, err, want)
		}
	}
}

func as(user, password string) func(*mqttOptions) {
	return func(o *mqttOptions) { o.SetUsername(user).SetPassword(password) }
}

func connect(t *testing.T, c mqtt.Client) mqtt.Client {
	t.Helper()
	if err := settled(c.Connect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// watch subscribes an admin to everything.
func watch(t *testing.T, n *NATS) <-chan mqtt.Message {
	t.Helper()
	access := n.MQTTBridge()
	messages := make(chan mqtt.Message, 64)
	c := connect(t, newMQTT(n, "watch", as(access.Username, access.Password)))
	if err := settled(c.Subscribe("#", 1, func(_ mqtt.Client, m mqtt.Message) { messages <- m })); err != nil {
		t.Fatal(err)
	}
	return messages
}

// What a user may not publish is acknowledged and goes nowhere: that is how the
// server, like MQTT 3.1.1, refuses it.
func TestMQTTUsersPublishOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTUsersFile: writeUsers(t, plantUsers)})
	messages := watch(t, n)
	tests := []struct {
		user, password string
		may, mayNot    []string
	}{
		{
			"d1", "one",
			[]string{"machshop/plant1/line1/d1/event/operation_complete", "machshop/plant1/line1/d1/scan", "machshop/plant1/line1/d1/status"},
			[]string{
				"machshop/plant1/line1/d2/event/operation_complete", "machshop/plant1/line1/d1/result", "machshop/plant1/line1/d1/event",
				"machshop/plant1/line1/d1/event/a/b", "elsewhere", "$JS/API/STREAM/DELETE/$MQTT_msgs",
			},
		},
		{"gateway", "three", []string{"factory/7/scan", "v1.0/x/y", "v1.0"}, []string{"factory/7/8/scan", "v1/0/x", "machshop/plant1/line1/d1/scan"}},
		{"boss", "four", []string{"anything", "machshop/plant1/line1/d2/result"}, []string{"$JS/API/STREAM/DELETE/$MQTT_msgs"}},
	}
	for _, tt := range tests {
		c := connect(t, newMQTT(n, tt.user, as(tt.user, tt.password)))
		for _, topic := range append(slices.Clone(tt.mayNot), tt.may...) {
			if err := settled(c.Publish(topic, 1, false, "x")); err != nil {
				t.Errorf("%s: %s: %v", tt.user, topic, err)
			}
		}
		for _, topic := range tt.may {
			wantMessage(t, messages, topic, "x")
		}
	}
}

func TestMQTTUsersSubscribeOnlyToWhatTheyMay(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTUsersFile: writeUsers(t, plantUsers)})
	boss := connect(t, newMQTT(n, "boss", as("boss", "four")))
	tests := []struct {
		user, password, filter string
		may                    bool
	}{
		{"d1", "one", "machshop/plant1/line1/d1/result", true},
		{"d1", "one", "machshop/plant1/line1/d1/label", true},
		{"d1", "one", "machshop/plant1/line1/d2/result", false},
		{"d1", "one", "machshop/plant1/line1/+/result", false},
		{"d1", "one", "machshop/plant1/line1/*/result", false},
		{"d1", "one", "machshop/plant1/line1/d1/#", false},
		{"d1", "one", "#", false},
		{"d1", "one", "$MQTT/sub/#", false},
		{"d1", "one", "$JS/#", false},
		{"gateway", "three", "factory/7/x", true},
		{"gateway", "three", "factory/#", true},
		{"gateway", "three", "machshop/#", false},
		{"boss", "four", "#", true},
		{"boss", "four", "$JS/API/#", false},
	}
	for i, tt := range tests {
		// Each has an id of its own: one that comes again too soon is kept waiting.
		c := connect(t, newMQTT(n, fmt.Sprintf("client-%d", i), as(tt.user, tt.password)))
		token := c.Subscribe(tt.filter, 1, nil)
		err := settled(token)
		if ok := err == nil && token.(*mqtt.SubscribeToken).Result()[tt.filter] == 1; ok != tt.may {
			t.Errorf("%s %s: got %v (%v), want %v", tt.user, tt.filter, ok, err, tt.may)
		}
		c.Disconnect(50)
	}
	// A device gets its own results, at QoS 1.
	messages := make(chan mqtt.Message, 4)
	device := connect(t, newMQTT(n, "device", as("d1", "one")))
	const own = "machshop/plant1/line1/d1/result"
	if err := settled(device.Subscribe(own, 1, func(_ mqtt.Client, m mqtt.Message) { messages <- m })); err != nil {
		t.Fatal(err)
	}
	if err := settled(boss.Publish(own, 1, false, "outcome")); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, messages, own, "outcome")
}

func TestMQTTUsersAreAskedForTheirPassword(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTUsersFile: writeUsers(t, plantUsers)})
	for _, tt := range []struct{ user, password string }{{"d1", "two"}, {"d1", ""}, {"nobody", "one"}, {"", ""}, {mqttBridge, "x"}, {mqttKeeper, ""}} {
		c := newMQTT(n, "client", as(tt.user, tt.password))
		if err := settled(c.Connect()); err == nil || !strings.Contains(strings.ToLower(err.Error()), "not authorized") {
			t.Errorf("%s %s: got %v", tt.user, tt.password, err)
		}
		c.Disconnect(0)
	}
}

// A will is published under the permissions of its client.
func TestMQTTWillObeysPermissions(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTUsersFile: writeUsers(t, plantUsers)})
	messages := watch(t, n)
	for _, topic := range []string{"machshop/plant1/line1/d2/status", "machshop/plant1/line1/d1/status"} {
		c := newMQTT(n, "d1", func(o *mqttOptions) {
			as("d1", "one")(o)
			o.SetWill(topic, "gone", 1, true).SetAutoReconnect(false)
		})
		connect(t, c)
		dropConnections(t, n, "d1")
	}
	wantMessage(t, messages, "machshop/plant1/line1/d1/status", "gone")
}

// dropConnections ends the connections of a user as a cut cable does.
func dropConnections(t *testing.T, n *NATS, user string) {
	t.Helper()
	connz, err := n.server.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connz.Conns {
		if c.MQTTClient == user {
			if err := n.server.DisconnectClientByID(c.Cid); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "the server has seen "+user+" go", func() bool {
		connz, err := n.server.Connz(nil)
		return err == nil && !slices.ContainsFunc(connz.Conns, func(c *server.ConnInfo) bool { return c.MQTTClient == user })
	})
}

// A client id is not bound to a user: one device can end another's session by
// taking its id. It gets nothing of what was for the other.
func TestMQTTSessionOfAnotherUserGivesNothingAway(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTUsersFile: writeUsers(t, plantUsers)})
	const topic = "machshop/plant1/line1/d1/result"
	d1 := connect(t, newMQTT(n, "shared", as("d1", "one")))
	if err := settled(d1.Subscribe(topic, 1, nil)); err != nil {
		t.Fatal(err)
	}
	d1.Disconnect(50)
	boss := connect(t, newMQTT(n, "boss", as("boss", "four")))
	if err := settled(boss.Publish(topic, 1, false, "secret")); err != nil {
		t.Fatal(err)
	}
	got := make(chan mqtt.Message, 4)
	d2 := newMQTT(n, "shared", func(o *mqttOptions) {
		as("d2", "two")(o)
		o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- m })
	})
	connect(t, d2)
	const own = "machshop/plant1/line1/d2/result"
	if err := settled(d2.Subscribe(own, 1, nil)); err != nil {
		t.Fatal(err)
	}
	if err := settled(boss.Publish(own, 1, false, "marker")); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, got, own, "marker")
}

func TestMQTTOnTheNetworkNeedsUsers(t *testing.T) {
	t.Parallel()
	cfg := NATSConfig{Dir: t.TempDir(), MQTTHost: "0.0.0.0", MQTTPort: -1, MQTTUsername: "one", MQTTPassword: "for all"}
	_, err := StartNATS(cfg)
	wantError(t, err, "0.0.0.0", "EMBEDDED_MQTT_USERS_FILE")
	cfg.MQTTUsersFile = writeUsers(t, plantUsers)
	if err := os.Chmod(cfg.MQTTUsersFile, 0o644); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 256)
	cfg.Logger = newLog(t, said)
	n, err := StartNATS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	close(said)
	var log strings.Builder
	for line := range said {
		log.WriteString(line + "\n")
	}
	for _, want := range []string{"mqtt passwords travel in clear", "everybody on this machine can read the users file"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("the log does not say once %q:\n%s", want, log.String())
		}
	}
}

func TestMQTTOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	files := ca.Issue("broker.plant")
	files.CA = ""
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTTLS: files})
	access := n.MQTTBridge()
	secure, err := access.TLS.Client("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(n.MQTTURL(), "mqtts://", "ssl://", 1)
	o := mqtt.NewClientOptions().AddBroker(url).SetTLSConfig(secure).SetProtocolVersion(4).SetClientID("c").SetConnectTimeout(10 * time.Second)
	connect(t, mqtt.NewClient(o))
	plain := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(url, "ssl://", "tcp://", 1)).
		SetProtocolVersion(4).SetClientID("p").SetConnectTimeout(10 * time.Second))
	if err := settled(plain.Connect()); err == nil {
		t.Error("the listener speaks plain, too")
	}
	plain.Disconnect(0)
	_, err = StartNATS(NATSConfig{Dir: t.TempDir(), MQTTPort: -1, MQTTTLS: tlsfiles.Files{Cert: files.Cert}})
	wantError(t, err, "EMBEDDED_MQTT_KEY_FILE")
}
