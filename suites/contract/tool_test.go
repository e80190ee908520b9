package contract

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/scenarios"
)

var _ = Describe("a tool", func() {
	It("that says it is done without having done anything fails", func(ctx SpecContext) {
		t, err := experiment.LoadTool("../../fixtures/tools/liar.yaml", buildMedic())
		Expect(err).NotTo(HaveOccurred())
		s, err := experiment.Begin(ctx, experiment.Options{Engine: eng, Home: home, Image: image, Choices: experiment.Choices{Tool: t}, Clock: clock, Out: GinkgoT().TempDir(),
			Progress: func(line string) { fmt.Println("  " + line) }})
		Expect(err).NotTo(HaveOccurred())
		all := scenarios.All()
		sc := all[slices.IndexFunc(all, func(s experiment.Scenario) bool { return s.Name == "etcd-certs-expired" })]
		sc.Hold, sc.Timeout = 20*time.Second, 30*time.Second // the same scenario, for less patience

		v, err := s.Scenario(ctx, sc)
		Expect(err).NotTo(HaveOccurred())
		code, err := s.Finish(false)
		Expect(err).NotTo(HaveOccurred())
		Expect(v.Arms[slo.Untreated].State).To(Equal(slo.Pass), "%v", v.Reasons)
		Expect(v.Verdict).To(Equal(slo.Fail), "%v", v.Reasons)
		Expect(code).To(Equal(slo.ExitFail))
		Expect(v.Culprit).To(Equal("etcd/server"), "its alarm was right; its repair was not")
	}, SpecTimeout(10*time.Minute))
})
