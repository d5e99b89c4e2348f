package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// attackerArg is the first argument with which this program executes itself as an attacker.
const attackerArg = "attacker"

// attacks maps the name of an attack to its program. A program calls ready when the attack is under way. It ends when its work is done,
// or, if it attacks without end, when stop is closed. It returns what it did.
var attacks = map[string]func(args []string, ready func(), stop <-chan struct{}) (report, error){
	"addresses": addAddresses,
	"churn":     churn,
	"filters":   addFilters,
	"flood":     flood,
	"forged":    addForged,
	"fuse":      mountFUSE,
	"guest":     beGuest,
	"links":     addLinks,
	"names":     addNames,
	"pod":       hold,
	"routes":    addRoutes,
	"sources":   addSources,
}

// report counts what an attacker did.
type report map[string]int64

// runAttacker runs an attack and returns the exit status. Its standard output is a line when the attack is under way, and the report as
// the last line. The end of standard input stops it.
func runAttacker(name string, args []string) int {
	attack, ok := attacks[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "attacker: unknown attack %q\n", name)
		return 1
	}
	stop := make(chan struct{})
	if name != "guest" { // it reads frames from standard input
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // an error is an end, too
			close(stop)
		}()
	}
	did, err := attack(args, func() { fmt.Println("ready") }, stop)
	if err != nil {
		fmt.Fprintf(os.Stderr, "attacker: %s: %v\n", name, err)
		return 1
	}
	line, err := json.Marshal(did)
	if err != nil {
		fmt.Fprintf(os.Stderr, "attacker: %s: %v\n", name, err)
		return 1
	}
	fmt.Printf("%s\n", line)
	return 0
}

// hold is the first process of a pod: its namespaces live as long as it.
func hold(_ []string, ready func(), stop <-chan struct{}) (report, error) {
	ready()
	<-stop
	return nil, nil
}
