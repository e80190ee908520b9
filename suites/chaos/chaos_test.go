// Package chaos runs the whole catalogue, one spec for each scenario: `make chaos`, or ginkgo in this directory.
package chaos

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/scenarios"
)

// A scenario takes some four minutes; what is beyond this hangs.
const (
	scenarioWithin = 30 * time.Minute
	cleanUpWithin  = 6 * time.Minute
)

// here is this process, of the one or several that ginkgo runs the suite in.
var here process

func TestChaos(t *testing.T) {
	RegisterFailHandler(Fail)
	here.selected = selected(PreviewSpecs("chaos"))
	stop := here.watch()
	defer stop()
	RunSpecs(t, "chaos")
	if err := here.end(nil); err != nil {
		t.Error(err)
	}
}

// The first process begins the run, the others join it.
var _ = SynchronizedBeforeSuite(func(ctx SpecContext) []byte {
	invitation, err := here.begin(ctx)
	Expect(err).NotTo(HaveOccurred())
	return invitation
}, func(ctx SpecContext, invitation []byte) {
	if GinkgoParallelProcess() == 1 {
		return
	}
	Expect(here.join(ctx, invitation)).To(Succeed())
	DeferCleanup(func() error { return here.end(nil) }) // before the first one gathers what the others leave
}, NodeTimeout(30*time.Minute))

// Results are written when all is over, whatever ended it: a spec that was selected and has no verdict is inconclusive. Ginkgo
// leaves this out where one of its processes died; then TestChaos does it.
var _ = ReportAfterSuite("results", func(r Report) {
	Expect(here.end(&r)).To(Succeed())
})

// The container has no name: a spec is called "chaos NAME". It keeps the specs in the order of the catalogue, and ginkgo can
// only preview specs that are in one.
var _ = Describe("", func() {
	for _, s := range scenarios.All() {
		It(s.Name, Label(s.Labels...), func(ctx SpecContext) {
			By(s.Story)
			v, err := here.session.Scenario(ctx, s)
			here.print("%s: %s", s.Name, v.Verdict)
			Expect(err).NotTo(HaveOccurred())
			Expect(v.Verdict).To(Equal(slo.Pass), strings.Join(v.Reasons, "\n"))
		}, SpecTimeout(scenarioWithin), GracePeriod(cleanUpWithin))
	}
})
