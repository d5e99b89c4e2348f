package ipam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
)

// maxOutput bounds what a plugin may print, in bytes: a result has some hundred.
const maxOutput = 4 << 20

// Call is what every verb hands on to the plugin.
type Call struct {
	Stdin      []byte   // the network configuration, as it came
	Env        []string // of the runtime; CNI_COMMAND is set by each verb
	CNIVersion string   // of the configuration: the result's where that names none
}

// Error is the plugin's own error object, or what it died of.
type Error struct {
	Plugin, Verb string
	Reported     *types.Error // nil: it printed none
	Err          error        // how it ended; nil beside Reported
}

func (e *Error) Error() string {
	if e.Reported != nil {
		return fmt.Sprintf("IPAM plugin %q: %s: %s", e.Plugin, e.Verb, e.Reported.Msg)
	}
	return fmt.Sprintf("IPAM plugin %q: %s: %v", e.Plugin, e.Verb, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// CNI is the error's code and advice, for the runtime: the IPAM plugin's own, where it has one.
func (e *Error) CNI() (uint, string) {
	switch {
	case errors.Is(e.Err, ErrBadResult):
		return cni.CodeIPAM, "the IPAM plugin does not answer as the CNI specification demands"
	case errors.Is(e.Err, ErrInterrupted):
		return cni.CodeInterrupted, cni.MayTryAgain
	case errors.Is(e.Err, ErrTimeLimit):
		return cni.CodeIPAM, "the IPAM plugin hangs: find out what it waits for (a lock, a server that does not answer); its own words are on standard error, in the runtime's log"
	}
	code, advice := cni.CodeIPAM, "look for the IPAM plugin's own words on standard error, in the runtime's log"
	if e.Reported != nil && e.Reported.Code != 0 {
		code = e.Reported.Code
	}
	if e.Reported != nil && e.Reported.Details != "" {
		advice = e.Reported.Details
	}
	return code, advice
}

// Del releases what ADD reserved.
func (p *Plugin) Del(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "DEL", call)
	return err
}

// Status asks whether ADD could work now.
func (p *Plugin) Status(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "STATUS", call)
	return err
}

// GC releases what no valid attachment has.
func (p *Plugin) GC(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "GC", call)
	return err
}

// Check asks whether the reservation is still there.
func (p *Plugin) Check(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "CHECK", call)
	return err
}

// run executes one verb in the calling process's own namespaces and returns what
// it printed. The plugin dies with us; some time after ctx has ended, or once it has
// had its time, it is told to end.
func (p *Plugin) run(ctx context.Context, verb string, call Call) ([]byte, error) {
	// PDEATHSIG fires when the thread that forked ends: it must live as long as the plugin.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return p.start(ctx, verb, call).finish()
}

// process is a run of a plugin.
type process struct {
	plugin  *Plugin
	verb    string
	cmd     *exec.Cmd
	failure error // to start it
	out     output
	ctx     context.Context // whose end tells that there is no more use for it
	patient context.Context // whose end tells the plugin to end
	giveUp  context.CancelFunc
	told    bool // to end
}

// start starts a verb, of which finish must be called.
func (p *Plugin) start(ctx context.Context, verb string, call Call) *process {
	r := &process{plugin: p, verb: verb, ctx: ctx}
	r.patient, r.giveUp = context.WithTimeout(context.WithoutCancel(ctx), timeLimit)
	context.AfterFunc(ctx, func() { time.AfterFunc(graceTime, r.giveUp) })
	r.cmd = exec.CommandContext(r.patient, p.path)
	r.cmd.Env = withCommand(call.Env, verb)
	r.cmd.Stdin = bytes.NewReader(call.Stdin)
	r.cmd.Stdout = &r.out
	r.cmd.Stderr = os.Stderr
	// Its own process group: Ctrl-C is for us, who see to it that it ends well.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	r.cmd.Cancel = r.end
	r.cmd.WaitDelay = graceTime
	r.failure = r.cmd.Start()
	return r
}

// end tells the plugin to end, and its children as well.
func (r *process) end() error {
	r.told = true
	return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGTERM)
}

// finish waits for the plugin and returns what it printed.
func (r *process) finish() ([]byte, error) {
	defer r.giveUp()
	err := r.failure
	if err == nil {
		err = r.cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well: only something that it left behind still holds its output
	}
	if (err != nil || r.patient.Err() != nil) && r.cmd.Process != nil {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group, if anything
	}
	failed := &Error{Plugin: r.plugin.name, Verb: r.verb}
	reported := r.out.errorObject()
	switch {
	case r.ctx.Err() != nil:
		failed.Err = fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(r.ctx))
	case err != nil && r.told:
		failed.Err = fmt.Errorf("%w %v", ErrTimeLimit, timeLimit)
	case r.out.full:
		failed.Err = fmt.Errorf("printed more than %d bytes", maxOutput)
	case reported != nil:
		failed.Reported = reported
	case err != nil:
		failed.Err = err
	default:
		return r.out.buf.Bytes(), nil
	}
	return nil, failed
}

// Errors of a plugin that did not end by itself.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrTimeLimit   = errors.New("was ended because it did not end within")
)

// withCommand is the runtime's environment with another CNI_COMMAND, and our mark.
func withCommand(env []string, verb string) []string {
	const key = "CNI_COMMAND="
	changed := make([]string, 0, len(env)+2)
	for _, entry := range env {
		if !strings.HasPrefix(entry, key) {
			changed = append(changed, entry)
		}
	}
	return append(changed, key+verb, mark)
}

// output keeps what a plugin prints, up to maxOutput. The buffer is not embedded:
// its ReadFrom, which io.Copy prefers, knows no bound.
type output struct {
	buf  bytes.Buffer
	full bool
}

func (o *output) Write(p []byte) (int, error) {
	if o.buf.Len()+len(p) > maxOutput {
		o.full = true
		return 0, errors.New("output too long") // ends the copying: the plugin's next write fails
	}
	return o.buf.Write(p)
}

// errorObject is the CNI error that a plugin printed; nil if it printed something
// else. A result has neither code nor msg.
func (o *output) errorObject() *types.Error {
	var e types.Error
	if err := json.Unmarshal(o.buf.Bytes(), &e); err != nil || e.Code == 0 && e.Msg == "" {
		return nil // not an error object: the caller judges the exit status and the result
	}
	return &e
}
