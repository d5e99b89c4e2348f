package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tap/test/harness"
)

// PARAM-4: CNI_PATH is optional for ADD, DEL, CHECK and STATUS.
func TestSpecParamPathOptional(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("STATUS", "", conf(t), "CNI_PATH=").WantOK()
	added := host.Run("ADD", "net1", conf(t), "CNI_PATH=").WantOK()
	host.Run("CHECK", "net1", host.WithPrev(conf(t), added), "CNI_PATH=").WantOK()
	host.Run("DEL", "net1", conf(t), "CNI_PATH=").WantOK()

	host.Run("ADD", "net1", conf(t, fake(m{"ips": []any{m{"address": "192.0.2.2/24"}}})), "CNI_PATH=").WantOK()
	if got, want := host.Calls()[0].Path, filepath.Dir(host.Plugin); got != want {
		t.Errorf("CNI_PATH of the IPAM plugin\nwant the folder of this one, %s\ngot  %q", want, got)
	}
}

// ERR-3: the object has cniVersion, code, msg and details, whoever found the error.
func TestSpecErrorKeys(t *testing.T) {
	host := harness.NewHost(t)
	for _, got := range []harness.Got{
		host.Run("ADD", "net1", conf(t, m{"mtu": "big"})),
		host.Run("ADD", "", conf(t)),
		host.Run("ADD", "net1", conf(t, m{"name": "-"})),
	} {
		var e m
		if err := json.Unmarshal([]byte(got.Stdout), &e); err != nil {
			t.Fatal(err)
		}
		if e["cniVersion"] != "1.1.0" || e["code"] == nil || e["msg"] == "" || e["details"] == nil {
			t.Errorf("error %v", e)
		}
	}
}

// ERR-6: the message of code 4 names the variable.
func TestSpecErrorNamesVariable(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "a/b", conf(t)).WantError(codeEnvironment, "CNI_IFNAME")
	host.ContainerID = "-c"
	host.Run("ADD", "net1", conf(t)).WantError(codeEnvironment, "CNI_CONTAINERID")
}

// VERSION-2: cniVersion is the one of the input.
func TestSpecVersionEchoes(t *testing.T) {
	host := harness.NewHost(t)
	wantText(t, host.Run("VERSION", "", `{"cniVersion": "0.4.0"}`).WantOK().Stdout, `"cniVersion":"0.4.0"`)
}

// VERSION-1: half a question that never ends is answered as well.
func TestSpecVersionOfHalfAQuestion(t *testing.T) {
	host := harness.NewHost(t)
	r, w, err := os.Pipe()
	host.Must(err)
	defer r.Close()
	defer w.Close() // after the answer
	_, err = w.WriteString(`{"cniVersion": "0.`)
	host.Must(err)
	cmd := host.Command("VERSION", "", "")
	cmd.Stdin = r
	wantText(t, host.Finish(cmd).WantOK().Stdout, `"cniVersion":"1.1.0"`)
}

// CAP-9: CNI_ARGS is not ours alone.
func TestSpecArgsIPWithoutIgnoreUnknown(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, hostLocal()), "CNI_ARGS=IP=10.1.0.77/24").WantOK()
}

// CAP-2: addresses were asked for, and nobody can give them.
func TestSpecCapabilityIPsWithoutIPAM(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, m{"runtimeConfig": m{"ips": []any{"10.1.0.77/24"}}})).WantError(codeConfig, "ips")
}

// RESULT-2: the device that limits what the guest sends is an interface of the attachment too.
func TestSpecResultEgressDevice(t *testing.T) {
	host := harness.NewHost(t)
	before := links(t, host.Pod)
	listed := map[string]bool{}
	for _, entry := range host.Run("ADD", "net1", conf(t, limited)).Result().Interfaces {
		listed[entry.Name] = true
	}
	for name := range links(t, host.Pod) {
		if !before[name] && !listed[name] {
			t.Errorf("%s is not in the result", name)
		}
	}
}
