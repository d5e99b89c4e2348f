package dist

import (
	"strings"
	"testing"
)

const (
	installDeb = "dpkg --install /made/cni-plugin-tap_*_amd64.deb"
	removeDeb  = "dpkg --remove cni-plugin-tap"
	// what the other packages with a plugin of this name have
	debianPlugin     = "/usr/lib/cni/tap"
	kubernetesPlugin = "/opt/cni/bin/tap"
)

func TestDebInstalledUsedRemoved(t *testing.T) {
	m := newMachine(t)
	before := m.plugins()
	m.run(installDeb)
	m.want("readlink "+kubernetesPlugin, debianPlugin+"\n")
	m.want("dpkg --search "+debianPlugin, "diversion by cni-plugin-tap from: /usr/lib/cni/tap\ndiversion by cni-plugin-tap to: /usr/lib/cni/tap.distrib\ncni-plugin-tap: /usr/lib/cni/tap\n")
	if says := m.run(debianPlugin + " 2>&1"); !strings.HasPrefix(says, "CNI plugin tap "+version(t)+": ") {
		t.Errorf("installed is %s", says)
	}
	m.use(debianPlugin)
	m.use(kubernetesPlugin)
	m.want("dpkg --verify cni-plugin-tap", "")

	m.run(installDeb) // again, as an upgrade
	m.want("readlink "+kubernetesPlugin, debianPlugin+"\n")
	m.use(kubernetesPlugin)

	m.run(removeDeb)
	if after := m.plugins(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// Others' packages with a plugin of this name can be there before, come and be upgraded;
// while this package is installed its plugin is used, and then theirs is back.
func TestDebBesideOtherPackages(t *testing.T) {
	for _, c := range []struct{ name, plugin string }{
		{"containernetworking-plugins", debianPlugin},
		{"kubernetes-cni", kubernetesPlugin},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			one := m.foreign(c.name, "1.9", c.plugin, "one")
			two := m.foreign(c.name, "2.0", c.plugin, "two")
			ours := "cmp " + debianPlugin + " " + c.plugin + "; " + c.plugin + " 2>&1 | head -c 15"

			m.run("dpkg --install " + one)
			m.run(installDeb)
			m.want(ours, "CNI plugin tap ")
			m.run(removeDeb)
			m.want("cat "+c.plugin, "one")
			m.run(installDeb)
			m.run("dpkg --install " + two)
			m.want(ours, "CNI plugin tap ")
			m.run(removeDeb)
			m.want("cat "+c.plugin+"; dpkg --verify "+c.name+"; ls "+c.plugin+"*", "two"+c.plugin+"\n")

			m.run("dpkg --purge " + c.name)
			m.run(installDeb)
			m.run("dpkg --install " + one)
			m.want(ours, "CNI plugin tap ")
			m.run("dpkg --purge " + c.name)
			m.want(ours, "CNI plugin tap ")
			m.run(removeDeb)
			m.want("find "+c.plugin+"* 2>/dev/null || true", "")
		})
	}
}

// What a DaemonSet, or somebody by hand, put into /opt/cni/bin stays, whatever else comes and goes.
func TestDebLeavesAStrangersFileAlone(t *testing.T) {
	m := newMachine(t)
	m.run("mkdir -p /opt/cni/bin; echo a stranger >" + kubernetesPlugin)
	if says := m.run(installDeb + " 2>&1"); !strings.Contains(says, "/opt/cni/bin/tap is of no package and was left as it is") {
		t.Errorf("it says\n%s", says)
	}
	m.want("cat "+kubernetesPlugin, "a stranger\n")
	m.use(debianPlugin)
	m.run("dpkg --install " + m.foreign("kubernetes-cni", "1.9", kubernetesPlugin, "one"))
	m.want("cat "+kubernetesPlugin, "a stranger\n")
	m.run(removeDeb)
	m.want("cat "+kubernetesPlugin+"; ls /opt/cni/bin /usr/lib/cni 2>/dev/null || true", "a stranger\n/opt/cni/bin:\ntap\n")
}

// A DaemonSet that comes later takes the link's place, and the package does not take it back.
func TestDebLeavesALaterFileAlone(t *testing.T) {
	m := newMachine(t)
	m.run(installDeb)
	m.run("cp /tools/packaging /opt/cni/bin/new; mv /opt/cni/bin/new " + kubernetesPlugin)
	m.run(installDeb + " 2>&1")
	m.run(removeDeb)
	m.want("cmp /tools/packaging "+kubernetesPlugin+"; dpkg-divert --list '*/tap'", "")
}
