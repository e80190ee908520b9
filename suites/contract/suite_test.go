// Package contract holds nov30 itself to its word on a real cluster: every fault bites, is undone, and is not there when
// nothing was injected; the cluster keeps to itself; a tool that lies does not pass.
package contract

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/state"
	"github.com/nov30/nov30/suites/programs"
)

// What every spec works on: one cluster with the site, made once.
var (
	clock    = clockwork.NewRealClock()
	run      = fmt.Sprintf("contract-%x", clock.Now().UnixMilli())
	home     experiment.Home
	eng      *engine.Engine
	image    string
	provider cluster.Provider
	shared   *cluster.Kind
	website  *site.Site
	probes   *probe.Set
	built    programs.Set
)

func TestContract(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "contract")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	say := func(line string) { fmt.Println("  " + line) }
	eng, err = engine.Find(ctx, os.Getenv)
	Expect(err).NotTo(HaveOccurred())
	dir, err := state.Dir(os.Getenv)
	Expect(err).NotTo(HaveOccurred())
	home = experiment.Home{Dir: dir}
	cache, err := state.CacheDir(os.Getenv)
	Expect(err).NotTo(HaveOccurred())
	release, err := home.Hold(run)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(release)
	provider = cluster.Provider{Engine: eng, Clock: clock, Home: home.ID(), Progress: say}

	_, err = experiment.Sweep(ctx, provider, home, experiment.Scope{}, say) // what a killed suite left
	Expect(err).NotTo(HaveOccurred())
	before := hostBefore(ctx)
	DeferCleanup(func(ctx SpecContext) {
		Eventually(before.compare).WithContext(ctx).WithTimeout(20 * time.Second).Should(Succeed())
	}, NodeTimeout(time.Minute))
	version, err := nodeimage.VersionOr(os.Getenv("NOV30_KUBERNETES"))
	Expect(err).NotTo(HaveOccurred())
	b := nodeimage.Builder{Engine: eng, Clock: clock, Cache: cache, Offline: os.Getenv("NOV30_OFFLINE") == "1", Progress: say}
	image, err = b.Ensure(ctx, version)
	Expect(err).NotTo(HaveOccurred())

	built, err = programs.Build(ctx, GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())

	DeferCleanup(deleteShared, NodeTimeout(2*time.Minute)) // before it exists: creating may be interrupted
	shared, err = provider.Create(ctx, cluster.Options{Name: cluster.Prefix + run, Run: run, Image: image, Dir: GinkgoT().TempDir()})
	Expect(err).NotTo(HaveOccurred())
	website, err = site.Deploy(ctx, site.Env{Cluster: shared, Engine: eng, Network: shared.Network(), Image: image, Run: run, Clock: clock})
	Expect(err).NotTo(HaveOccurred())
	Expect(probe.Prepare(ctx, shared, clock)).To(Succeed())
	probes = probe.NewSet(clock, website.URL, website.Nonce)
}, NodeTimeout(30*time.Minute))

func deleteShared(ctx SpecContext) error {
	left, err := provider.Leftovers(ctx)
	if err != nil {
		return err
	}
	for _, l := range left {
		if l.Name == cluster.Prefix+run {
			return provider.DeleteLeftover(ctx, l.Name)
		}
	}
	return nil
}
