package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tap/test/harness"
	"tap/test/netns"
)

// account compares everything there is with what the living attachments have: the
// devices of every namespace as ip shows them, the reservations in host-local's own
// files, and the processes in /proc. Each difference is an error.
func (m *machine) account(when string, living []*attachment) {
	m.t.Helper()
	m.accountDevices(when, living)
	m.accountReservations(when, living)
	m.accountProcesses(when)
}

func (m *machine) accountDevices(when string, living []*attachment) {
	m.t.Helper()
	expected := map[*pod]map[string]bool{}
	for _, a := range living {
		if expected[a.pod] == nil {
			expected[a.pod] = map[string]bool{}
		}
		tail := m.network + "/" + a.pod.id + "/" + a.ifname
		expected[a.pod]["tun "+a.ifname+" tap/"+tail] = true
		if a.egress() {
			expected[a.pod]["ifb ifb/"+tail] = true
		}
	}
	for _, p := range m.pods {
		m.compareDevices(when+": "+p.id, p.ns, expected[p])
	}
	m.compareDevices(when+": the plugin's own namespace", m.Node, nil)
	own, err := netns.Of(os.Getpid())
	m.Must(err)
	defer own.Close()
	for _, device := range m.devices(own) { // others' as well, since it is the machine's
		if strings.Contains(device.Alias, m.network) {
			m.t.Errorf("%s: the namespace of the test has %s", when, describe(device))
		}
	}
}

func (m *machine) compareDevices(where string, ns *netns.Netns, expected map[string]bool) {
	m.t.Helper()
	found := map[string]bool{}
	for _, device := range m.devices(ns) {
		if m.born[device.Name] {
			continue
		}
		found[describe(device)] = true
		if !expected[describe(device)] {
			m.t.Errorf("%s: left behind: %s", where, describe(device))
		}
		if data := device.Details.Data; device.Details.Kind == "tun" && (data.Type != "tap" || !data.Persist || !device.Up()) {
			m.t.Errorf("%s: %s is not a persistent tap that is up: %+v", where, describe(device), device)
		}
	}
	for device := range expected {
		if !found[device] {
			m.t.Errorf("%s: lost: %s", where, device)
		}
	}
}

// describe leaves out the name of an egress device, which is a hash.
func describe(d harness.Device) string {
	if d.Details.Kind == "ifb" && d.Alias != "" {
		return "ifb " + d.Alias
	}
	return d.Details.Kind + " " + d.Name + " " + d.Alias
}

func (m *machine) devices(ns *netns.Netns) []harness.Device {
	m.t.Helper()
	out, err := ns.Output("ip", "-d", "-json", "link", "show")
	if err != nil {
		m.t.Fatal(err)
	}
	var list []harness.Device
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		m.t.Fatalf("ip: %v: %s", err, out)
	}
	return list
}

// accountReservations passes over a reservation without owner: that is what
// host-local leaves when it is killed between making the file and writing to it,
// and nobody can tell whose it was.
func (m *machine) accountReservations(when string, living []*attachment) {
	m.t.Helper()
	held, nobodys := m.reservations()
	if nobodys > 0 {
		m.t.Logf("%s: host-local itself, killed in the middle, leaked %d addresses (not counted)", when, nobodys)
	}
	const families = 2
	for _, a := range living {
		if !a.ipam() {
			continue
		}
		if got := held[a.String()]; len(got) != families {
			m.t.Errorf("%s: %s is reserved the addresses %s, want %d", when, a, got, families)
		}
		delete(held, a.String())
	}
	for owner, addresses := range held {
		m.t.Errorf("%s: left behind: reservation of %s for %s", when, addresses, owner)
	}
}

// reservations are by pod and interface, and host-local's without owner apart.
func (m *machine) reservations() (map[string][]string, int) {
	m.t.Helper()
	held, nobodys := map[string][]string{}, 0
	err := filepath.WalkDir(filepath.Join(m.Store, m.network), func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if os.IsNotExist(err) || err == nil && (d.IsDir() || name == "lock" || strings.HasPrefix(name, "last_reserved_ip")) {
			return nil
		}
		if err != nil {
			return err
		}
		owner, err := os.ReadFile(path)
		if len(owner) == 0 {
			nobodys++
			return err
		}
		key := strings.ReplaceAll(string(owner), "\r\n", " ")
		held[key] = append(held[key], name)
		return err
	})
	m.Must(err)
	fakes, err := filepath.Glob(filepath.Join(m.Store, "fake-*"))
	m.Must(err)
	for _, file := range fakes {
		held[filepath.Base(file)] = []string{"the fake IPAM plugin's"}
	}
	return held, nobodys
}

// accountProcesses seeks the mark of all that this machine has started, children
// included. A process that was killed takes a moment to end.
func (m *machine) accountProcesses(when string) {
	m.t.Helper()
	m.eventually(when+": no process is left", func() bool { return len(m.processes()) == 0 })
}

func (m *machine) processes() []string {
	var list []string
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	m.Must(err)
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil { // gone meanwhile
			continue
		}
		if slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(entry []byte) bool { return string(entry) == "TAP_LOAD="+m.network }) {
			list = append(list, fmt.Sprint(filepath.Base(filepath.Dir(file))))
		}
	}
	return list
}
