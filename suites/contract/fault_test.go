package contract

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
)

const etcdEndpoint = "127.0.0.1:2379"

var _ = Describe("a fault", Ordered, func() {
	var before string // serial of the certificate that etcd serves when healthy

	BeforeAll(func(ctx SpecContext) {
		before = servedSerial(ctx)
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
	})

	It("is not seen where nothing was injected", func(ctx SpecContext) {
		By("the negative control of every check below: with no fault each of them must say no")
		for _, s := range []fault.Symptom{fault.APIServerRefusesExpiredEtcd(), fault.EtcdRefusesExpiredClient()} {
			mark, err := s.Mark(ctx, shared)
			Expect(err).NotTo(HaveOccurred())
			_, err = s.Seen(ctx, shared, mark)
			Expect(err).To(MatchError(fault.ErrNotSeen), s.Name)
		}
		master := nodeOf(cluster.ControlPlane)
		served, err := fault.Served(ctx, master, etcdEndpoint)
		Expect(err).NotTo(HaveOccurred())
		Expect(served.NotAfter).To(BeTemporally(">", clock.Now()))
		Expect(allGreen(ctx)).To(Succeed())
	}, SpecTimeout(2*time.Minute))

	It("etcd-certs-expired without the cut is latent: new handshakes fail, the API lives", func(ctx SpecContext) {
		symptom := fault.EtcdRefusesExpiredClient()
		mark, err := symptom.Mark(ctx, shared)
		Expect(err).NotTo(HaveOccurred())
		revert := inject(ctx, fault.ExpireEtcdCerts{})

		served, err := fault.Served(ctx, nodeOf(cluster.ControlPlane), etcdEndpoint)
		Expect(err).NotTo(HaveOccurred())
		Expect(served.NotAfter).To(BeTemporally("<", clock.Now()))
		Eventually(symptom.Seen).WithContext(ctx).WithArguments(shared, mark).WithTimeout(20 * time.Second).ShouldNot(BeEmpty())
		Consistently(check).WithContext(ctx).WithArguments(probe.NameAPI).WithTimeout(5 * time.Second).WithPolling(time.Second).Should(Succeed())

		revert(ctx)
		Expect(servedSerial(ctx)).To(Equal(before))
	}, SpecTimeout(2*time.Minute))

	It("that a tool has repaired is not undone over the repair", func(ctx SpecContext) {
		By("renewing makes a new key: the old certificate put back beside it would break etcd for good")
		j := newJournal("repaired")
		Expect(fault.ExpireEtcdCerts{}.Inject(ctx, shared, j)).To(Succeed())
		for _, name := range []string{"etcd-server", "etcd-peer", "etcd-healthcheck-client"} {
			_, err := nodeOf(cluster.ControlPlane).Exec(ctx, nil, "kubeadm", "certs", "renew", name, "--config", "/kind/kubeadm.conf")
			Expect(err).NotTo(HaveOccurred())
		}
		renewed := servedSerial(ctx)
		Expect(renewed).NotTo(Equal(before))
		Expect(j.Revert(ctx, shared, nil)).To(Succeed())
		Expect(j.Seal()).To(Succeed())
		Expect(servedSerial(ctx)).To(Equal(renewed))
		Expect(fault.CutConnections(ctx, shared)).To(Succeed()) // the proof of a repair: new handshakes everywhere
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
		before = renewed
	}, SpecTimeout(3*time.Minute))

	It("etcd-certs-expired with the cut kills the API, and reverting brings back the very certificates", func(ctx SpecContext) {
		symptom := fault.APIServerRefusesExpiredEtcd()
		mark, err := symptom.Mark(ctx, shared)
		Expect(err).NotTo(HaveOccurred())
		revert := inject(ctx, fault.ExpireEtcdCerts{Cut: true})

		Eventually(check).WithContext(ctx).WithArguments(probe.NameAPI).WithTimeout(10 * time.Second).ShouldNot(Succeed())
		Eventually(symptom.Seen).WithContext(ctx).WithArguments(shared, mark).WithTimeout(30 * time.Second).ShouldNot(BeEmpty())
		Consistently(check).WithContext(ctx).WithArguments(probe.NameAPI).WithTimeout(15 * time.Second).WithPolling(time.Second).ShouldNot(Succeed())
		Expect(check(ctx, probe.NameSite)).To(Succeed(), "the site needs no API")

		revert(ctx)
		Expect(servedSerial(ctx)).To(Equal(before))
		clearBackOff(ctx)
		Eventually(allGreen).WithContext(ctx).WithTimeout(2 * time.Minute).Should(Succeed())
	}, SpecTimeout(5*time.Minute))

	It("node-restarted restarts the worker; its pods and the routes to them come back with a living API", func(ctx SpecContext) {
		revert := inject(ctx, fault.RestartNode{Role: cluster.Worker})
		Eventually(allGreen).WithContext(ctx).WithTimeout(2 * time.Minute).Should(Succeed())
		revert(ctx)
	}, SpecTimeout(4*time.Minute))

	It("that a killed process left is undone by a sweep", func(ctx SpecContext) {
		j := newJournal("swept")
		Expect(fault.ExpireEtcdCerts{}.Inject(ctx, shared, j)).To(Succeed())
		Expect(servedSerial(ctx)).NotTo(Equal(before))
		Expect(j.Close()).To(Succeed()) // what the kernel does for a process that was killed

		swept, err := experiment.Sweep(ctx, provider, home, experiment.Scope{}, func(string) {})
		Expect(err).NotTo(HaveOccurred())
		Expect(swept.Reverted).To(ContainElement(j.Path()))
		Expect(swept.Busy).To(ContainElement(shared.Name()), "a cluster of a living run is left alone")
		Expect(servedSerial(ctx)).To(Equal(before))
	}, SpecTimeout(2*time.Minute))
})

// inject injects with a journal of its own. The returned revert applies it, twice, and ends it.
func inject(ctx context.Context, f fault.Fault) func(context.Context) {
	GinkgoHelper()
	j := newJournal("fault")
	done := false
	DeferCleanup(func(ctx SpecContext) {
		if !done {
			Expect(errors.Join(j.Revert(ctx, shared, nil), j.Seal())).To(Succeed())
		}
	}, NodeTimeout(time.Minute))
	Expect(f.Inject(ctx, shared, j)).To(Succeed())
	return func(ctx context.Context) {
		GinkgoHelper()
		undone := 0
		count := func(_ journal.Inverse, err error) {
			Expect(err).NotTo(HaveOccurred())
			undone++
		}
		Expect(j.Revert(ctx, shared, count)).To(Succeed())
		Expect(undone).To(BeNumerically(">", 0), "a fault without an inverse")
		Expect(j.Revert(ctx, shared, func(i journal.Inverse, _ error) { Fail("undone twice: " + i.String()) })).To(Succeed())
		Expect(j.Seal()).To(Succeed())
		done = true
	}
}

func newJournal(name string) *journal.File {
	GinkgoHelper()
	id, err := shared.Identity()
	Expect(err).NotTo(HaveOccurred())
	j, err := journal.Create(home.Journals(), journal.Meta{Run: run, Scenario: name, Arm: "contract", Cluster: id.Cluster,
		CASHA256: id.CASHA256, APIServer: id.Server, Created: clock.Now()})
	Expect(err).NotTo(HaveOccurred())
	return j
}

func nodeOf(r cluster.Role) cluster.Node {
	GinkgoHelper()
	n, err := cluster.First(shared, r)
	Expect(err).NotTo(HaveOccurred())
	return n
}

func servedSerial(ctx context.Context) string {
	GinkgoHelper()
	c, err := fault.Served(ctx, nodeOf(cluster.ControlPlane), etcdEndpoint)
	Expect(err).NotTo(HaveOccurred())
	return c.SerialNumber.Text(16)
}

// check checks one probe once, within its own time-out.
func check(ctx context.Context, name string) error {
	p, err := probes.Find(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timing.Timeout)
	defer cancel()
	return p.Probe.Check(ctx, shared)
}

func allGreen(ctx context.Context) error {
	for _, name := range probe.Names() {
		if err := check(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// clearBackOff is scaffolding: kubelet would wait up to five minutes before it starts the API server again.
func clearBackOff(ctx context.Context) {
	GinkgoHelper()
	_, err := nodeOf(cluster.ControlPlane).Exec(ctx, nil, "systemctl", "restart", "kubelet")
	Expect(err).NotTo(HaveOccurred())
}
