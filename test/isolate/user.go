package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// becomeRoot executes this program again as root of a new user namespace. The namespace has the user IDs that /etc/subuid grants to the
// user, if newuidmap(1) is there, or the user's own ID alone. It returns only on failure.
func becomeRoot() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return fmt.Errorf("not root, and user namespaces cannot be made: %w", err)
	}
	granted, ownOnly := []string{"--user", "--map-root-user", "--map-auto", "--"}, []string{"--user", "--map-root-user", "--"}
	options := granted
	if exec.Command(unshare, append(granted, "true")...).Run() != nil {
		options = ownOnly
		if out, err := exec.Command(unshare, append(ownOnly, "true")...).CombinedOutput(); err != nil {
			return fmt.Errorf("not root, and the kernel permits no user namespaces: %w: %s", err, strings.TrimSpace(string(out)))
		}
	}
	args := append(append([]string{unshare}, options...), self)
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
