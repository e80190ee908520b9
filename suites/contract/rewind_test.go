package contract

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/slo"
)

// vandal breaks a node in every way that a rewind must take back, and journals nothing.
const vandal = `set -eu
rm -f /etc/kubernetes/scheduler.conf
echo "not asked for" >/etc/kubernetes/manifests/../stray.conf
chmod 0666 /etc/kubernetes/pki/ca.key
echo "nameserver 192.0.2.53" >/etc/resolv.conf
echo "192.0.2.1 elsewhere" >>/etc/hosts
systemctl --quiet mask --now systemd-resolved
printf '[Unit]\nDescription=stray\n[Service]\nExecStart=/bin/sleep 999\n' >/etc/systemd/system/stray.service
systemctl daemon-reload && systemctl --quiet enable stray.service 2>/dev/null || true
systemctl start stray.service
systemd-run --quiet --unit=stray-transient sleep 999
setsid sleep 999 >/dev/null 2>&1 </dev/null &
cp /usr/bin/kubeadm /usr/bin/kubeadm.new && mv /usr/bin/kubeadm.new /usr/bin/kubeadm && echo x >>/usr/bin/kubeadm
ip route add 192.0.2.0/26 via "$(ip route show default | awk '{print $3}')"
ip addr add 192.0.2.99/32 dev eth0
ip rule add from 192.0.2.99 lookup main priority 777
nft add table ip stray
iptables -I INPUT -p tcp --dport 9 -j DROP
mkdir -p /mnt/stray && mount -t tmpfs none /mnt/stray
ctr --namespace k8s.io images tag nov30.local/site:v1 nov30.local/stray:v1 >/dev/null
k="kubectl --kubeconfig /etc/kubernetes/admin.conf"
$k --namespace kube-system delete deployment coredns --wait=false
$k create namespace stray
$k create clusterrolebinding stray --clusterrole=cluster-admin --group=system:nodes`

var _ = Describe("a rewound cluster", Ordered, func() {
	var program nodeprogram.Program
	var kept *cluster.Kept
	var healthy proof.Proof
	// with does something while the program is on the nodes.
	with := func(ctx context.Context, do func() error) error { return program.With(ctx, shared, do) }
	rewound := func(ctx context.Context) error {
		probes = probe.NewSet(clock, website.URL, website.Nonce) // what was written since is lost, as it must be
		return with(ctx, func() error {
			if _, err := shared.Rewind(ctx, kept); err != nil {
				return err
			}
			return proof.Same(ctx, shared, clock, healthy)
		})
	}

	BeforeAll(func(ctx SpecContext) {
		Eventually(allGreen).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
		var err error
		program, err = nodeprogram.Load(built.Node)
		Expect(err).NotTo(HaveOccurred())
		Expect(with(ctx, func() (err error) {
			if healthy, err = proof.Settled(ctx, shared, clock); err != nil {
				return err
			}
			kept, err = shared.Keep(ctx)
			return err
		})).To(Succeed())
	}, NodeTimeout(2*time.Minute))

	It("is what it was, whatever has been done to it", func(ctx SpecContext) {
		_, err := nodeop.Script(ctx, nodeOf(cluster.ControlPlane), nil, "break everything", vandal)
		Expect(err).NotTo(HaveOccurred())
		Expect(fault.ExpireEtcdCerts{Cut: true}.Inject(ctx, shared, forgetful{})).To(Succeed())
		Expect(with(ctx, func() error { return proof.Same(shortly(ctx), shared, clock, healthy) })).NotTo(Succeed(), "the control of this check: it is not what it was")

		start := clock.Now()
		Expect(rewound(ctx)).To(Succeed())
		AddReportEntry("rewound and proven", clock.Since(start).String())
		Eventually(allGreen).WithContext(ctx).WithTimeout(30 * time.Second).Should(Succeed())
		Expect(traces(ctx)).NotTo(ContainSubstring("program"), "the program stays in no node")
	}, SpecTimeout(3*time.Minute))

	It("is not taken for what it was where a fault's revert leaked", func(ctx SpecContext) {
		j := newJournal("leaking")
		Expect(leaking{}.Inject(ctx, shared, j)).To(Succeed())
		Expect(j.Revert(ctx, shared, nil)).To(Succeed(), "all that it has journaled can be undone")
		Expect(j.Seal()).To(Succeed())

		var different *proof.DifferentError
		Expect(errors.As(rewound(ctx), &different)).To(BeTrue())
		Expect(different.Changes).To(ConsistOf(HaveField("Object", "sysctl/"+leakedSetting)), "%v", different)
		Expect(different.Changes[0].Kind).To(Equal(slo.Altered))
		Expect(different.Changes[0].Node).To(Equal(nodeOf(cluster.Worker).Name()))

		leak(ctx, "0")
		Expect(with(ctx, func() error { return proof.Same(ctx, shared, clock, healthy) })).To(Succeed())
	}, SpecTimeout(3*time.Minute))
})

// shortly gives up what would wait for a cluster to become what it was.
func shortly(ctx SpecContext) context.Context {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	DeferCleanup(cancel)
	return limited
}

// forgetful is the journal of a fault that only a rewind undoes.
type forgetful struct{}

func (forgetful) Append(journal.Inverse) error { return nil }

// leakedSetting is a setting of the kernel for one node's network; no rewind puts such back.
const leakedSetting = "net/ipv4/tcp_no_metrics_save"

// leaking is a fault that undoes what it has journaled, and has not journaled all.
type leaking struct{}

func (leaking) String() string { return "leaking" }

func (leaking) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, cluster.Worker)
	if err != nil {
		return err
	}
	const path = "/etc/nov30-leaking.conf"
	if err := j.Append(journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: path, Absent: true}); err != nil {
		return err
	}
	if err := nodeop.Write(ctx, n, nodeop.File{Path: path, Content: []byte("x"), Mode: 0o600}); err != nil {
		return err
	}
	leak(ctx, "1")
	return nil
}

func leak(ctx context.Context, value string) {
	GinkgoHelper()
	_, err := nodeOf(cluster.Worker).Exec(ctx, nil, "sh", "-c", `echo "$1" >"/proc/sys/$2"`, "sh", value, leakedSetting)
	Expect(err).NotTo(HaveOccurred())
}
