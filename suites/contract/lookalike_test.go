package contract

import (
	"context"
	"crypto/x509"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	certificates "github.com/nov30/nov30/harness/pki"
	"github.com/nov30/nov30/harness/probe"
)

const (
	etcdCA            = "/etc/kubernetes/pki/etcd/ca.crt"
	apiServerManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	slowUnit          = "nov30-slow.service"
	apiServerPattern  = `^([^ ]*/)?kube-apiserver( |$)`
)

var _ = Describe("a look-alike", Ordered, func() {
	var healthy *x509.Certificate // the certificate that etcd serves

	BeforeAll(func(ctx SpecContext) {
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
		var err error
		healthy, err = fault.Served(ctx, nodeOf(cluster.ControlPlane), etcdEndpoint)
		Expect(err).NotTo(HaveOccurred())
	})

	It("is not seen where nothing was injected", func(ctx SpecContext) {
		By("the negative control of every check below: with no fault each of them must say no")
		symptom := fault.KubeletMissesAPIServer()
		mark, err := symptom.Mark(ctx, shared)
		Expect(err).NotTo(HaveOccurred())
		_, err = symptom.Seen(ctx, shared, mark)
		Expect(err).To(MatchError(fault.ErrNotSeen))
		Expect(healthy.NotAfter).To(BeTemporally(">", clock.Now().Add(24*time.Hour)))
		Expect(unitState(ctx)).To(Equal("LoadState=not-found\n"))
		Expect(inMaster(ctx, "pgrep", "-f", apiServerPattern)).NotTo(BeEmpty())
		Expect(inMaster(ctx, "stat", "--format=%F", apiServerManifest)).To(Equal("regular file\n"))
		Expect(allGreen(ctx)).To(Succeed())
	}, SpecTimeout(2*time.Minute))

	It("etcd-certs-end-tomorrow is served, and everything works with new connections too", func(ctx SpecContext) {
		revert := inject(ctx, fault.EndEtcdCertsTomorrow{})
		served, err := fault.Served(ctx, nodeOf(cluster.ControlPlane), etcdEndpoint)
		Expect(err).NotTo(HaveOccurred())
		Expect(served.NotAfter).To(BeTemporally("~", clock.Now().Add(24*time.Hour), 15*time.Minute))
		Expect(fault.CutConnections(ctx, shared)).To(Succeed())
		staysGreen(ctx)

		revert(ctx)
		Expect(servedSerial(ctx)).To(Equal(healthy.SerialNumber.Text(16)))
		Expect(allGreen(ctx)).To(Succeed())
	}, SpecTimeout(3*time.Minute))

	It("etcd-ca-resigned is another certificate on disk, under which everything old stays valid", func(ctx SpecContext) {
		before := inMaster(ctx, "cat", etcdCA)
		revert := inject(ctx, fault.ResignEtcdCA{})
		after := inMaster(ctx, "cat", etcdCA)
		old, err := certificates.ParsePEM([]byte(before))
		Expect(err).NotTo(HaveOccurred())
		renewed, err := certificates.ParsePEM([]byte(after))
		Expect(err).NotTo(HaveOccurred())
		Expect(renewed[0].SerialNumber).NotTo(Equal(old[0].SerialNumber))
		for _, name := range []string{"server", "peer", "healthcheck-client"} {
			Expect(inMaster(ctx, "openssl", "verify", "-CAfile", etcdCA, "/etc/kubernetes/pki/etcd/"+name+".crt")).To(HaveSuffix(": OK\n"))
		}
		Expect(fault.CutConnections(ctx, shared)).To(Succeed())
		staysGreen(ctx)

		By("the API server, which trusts the file that it finds when it starts, is started anew")
		_, err = nodeOf(cluster.ControlPlane).Exec(ctx, nil, "pkill", "-KILL", "-f", apiServerPattern)
		Expect(err).NotTo(HaveOccurred())
		Eventually(check).WithContext(ctx).WithArguments(probe.NameAPI).WithTimeout(20 * time.Second).ShouldNot(Succeed())
		Eventually(allGreen).WithContext(ctx).WithTimeout(90 * time.Second).Should(Succeed())

		revert(ctx)
		Expect(inMaster(ctx, "cat", etcdCA)).To(Equal(before))
	}, SpecTimeout(5*time.Minute))

	It("api-slow answers late and in time, and leaves nothing behind", func(ctx SpecContext) {
		revert := inject(ctx, fault.SlowAPIServer{}) // measures by itself that it bites
		Expect(inMaster(ctx, "systemctl", "is-active", slowUnit)).To(Equal("active\n"))
		By("its process is seen stopped, and seen running")
		Eventually(apiServerState).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(70 * time.Millisecond).Should(HavePrefix("T"))
		Eventually(apiServerState).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(70 * time.Millisecond).ShouldNot(HavePrefix("T"))
		staysGreen(ctx)

		revert(ctx)
		Expect(unitState(ctx)).To(Equal("LoadState=not-found\n"))
		Consistently(apiServerState).WithContext(ctx).WithTimeout(3 * time.Second).ShouldNot(HavePrefix("T"))
		Expect(allGreen(ctx)).To(Succeed())
	}, SpecTimeout(3*time.Minute))

	It("api-slow whose unit is killed leaves no process stopped", func(ctx SpecContext) {
		revert := inject(ctx, fault.SlowAPIServer{})
		Eventually(apiServerState).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(70 * time.Millisecond).Should(HavePrefix("T"))
		inMaster(ctx, "systemctl", "kill", "--signal=KILL", slowUnit)
		Eventually(unitState).WithContext(ctx).WithTimeout(10 * time.Second).Should(Equal("LoadState=not-found\n"))
		Expect(apiServerState(ctx)).NotTo(HavePrefix("T"))
		revert(ctx)
		Expect(allGreen(ctx)).To(Succeed())
	}, SpecTimeout(3*time.Minute))

	It("apiserver-gone kills the API and nothing else, and reverting brings it back", func(ctx SpecContext) {
		symptom := fault.KubeletMissesAPIServer()
		mark, err := symptom.Mark(ctx, shared)
		Expect(err).NotTo(HaveOccurred())
		revert := inject(ctx, fault.RemoveAPIServer{})

		for _, name := range []string{probe.NameAPI, probe.NameWrite, probe.NameSchedule} {
			Expect(check(ctx, name)).NotTo(Succeed(), name)
		}
		Eventually(symptom.Seen).WithContext(ctx).WithArguments(shared, mark).WithTimeout(20 * time.Second).ShouldNot(BeEmpty())
		Consistently(check).WithContext(ctx).WithArguments(probe.NameAPI).WithTimeout(15 * time.Second).WithPolling(time.Second).ShouldNot(Succeed())
		Expect(check(ctx, probe.NameNodes)).NotTo(Succeed())
		Expect(check(ctx, probe.NameSite)).To(Succeed(), "the site needs no API")
		Expect(servedSerial(ctx)).To(Equal(healthy.SerialNumber.Text(16)), "etcd is well")

		revert(ctx)
		Eventually(allGreen).WithContext(ctx).WithTimeout(2 * time.Minute).Should(Succeed())
	}, SpecTimeout(5*time.Minute))
})

// staysGreen looks at every probe for a while, each time on new connections.
func staysGreen(ctx context.Context) {
	GinkgoHelper()
	Consistently(allGreen).WithContext(ctx).WithTimeout(15 * time.Second).WithPolling(time.Second).Should(Succeed())
}

// inMaster is what a command prints in the first control-plane node.
func inMaster(ctx context.Context, argv ...string) string {
	GinkgoHelper()
	out, err := nodeOf(cluster.ControlPlane).Exec(ctx, nil, argv...)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

func unitState(ctx context.Context) string {
	GinkgoHelper()
	return inMaster(ctx, "systemctl", "show", "--property=LoadState", slowUnit)
}

// apiServerState is the state of the API server's process, in the letters of ps; T is stopped.
func apiServerState(ctx context.Context) string {
	GinkgoHelper()
	return inMaster(ctx, "sh", "-c", `ps -o stat= -p "$(pgrep -d, -f "$1")"`, "sh", apiServerPattern)
}
