package dist

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	multus "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"github.com/santhosh-tekuri/jsonschema/v6"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"tap/test/harness"
)

const deploy = repository + "/deploy"

// built is what `kubectl apply -k` would send, each object of the type that the API
// server has for it: a key that this one does not know is an error.
func built(t *testing.T, dir string) map[string]any {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(deploy, dir))
	must(t, err)
	objects := map[string]any{}
	for _, resource := range resources.Resources() {
		object := map[string]any{
			"v1 Namespace":      &core.Namespace{},
			"v1 Pod":            &core.Pod{},
			"apps/v1 DaemonSet": &apps.DaemonSet{},
			"k8s.cni.cncf.io/v1 NetworkAttachmentDefinition": &multus.NetworkAttachmentDefinition{},
		}[resource.GetApiVersion()+" "+resource.GetKind()]
		if object == nil {
			t.Fatalf("%s: a %s of %s", dir, resource.GetKind(), resource.GetApiVersion())
		}
		text, err := resource.AsYAML()
		must(t, err)
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, text)
		}
		objects[resource.GetKind()] = object
	}
	return objects
}

// Every folder of deploy/ builds, and there is no file that none of them names.
func TestDeployIsWhatKubernetesTakes(t *testing.T) {
	named := 0
	var all []string
	must(t, filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if filepath.Base(path) != "kustomization.yaml" {
			all = append(all, path)
			return nil
		}
		dir, err := filepath.Rel(deploy, filepath.Dir(path))
		must(t, err)
		objects := built(t, dir)
		if dir == "base" || strings.HasPrefix(dir, "examples") {
			named += len(objects)
		}
		return nil
	}))
	if named != len(all) || named == 0 {
		t.Errorf("%d objects in %v", named, all)
	}
}

// The DaemonSet's pods have one writable folder of the node, and no other privilege.
func TestDaemonSetHasTheLeastPrivilege(t *testing.T) {
	for _, dir := range []string{"base", "remove", "selinux"} {
		set := built(t, dir)["DaemonSet"].(*apps.DaemonSet)
		pod := set.Spec.Template.Spec
		if pod.HostNetwork || pod.HostPID || pod.HostIPC || pod.ServiceAccountName != "" || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: the pod shares more with its node than a folder: %+v", dir, pod)
		}
		if pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault || len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
			t.Errorf("%s: %+v", dir, pod)
		}
		c := pod.Containers[0]
		s := c.SecurityContext
		if *s.AllowPrivilegeEscalation || *s.Privileged || !*s.ReadOnlyRootFilesystem || len(s.Capabilities.Add) != 0 || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
			t.Errorf("%s: %+v", dir, s)
		}
		if len(pod.Volumes) != 1 || pod.Volumes[0].HostPath.Path != "/opt/cni/bin" || len(c.VolumeMounts) != 1 || c.VolumeMounts[0].Name != pod.Volumes[0].Name {
			t.Errorf("%s: volumes %+v, mounts %+v", dir, pod.Volumes, c.VolumeMounts)
		}
		if !slices.Equal(slices.Collect(maps.Values(set.Spec.Selector.MatchLabels)), slices.Collect(maps.Values(set.Spec.Template.Labels))) {
			t.Errorf("%s: it does not select its own pods", dir)
		}
	}
}

// The image's container, as the DaemonSet's manifest has it: its root can only be read, and
// a folder is in the place of the node's. deploy/base installs, deploy/remove takes away.
func TestDaemonSetInstallsAndRemoves(t *testing.T) {
	harness.NeedRoot(t)
	root := rootOf(t, "amd64")
	config, err := image(t, "amd64").ConfigFile()
	must(t, err)
	node := t.TempDir()
	run := func(dir string) {
		t.Helper()
		pod := built(t, dir)["DaemonSet"].(*apps.DaemonSet).Spec.Template.Spec
		mountPoint := filepath.Join(root, pod.Containers[0].VolumeMounts[0].MountPath)
		must(t, os.MkdirAll(mountPoint, 0o755))
		cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-ec", `
			mount --bind "$1" "$1"
			mount --bind "$2" "$3"
			mount -o remount,bind,ro "$1"
			root=$1
			shift 3
			exec chroot "$root" "$@"`, "sh", root, node, mountPoint, config.Config.Entrypoint[0]}, pod.Containers[0].Args...)...)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		said := make([]byte, 200)
		n, err := stdout.Read(said)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		t.Logf("%s", said[:n])
		must(t, cmd.Process.Signal(syscall.SIGTERM)) // it waits for that
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	run("base")
	if got := files(t, node); got != "-rwxr-xr-x tap \n" || read(t, filepath.Join(node, "tap")) != read(t, filepath.Join(root, "tap")) {
		t.Errorf("the node has\n%s", got)
	}
	run("remove")
	if got := files(t, node); got != "" {
		t.Errorf("the node still has\n%s", got)
	}
}

// What a pod's command says of the tap: its name, and whether there are several queues.
var (
	tapName   = regexp.MustCompile(`\b(?:ifname|iface)=([^,\s]+)`)
	multiple  = regexp.MustCompile(`\b(?:queues=[2-9]|net_tap0)`)
	wantedMAC = regexp.MustCompile(`virtio-net-pci,.*mac=([^,\s]+)`)
)

// The examples' networks are of the schema, and do what their pods need: the user of
// the pod attaches to the tap that the command names, with that many queues.
func TestDeployExamplesWork(t *testing.T) {
	for _, name := range []string{"vmm", "dpdk", "redirect"} {
		t.Run(name, func(t *testing.T) {
			objects := built(t, filepath.Join("examples", name))
			pod := objects["Pod"].(*core.Pod)
			network := objects["NetworkAttachmentDefinition"].(*multus.NetworkAttachmentDefinition)
			var chosen []multus.NetworkSelectionElement
			must(t, json.Unmarshal([]byte(pod.Annotations[multus.NetworkAttachmentAnnot]), &chosen))
			if len(chosen) != 1 || chosen[0].Name != network.Name {
				t.Fatalf("the pod chooses %+v, the network is %s", chosen, network.Name)
			}
			config, err := jsonschema.UnmarshalJSON(strings.NewReader(network.Spec.Config))
			must(t, err)
			schema, err := jsonschema.NewCompiler().Compile(repository + "/schema/tap.schema.json")
			must(t, err)
			must(t, schema.Validate(config))

			host := harness.NewHost(t)
			attach(t, host, config.(map[string]any), chosen[0])
			command := strings.Join(pod.Spec.Containers[0].Command, "\n")
			if name == "dpdk" && !strings.Contains(command, "--stats-period=") && !pod.Spec.Containers[0].Stdin {
				t.Error("testpmd waits for enter, and ends at once where there is no input")
			}
			tap := tapName.FindStringSubmatch(command)[1]
			several := multiple.MatchString(command)
			user := int(*pod.Spec.SecurityContext.RunAsUser)
			d := host.MustDevice(tap)
			if !d.Up() || d.Details.Data.MultiQueue != several {
				t.Errorf("several queues: %v, device %+v", several, d)
			}
			if chosen[0].MacRequest != "" && host.MustDevice(chosen[0].InterfaceRequest).MAC != chosen[0].MacRequest {
				t.Errorf("the interface has not the MAC address %s", chosen[0].MacRequest)
			}
			if mac := wantedMAC.FindStringSubmatch(command); mac != nil && (mac[1] == d.MAC || name == "redirect" && mac[1] != chosen[0].MacRequest) {
				t.Errorf("the guest's MAC address %s, the tap's %s, the interface's %s", mac[1], d.MAC, chosen[0].MacRequest)
			}
			host.Attach(harness.Attach{Tap: tap, User: user, Group: int(*pod.Spec.SecurityContext.RunAsGroup), MultiQueue: several}).WantAttached()
			host.Attach(harness.Attach{Tap: tap, User: 4321, Group: 4321, MultiQueue: several}).WantRefused("EPERM")
		})
	}
}

// attach makes the attachment as Multus does, by way of cnitool, and removes it when the
// test ends.
func attach(t *testing.T, host *harness.Host, config map[string]any, chosen multus.NetworkSelectionElement) {
	t.Helper()
	before := host.Snapshot()
	for _, plugin := range config["plugins"].([]any) {
		if ipam, ok := plugin.(map[string]any)["ipam"].(map[string]any); ok && ipam["type"] == "host-local" {
			ipam["dataDir"] = host.Store // else the machine's own
		}
	}
	text, err := json.Marshal(config)
	must(t, err)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "net.conflist"), string(text), 0o600)
	run := func(verb string) {
		cmd := exec.Command(harness.Bin(t, "cnitool"), verb, config["name"].(string), host.Pod.Path())
		cmd.Env = []string{
			"NETCONFPATH=" + dir, "CNI_PATH=" + harness.BinDir(t), "CNI_IFNAME=" + chosen.InterfaceRequest,
			"CNI_CONTAINERID=" + filepath.Base(host.Store), "CAP_ARGS={\"mac\": \"" + chosen.MacRequest + "\"}",
		}
		host.Finish(cmd).WantOK()
	}
	run("add")
	t.Cleanup(func() {
		run("check")
		run("del")
		_, _ = host.Node.Output("ip", "link", "del", "cni-redirect") // the bridge plugin leaves it
		host.WantSame(before)
	})
}
