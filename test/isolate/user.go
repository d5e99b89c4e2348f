package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// becomeRoot executes this program again as root of a new user namespace, with all the user IDs that unshare(1) can get for
// it: those which /etc/subuid grants the user, or else the user's own alone. It returns only on failure.
func becomeRoot() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return fmt.Errorf("not root, and no user namespace can be made: %w", err)
	}
	options := []string{"--user", "--map-root-user", "--map-auto"}
	if exec.Command(unshare, append(options[1:], "--", "true")...).Run() != nil {
		options = options[:2] // no newuidmap, or nothing is granted
	}
	if out, err := exec.Command(unshare, append(options, "--", "true")...).CombinedOutput(); err != nil {
		return fmt.Errorf("not root, and no user namespace can be made: %w: %s", err, strings.TrimSpace(string(out)))
	}
	args := append(append([]string{unshare}, options...), "--", self)
	return fmt.Errorf("execute %s: %w", unshare, unix.Exec(unshare, append(args, os.Args[1:]...), os.Environ()))
}

// fullMap is the map of user IDs outside of any user namespace.
const fullMap = "0 0 4294967295"

// InUserNamespace reports whether this process is root of a user namespace only, not of the machine.
func InUserNamespace() bool { return idMap() != fullMap }

// HasManyUsers reports whether this process's user namespace has other users than root.
func HasManyUsers() bool { return !strings.HasSuffix(idMap(), " 1") }

// idMap returns /proc/self/uid_map in one line (user_namespaces(7)). A kernel without user namespaces has no such file.
func idMap() string {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return fullMap
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
