package contract

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
	"github.com/nov30/nov30/scenarios"
)

// dangerous are the doubles whose verdict is proven on a real cluster at every change: with each of them all probes are
// green for a while, or an alarm was right. `make soak` has all the others.
var dangerous = []string{"liar", "half", "old-files", "binds-system-nodes", "no-liveness"}

var _ = Describe("a tool", Ordered, ContinueOnFailure, func() {
	var untreated string // the directory of the arm without a tool, which is the same for all of them
	var session *experiment.Session

	BeforeAll(func(ctx SpecContext) {
		session = begin(ctx, experiment.CleanRewind)
		DeferCleanup(func(SpecContext) error { _, err := session.Finish(false); return err }, NodeTimeout(5*time.Minute))
		if saved == "" { // that the fault bites here and now is fault_test.go's to show
			untreated = savedUntreated()
			return
		}
		sc, spec := impatient("nobody")
		Expect(session.Measure(ctx, sc, spec, []slo.Arm{slo.Untreated})).To(Succeed())
		untreated = report.ArmDir(session.Dir, sc.Name, slo.Untreated)
	}, NodeTimeout(10*time.Minute))

	for _, d := range toolsfs.Doubles() {
		labels := Label("soak")
		if slices.Contains(dangerous, d.Name) {
			labels = Label()
		}
		It(fmt.Sprintf("%q gets the verdict %s", d.Name, d.State), labels, func(ctx SpecContext) {
			arms := []slo.Arm{slo.Treated}
			if d.Arm == string(slo.Sham) {
				arms = []slo.Arm{slo.Sham, slo.Treated}
			}
			dir, v := examine(ctx, session, d, untreated, arms)
			Expect(v.Arms[slo.Untreated].State).To(Equal(slo.Pass), "%v", v.Reasons)
			Expect(v.Verdict).To(Equal(slo.State(d.State)), "%v", v.Reasons)
			Expect(strings.Join(v.Reasons, "\n")).To(ContainSubstring(d.Reason))
			Expect(save(dir, d.Name)).To(Succeed())
		}, SpecTimeout(12*time.Minute))
	}

	AfterAll(func() { Expect(archive("../../fixtures/tools/testdata/records.zip")).To(Succeed()) })
})

// saved is the directory in which records of doubles are kept from run to run; empty: they are not kept.
var saved = os.Getenv("NOV30_SAVE")

// savedUntreated unpacks the untreated arm that was saved with the doubles' records.
func savedUntreated() string {
	GinkgoHelper()
	z, err := zip.OpenReader("../../fixtures/tools/testdata/records.zip")
	Expect(err).NotTo(HaveOccurred())
	defer z.Close()
	dir := GinkgoT().TempDir()
	for _, name := range []string{report.RecordFile, report.EventsFile} {
		in, err := z.Open("nothing/etcd-certs-expired/untreated/" + name)
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(in)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(dir, name), text, 0o600)).To(Succeed())
	}
	return dir
}

// save keeps what a verdict is computed from.
func save(runDir, name string) error {
	if saved == "" {
		return nil
	}
	for _, pattern := range []string{"*.json", "*/*/" + report.RecordFile, "*/*/" + report.EventsFile} {
		files, err := filepath.Glob(filepath.Join(runDir, pattern))
		if err != nil {
			return err
		}
		for _, from := range files {
			path, err := filepath.Rel(runDir, from)
			if err != nil {
				return err
			}
			if path != report.RunFile && path != report.VerdictsFile && filepath.Dir(path) == "." {
				continue
			}
			to := filepath.Join(saved, name, path)
			text, err := os.ReadFile(from)
			if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, text, 0o600)); err != nil {
				return err
			}
		}
	}
	return nil
}

// archive makes one file of everything that was kept, unless a double is missing: a run that was broken off must not take the
// place of a whole one.
func archive(path string) error {
	if saved == "" {
		return nil
	}
	for _, d := range toolsfs.Doubles() {
		if _, err := os.Stat(filepath.Join(saved, d.Name, report.VerdictsFile)); err != nil {
			return fmt.Errorf("%s is not written anew: %w", path, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	return errors.Join(z.AddFS(os.DirFS(saved)), z.Close(), f.Close())
}

// begin begins a run: one for all doubles, whose arms then run on rewound clusters.
func begin(ctx context.Context, clean experiment.CleanPolicy) *experiment.Session {
	GinkgoHelper()
	s, err := experiment.Begin(ctx, experiment.Options{Engine: eng, Home: home, Cache: GinkgoT().TempDir(), Image: image, Clock: clock,
		Choices: experiment.Choices{Tool: load(toolsfs.Double{Name: "nothing", File: "doubles/nothing.yaml"}), Clean: clean, Clusters: 1},
		Out:     GinkgoT().TempDir(), Guardian: built.Guardian(), NodeProgram: built.Node, Progress: func(line string) { fmt.Println("  " + line) }})
	Expect(err).NotTo(HaveOccurred())
	return s
}

func load(d toolsfs.Double) tool.Tool {
	GinkgoHelper()
	t, err := experiment.LoadTool(filepath.Join("../../fixtures/tools", d.File), built.Dir)
	Expect(err).NotTo(HaveOccurred())
	return t
}

// night is the scenario that the doubles are tried with.
const night = "etcd-certs-expired"

// impatient is the first scenario of the night for less patience: the verdicts are about the doubles, not about times. Its name
// says who is tried, because one run has them all.
func impatient(who string) (experiment.Scenario, slo.Spec) {
	GinkgoHelper()
	all := scenarios.All()
	sc := all[slices.IndexFunc(all, func(s experiment.Scenario) bool { return s.Name == night })]
	sc.Name = night + "-" + who
	sc.Hold, sc.Soak, sc.Timeout = 15*time.Second, 15*time.Second, 45*time.Second
	spec, err := sc.Spec()
	Expect(err).NotTo(HaveOccurred())
	return sc, spec
}

// examine measures a double and judges it from files: its arms and the untreated one as a run of their own, in a directory that it
// returns.
func examine(ctx context.Context, s *experiment.Session, d toolsfs.Double, untreated string, arms []slo.Arm) (string, slo.Verdict) {
	GinkgoHelper()
	s.Tool = load(d)
	sc, spec := impatient(d.Name)
	if !slices.Contains(arms, slo.Sham) {
		spec.Arms = []slo.Arm{slo.Untreated, slo.Treated}
	}
	Expect(s.Measure(ctx, sc, spec, arms)).To(Succeed())

	dir := GinkgoT().TempDir()
	spec.Scenario = night
	record, err := report.ReadRecord(untreated)
	Expect(err).NotTo(HaveOccurred())
	spec.Pace = record.Spec.Pace // the saved one may be of a version that knew no pacemaker
	for _, a := range arms {
		copyArm(report.ArmDir(s.Dir, sc.Name, a), report.ArmDir(dir, night, a), s.Run)
	}
	copyArm(untreated, report.ArmDir(dir, night, slo.Untreated), s.Run)
	Expect(report.WriteRun(dir, report.Run{Run: s.Run, Tool: s.Tool.String(), Finished: true,
		Scenarios: []report.Selected{{Name: night, Spec: spec}}})).To(Succeed())

	judged, err := report.Judge(dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(judged.Verdicts).To(HaveLen(1))
	Expect(os.WriteFile(filepath.Join(dir, report.VerdictsFile), judged.Text, 0o600)).To(Succeed())
	var written []slo.Verdict
	Expect(json.Unmarshal(judged.Text, &written)).To(Succeed())
	return dir, written[0]
}

// copyArm copies what an arm is judged by, as one of the night's scenario in that run.
func copyArm(from, to, run string) {
	GinkgoHelper()
	record, err := report.ReadRecord(from)
	Expect(err).NotTo(HaveOccurred())
	record.Run, record.Scenario, record.Spec.Scenario = run, night, night
	Expect(os.MkdirAll(to, 0o700)).To(Succeed())
	Expect(report.WriteRecord(to, record)).To(Succeed())
	events, err := os.ReadFile(filepath.Join(from, report.EventsFile))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(to, report.EventsFile), events, 0o600)).To(Succeed())
}
