package tool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

// Run is what a tool is run with.
type Run struct {
	Context string          // path of the context file; the tool gets a copy of it and of its kubeconfig
	Private string          // path of the tool's private directory, from NewPrivate; empty: one of Start's choosing
	Env     []string        // beside the little that it inherits: how to reach the engine
	Dir     string          // working directory; empty: the private directory that holds the copies
	Detect  io.Writer       // takes the beginning of the detector's standard error; nil: nobody
	Recover io.Writer       // takes the beginning of all output of the recover command; nil: nobody
	Emit    func(slo.Event) // hears of starts, exits, findings and notes, one at a time; At is the receiver's to set
	Clock   clockwork.Clock

	// Hide lists directories, absolute, that the tool finds empty and cannot write to: nov30's state and the run's results.
	// The engine's socket may lie below one; what the tool itself needs may not.
	Hide []string
	// Exposed runs the tool without hiding anything, which a note says: for machines that allow no namespaces.
	Exposed bool
}

// Running is a tool whose detector is running.
type Running struct {
	tool     Tool
	run      Run
	private  private
	isolated *isolation // nil: nothing is hidden
	detector *process
	exited   chan struct{} // closed when the detector's last event is out
	stopped  chan error    // how the detector took being stopped

	alarm    sync.Once // guards the closing of critical
	critical chan struct{}
	stop     sync.Once // guards the closing of stopping
	stopping chan struct{}

	events sync.Mutex // held while an event is handed over

	mu        sync.Mutex
	recovered bool           // the recovery was started
	recovery  sync.WaitGroup // and is under way
}

// Start starts the detector. That it cannot be started is an event and an error, and nothing is left behind. After a
// success Stop must be called. Where a directory to hide cannot be hidden the error says what this machine lacks.
func Start(t Tool, r Run) (*Running, error) {
	x := &Running{
		tool: t, run: r, exited: make(chan struct{}), stopped: make(chan error, 1),
		critical: make(chan struct{}), stopping: make(chan struct{}),
	}
	if err := x.prepare(); err != nil {
		return nil, fmt.Errorf("start %s: %w", t, err)
	}
	x.events.Lock() // the start is told before the first finding
	err := x.detect()
	r.Emit(event(slo.DetectStart, err))
	x.events.Unlock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the detector of %s: %w", t, err), x.private.remove())
	}
	if r.Exposed && len(r.Hide) > 0 {
		x.note("the tool runs exposed: it can see " + strings.Join(r.Hide, " and "))
	}
	return x, nil
}

// prepare makes the private directory and settles what is hidden.
func (x *Running) prepare() (err error) {
	if !x.run.Exposed {
		if x.isolated, err = newIsolation(x.run.Hide); err != nil {
			return err
		}
	}
	if x.private, err = newPrivate(cmp.Or(x.run.Private, NewPrivate()), x.run.Context, x.isolated); err != nil {
		return err
	}
	if err = x.isolated.check(x.tool, x.run, x.private); err != nil {
		return errors.Join(err, x.private.remove())
	}
	return nil
}

// Private is the directory of the tool's own; Stop removes it.
func (x *Running) Private() string { return x.private.dir }

// FirstCritical is closed at the first critical finding.
func (x *Running) FirstCritical() <-chan struct{} { return x.critical }

// Stop ends whatever of the tool is still there: both process groups get SIGTERM, and SIGKILL after 3 s; what has left them
// is killed. It returns when all of it is gone; there is no event after that. A second call does nothing.
func (x *Running) Stop() {
	x.stop.Do(func() {
		x.mu.Lock()
		close(x.stopping)
		x.mu.Unlock()
		x.stopped <- x.detector.stop(x.run.Clock)
		<-x.exited
		x.recovery.Wait()
		killed, err := KillStrays(x.private.context)
		if killed > 0 {
			x.note(fmt.Sprintf("the tool left %d processes outside its process group; they were killed", killed))
		}
		if err = errors.Join(err, x.private.remove()); err != nil {
			x.note(fmt.Sprintf("the tool could not be removed: %v", err))
		}
	})
}

// detect starts the detector and what reads it.
func (x *Running) detect() error {
	out, err := newStream((&detections{found: x.found, note: x.note}).read)
	if err != nil {
		return err
	}
	errs, err := x.log("detector", x.run.Detect)
	if err != nil {
		out.drain(x.run.Clock)
		return err
	}
	if x.detector, err = x.launch(x.tool.Detect, out.write, errs.write); err != nil {
		out.drain(x.run.Clock)
		errs.drain(x.run.Clock)
		return err
	}
	out.started()
	errs.started()
	go x.follow(out, errs)
	return nil
}

// follow waits for the detector's end and tells of it after all that it has printed.
func (x *Running) follow(out, errs *stream) {
	defer close(x.exited)
	<-x.detector.done
	asked := false
	select {
	case <-x.stopping:
		asked = true
	default:
	}
	out.drain(x.run.Clock)
	errs.drain(x.run.Clock)
	if !asked {
		x.emit(event(slo.DetectExit, endedByItself(x.detector.err)))
		return
	}
	e := event(slo.DetectExit, nil)
	if err := <-x.stopped; err != nil {
		e.Detail = err.Error()
	}
	x.emit(e)
}

// endedByItself is the error of a detector that did not run to the end of the arm, whatever its exit code.
func endedByItself(err error) error {
	if err == nil {
		return errors.New("the detector ended by itself")
	}
	return fmt.Errorf("the detector ended by itself: %w", err)
}

func (x *Running) found(f slo.ToolFinding) {
	x.emit(slo.Event{Kind: slo.Finding, OK: true, Finding: &f})
	if f.Severity == slo.Critical {
		x.alarm.Do(func() { close(x.critical) })
	}
}

func (x *Running) emit(e slo.Event) {
	x.events.Lock()
	defer x.events.Unlock()
	x.run.Emit(e)
}

func (x *Running) note(text string) { x.emit(slo.Event{Kind: slo.Note, OK: true, Detail: text}) }

func event(name string, err error) slo.Event {
	e := slo.Event{Kind: slo.ToolEvent, Name: name, OK: err == nil}
	if err != nil {
		e.Error = err.Error()
	}
	return e
}
