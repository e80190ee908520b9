// Package chaos runs the whole catalogue, one spec for each scenario: `make chaos`, or ginkgo in this directory.
package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/state"
	"github.com/nov30/nov30/scenarios"
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
	options, err := options(ctx)
	Expect(err).NotTo(HaveOccurred())
	session, err = experiment.Begin(ctx, options)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(30*time.Minute))

var interrupted bool

var _ = AfterSuite(func() {
	if session == nil {
		return
	}
	_, err := session.Finish(interrupted)
	Expect(err).NotTo(HaveOccurred())
	GinkgoWriter.Printf("report: %s\n", filepath.Join(session.Dir, "report.md"))
	gexec.CleanupBuildArtifacts()
})

var _ = func() bool {
	for _, s := range scenarios.All() {
		It(s.Name, Label(s.Labels...), func(ctx SpecContext) {
			By(s.Story)
			v, err := session.Scenario(ctx, s)
			interrupted = interrupted || ctx.Err() != nil
			Expect(err).NotTo(HaveOccurred())
			AddReportEntry("verdict", string(v.Verdict))
			fmt.Fprintf(os.Stderr, "%s: %s\n", s.Name, v.Verdict)
			Expect(v.Verdict).To(Equal(slo.Pass), strings.Join(v.Reasons, "\n"))
		}, SpecTimeout(scenarioWithin), GracePeriod(cleanUpWithin))
	}
	return true
}()

// options reads what make passes on; without make the defaults are those of nov30 run.
func options(ctx SpecContext) (experiment.Options, error) {
	o := experiment.Options{Clock: clockwork.NewRealClock(), Out: "../../out", Kubernetes: os.Getenv("NOV30_KUBERNETES"),
		Offline: os.Getenv("NOV30_OFFLINE") == "1", Progress: func(line string) { fmt.Fprintln(os.Stderr, "  "+line) }}
	medic, err := gexec.Build("github.com/nov30/nov30/cmd/medic")
	if err != nil {
		return o, err
	}
	if o.Tool, err = experiment.LoadTool(os.Getenv("NOV30_TOOL"), filepath.Dir(medic)); err != nil {
		return o, err
	}
	if o.Keep, err = experiment.ParseKeep(os.Getenv("NOV30_KEEP")); err != nil {
		return o, err
	}
	if o.Arms, err = experiment.ParseArms(os.Getenv("NOV30_ARMS")); err != nil {
		return o, err
	}
	dir, err := state.Dir(os.Getenv)
	if err != nil {
		return o, err
	}
	o.Home = experiment.Home{Dir: dir}
	if o.Cache, err = state.CacheDir(os.Getenv); err != nil {
		return o, err
	}
	o.Engine, err = engine.Find(ctx, os.Getenv)
	return o, err
}
