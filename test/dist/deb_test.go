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

// A link that leads nowhere is somebody's too: its target may come with a mount.
func TestDebLeavesAStrangersLinkAlone(t *testing.T) {
	m := newMachine(t)
	m.run("mkdir -p /opt/cni/bin; ln -s /nowhere/tap " + kubernetesPlugin)
	m.run(installDeb)
	m.run("dpkg --install " + m.foreign("kubernetes-cni", "1.9", kubernetesPlugin, "one"))
	m.want("readlink "+kubernetesPlugin, "/nowhere/tap\n")
	m.run(removeDeb)
	m.want("readlink "+kubernetesPlugin+"; dpkg-divert --list '*/tap'; ls /opt/cni/bin", "/nowhere/tap\ntap\n")
}

// Debian's folder under upstream's name as well: there is no second file, and nothing to say.
func TestDebIntoOneFolderOfTwoNames(t *testing.T) {
	m := newMachine(t)
	m.run("mkdir -p /opt/cni /usr/lib/cni; ln -s /usr/lib/cni /opt/cni/bin")
	m.run("dpkg --install " + m.foreign("containernetworking-plugins", "1.9", debianPlugin, "one"))
	if says := m.run(installDeb + " 2>&1"); strings.Contains(says, "left as it is") {
		t.Errorf("it says\n%s", says)
	}
	m.use(debianPlugin)
	m.use(kubernetesPlugin)
	m.run(removeDeb)
	m.want("cat "+debianPlugin+"; ls /usr/lib/cni; dpkg-divert --list '*/tap'", "onetap\n")
}

// Whatever of dpkg's fails half way, what there was before is there again.
func TestDebFailureChangesNothing(t *testing.T) {
	m := newMachine(t)
	// Packages that fail before they are unpacked, and while.
	m.run(`
		dpkg-deb --raw-extract /made/cni-plugin-tap_*_amd64.deb /scratch/failing
		rm /scratch/failing/DEBIAN/conffiles # it is empty, which dpkg-deb does not build
		cp -r /scratch/failing /scratch/taken
		echo 'exit 1' >>/scratch/failing/DEBIAN/preinst
		mkdir -p /scratch/taken/usr/bin
		echo another >/scratch/taken/usr/bin/dpkg
		cp -r /scratch/taken /scratch/rival
		rm -r /scratch/rival/usr/lib /scratch/rival/DEBIAN/p*
		sed -i 's/^Package: .*/Package: rival\nConflicts: cni-plugin-tap/' /scratch/rival/DEBIAN/control
		for package in failing taken rival; do dpkg-deb --root-owner-group --build /scratch/$package /scratch/$package.deb; done`)
	fails := func(install string) {
		t.Helper()
		before := m.plugins()
		m.run("! " + install)
		if after := m.plugins(); after != before {
			t.Errorf("%s\nbefore\n%s\nafter\n%s", install, before, after)
		}
	}
	m.run("dpkg --install " + m.foreign("kubernetes-cni", "1.9", kubernetesPlugin, "one"))
	m.run("dpkg --install " + m.foreign("containernetworking-plugins", "1.9", debianPlugin, "two"))
	fails("dpkg --install /scratch/failing.deb")
	fails("dpkg --install /scratch/taken.deb")
	m.run("echo a stranger >" + kubernetesPlugin + ".distrib") // so nothing can be put aside
	fails(installDeb)
	m.run("rm " + kubernetesPlugin + ".distrib")

	m.run(installDeb)
	fails("dpkg --install /scratch/failing.deb") // as an upgrade
	fails("dpkg --install /scratch/taken.deb")
	fails("dpkg --auto-deconfigure --install /scratch/rival.deb") // in its place
	m.use(kubernetesPlugin)
}
