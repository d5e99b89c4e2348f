package e2e

import (
	"os/exec"
	"strings"
)

// strace makes a command run under strace, which writes to log.
func strace(cmd *exec.Cmd, log string, args ...string) {
	all := append([]string{"strace", "-f", "-qq", "-s", "64", "-o", log}, args...)
	cmd.Args = append(append(all, "--"), cmd.Args...)
	cmd.Args[len(all)+1] = cmd.Path
	cmd.Path = "/usr/bin/strace"
}

// wholeCalls puts together the calls that strace shows in two lines, because
// another thread was faster, in the order in which they began.
func wholeCalls(log string) []string {
	var calls []string
	begun := map[string]int{} // by thread
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		thread, _, _ := strings.Cut(line, " ")
		if start, unfinished := strings.CutSuffix(line, " <unfinished ...>"); unfinished {
			begun[thread] = len(calls)
			calls = append(calls, start)
			continue
		}
		if _, end, resumed := strings.Cut(line, " resumed>"); resumed {
			calls[begun[thread]] += end
			continue
		}
		calls = append(calls, line)
	}
	return calls
}
