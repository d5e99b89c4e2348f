package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/netns"
)

// object is a JSON object.
type object = map[string]any

// machine is a node with pods, whose namespaces are bound in a folder of its own,
// and a network whose name nobody else has.
type machine struct {
	*harness.Host
	t       *testing.T
	dir     string // of the bound namespaces
	network string // also the mark in the environment of all processes
	pods    []*pod
	born    map[string]bool // devices that every new namespace has

	collections atomic.Int32 // GCs that ended

	starting sync.Mutex
	started  []*os.Process
}

// pod is one namespace, and the container in it.
type pod struct {
	id, path string
	ns       *netns.Netns
}

var machines atomic.Int32

func newMachine(t *testing.T, pods int) *machine {
	t.Helper()
	m := &machine{
		Host: harness.NewHost(t), t: t, dir: t.TempDir(),
		network: fmt.Sprintf("load%d.%d", os.Getpid(), machines.Add(1)),
	}
	t.Cleanup(m.killAll)
	m.born = map[string]bool{}
	for _, device := range m.devices(m.Node) {
		m.born[device.Name] = true
	}
	for i := range pods {
		p := &pod{id: fmt.Sprintf("%s-pod%03d", m.network, i), ns: harness.NewNetns(t)}
		p.path = m.Bind(p.ns, m.dir, p.id)
		m.pods = append(m.pods, p)
	}
	return m
}

// attachment is one interface of a pod.
type attachment struct {
	pod    *pod
	ifname string
	conf   object
	result string // of its last ADD
}

func (a *attachment) String() string { return a.pod.id + " " + a.ifname }

func (a *attachment) egress() bool { return a.conf["bandwidth"] != nil }
func (a *attachment) ipam() bool   { return a.conf["ipam"] != nil }

// attachment makes up the configuration of one more interface of a pod.
func (m *machine) attachment(p *pod, ifname string, keys ...object) *attachment {
	conf := object{"cniVersion": "1.1.0", "name": m.network, "type": "tap", "netnsDirs": []string{m.dir}}
	for _, k := range keys {
		maps.Copy(conf, k)
	}
	return &attachment{pod: p, ifname: ifname, conf: conf}
}

// What attachments are made of.
var (
	egress = object{"bandwidth": object{"egressRate": 1e8, "egressBurst": 1e7}}
	queues = object{"multiQueue": true, "owner": 64001, "group": 64002}
)

func (m *machine) hostLocal() object {
	ranges := []any{[]any{object{"subnet": "10.64.0.0/12"}}, []any{object{"subnet": "2001:db8::/64"}}}
	return object{"ipam": object{"type": "host-local", "dataDir": m.Store, "ranges": ranges}}
}

func (m *machine) fake(keys object) object {
	ipam := object{"type": "fake", "store": m.Store}
	maps.Copy(ipam, keys)
	return object{"ipam": ipam}
}

// asked is how often the fake IPAM plugin was asked something. It may be at it
// while we read.
func (m *machine) asked(verb string) int {
	m.t.Helper()
	calls, err := os.ReadFile(filepath.Join(m.Store, "calls"))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return strings.Count(string(calls), `"Verb":"`+verb+`"`)
}

// mixed are attachments of every sort, n of them spread over the pods.
func (m *machine) mixed(n int) []*attachment {
	var list []*attachment
	for i := range n {
		var keys []object
		if i%3 == 0 {
			keys = append(keys, m.hostLocal())
		}
		if i%4 == 1 {
			keys = append(keys, egress)
		}
		if i%5 < 2 {
			keys = append(keys, queues)
		}
		p := m.pods[i%len(m.pods)]
		list = append(list, m.attachment(p, fmt.Sprintf("net%d", i/len(m.pods)), keys...))
	}
	return list
}

// process is a running plugin.
type process struct {
	verb, what  string
	cmd         *exec.Cmd
	out, errOut bytes.Buffer
	began       time.Time
}

// outcome is how a plugin ended.
type outcome struct {
	verb, what     string
	exit           int // status; -1: killed
	stdout, stderr string
	took           time.Duration
}

func (o outcome) ok() bool     { return o.exit == 0 }
func (o outcome) killed() bool { return o.exit < 0 }
func (o outcome) String() string {
	return fmt.Sprintf("%s of %s: exit %d, stdout %s, stderr %s", o.verb, o.what, o.exit, o.stdout, o.stderr)
}

// code is that of the error object; 0: it printed no proper one.
func (o outcome) code() int {
	var e harness.Error
	if o.ok() || json.Unmarshal([]byte(o.stdout), &e) != nil {
		return 0
	}
	return e.Code
}

// hung is how long a verb may take before the test calls it hanging. It says
// nothing about how long a verb takes.
const hung = 3 * time.Minute

// start starts a verb as a runtime does.
func (m *machine) start(verb string, a *attachment) *process {
	conf := a.conf
	if verb == "CHECK" || verb == "DEL" && a.result != "" {
		conf = maps.Clone(conf)
		conf["prevResult"] = json.RawMessage(a.result)
	}
	return m.exec(verb, a.String(), conf, "CNI_CONTAINERID="+a.pod.id, "CNI_NETNS="+a.pod.path, "CNI_IFNAME="+a.ifname)
}

// exec may be called from any goroutine.
func (m *machine) exec(verb, what string, conf object, env ...string) *process {
	stdin, err := json.Marshal(conf)
	if err != nil {
		m.t.Errorf("configuration: %v", err)
	}
	p := &process{verb: verb, what: what, began: time.Now()}
	p.cmd = m.Command(verb, "", string(stdin), append(env, "TAP_LOAD="+m.network)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errOut
	p.cmd.WaitDelay = time.Minute // what it started has its standard error, and ends with it
	if err := m.Node.Start(p.cmd); err != nil {
		m.t.Errorf("start %s of %s: %v", verb, what, err)
		return p
	}
	m.starting.Lock()
	defer m.starting.Unlock()
	m.started = append(m.started, p.cmd.Process)
	return p
}

// killAll ends what a failed test did not wait for.
func (m *machine) killAll() {
	for _, process := range m.started {
		_ = process.Kill() // most have ended
	}
}

// kill ends it at once, if it has not ended by itself.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
}

func (m *machine) wait(p *process) outcome {
	if p.cmd.Process == nil {
		return outcome{verb: p.verb, what: p.what, exit: 127, stderr: "not started"}
	}
	alarm := time.AfterFunc(hung, func() {
		m.t.Errorf("%s of %s hangs", p.verb, p.what)
		p.kill()
	})
	defer alarm.Stop()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Errorf("%s of %s: %v", p.verb, p.what, err) // exec.ErrWaitDelay: something that it started lives on
	}
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	o := outcome{
		verb: p.verb, what: p.what, exit: p.cmd.ProcessState.ExitCode(),
		stdout: p.out.String(), stderr: p.errOut.String(), took: time.Since(p.began),
	}
	if status.Signaled() && status.Signal() != syscall.SIGKILL || o.exit == 2 || strings.Contains(o.stderr, "panic") {
		m.t.Errorf("%v", o)
	}
	return o
}

// run runs a verb to its end, and keeps the result of an ADD.
func (m *machine) run(verb string, a *attachment) outcome {
	o := m.wait(m.start(verb, a))
	if verb == "ADD" && o.ok() {
		a.result = o.stdout
	}
	return o
}

// must is run for a verb that has to succeed.
func (m *machine) must(verb string, a *attachment) {
	if o := m.run(verb, a); !o.ok() {
		m.t.Errorf("%v", o)
	}
}

// startGC starts a GC with what the runtime knows.
func (m *machine) startGC(known []*attachment) *process {
	list := []any{}
	for _, a := range known {
		list = append(list, object{"containerID": a.pod.id, "ifname": a.ifname})
	}
	conf := maps.Clone(m.attachment(nil, "", m.hostLocal()).conf) // which collects nothing, and says so
	conf["cni.dev/valid-attachments"] = list
	return m.exec("GC", fmt.Sprintf("all but %d", len(list)), conf, "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME=")
}

func (m *machine) gc(known []*attachment) {
	if o := m.wait(m.startGC(known)); !o.ok() {
		m.t.Errorf("%v", o)
	}
	m.collections.Add(1)
}

// loopGC runs one GC after the other, until the function that it returns is called,
// which waits for the last one and tells their number. The end of the test calls it as well.
func (m *machine) loopGC(known []*attachment) func() int {
	ended, count := make(chan struct{}), 0
	done := make(chan struct{})
	end := sync.OnceFunc(func() { close(ended); <-done })
	m.t.Cleanup(end)
	go func() {
		defer close(done)
		for {
			m.gc(known)
			count++
			select {
			case <-ended:
				return
			default:
			}
		}
	}()
	return func() int { end(); return count }
}

// together runs work for each of the list, some at a time.
func together[T any](atOnce int, list []T, work func(int, T)) {
	next := make(chan int)
	done := make(chan struct{})
	for range atOnce {
		go func() {
			for i := range next {
				work(i, list[i])
			}
			done <- struct{}{}
		}()
	}
	for i := range list {
		next <- i
	}
	close(next)
	for range atOnce {
		<-done
	}
}

// eventually waits for what another process or the kernel does by itself.
func (m *machine) eventually(what string, done func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(hung); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// bind makes a namespace visible as a file, as runtimes do.
func bind(ns *netns.Netns, path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return unix.Mount(ns.Path(), path, "", unix.MS_BIND, "")
}

// unbind takes a namespace's file away, as `ip netns del` does.
func unbind(path string) error {
	return errors.Join(unix.Unmount(path, unix.MNT_DETACH), os.Remove(path))
}
