// Package chaos runs the whole catalogue, one spec for each scenario: `make chaos`, or ginkgo in this directory.
package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/state"
	"github.com/nov30/nov30/scenarios"
	"github.com/nov30/nov30/suites/programs"
)

// A scenario takes some four minutes; what is beyond this hangs.
const (
	scenarioWithin = 30 * time.Minute
	cleanUpWithin  = 6 * time.Minute
)

var session *experiment.Session

func TestChaos(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "chaos")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	// Not the suite's own temporary directory: the guardian's program must outlive a suite that is killed.
	dir, err := os.MkdirTemp("", "nov30-programs-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	options, err := options(ctx, dir)
	Expect(err).NotTo(HaveOccurred())
	session, err = experiment.Begin(ctx, options)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(30*time.Minute))

// Results are written when all is over, whatever ended it: a spec that was selected and has no verdict is inconclusive.
var _ = ReportAfterSuite("results", func(r Report) {
	if session == nil {
		return
	}
	interrupted := slices.Contains(r.SpecialSuiteFailureReasons, "Interrupted by User") // ginkgo's words for Ctrl-C
	for _, spec := range r.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt || spec.State.Is(types.SpecStatePending) {
			continue
		}
		if !spec.State.Is(types.SpecStateSkipped) || spec.Failure.Message != "" {
			session.Missing(fmt.Errorf("its spec ended as %s", spec.State), spec.LeafNodeText)
		}
	}
	code, err := session.Finish(interrupted)
	fmt.Printf("exit code %d, report: %s\n", code, filepath.Join(filepath.Base(filepath.Dir(session.Dir)), session.Run, report.HTMLFile))
	Expect(err).NotTo(HaveOccurred())
})

var _ = func() bool {
	for _, s := range scenarios.All() {
		It(s.Name, Label(s.Labels...), func(ctx SpecContext) {
			By(s.Story)
			v, err := session.Scenario(ctx, s)
			fmt.Printf("%s: %s\n", s.Name, v.Verdict)
			Expect(err).NotTo(HaveOccurred())
			Expect(v.Verdict).To(Equal(slo.Pass), strings.Join(v.Reasons, "\n"))
		}, SpecTimeout(scenarioWithin), GracePeriod(cleanUpWithin))
	}
	return true
}()

// options reads what make passes on; without make the defaults are those of nov30 run.
func options(ctx SpecContext, programsDir string) (experiment.Options, error) {
	out, err := filepath.Abs("../../out") // what is printed must be right in any directory
	if err != nil {
		return experiment.Options{}, err
	}
	o := experiment.Options{Clock: clockwork.NewRealClock(), Out: out, Offline: os.Getenv("NOV30_OFFLINE") == "1",
		Progress: func(line string) { fmt.Println("  " + line) }}
	built, err := programs.Build(ctx, programsDir)
	if err != nil {
		return o, err
	}
	o.Guardian, o.NodeProgram = built.Guardian(), built.Node
	env := os.Getenv
	if o.Choices, err = experiment.Choose(env("NOV30_TOOL"), env("NOV30_ARMS"), env("NOV30_KEEP"), env("NOV30_KUBERNETES"), built.Dir); err != nil {
		return o, err
	}
	dir, err := state.Dir(env)
	if err != nil {
		return o, err
	}
	o.Home, o.Exposed = experiment.Home{Dir: dir}, env("NOV30_TOOL_EXPOSED") == "1"
	if o.Cache, err = state.CacheDir(env); err != nil {
		return o, err
	}
	o.Engine, err = engine.Find(ctx, env)
	return o, err
}
