package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// onBoth runs a test with tc-redirect-tap and with ours under its name, each in a pod of its own.
func onBoth(t *testing.T, test func(t *testing.T, h *takeover, theirs bool)) {
	t.Helper()
	t.Run("theirs", func(t *testing.T) {
		h := newTakeover(t)
		h.Plugin = harness.Bin(t, "reference/tc-redirect-tap")
		test(t, h, true)
	})
	t.Run("ours", func(t *testing.T) {
		h := newTakeover(t)
		h.asRedirector()
		test(t, h, false)
	})
}

// theirConf is a configuration as it is written for tc-redirect-tap, which knows versions up to 0.4.0.
func theirConf(t *testing.T, addresses ...m) string {
	t.Helper()
	return conf(t, handedIn("0.4.0", addresses...), m{"type": "tc-redirect-tap"})
}

// ownPriority is the priority of the filters of redirect mode.
const ownPriority = 65535

// foreign is an ethertype that somebody else's programs drop.
const foreign = 0x88b6 // IEEE 802, local experiments

func oneAddress() m { return m{"address": wired4 + "/24", "gateway": node4} }

// One configuration gives the same tap and the same result, where theirs is right.
func TestRedirectReferenceGivesTheSame(t *testing.T) {
	for name, args := range map[string]string{
		"name":             "TC_REDIRECT_TAP_NAME=vm0",
		"name and owner":   "TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=64001",
		"all":              "TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=64001;TC_REDIRECT_TAP_GID=64002",
		"others' as well":  "IgnoreUnknown=1;TC_REDIRECT_TAP_NAME=vm0;K8S_POD_NAME=pod",
		"group and no tap": "TC_REDIRECT_TAP_GID=64002;TC_REDIRECT_TAP_NAME=vm0",
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[bool]string{}
			onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
				h.sh("ip link set eth0 mtu 1400")
				config, env := theirConf(t, oneAddress()), "CNI_ARGS="+args
				added := h.Run("ADD", "eth0", config, env).WantOK()
				vm, err := readBySDK(t, h.Host, added)
				h.Must(err)
				vm.NetNSPath = strings.ReplaceAll(vm.NetNSPath, h.Pod.Path(), "$NETNS")
				seen[theirs] = strings.Join([]string{brief(h.MustDevice("vm0")), withoutTapMAC(t, h, added), text(t, vm)}, "\n")
				h.Run("CHECK", "eth0", h.WithPrev(config, added), env).WantOK()
			})
			if seen[true] != seen[false] {
				t.Errorf("reference:\n%s\nours:\n%s", seen[true], seen[false])
			}
		})
	}
}

// withoutTapMAC leaves out what the kernel drew, and theirs does not tell, and the path.
func withoutTapMAC(t *testing.T, h *takeover, added harness.Got) string {
	t.Helper()
	var result m
	h.Must(json.Unmarshal([]byte(added.Stdout), &result))
	for _, entry := range result["interfaces"].([]any) {
		if i := entry.(m); i["name"] == "vm0" && i["sandbox"] == h.Pod.Path() {
			delete(i, "mac")
		}
	}
	return strings.ReplaceAll(text(t, result), h.Pod.Path(), "$NETNS")
}

// The rows of the table in docs/redirect.md, "In place of tc-redirect-tap".

func TestRedirectReferenceName(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		want := map[bool]string{true: "tap0", false: "tap-eth0"}[theirs]
		added := h.Run("ADD", "eth0", theirConf(t, oneAddress()))
		if got := tapOf(added); got != want {
			t.Errorf("tap %s, want %s", got, want)
		}
		if mac := added.Result().Interfaces[2].MAC; (mac == "") != theirs {
			t.Errorf("MAC of the tap in the result: %q", mac)
		}
	})
}

func TestRedirectReferenceAddresses(t *testing.T) {
	withoutIndex := conf(t, m{"cniVersion": "0.4.0", "type": "tc-redirect-tap", "prevResult": m{
		"cniVersion": "0.4.0", "interfaces": []any{m{"name": "eth0", "mac": podMAC, "sandbox": "$NETNS"}},
		"ips": []any{m{"version": "4", "address": wired4 + "/24"}},
	}})
	for name, config := range map[string]string{
		"two":           theirConf(t, oneAddress(), m{"address": wired6 + "/64"}),
		"none":          theirConf(t),
		"without index": withoutIndex,
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(_ *testing.T, h *takeover, theirs bool) {
				got := h.Run("ADD", "eth0", config)
				if theirs {
					got.WantError(100, "expected to find 1 IP")
				} else {
					got.WantOK()
				}
			})
		})
	}
}

func TestRedirectReferenceSpeaksBesideTheGuest(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		h.Run("ADD", "eth0", theirConf(t, oneAddress())).WantOK()
		wire := h.Capture(h.Node, "wire")
		h.sh("ping -c 1 -W 0.2 10.7.0.77 >/dev/null || true") // which asks for its MAC address
		if got := heard(wire, ""); (len(got) > 0) != theirs {
			t.Errorf("frames that left the pod's kernel: %q", got)
		}
	})
}

// anothersFilter is one of somebody else, on a qdisc of his.
func (h *takeover) anothersFilter(qdisc string) {
	h.t.Helper()
	h.sh("tc qdisc add dev eth0 " + qdisc)
	h.Must(h.Reject(h.Pod, "eth0", harness.Hook{}, foreign))
	h.before = h.look()
}

func TestRedirectReferenceAnothersClsact(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		h.anothersFilter("clsact")
		config := theirConf(t, oneAddress())
		added := h.Run("ADD", "eth0", config).WantOK()
		if lost := !strings.Contains(h.look(), "theirs"); lost != theirs {
			t.Errorf("ADD removed another's filter: %v", lost)
		}
		h.Run("DEL", "eth0", h.WithPrev(config, added)).WantOK()
		if !theirs {
			h.wantAsBefore()
		}
	})
}

func TestRedirectReferenceAnothersIngress(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		h.anothersFilter("ingress")
		config := theirConf(t, oneAddress())
		added := h.Run("ADD", "eth0", config)
		if _, there := h.Device("tap0"); there != theirs {
			t.Errorf("the failed ADD left a tap: %v", there)
		}
		h.Run("DEL", "eth0", conf(t, m{"cniVersion": "0.4.0", "type": "tc-redirect-tap"})).WantOK()
		if !theirs {
			added.WantError(codeTakeOver, "qdisc ingress")
			h.wantAsBefore()
			return
		}
		added.WantError(100, "failed to add ingress qdisc")
		if qdiscs := h.sh("tc qdisc show dev eth0"); strings.Contains(qdiscs, "ingress") {
			t.Errorf("DEL left another's qdisc alone: %s", qdiscs)
		}
	})
}

func TestRedirectReferenceCheck(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		config := theirConf(t, oneAddress())
		prev := h.WithPrev(config, h.Run("ADD", "eth0", config))
		h.Run("CHECK", "eth0", prev).WantOK()
		h.sh("ip link set eth0 mtu 1400")
		got := h.Run("CHECK", "eth0", prev)
		if theirs {
			got.WantOK()
		} else {
			got.WantError(codeCheck, "MTU")
		}
		h.sh("ip link set eth0 mtu 1500; tc filter del dev eth0 ingress")
		if got := h.Run("CHECK", "eth0", prev); got.Exit == 0 {
			t.Error("CHECK does not miss the filter")
		}
	})
}

// A runtime that has no result calls DEL without one.
func TestRedirectReferenceKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, h *takeover, theirs bool) {
		config := theirConf(t, oneAddress())
		cmd := h.Command("ADD", "eth0", config)
		strace(cmd, filepath.Join(t.TempDir(), "strace"), "-e", "trace=write", "-P", "/dev/null", "-e", "inject=write:signal=KILL")
		cmd.Stdout = devNull(t)
		if got := h.Finish(cmd); got.Exit == 0 {
			t.Fatal("it was not killed")
		}
		taken := h.look()
		if taken == h.before {
			t.Error("the killed ADD left nothing")
		}
		h.Run("DEL", "eth0", conf(t, m{"cniVersion": "0.4.0", "type": "tc-redirect-tap"})).WantOK()
		if !theirs {
			h.wantAsBefore()
		} else if _, there := h.Device("tap0"); !there {
			t.Error("DEL without prevResult found the tap")
		}
	})
}
