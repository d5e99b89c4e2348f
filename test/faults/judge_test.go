//go:build amd64

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// verdict is what became of one fault.
type verdict int

const (
	sound   verdict = iota
	crashed         // the Go runtime ended the process at a call of its own, and DEL left nothing
	leaked          // sound, but the IPAM plugin left something in its store
	unsound
)

// judge looks at the outcome of a fault, does what a runtime would do next, and
// says in a text what is wrong. The host is then as before, unless that is unsound.
func (s *scene) judge(tr harness.Traced, f fault) (verdict, string) {
	s.t.Helper()
	died := tr.Exit < 0 || !f.Children && strings.Contains(tr.Stderr, "fatal error: ") || f.sweep == runtimeFails && tr.Exit != 0 && badError(tr.Stdout) != ""
	var wrong string
	switch {
	case tr.Hung && f.sweep != runtimeFails:
		wrong = "hung"
	case tr.Outlived:
		wrong = "a child outlived it"
	case died:
		wrong = s.afterDeath()
	case tr.Exit == 0 && s.toldGone(tr.Struck, f):
		wrong = s.cleanUp()
	case tr.Exit == 0:
		wrong = s.afterSuccess(tr)
	default:
		if wrong = badError(tr.Stdout); wrong == "" {
			wrong = s.afterError(f)
		}
	}
	now := stateOf(s.Host)
	switch {
	case wrong != "":
	case now.devices != s.before.devices:
		wrong = "devices"
	case now.reservations != s.before.reservations:
		if !s.ipams(f, died) {
			wrong = "reservations"
			break
		}
		s.sweepStore()
		return leaked, ""
	case died && f.Errno != 0 && !f.Children:
		if f.sweep != runtimeFails && !strings.Contains(tr.Stderr, "fatal error: ") {
			wrong = "died"
			break
		}
		return crashed, ""
	case tr.Exit != 0 && f.sweep == callFails && mustBeRetried(tr.Struck, f.Errno):
		wrong = unix.ErrnoName(f.Errno) + " was not retried"
	default:
		return sound, ""
	}
	return unsound, fmt.Sprintf("%s; exit %d%s\n      stdout: %s\n      stderr: %s",
		wrong, tr.Exit, s.before.difference(now), oneLine(tr.Stdout), oneLine(tr.Stderr))
}

// afterDeath is what the runtime does when the plugin ended without a word. Of a SIGTERM
// that came before the plugin looks after signals the Go runtime dies in its own time,
// and the verb goes on until then.
func (s *scene) afterDeath() string { return s.cleanUp() }

// cleanUp is the next GC or DEL.
func (s *scene) cleanUp() string {
	if s.verb == "GC" {
		if got := s.Run("GC", "", s.tested, "CNI_CONTAINERID=", "CNI_NETNS="); got.Exit != 0 {
			return "the next GC failed: " + got.Stdout
		}
		if _, there := s.Device(s.setting.tap("net1")); there {
			return "the next GC did not remove the tap"
		}
	}
	if s.verb == "CHECK" {
		return "" // which changes nothing
	}
	if got := s.Run("DEL", "net1", s.conf); got.Exit != 0 {
		return "the next DEL failed: " + got.Stdout
	}
	return ""
}

// afterError: a failed ADD has undone everything itself.
func (s *scene) afterError(f fault) string {
	if s.verb == "ADD" {
		if now := stateOf(s.Host); now.devices != s.before.devices || s.leftOwned() || now.reservations != s.before.reservations && !f.Children {
			return "the failed ADD left something"
		}
		if !f.Children {
			return ""
		}
	}
	return s.cleanUp()
}

func (s *scene) afterSuccess(tr harness.Traced) string {
	switch s.verb {
	case "ADD":
		if now := s.picture(); now != s.wanted {
			return fmt.Sprintf("not as asked for\n--- want\n%s--- got\n%s", s.wanted, now)
		}
		if got := s.Run("CHECK", "net1", s.WithPrev(s.conf, tr.Got)); got.Exit != 0 {
			return "CHECK after it: " + got.Stdout
		}
		return s.cleanUp()
	case "GC":
		if now := stateOf(s.Host); now.devices != s.before.devices {
			return "GC left a tap or took a valid one"
		}
		return s.cleanUp() // the reservation: host-local has no GC
	}
	return ""
}

// toldGone says whether the fault was that the namespace is not there, or the folder
// in which it is bound: DEL and GC have to believe it.
func (s *scene) toldGone(p *harness.Point, f fault) bool {
	if f.Errno != unix.ENOENT || p.Number != unix.SYS_OPENAT && p.Number != unix.SYS_OPENAT2 || f.Children {
		return false
	}
	path, _, _ := strings.Cut(string(p.Data[:]), "\x00")
	switch s.verb {
	case "DEL":
		return path != "" && strings.HasPrefix(s.Pod.Path(), path)
	case "GC":
		return path == "pod" || path != "" && strings.HasPrefix(s.folder, path)
	}
	return false
}

// badError says what is wrong with an error object.
func badError(stdout string) string {
	var e harness.Error
	if err := json.Unmarshal([]byte(stdout), &e); err != nil {
		return "not one error object: " + err.Error()
	}
	if e.Code == 0 || e.Msg == "" {
		return "an error without code or message"
	}
	return ""
}

// ipams says whether what is left in the store is the IPAM plugin's own leak: a fault
// befell that plugin itself, or it died with ours before it had written the owner.
func (s *scene) ipams(f fault, died bool) bool {
	if f.Children && s.verb != "ADD" {
		return true
	}
	if !f.Children && !died && f.Signal == 0 {
		return false
	}
	return !s.leftOwned()
}

// leftOwned says whether there is a new reservation that has an owner, by which DEL finds it.
func (s *scene) leftOwned() bool {
	return slices.ContainsFunc(s.Reservations(), func(held string) bool {
		return !strings.Contains(s.before.reservations, held) && strings.Contains(strings.TrimSpace(held), " ")
	})
}

// sweepStore removes what was left.
func (s *scene) sweepStore() {
	for _, held := range s.Reservations() {
		if strings.Contains(s.before.reservations, held) && strings.Contains(strings.TrimSpace(held), " ") {
			continue
		}
		name, _, _ := strings.Cut(held, " ")
		files, err := filepath.Glob(filepath.Join(s.Store, "*", name))
		s.Must(err)
		for _, file := range files {
			s.Must(os.Remove(file))
		}
	}
}

func oneLine(text string) string {
	const most = 1500
	return strings.ReplaceAll(text[:min(len(text), most)], "\n", " ")
}
