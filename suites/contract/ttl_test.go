package contract

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/ttl"
)

var _ = Describe("a time limit", func() {
	It("lets the node alone undo a fault when nobody else does", func(ctx SpecContext) {
		const after = 10 * time.Second
		program, err := gexec.BuildWithEnvironment("github.com/nov30/nov30/cmd/nov30-node", []string{"CGO_ENABLED=0"})
		Expect(err).NotTo(HaveOccurred())
		before, clean := servedSerial(ctx), traces(ctx)
		j := newJournal("ttl")
		ended := false
		DeferCleanup(func(ctx SpecContext) {
			if !ended {
				Expect(j.Revert(ctx, shared, nil)).To(Succeed())
				Expect(j.Seal()).To(Succeed())
				Expect(ttl.Disarm(ctx, shared)).To(Succeed())
			}
		}, NodeTimeout(time.Minute))

		limit, err := ttl.Arm(ctx, shared, program, j.Meta(), after, clock)
		Expect(err).NotTo(HaveOccurred())
		armed := clock.Now()
		Expect(limit.Check(ctx)).To(Succeed())
		_, err = ttl.Arm(ctx, shared, program, j.Meta(), after, clock)
		Expect(err).To(MatchError(ttl.ErrInPlace))
		Expect(fault.ExpireEtcdCerts{}.Inject(ctx, shared, limit.Journal(j))).To(Succeed())
		Expect(servedSerial(ctx)).NotTo(Equal(before))

		By("nobody outside the node does anything from here on")
		Eventually(served).WithContext(ctx).WithTimeout(after + 20*time.Second).WithPolling(250 * time.Millisecond).Should(Equal(before))
		Expect(clock.Since(armed)).To(BeNumerically(">", after-2*time.Second), "something else put the certificates back")
		Expect(limit.Check(ctx)).To(And(MatchError(ttl.ErrFired), MatchError(And(
			ContainSubstring(nodeOf(cluster.ControlPlane).Name()), ContainSubstring("/etc/kubernetes/pki/etcd/server.crt")))))
		Expect(limit.Journal(j).Append(j.Pending()[0])).NotTo(Succeed(), "a change after the limit has fired")

		By("the host's own revert finds everything as it should be")
		Expect(j.Revert(ctx, shared, nil)).To(Succeed())
		Expect(j.Seal()).To(Succeed())
		Expect(servedSerial(ctx)).To(Equal(before))
		Expect(ttl.Disarm(ctx, shared)).To(Succeed())
		Expect(ttl.Disarm(ctx, shared)).To(Succeed())
		ended = true
		Expect(traces(ctx)).To(Equal(clean))
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
	}, SpecTimeout(3*time.Minute))
})

// served is the serial of the certificate that etcd serves, for polling.
func served(ctx context.Context) (string, error) {
	c, err := fault.Served(ctx, nodeOf(cluster.ControlPlane), etcdEndpoint)
	if err != nil {
		return "", err
	}
	return c.SerialNumber.Text(16), nil
}

// traces is what a limit could have left in the nodes: files and units of nov30's.
func traces(ctx context.Context) string {
	GinkgoHelper()
	found := ""
	for _, n := range shared.Nodes() {
		out, err := n.Exec(ctx, nil, "sh", "-c", `find /etc /var/lib/nov30 /usr /opt /root /tmp -xdev -name '*nov30*' 2>/dev/null | sort
systemctl list-units --all --no-legend --plain 'nov30-*'; systemctl list-unit-files --no-legend 'nov30-*'; pgrep -a nov30-node || true`)
		Expect(err).NotTo(HaveOccurred())
		found += fmt.Sprintf("%s:\n%s", n.Name(), out)
	}
	return found
}
