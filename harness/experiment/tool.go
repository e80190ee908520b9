package experiment

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/tool"
)

// startTool starts the detector, before anything is broken.
func (x *armRun) startTool(ctx context.Context) error {
	path := filepath.Join(x.dir, "context.json")
	c, err := x.toolContext(ctx)
	if err != nil {
		return err
	}
	if err := tool.WriteContext(path, c); err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	detect, err := x.output("detect.log")
	if err != nil {
		return err
	}
	recover, err := x.output("recover.log")
	if err != nil {
		return err
	}
	private := tool.NewPrivate() // it will hold a key, and processes will have its name: noted before it is there
	if err := errors.Join(x.leaves(remnant{Strays: tool.ContextPath(private)}), x.leaves(remnant{Remove: private})); err != nil {
		return err
	}
	others, err := otherTemporaries()
	if err != nil {
		return err
	}
	x.tool, err = tool.Start(x.Tool, tool.Run{Context: path, Private: private, Env: x.Engine.Env(), Detect: detect, Recover: recover,
		Emit: x.emit, Clock: x.Clock, Hide: append(others, x.Home.Dir, x.Dir), Exposed: x.Exposed}) // no Dir: x.dir would tell the scenario's name
	if err != nil {
		return err
	}
	x.stop = append(x.stop, x.tool.Stop)
	return nil
}

// otherTemporaries are the directories for temporary files of the run's other processes, if there are any: what the same tool
// leaves there would tell this one's what happens.
func otherTemporaries() ([]string, error) {
	own := os.TempDir()
	if !strings.HasPrefix(filepath.Base(own), tool.PrivatePrefix) {
		return nil, nil // the run has one process
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(own), tool.PrivatePrefix+"*"))
	return slices.DeleteFunc(all, func(dir string) bool { return dir == own }), err
}

// toolContext is all that the tool is told.
func (x *armRun) toolContext(ctx context.Context) (tool.Context, error) {
	kubeconfig, err := filepath.Abs(x.cluster.Kubeconfig())
	if err != nil {
		return tool.Context{}, err
	}
	site, err := url.Parse(x.site.URL)
	if err != nil {
		return tool.Context{}, err
	}
	c := tool.Context{Cluster: x.cluster.Name(), Kubeconfig: kubeconfig, SiteURL: site.String(),
		Deadline: x.Clock.Now().Add(steadyFor + or(x.scenario.Timeout, DefaultTimeout)).UTC(), Engine: tool.Engine{Command: x.Engine.Bin, Host: x.Engine.Host}}
	for _, n := range x.cluster.Nodes() {
		address, err := x.cluster.Address(ctx, n.Name())
		if err != nil {
			return tool.Context{}, err
		}
		c.Nodes = append(c.Nodes, tool.Node{Name: n.Name(), Role: string(n.Role()), Container: n.Name(), Address: address.String()})
	}
	return c, nil
}

// output is a file for what the tool prints for people; it is closed with the arm.
func (x *armRun) output(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(x.dir, name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		x.stop = append(x.stop, func() { f.Close() })
	}
	return f, err
}

// recover waits for the first critical finding and runs the recover command; it says whether there was one. What the tool
// does not do is for the record to show; only an interrupt is an error.
func (x *armRun) recover(ctx context.Context, deadline time.Time) (alarmed bool, err error) {
	wait := min(x.Clock.Until(deadline), x.Tool.Deadlines.Detect.Duration)
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-x.Clock.After(wait):
		x.say("+%5.1f s  no critical finding within %s", x.Clock.Since(x.start).Seconds(), wait.Round(time.Second))
		return false, nil
	case <-x.tool.FirstCritical():
	}
	x.say("+%5.1f s  the tool alarms and recovers", x.Clock.Since(x.start).Seconds())
	limited, cancel := context.WithTimeoutCause(ctx, x.Clock.Until(deadline), errors.New("the scenario's time for detection and repair is over"))
	defer cancel()
	err = x.tool.Recover(limited)
	if ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	x.say("+%5.1f s  the recover command has ended: %v", x.Clock.Since(x.start).Seconds(), errOr(err, "it believes it is done"))
	return true, nil
}

func errOr(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}
