//go:build amd64

package faults

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// The kinds of faults.
const (
	callFails    = "a call fails"
	runtimeFails = "a runtime call fails"
	ipamFails    = "an IPAM call fails"
	ipamKilled   = "IPAM killed"
	killed       = "SIGKILL"
	terminated   = "SIGTERM"
)

var sweeps = []string{callFails, runtimeFails, killed, terminated, ipamFails, ipamKilled}

// fault is one that is tried.
type fault struct {
	harness.Fault
	sweep  string
	number uint64 // of the call; -1: all calls count
	last   bool   // in the plan: if it is reached there may be one more
}

const allCalls = ^uint64(0)

func (f fault) name() string {
	table := calls
	if f.sweep == runtimeFails {
		table = runtimeCalls
	}
	if f.number == allCalls {
		return "call"
	}
	return lookup(f.number, table).name
}

// in says what is needed to try a fault again.
func (f fault) in(at row) string {
	what := f.Signal.String()
	if f.Errno != 0 {
		what = unix.ErrnoName(f.Errno)
	}
	return fmt.Sprintf("%s, %s, %s: %s %d %s", at.verb, at.setting, at.sweep, f.name(), f.N, what)
}

// only chooses faults: the beginning of what `in` says of them, or the name of a sweep.
var only = os.Getenv("FAULT")

func (f fault) wanted(at row) bool { return only == f.sweep || strings.HasPrefix(f.in(at), only) }

// everything leaves no fault out (FAULTS=all).
var everything = os.Getenv("FAULTS") == "all"

// runtimePatience is what a process has whose Go runtime may wait for ever after a
// fault; else it is the harness's two minutes.
const runtimePatience = 20 * time.Second

func TestFaults(t *testing.T) {
	for _, verb := range verbs {
		for _, with := range settings {
			t.Run(verb+", "+with.name, func(t *testing.T) {
				t.Parallel()
				sweep(t, verb, with)
			})
		}
	}
}

func sweep(t *testing.T, verb string, with setting) {
	plan := slices.DeleteFunc(planned(t, verb, with), func(f fault) bool {
		return !f.wanted(row{verb, with.name, f.sweep})
	})
	const perShard = 60
	shards := (len(plan) + perShard - 1) / perShard
	for i := range shards {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, verb, with)
			for at := i; at < len(plan); at += shards {
				for f := plan[at]; s.try(f) && f.last; f.N++ { // as long as there is one more
				}
			}
			s.close()
		})
	}
}

// try says whether the fault was reached.
func (s *scene) try(f fault) bool {
	s.t.Helper()
	at := row{s.verb, s.setting.name, f.sweep}
	if !f.wanted(at) {
		return false
	}
	begin := time.Now()
	traced := s.Trace(s.command(), f.Fault)
	if took := time.Since(begin); took > 5*time.Second {
		s.t.Logf("%s: took %s", f.in(at), took)
	}
	if traced.Struck == nil { // it makes fewer calls this time
		if problem := s.cleanUp(); problem != "" {
			s.t.Errorf("%s: not reached, and %s", f.in(at), problem)
			s.renew()
		}
		return false
	}
	v, text := s.judge(traced, f)
	results.add(at, f, v, text)
	if v == unsound {
		s.t.Errorf("%s: unsound", f.in(at))
		s.renew()
	}
	if only != "" && only != f.sweep {
		s.t.Logf("%s\nexit %d\n%s\n%s\n%s", f.in(at), traced.Exit, traced.Stdout, traced.Stderr, text)
	}
	return true
}

// planned lists the faults for one verb, from what a run without fault calls.
func planned(t *testing.T, verb string, with setting) []fault {
	s := newScene(t, verb, with)
	record := func(f harness.Fault) map[uint64]int {
		most := map[uint64]int{allCalls: 0}
		for range 2 { // the number of some calls varies
			counts := map[uint64]int{}
			f.FromMain = true
			traced := s.Trace(s.command(), f)
			traced.WantOK()
			if problem := s.cleanUp(); problem != "" {
				t.Fatal(problem)
			}
			for _, p := range traced.Calls {
				counts[p.Number]++
				counts[allCalls]++
			}
			for number, n := range counts {
				most[number] = max(most[number], n)
			}
		}
		return most
	}
	program := record(harness.Fault{Only: ofProgram})
	if program[allCalls] == 0 {
		t.Fatal("no call of the plugin's main was counted: is close_range still its first?")
	}
	plan := callFaults(program, callFails, harness.Fault{Only: ofProgram}, errnosOf)
	plan = append(plan, callFaults(record(harness.Fault{Only: ofRuntime}), runtimeFails, harness.Fault{Only: ofRuntime}, runtimeErrnos)...)
	plan = append(plan, signals(program[allCalls], killed, harness.Fault{Signal: unix.SIGKILL, Only: ofProgram})...)
	if verb == "ADD" { // the others have nothing to undo
		plan = append(plan, signals(program[allCalls], terminated, harness.Fault{Signal: unix.SIGTERM, Only: ofProgram})...)
	}
	if with.ipam {
		theirs := record(harness.Fault{Children: true, Only: ofProgram})
		if theirs[allCalls] == 0 {
			t.Fatal("no call of the IPAM plugin was counted")
		}
		plan = append(plan, callFaults(theirs, ipamFails, harness.Fault{Children: true, Only: ofProgram}, theirErrnos)...)
		plan = append(plan, signals(theirs[allCalls], ipamKilled, harness.Fault{Signal: unix.SIGKILL, Children: true, Only: ofProgram})...)
	}
	return plan
}

// callFaults are those of every call that counts, at every occurrence.
func callFaults(counts map[uint64]int, sweep string, like harness.Fault, errnos func(number uint64, n, last int) []syscall.Errno) []fault {
	var plan []fault
	numbers := []uint64{}
	for number := range counts {
		if number != allCalls {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		last := counts[number]
		for n := 1; n <= last; n++ {
			for _, errno := range errnos(number, n, last) {
				f := fault{Fault: like, sweep: sweep, number: number, last: n == last}
				f.Calls, f.N, f.Errno, f.FromMain = []uint64{number}, n, errno, true
				if sweep == runtimeFails {
					f.Patience = runtimePatience
				}
				f.Only = func(p *harness.Point) bool { return like.Only(p) && possible(p, errno) }
				plan = append(plan, f)
			}
		}
	}
	return plan
}

// signals are those at every call.
func signals(last int, sweep string, like harness.Fault) []fault {
	var plan []fault
	for n := 1; n <= last; n++ {
		f := fault{Fault: like, sweep: sweep, number: allCalls, last: n == last}
		f.N, f.FromMain = n, true
		plan = append(plan, f)
	}
	return plan
}

// errnosOf are all of a call's.
func errnosOf(number uint64, _, _ int) []syscall.Errno { return lookup(number, calls).errnos }

// runtimeErrnos are few: the process ends, or does not care. Unless everything is
// asked for, only the first, second, fourth, eighth … occurrence fails, and the last.
func runtimeErrnos(number uint64, n, last int) []syscall.Errno {
	errnos := lookup(number, runtimeCalls).errnos
	switch {
	case everything:
		return errnos
	case n&(n-1) == 0 || n == last:
		return errnos[:1]
	}
	return nil
}

// theirErrnos are one of each call: that plugin's own handling is not under test, and
// whatever befalls it, it says so or does not.
func theirErrnos(number uint64, _, _ int) []syscall.Errno {
	errnos := lookup(number, calls).errnos
	if everything {
		return errnos
	}
	return errnos[len(errnos)-1:]
}
