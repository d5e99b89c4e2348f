// Package load drives the built plugin as a busy node does: many attachments, many
// at a time, killed at random, and two verbs where the specification foresees one.
// What is left is counted by ip, by host-local's own files and by /proc.
package load

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"tap/test/isolate"
)

var (
	duration    = flag.Duration("for", 0, "how long to go on, all tests together; each does its least in any case")
	seed        = flag.Uint64("seed", 0, "of the random moments and choices; 0: a new one")
	attachments = flag.Int("attachments", 1000, "of TestLoad")
	namespaces  = flag.Int("namespaces", 200, "of TestLoad")
	atOnce      = flag.Int("at-once", 32, "plugins that run at a time")
)

func TestMain(m *testing.M) {
	os.Exit(isolate.Run(func() int {
		flag.Parse()
		if *seed == 0 {
			*seed = uint64(time.Now().UnixNano())
		}
		return m.Run()
	}))
}

// random is a source of random numbers for one goroutine. The test tells the seed.
func random(t *testing.T) *rand.Rand {
	t.Logf("seed %d (the kernel's own timing is not in it)", *seed)
	return stream(0)
}

// stream is another source for each number.
func stream(number int) *rand.Rand { return rand.New(rand.NewPCG(*seed, uint64(number))) }

// rounds counts up to least, and on until this test's share of -for has passed.
func rounds(least int, share float64) iter.Seq[int] {
	end := time.Now().Add(time.Duration(share * float64(*duration)))
	return func(yield func(int) bool) {
		for i := 0; i < least || time.Now().Before(end); i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// state is what the runtime knows of an attachment.
type state int

const (
	absent  state = iota
	present       // ADD succeeded
	unknown       // the plugin was killed
)

// fleet is what one runtime does with all its attachments.
type fleet struct {
	*machine
	sync.Mutex
	all     []*attachment
	state   map[*attachment]state
	typical map[string]time.Duration // of a verb
	ran     map[string]int
	killed  map[string]int
	chance  float64 // that a process is to be killed; it may end before
}

// TestLoad adds, checks and deletes attachments, many at a time, while a tenth of the
// plugins are killed at random moments. Then GC with the list of the living leaves
// exactly the living, and DEL leaves nothing.
func TestLoad(t *testing.T) {
	f := &fleet{
		machine: newMachine(t, *namespaces), state: map[*attachment]state{},
		typical: map[string]time.Duration{}, ran: map[string]int{}, killed: map[string]int{}, chance: 0.18,
	}
	random := random(t)
	f.all = f.mixed(*attachments)
	for epoch := range rounds(1, 0.6) {
		for round := range 2 { // all are added, then some deleted, checked or added again
			random.Shuffle(len(f.all), func(i, j int) { f.all[i], f.all[j] = f.all[j], f.all[i] })
			together(*atOnce, f.all, func(i int, a *attachment) {
				f.visit(stream(epoch<<32|round<<24|i+1), a)
			})
		}
		when := fmt.Sprintf("seed %d, epoch %d, after GC", *seed, epoch)
		living, lost := f.sort()
		t.Logf("epoch %d: %d attachments live, of %d it is not known", epoch, len(living), len(lost))
		f.collect(random, living)
		f.accountDevices(when, living)
		f.release(lost) // host-local knows no GC: for what it knows, libcni sends DEL
		f.account(when+" and DEL", living)
		if t.Failed() {
			break
		}
	}
	living, _ := f.sort()
	together(*atOnce, living, func(_ int, a *attachment) { f.must("DEL", a) })
	f.account(fmt.Sprintf("seed %d, after DEL of all", *seed), nil)
	t.Logf("%d attachments in %d namespaces, %d at a time: ran %v, of which killed %v", *attachments, *namespaces, *atOnce, f.ran, f.killed)
	f.wantKills()
}

func (f *fleet) wantKills() {
	ran, killed := 0, 0
	for _, n := range f.ran {
		ran += n
	}
	for _, n := range f.killed {
		killed += n
	}
	f.t.Logf("%d of %d plugins were killed", killed, ran)
	if killed < ran/20 {
		f.t.Errorf("%d of %d plugins were killed: the test shows little", killed, ran)
	}
}

// visit does with an attachment what a runtime would that found it in this state.
func (f *fleet) visit(random *rand.Rand, a *attachment) {
	f.Lock()
	was := f.state[a]
	f.Unlock()
	now := was
	switch dice := random.Float64(); {
	case was == absent:
		if now = f.add(random, a, false); now == present && dice < 0.5 {
			now = f.check(random, a)
		}
	case was == present && dice < 0.5:
		now = f.check(random, a)
	case was == present:
		now = f.del(random, a)
	case dice < 0.4:
		now = f.del(random, a)
	case dice < 0.6:
		now = f.add(random, a, true) // of a runtime that was killed as well, and forgot
	}
	f.Lock()
	f.state[a] = now
	f.Unlock()
}

func (f *fleet) add(random *rand.Rand, a *attachment, mayFail bool) state {
	o := f.maybeKilled(random, f.start("ADD", a))
	switch {
	case o.ok():
		a.result = o.stdout
		return present
	case !o.killed() && !mayFail, !o.killed() && o.code() == 0:
		f.t.Errorf("seed %d: %v", *seed, o)
	}
	return unknown
}

func (f *fleet) check(random *rand.Rand, a *attachment) state {
	if o := f.maybeKilled(random, f.start("CHECK", a)); !o.ok() && !o.killed() {
		f.t.Errorf("seed %d: %v", *seed, o)
	}
	return present
}

func (f *fleet) del(random *rand.Rand, a *attachment) state {
	o := f.maybeKilled(random, f.start("DEL", a))
	switch {
	case o.ok():
		a.result = ""
		return absent
	case !o.killed():
		f.t.Errorf("seed %d: %v", *seed, o)
	}
	return unknown
}

// maybeKilled waits for a plugin, or kills it at a moment of its usual span.
func (f *fleet) maybeKilled(random *rand.Rand, p *process) outcome {
	f.Lock()
	span := f.typical[p.verb]
	f.Unlock()
	if moment := time.Duration(random.Float64() * float64(span)); span > 0 && random.Float64() < f.chance {
		defer time.AfterFunc(moment, p.kill).Stop()
	}
	o := f.wait(p)
	f.Lock()
	defer f.Unlock()
	f.ran[p.verb]++
	if o.killed() {
		f.killed[p.verb]++
	} else {
		f.typical[p.verb] = (9*span + o.took) / 10
	}
	return o
}

// sort tells who lives from those of whom nobody knows.
func (f *fleet) sort() ([]*attachment, []*attachment) {
	var living, lost []*attachment
	for _, a := range f.all {
		switch f.state[a] {
		case present:
			living = append(living, a)
		case unknown:
			lost = append(lost, a)
		}
	}
	return living, lost
}

// collect runs GCs that are killed, and then one that is not.
func (f *fleet) collect(random *rand.Rand, living []*attachment) {
	for range 3 {
		p := f.startGC(living)
		time.AfterFunc(time.Duration(random.IntN(100))*time.Millisecond, p.kill)
		o := f.wait(p)
		f.ran["GC"]++
		if o.killed() {
			f.killed["GC"]++
		}
	}
	f.ran["GC"]++
	f.gc(living)
}

// release sends DEL for those of whom nobody knows.
func (f *fleet) release(lost []*attachment) {
	together(*atOnce, lost, func(_ int, a *attachment) { f.must("DEL", a) })
	for _, a := range lost {
		f.state[a], a.result = absent, ""
	}
}
