package contract

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// rewinds is how often one cluster is rewound in a row; NOV30_REWINDS changes it.
func rewinds() int {
	if n, err := strconv.Atoi(os.Getenv("NOV30_REWINDS")); err == nil && n >= 2*few {
		return n
	}
	return 50
}

// few of the rewinds are the beginning, and as many the end.
const few = 5

// grows is by how much anything may be more at the end than in the beginning.
const grows = 1.05

// usage is what a cluster takes of the machine.
type usage struct {
	took          time.Duration
	disk          float64 // bytes in /var of all nodes
	mounts        float64
	resident, ids float64 // bytes of all processes, counted by each; processes
}

var _ = Describe("rewinding again and again", Label("soak"), func() {
	It("takes no more disk, mounts, memory and processes than in the beginning, and says how long it took", func(ctx SpecContext) {
		program, err := nodeprogram.Load(built.Node)
		Expect(err).NotTo(HaveOccurred())
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
		var kept *cluster.Kept
		var healthy proof.Proof
		Expect(program.With(ctx, shared, func() (err error) {
			if healthy, err = proof.Settled(ctx, shared, clock); err != nil {
				return err
			}
			kept, err = shared.Keep(ctx)
			return err
		})).To(Succeed())
		var all []usage
		for n := range rewinds() {
			Expect(fault.ExpireEtcdCerts{Cut: true}.Inject(ctx, shared, forgetful{})).To(Succeed())
			start := clock.Now()
			probes = probe.NewSet(clock, website.URL, website.Nonce)
			Expect(program.With(ctx, shared, func() error {
				if _, err := shared.Rewind(ctx, kept); err != nil {
					return err
				}
				return proof.Same(ctx, shared, clock, healthy)
			})).To(Succeed(), "rewind %d", n+1)
			u := measure(ctx)
			u.took = clock.Since(start)
			all = append(all, u)
			fmt.Printf("  rewind %d: %.1f s, %.0f MB, %.0f mounts, %.0f MB resident in %.0f processes\n", n+1, u.took.Seconds(), u.disk/1e6, u.mounts, u.resident/1e6, u.ids)
		}
		for what, of := range map[string]func(usage) float64{"disk": func(u usage) float64 { return u.disk }, "mounts": func(u usage) float64 { return u.mounts },
			"memory": func(u usage) float64 { return u.resident }, "processes": func(u usage) float64 { return u.ids }} {
			first, last := median(all[:few], of), median(all[len(all)-few:], of)
			Expect(last/first).To(BeNumerically("<=", grows), "%s: %.0f, then %.0f", what, first, last)
		}
		seconds := func(u usage) float64 { return u.took.Seconds() }
		AddReportEntry("rewind", fmt.Sprintf("%d times: first five %.1f s, last five %.1f s", len(all), median(all[:few], seconds), median(all[len(all)-few:], seconds)))
	}, SpecTimeout(40*time.Minute))
})

func median(of []usage, by func(usage) float64) float64 {
	sorted := slices.SortedFunc(slices.Values(of), func(a, b usage) int { return cmp.Compare(by(a), by(b)) })
	return by(sorted[len(sorted)/2])
}

func measure(ctx context.Context) (u usage) {
	GinkgoHelper()
	for _, n := range shared.Nodes() {
		out, err := n.Exec(ctx, nil, "sh", "-c", `du -sk --one-file-system /var | cut -f1; wc -l </proc/self/mountinfo; ps -eo rss= | awk '{n++; sum += $1} END {print sum, n}'`)
		Expect(err).NotTo(HaveOccurred())
		var disk, mounts, resident, ids float64
		_, err = fmt.Sscan(strings.TrimSpace(string(out)), &disk, &mounts, &resident, &ids)
		Expect(err).NotTo(HaveOccurred())
		u.disk, u.mounts, u.resident, u.ids = u.disk+disk*1024, u.mounts+mounts, u.resident+resident*1024, u.ids+ids
	}
	return u
}

var _ = Describe("a verdict", Label("soak"), func() {
	It("is the same on new, golden and rewound clusters, for a tool that repairs and for one that does so by half", func(ctx SpecContext) {
		medic, half := toolsfs.Double{Name: "medic", File: "medic.yaml"}, toolsfs.Double{Name: "half", File: "doubles/half.yaml"}
		for _, clean := range []experiment.CleanPolicy{experiment.CleanNew, experiment.CleanGolden, experiment.CleanRewind} {
			s := begin(ctx, clean)
			for _, d := range []toolsfs.Double{half, medic, half} { // the second and the third on a rewound cluster, where there are such
				s.Tool = load(d)
				sc, spec := impatient(fmt.Sprintf("%s-%d", d.Name, clock.Now().Unix()))
				Expect(s.Measure(ctx, sc, spec, []slo.Arm{slo.Treated})).To(Succeed())
				record, err := report.ReadRecord(report.ArmDir(s.Dir, sc.Name, slo.Treated))
				Expect(err).NotTo(HaveOccurred())
				v := slo.Evaluate(map[slo.Arm]slo.Record{slo.Treated: record}, spec).Arms[slo.Treated]
				want := slo.Pass
				if d == half {
					want = slo.Fail
				}
				Expect(v.State).To(Equal(want), "%s, clean %q: %v", d.Name, clean, v.Reasons)
			}
			_, err := s.Finish(false)
			Expect(err).NotTo(HaveOccurred())
		}
	}, SpecTimeout(25*time.Minute))
})
