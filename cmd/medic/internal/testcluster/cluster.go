// Package testcluster is a small cluster for tests: real certificates in real files, real TLS servers that read them at
// every handshake as etcd does, the real shell and awk for what runs in nodes, and stand-ins for kubeadm and systemctl.
package testcluster

import (
	"crypto/tls"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

// The nodes of the test cluster.
const (
	ControlPlane = "cp"
	Worker       = "w"
	Address      = "10.99.0.2" // of the control plane; nothing listens there, Dial knows where to go
)

// Cluster is one control plane and one worker.
type Cluster struct {
	t      testing.TB
	Clock  *clockwork.FakeClock
	Target target.Target

	CA, EtcdCA, FrontCA *testpki.Pair

	root   string            // the nodes' file systems lie in it
	listen map[string]string // host:port in the cluster -> where a test server listens
	busy   atomic.Int64      // commands and connections under way

	Execs atomic.Int64 // commands run in nodes so far

	mu       sync.Mutex
	apiUp    bool
	needs    int                  // restarts of the kubelet after which a crashed apiserver comes back
	restarts int                  // seen so far
	stale    map[string]time.Time // nodes whose kubelet does not renew its lease
	deaf     map[string]bool      // endpoints that refuse connections
	frozen   map[string]tls.Certificate
	store    map[string][]byte // etcd's content
	Stuck    bool              // the apiserver answers, but does not find etcd again until it is killed
	Flaps    bool              // every third answer of the apiserver is that it is not ready
	NoLeases bool              // the apiserver does not let the bastion read leases
	answers  atomic.Int64
	Forget   bool // etcd loses what is put
}

// leafs are the certificates below /etc/kubernetes/pki and kubeadm's names of them.
var leafs = []struct{ path, kubeadm, ca string }{
	{"etcd/server", "etcd-server", "etcd"},
	{"etcd/peer", "etcd-peer", "etcd"},
	{"etcd/healthcheck-client", "etcd-healthcheck-client", "etcd"},
	{"apiserver-etcd-client", "apiserver-etcd-client", "etcd"},
	{"apiserver", "apiserver", "ca"},
	{"apiserver-kubelet-client", "apiserver-kubelet-client", "ca"},
	{"front-proxy-client", "front-proxy-client", "front"},
}

// Valid is one year from yesterday.
func (c *Cluster) Valid() testpki.Life {
	now := c.Clock.Now()
	return testpki.Life{From: now.Add(-24 * time.Hour), To: now.Add(364 * 24 * time.Hour)}
}

// Expired ended a minute ago.
func (c *Cluster) Expired() testpki.Life {
	now := c.Clock.Now()
	return testpki.Life{From: now.Add(-48 * time.Hour), To: now.Add(-time.Minute)}
}

// Future begins in an hour.
func (c *Cluster) Future() testpki.Life {
	now := c.Clock.Now()
	return testpki.Life{From: now.Add(time.Hour), To: now.Add(48 * time.Hour)}
}

// New makes a healthy cluster whose fake clock begins now.
func New(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{
		t: t, Clock: clockwork.NewFakeClockAt(time.Now().Truncate(time.Second)), root: t.TempDir(), apiUp: true, needs: 1,
		listen: map[string]string{}, stale: map[string]time.Time{}, deaf: map[string]bool{}, store: map[string][]byte{},
		frozen: map[string]tls.Certificate{},
	}
	ten := testpki.Life{From: c.Clock.Now().Add(-time.Hour), To: c.Clock.Now().Add(3650 * 24 * time.Hour)}
	c.CA, c.EtcdCA, c.FrontCA = testpki.NewAuthority(t, "kubernetes", ten), testpki.NewAuthority(t, "etcd-ca", ten), testpki.NewAuthority(t, "front-proxy-ca", ten)
	c.Target = target.Target{
		Cluster: "test", Kubeconfig: filepath.Join(c.root, "kubeconfig"),
		Nodes: []target.Node{
			{Name: ControlPlane, Role: target.ControlPlane, Container: "x", Address: netip.MustParseAddr(Address)},
			{Name: Worker, Role: target.Worker, Container: "y", Address: netip.MustParseAddr("10.99.0.3")},
		},
	}
	c.authorities()
	for _, l := range leafs {
		c.Put(l.path, c.ca(l.ca).Issue(t, l.path, c.Valid(), Address))
		c.renewal(l.path, l.ca)
	}
	for _, name := range []string{"admin", "super-admin", "controller-manager", "scheduler"} {
		c.Kubeconfig(name, c.Valid())
	}
	c.write(ControlPlane, "/kind/kubeadm.conf", []byte("kind: ClusterConfiguration\n"))
	for _, pod := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		c.write(ControlPlane, "/etc/kubernetes/manifests/"+pod+".yaml", []byte("kind: Pod\n"))
		c.Process(pod, true)
	}
	for _, n := range c.Target.Nodes {
		c.kubelet(n.Name)
	}
	c.OwnKubeconfig(c.Valid())
	c.stubs()
	c.serve()
	return c
}
