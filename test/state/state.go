// Package state describes what tests could change on a machine, so that a run can be shown to leave it as it was.
package state

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// State is a machine's device nodes, settings, interfaces, namespaces, mounts, packet filter chains, control groups, and files of
// CNI: a line for each.
type State []string

// Read returns the state of this machine, as this process sees it.
func Read() (State, error) {
	var s State
	var failed error
	for _, part := range []func() ([]string, error){nodes, settings, interfaces, namespaces, mounts, chains, files, groups} {
		lines, err := part()
		s, failed = append(s, lines...), errors.Join(failed, err)
	}
	slices.Sort(s)
	return s, failed
}

// patience is how long the kernel and ended processes have to clean up.
const patience = 20 * time.Second

// Await waits until the machine is as in s and no process has the setting in its environment. It returns the differences that
// remain.
func (s State) Await(setting string) ([]string, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		after, err := Read()
		if err != nil {
			return nil, err
		}
		left := s.Differences(after)
		processes, err := Processes(setting)
		for _, p := range processes {
			left = append(left, fmt.Sprintf("left behind: process %d: %s", p.Pid, p.Command))
		}
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}

// Differences returns what there is more and less in after than in s.
func (s State) Differences(after State) []string {
	var list []string
	for _, line := range after {
		if _, found := slices.BinarySearch(s, line); !found {
			list = append(list, "left behind: "+line)
		}
	}
	for _, line := range s {
		_, found := slices.BinarySearch(after, line)
		if !found && !strings.HasPrefix(line, "namespace ") { // which end with processes that the run has not started
			list = append(list, "taken away: "+line)
		}
	}
	return list
}

// nodes returns the device nodes that programs of other users may open or not by their mode.
func nodes() ([]string, error) {
	var lines []string
	for _, pattern := range []string{"/dev/*", "/dev/net/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeDevice != 0 { // others may have vanished
				lines = append(lines, fmt.Sprintf("node %s %v", path, info.Mode()))
			}
		}
	}
	return lines, nil
}

// volatile are settings that the kernel changes by itself, and those of single interfaces, which go with them.
var volatile = regexp.MustCompile(`^/proc/sys/(net/(ipv4|ipv6)/(conf|neigh)/|net/netfilter/nf_conntrack_(count|buckets)|net/ipv4/tcp_fastopen_key|net/ipv4/route/|kernel/(random/|ns_last_pid|pty/nr|perf_event_max_sample_rate|spl/|tainted|sched_domain/))`)

// shared are the settings in conf that are not of a single interface.
var shared = regexp.MustCompile(`^/proc/sys/net/(ipv4|ipv6)/(conf|neigh)/(all|default)/`)

// settings returns the values of net.* and kernel.*.
func settings() ([]string, error) {
	var lines []string
	for _, root := range []string{"/proc/sys/net", "/proc/sys/kernel"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || volatile.MatchString(path) && !shared.MatchString(path) {
				return nil //nolint:nilerr // the directory of an interface may vanish
			}
			value, err := os.ReadFile(path)
			if err == nil { // some can only be written
				lines = append(lines, fmt.Sprintf("setting %s %q", strings.TrimPrefix(path, "/proc/sys/"), strings.TrimSpace(string(value))))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// byModules are the interfaces that kernel modules make in every namespace when they are loaded.
var byModules = regexp.MustCompile(`^(ifb[01]|dummy0|bond0|teql0|sit0|tunl0|ip6tnl0|ip_vti0|ip6_vti0|gre0|gretap0|erspan0|ip6gre0)$`)

// lifetime is what a route or an address has left.
var lifetime = regexp.MustCompile(` (expires \d+sec|valid_lft.*)`)

// interfaces returns the interfaces with their addresses, routes, rules and qdiscs.
func interfaces() ([]string, error) {
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, entry := range entries {
		if !byModules.MatchString(entry.Name()) && entry.Name() != "bonding_masters" {
			lines = append(lines, "interface "+entry.Name())
		}
	}
	for _, args := range [][]string{
		{"ip", "-o", "address"}, {"ip", "-4", "route", "show", "table", "all"}, {"ip", "-6", "route", "show", "table", "all"},
		{"ip", "-4", "rule"}, {"ip", "-6", "rule"},
	} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
		for line := range strings.Lines(string(out)) {
			lines = append(lines, args[2]+" "+strings.Join(strings.Fields(lifetime.ReplaceAllString(line, "")), " "))
		}
	}
	return lines, nil
}

// namespaces returns the namespaces that have a name or a process.
func namespaces() ([]string, error) {
	var lines []string
	named, err := filepath.Glob("/run/netns/*")
	if err != nil {
		return nil, err
	}
	for _, path := range named {
		lines = append(lines, "named namespace "+path)
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/*")
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && !strings.HasSuffix(link, "_for_children") { // otherwise the process has ended
			lines = append(lines, "namespace "+target)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// mounts returns the mounts with their options.
func mounts() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		// proc_pid_mountinfo(5): mount ID, parent ID, device, root, mount point, options, …
		if fields := strings.Fields(scanner.Text()); len(fields) > 4 {
			lines = append(lines, "mount "+strings.Join(fields[4:], " "))
		}
	}
	return lines, nil
}

// counters are what packets have changed in the output of iptables-save.
var counters = regexp.MustCompile(` \[\d+:\d+\]$`)

// chains returns the chains and rules of iptables, if the program is there.
func chains() ([]string, error) {
	var lines []string
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		if _, err := exec.LookPath(program); err != nil {
			continue
		}
		out, err := exec.Command(program).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		table := ""
		for line := range strings.Lines(string(out)) {
			line = counters.ReplaceAllString(strings.TrimSpace(line), "")
			switch {
			case strings.HasPrefix(line, "*"):
				table = line
			case strings.HasPrefix(line, ":"), strings.HasPrefix(line, "-"):
				lines = append(lines, program+" "+table+" "+line)
			}
		}
	}
	return lines, nil
}

// files returns what there is of CNI, and of the plugin.
func files() ([]string, error) {
	var lines []string
	for _, pattern := range []string{"/run/cni", "/run/tap*", "/run/multus", "/run/containers", "/var/lib/cni", "/var/lib/containers", "/etc/cni", "/opt/cni"} {
		roots, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, root := range roots {
			err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
				lines = append(lines, "file "+path)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return lines, nil
}

// groups returns the control groups that the tests make.
func groups() ([]string, error) {
	var lines []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "tap-") {
			lines = append(lines, "control group "+path)
		}
		return nil //nolint:nilerr // a group may vanish
	})
	return lines, err
}
