package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/scenarios"
	"github.com/nov30/nov30/suites/programs"
)

// process is one of ginkgo's processes and its part in the run.
type process struct {
	session     *experiment.Session // nil: not begun or joined, or over
	out         io.Writer           // where people see at once what it does
	selected    []string            // scenarios that are to run, in all processes together
	interrupted func() bool
}

// message is what the first process tells the others, through ginkgo, in memory.
type message struct {
	Programs   programs.Set
	Invitation []byte
}

func (p *process) begin(ctx context.Context) ([]byte, error) {
	// Not the suite's own temporary directory: the guardian's program must outlive a suite that is killed.
	dir, err := os.MkdirTemp("", "nov30-programs-")
	if err != nil {
		return nil, err
	}
	DeferCleanup(os.RemoveAll, dir) // ginkgo waits for the other processes
	built, err := programs.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	o, err := p.options(ctx, built)
	if err != nil {
		return nil, err
	}
	if p.session, err = experiment.Begin(ctx, o); err != nil {
		return nil, err
	}
	invitation, err := p.session.Invite(processes())
	if err != nil {
		return nil, err
	}
	return json.Marshal(message{built, invitation})
}

func (p *process) join(ctx context.Context, text []byte) error {
	var m message
	if json.Unmarshal(text, &m) != nil {
		return errors.New("what the first process has said is no message") // and must not be repeated
	}
	o, err := p.options(ctx, m.Programs)
	if err != nil {
		return err
	}
	p.session, err = experiment.Join(o, m.Invitation, GinkgoParallelProcess())
	return err
}

// end ends this process's part, once. The first one writes the results; r is what ginkgo says of all processes, nil where
// it does not.
func (p *process) end(r *Report) error {
	if p.session == nil {
		return nil
	}
	session := p.session
	p.session = nil
	if GinkgoParallelProcess() > 1 {
		return session.Leave(p.interrupted())
	}
	interrupted := p.interrupted()
	ended := map[string]error{}
	if r != nil {
		interrupted = interrupted || slices.Contains(r.SpecialSuiteFailureReasons, "Interrupted by User") // ginkgo's words for Ctrl-C
		for _, spec := range r.SpecReports.WithLeafNodeType(types.NodeTypeIt) {
			ended[spec.LeafNodeText] = fmt.Errorf("its spec ended as %s", spec.State)
		}
	}
	for _, name := range p.selected {
		if ended[name] == nil {
			ended[name] = errors.New("the process that was to run it has died")
		}
		session.Missing(ended[name], name)
	}
	code, err := session.Finish(interrupted)
	p.print("exit code %d, report: %s", code, filepath.Join(filepath.Base(filepath.Dir(session.Dir)), session.Run, report.HTMLFile))
	p.print("%s", report.ReadTimeTable(session.Dir))
	if err == nil && r == nil && code == slo.ExitPass {
		err = errors.New("ginkgo did not say how the specs ended") // a suite that fell apart is no success
	}
	return err
}

// watch notes whether somebody asks to stop, for what comes after ginkgo's own handling.
func (p *process) watch() (stop func()) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	p.interrupted = func() bool { return ctx.Err() != nil }
	return stop
}

// selected names the scenarios that ginkgo's filters leave.
func selected(preview Report) []string {
	var names []string
	for _, spec := range preview.SpecReports.WithLeafNodeType(types.NodeTypeIt) {
		if !spec.State.Is(types.SpecStateSkipped | types.SpecStatePending) {
			names = append(names, spec.LeafNodeText)
		}
	}
	return names
}

// catalogue names all scenarios in their order.
func catalogue() []string {
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, s.Name)
	}
	return names
}

// processes is how many share the run.
func processes() int {
	config, _ := GinkgoConfiguration()
	return config.ParallelTotal
}
