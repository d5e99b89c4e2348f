package harness

import (
	"bytes"
	"encoding/json"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// ID is a user or group as ip prints it, turned back into a number; empty: none set.
type ID string

// UnmarshalJSON takes a number, or a name of this machine.
func (id *ID) UnmarshalJSON(data []byte) error {
	name := string(bytes.Trim(data, `"`))
	*id = ID(name)
	if u, err := user.Lookup(name); err == nil {
		*id = ID(u.Uid) // on Debian a user's own group has the same name and number
	}
	return nil
}

// Device is what `ip -d -json addr show` says of a device.
type Device struct {
	Name    string   `json:"ifname"`
	Alias   string   `json:"ifalias"`
	Flags   []string `json:"flags"`
	MTU     int      `json:"mtu"`
	MAC     string   `json:"address"`
	QLen    int      `json:"txqlen"`
	Master  string   `json:"master"`
	Details struct {
		Kind string `json:"info_kind"`
		Data struct {
			Type       string `json:"type"`
			MultiQueue bool   `json:"multi_queue"`
			Persist    bool   `json:"persist"`
			Queues     int    `json:"numqueues"`
			User       ID     `json:"user"`
			Group      ID     `json:"group"`
		} `json:"info_data"`
	} `json:"linkinfo"`
	Addresses []struct {
		Local     string `json:"local"`
		Prefix    int    `json:"prefixlen"`
		Scope     string `json:"scope"`
		Tentative bool   `json:"tentative"`
	} `json:"addr_info"`
}

// Device reads one device of the pod, and says whether there is one. ip asks the
// kernel several times: a device that goes away meanwhile is not there either.
func (h *Host) Device(name string) (Device, bool) {
	h.t.Helper()
	out, err := h.Pod.Output("ip", "-d", "-json", "addr", "show", "dev", name)
	if err != nil {
		if strings.Contains(err.Error(), "does not exist") || strings.Contains(err.Error(), "No such device") {
			return Device{}, false
		}
		h.t.Fatal(err)
	}
	var list []Device
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		h.t.Fatalf("ip: %v: %s", err, out)
	}
	if len(list) == 0 || list[0].Name == "" {
		return Device{}, false
	}
	return list[0], true
}

// MustDevice is Device for one that has to be there.
func (h *Host) MustDevice(name string) Device {
	h.t.Helper()
	device, ok := h.Device(name)
	if !ok {
		h.t.Fatalf("there is no device %q", name)
	}
	return device
}

// Up says whether the device is administratively up.
func (d Device) Up() bool {
	return slices.Contains(d.Flags, "UP")
}

// Global lists the addresses of global scope, with their prefix length.
func (d Device) Global() []string {
	var list []string
	for _, a := range d.Addresses {
		if a.Scope == "global" {
			list = append(list, a.Local+"/"+strconv.Itoa(a.Prefix))
		}
	}
	return list
}
