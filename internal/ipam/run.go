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

// maxOutput is the maximum size of a plugin's output in bytes; a result is a few hundred bytes.
const maxOutput = 4 << 20

// Call is the input that every verb passes to the IPAM plugin.
type Call struct {
	Stdin      []byte   // network configuration, unchanged
	Env        []string // environment from the runtime; each verb sets CNI_COMMAND
	CNIVersion string   // cniVersion of the configuration; applies to a result without cniVersion
}

// Error reports a failed run of an IPAM plugin: the error object that it printed, or how it failed.
type Error struct {
	Plugin, Verb string
	Reported     *types.Error // nil if the plugin printed no error object
	Err          error        // how it failed; nil if Reported is set
}

func (e *Error) Error() string {
	if e.Reported != nil {
		return fmt.Sprintf("IPAM plugin %q: %s: %s", e.Plugin, e.Verb, e.Reported.Msg)
	}
	return fmt.Sprintf("IPAM plugin %q: %s: %v", e.Plugin, e.Verb, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// CNI returns the error code and the advice for the runtime. They come from the error object of the IPAM
// plugin if it printed one.
func (e *Error) CNI() (uint, string) {
	switch {
	case errors.Is(e.Err, ErrBadResult):
		return cni.CodeIPAM, "the output of the IPAM plugin does not follow the CNI specification"
	case errors.Is(e.Err, ErrInterrupted):
		return cni.CodeInterrupted, cni.MayTryAgain
	case errors.Is(e.Err, ErrTimeout):
		return cni.CodeIPAM, "the IPAM plugin hangs: find out what it waits for (a lock, a server that does not answer); " +
			"its messages are on standard error, in the runtime's log"
	}
	code, advice := cni.CodeIPAM, "look for messages of the IPAM plugin on standard error, in the runtime's log"
	if e.Reported != nil && e.Reported.Code != 0 {
		code = e.Reported.Code
	}
	if e.Reported != nil && e.Reported.Details != "" {
		advice = e.Reported.Details
	}
	return code, advice
}

// Del runs DEL, which releases the reservation of ADD.
func (p *Plugin) Del(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "DEL", call)
	return err
}

// Status runs STATUS, which succeeds if an ADD would currently succeed.
func (p *Plugin) Status(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "STATUS", call)
	return err
}

// GC runs GC, which releases the reservations of attachments that are not valid.
func (p *Plugin) GC(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "GC", call)
	return err
}

// Check runs CHECK, which succeeds if the reservation still exists.
func (p *Plugin) Check(ctx context.Context, call Call) error {
	_, err := p.run(ctx, "CHECK", call)
	return err
}

// run executes one verb in the namespaces of the calling process and returns its output. The kernel kills the
// plugin when this process dies. run terminates the plugin after timeLimit, or gracePeriod after ctx is done.
func (p *Plugin) run(ctx context.Context, verb string, call Call) ([]byte, error) {
	// The kernel sends PDEATHSIG when the thread that forked exits: it must live as long as the plugin.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return p.start(ctx, verb, call).finish()
}

// process is one run of a plugin:
//
//	start ──fails──> ended, startErr
//	  └──> running ──exits──> ended
//	         ├──gracePeriod after ctx is done, or timeLimit──> terminated (SIGTERM) ──exits──> ended
//	         │                                                   └──gracePeriod──> killed ──> ended
//	         └──this process dies──> killed (PDEATHSIG)
type process struct {
	plugin     *Plugin
	verb       string
	cmd        *exec.Cmd
	startErr   error // from starting the plugin
	out        output
	ctx        context.Context    // the caller's: once it is done, the output is not used
	runCtx     context.Context    // limits the run: once it is done, the plugin is terminated
	cancel     context.CancelFunc // of runCtx
	terminated bool               // whether terminate was called
}

// start starts a verb. The caller must call finish.
func (p *Plugin) start(ctx context.Context, verb string, call Call) *process {
	r := &process{plugin: p, verb: verb, ctx: ctx}
	r.runCtx, r.cancel = context.WithTimeout(context.WithoutCancel(ctx), timeLimit)
	context.AfterFunc(ctx, func() { time.AfterFunc(gracePeriod, r.cancel) })
	r.cmd = exec.CommandContext(r.runCtx, p.path)
	r.cmd.Env = withCommand(call.Env, verb)
	r.cmd.Stdin = bytes.NewReader(call.Stdin)
	r.cmd.Stdout = &r.out
	r.cmd.Stderr = os.Stderr
	// A process group of its own: Ctrl-C in a terminal must only reach this process, which then gives the
	// plugin time to end.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	r.cmd.Cancel = r.terminate
	r.cmd.WaitDelay = gracePeriod
	r.startErr = r.cmd.Start()
	return r
}

// terminate sends SIGTERM to the process group of the plugin.
func (r *process) terminate() error {
	r.terminated = true
	return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGTERM)
}

// finish waits for the plugin to end and returns its output.
func (r *process) finish() ([]byte, error) {
	defer r.cancel()
	err := r.startErr
	if err == nil {
		err = r.cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the plugin succeeded: only a process that it left behind still has its output open
	}
	if (err != nil || r.runCtx.Err() != nil) && r.cmd.Process != nil {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // processes that are left in the group
	}
	failed := &Error{Plugin: r.plugin.name, Verb: r.verb}
	reported := r.out.errorObject()
	switch {
	case r.ctx.Err() != nil:
		failed.Err = fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(r.ctx))
	case err != nil && r.terminated:
		failed.Err = fmt.Errorf("%w %v", ErrTimeout, timeLimit)
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

var (
	// ErrInterrupted is wrapped by the error if the context was done before the plugin ended.
	ErrInterrupted = errors.New("interrupted")
	// ErrTimeout is wrapped by the error if the plugin exceeded its time limit and was terminated.
	ErrTimeout = errors.New("timed out after")
)

// withCommand returns a copy of env with CNI_COMMAND set to verb, and with recursionMark.
func withCommand(env []string, verb string) []string {
	const key = "CNI_COMMAND="
	changed := make([]string, 0, len(env)+2)
	for _, entry := range env {
		if !strings.HasPrefix(entry, key) {
			changed = append(changed, entry)
		}
	}
	return append(changed, key+verb, recursionMark)
}

// output keeps the standard output of a plugin, up to maxOutput. It does not embed the buffer: io.Copy would
// use its ReadFrom, which has no limit.
type output struct {
	buf  bytes.Buffer
	full bool
}

// Write appends p to the output, or fails if the output would exceed maxOutput.
func (o *output) Write(p []byte) (int, error) {
	if o.buf.Len()+len(p) > maxOutput {
		o.full = true
		return 0, errors.New("output too long") // os/exec stops reading, so the next write of the plugin fails
	}
	return o.buf.Write(p)
}

// errorObject returns the CNI error that the plugin printed, or nil if it printed something else. A result has
// neither code nor msg.
func (o *output) errorObject() *types.Error {
	var e types.Error
	if err := json.Unmarshal(o.buf.Bytes(), &e); err != nil || e.Code == 0 && e.Msg == "" {
		return nil // not an error object: the caller checks the exit status and the result
	}
	return &e
}
