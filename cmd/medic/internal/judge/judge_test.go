package judge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

const cp, worker = testcluster.ControlPlane, testcluster.Worker

// court judges rounds of a test cluster, one second apart.
type court struct {
	t *testing.T
	c *testcluster.Cluster
	l *look.Looker
	j *judge.Judge
}

func newCourt(t *testing.T) *court {
	c := testcluster.New(t)
	api := &kubeapi.Client{Path: c.Target.Kubeconfig, Dial: c.Dial, Clock: c.Clock}
	return &court{t, c, look.New(c.Target, c.Transport(), api, c.Dial, c.Clock), judge.New(c.Clock)}
}

func (k *court) round() judge.Verdict { k.t.Helper(); return k.rounds(1) }

// rounds returns the verdict of the last of n rounds that all see the same.
func (k *court) rounds(n int) (v judge.Verdict) {
	k.t.Helper()
	s := k.l.Round(context.Background(), time.Hour)
	if !s.Complete() {
		k.t.Fatal("the round is not complete")
	}
	for range n {
		v = k.j.Round(s)
		k.c.Clock.Advance(time.Second)
	}
	return v
}

// short is a finding without its evidence: C or W, kind, culprit, node.
func short(fs []finding.Finding) []string {
	out := []string{}
	for _, f := range fs {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%c %s %s %s", strings.ToUpper(string(f.Severity))[0], f.Kind, f.Culprit, f.Node)))
	}
	return out
}

func (k *court) want(v judge.Verdict, want ...string) {
	k.t.Helper()
	if got := short(v.Findings); !slices.Equal(got, want) {
		k.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAHealthyClusterGivesNothingAtAll(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	for range 12 {
		v := k.round()
		if len(v.Findings)+len(v.Doubts)+len(v.Blind) > 0 {
			t.Fatalf("%+v", v)
		}
	}
}

func TestExpiredEtcdCertificatesAreToldAtOnceServerFirst(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	for _, name := range []string{"etcd/healthcheck-client", "etcd/peer", "etcd/server"} {
		k.c.Sign(name, k.c.Expired())
	}
	v := k.round() // the API still lives on its old connections
	k.want(v, "C cert-expired etcd/server cp", "C cert-expired etcd/peer cp", "C cert-expired etcd/healthcheck-client cp")
	if e := v.Findings[0].Evidence; !strings.Contains(e, "/etc/kubernetes/pki/etcd/server.crt") || !strings.Contains(e, "served on 10.99.0.2:2379") {
		t.Errorf("evidence %q", e)
	}
	k.c.Cut()
	v = k.rounds(5)
	k.want(v, "C cert-expired etcd/server cp", "C cert-expired etcd/peer cp", "C cert-expired etcd/healthcheck-client cp")
	if e := v.Findings[0].Evidence; !strings.Contains(e, "the API is down: connection refused") {
		t.Errorf("the root cause does not mention what it causes: %q", e)
	}
}

func TestEveryCertificateIsNamedByItsCulprit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*testcluster.Cluster)
		want string
	}{
		"apiserver":         {func(c *testcluster.Cluster) { c.Sign("apiserver", c.Expired()) }, "C cert-expired apiserver cp"},
		"etcd client":       {func(c *testcluster.Cluster) { c.Sign("apiserver-etcd-client", c.Future()) }, "C cert-not-yet-valid apiserver-etcd-client cp"},
		"kubelet's client":  {func(c *testcluster.Cluster) { c.Sign("apiserver-kubelet-client", c.Expired()) }, "C cert-expired apiserver-kubelet-client cp"},
		"front proxy":       {func(c *testcluster.Cluster) { c.Sign("front-proxy-client", c.Expired()) }, "C cert-expired front-proxy-client cp"},
		"scheduler":         {func(c *testcluster.Cluster) { c.Kubeconfig("scheduler", c.Expired()) }, "C cert-expired scheduler cp"},
		"manager":           {func(c *testcluster.Cluster) { c.Kubeconfig("controller-manager", c.Future()) }, "C cert-not-yet-valid controller-manager cp"},
		"admin":             {func(c *testcluster.Cluster) { c.Kubeconfig("admin", c.Expired()) }, "C cert-expired admin cp"},
		"bastion's own":     {func(c *testcluster.Cluster) { c.OwnKubeconfig(c.Expired()) }, "C cert-expired admin"},
		"kubelet of worker": {func(c *testcluster.Cluster) { c.KubeletClient(worker, c.Expired()) }, "C cert-expired kubelet-client@w w"},
		"self-signed":       {func(c *testcluster.Cluster) { c.KubeletServing(worker, c.Expired()) }, "W cert-expired kubelet-serving@w w"},
		"authority": {func(c *testcluster.Cluster) { c.PutAuthority("front-proxy-ca", c.FrontCA.Again(t, c.Expired())) },
			"C cert-expired front-proxy-ca cp"},
		"unknown file": {func(c *testcluster.Cluster) {
			c.Write(cp, "/etc/kubernetes/pki/mine.crt", c.CA.Issue(t, "x", c.Expired()).CertPEM)
		}, "W cert-expired pki/mine cp"},
		"one more day": {func(c *testcluster.Cluster) {
			c.Sign("etcd/server", testpki.Life{From: c.Clock.Now().Add(-time.Hour), To: c.Clock.Now().Add(24 * time.Hour)})
		}, "W cert-expiring etcd/server cp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCourt(t)
			c.do(k.c)
			k.want(k.rounds(6), c.want)
		})
	}
}

func TestAReplacedAuthorityIsUntrustedButNotExpired(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.PutAuthority("etcd/ca", testpki.NewAuthority(t, "etcd-ca", k.c.Valid()))
	k.want(k.round()) // it may be half-way through a rotation
	k.want(k.rounds(4), "C cert-untrusted etcd/server cp", "C cert-untrusted etcd/peer cp",
		"C cert-untrusted etcd/healthcheck-client cp", "C cert-untrusted apiserver-etcd-client cp")
}

func TestAnAuthorityResignedWithTheSameKeyIsNothing(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.PutAuthority("etcd/ca", k.c.EtcdCA.Again(t, k.c.Valid()))
	k.want(k.rounds(6))
}

func TestServedDiffersIsAWarning(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	s := k.l.Round(context.Background(), time.Hour)
	k.c.Sign("etcd/server", k.c.Valid())
	fresh := k.l.Round(context.Background(), time.Hour)
	fresh.Nodes[0].Ports = s.Nodes[0].Ports // the ports go on serving what they had
	var v judge.Verdict
	for range 5 {
		v = k.j.Round(fresh)
		k.c.Clock.Advance(time.Second)
	}
	k.want(v, "W served-differs etcd/server cp")
}

func TestTheAPIIsDownOnlyAfterThreeSecondsAndThreeRounds(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.round()
	api := testcluster.Address + ":6443"
	k.c.Deaf(api, true)
	k.want(k.rounds(3)) // three rounds in two seconds: a restart
	k.c.Deaf(api, false)
	k.want(k.rounds(3))
	k.c.Deaf(api, true)
	k.want(k.rounds(3))
	k.want(k.round(), "C api-down api")

	slow := newCourt(t)
	slow.c.Deaf(api, true)
	slow.round()
	slow.c.Clock.Advance(time.Minute)
	slow.want(slow.round()) // two rounds are not enough however far they lie apart
}

func TestAnAPIServerWithoutItsManifestIsNoRestart(t *testing.T) {
	t.Parallel()
	api := testcluster.Address + ":6443"
	k := newCourt(t)
	k.c.Remove(cp, inventory.APIServerManifest)
	k.want(k.rounds(5)) // it still answers
	k.c.Deaf(api, true)
	v := k.round()
	k.want(v, "C api-down api")
	if want := "connection refused; there is no /etc/kubernetes/manifests/kube-apiserver.yaml on cp"; v.Findings[0].Evidence != want {
		t.Errorf("evidence %q, want %q", v.Findings[0].Evidence, want)
	}
	if later := k.rounds(9); !slices.Equal(later.Findings, v.Findings) {
		t.Errorf("it gives rise to more than itself: %v", later.Findings)
	}

	k = newCourt(t) // the same with nothing that says that static pods are kept there at all
	for _, pod := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		k.c.Remove(cp, "/etc/kubernetes/manifests/"+pod+".yaml")
	}
	k.c.Deaf(api, true)
	k.want(k.round())

	k = newCourt(t) // and with another control plane that has its own
	other := k.l.Round(context.Background(), time.Hour).Nodes[0]
	other.Node.Name = "cp2"
	k.c.Remove(cp, inventory.APIServerManifest)
	k.c.Deaf(api, true)
	s := k.l.Round(context.Background(), time.Hour)
	s.Nodes = append(s.Nodes, other)
	if v := k.j.Round(s); len(v.Critical()) > 0 {
		t.Errorf("the API may be behind the other one, yet: %v", v.Critical())
	}
}

func TestAMissingManifestDoesNotHideTheExpiredCertificate(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("etcd/server", k.c.Expired())
	k.c.Remove(cp, inventory.APIServerManifest)
	k.c.Deaf(testcluster.Address+":6443", true)
	k.want(k.rounds(5), "C cert-expired etcd/server cp")
}

func TestACertificateThatEndsTomorrowExplainsNoOutage(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("etcd/server", testpki.Life{From: k.c.Clock.Now().Add(-time.Hour), To: k.c.Clock.Now().Add(23 * time.Hour)})
	k.c.Deaf(testcluster.Address+":6443", true)
	k.want(k.rounds(5), "C api-down api", "W cert-expiring etcd/server cp")
}

func TestAnExpiryThatDoesNotTakeTheAPIDownDoesNotHideThatItIs(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("front-proxy-client", k.c.Expired())
	k.c.Sign("etcd/healthcheck-client", k.c.Expired())
	k.c.Deaf(testcluster.Address+":6443", true)
	k.want(k.rounds(5), "C cert-expired etcd/healthcheck-client cp", "C cert-expired front-proxy-client cp", "C api-down api")
}

func TestTheHealthcheckClientExplainsADeadEtcd(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("etcd/healthcheck-client", k.c.Expired())
	k.c.Deaf(testcluster.Address+":2379", true) // the kubelet has stopped it
	k.c.Deaf(testcluster.Address+":6443", true)
	k.want(k.rounds(5), "C cert-expired etcd/healthcheck-client cp", "W unreachable node@cp cp")
}

func TestAnAPIThatAnswers500IsDownAndOneThatRefusesIsNot(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Stuck = true
	v := k.rounds(4)
	k.want(v, "C api-down api")
	if want := "/readyz answers 500, failing: etcd etcd-readiness"; v.Findings[0].Evidence != want {
		t.Errorf("evidence %q, want %q", v.Findings[0].Evidence, want)
	}
	k = newCourt(t)
	s := k.l.Round(context.Background(), time.Hour)
	s.API.Value.Code, s.API.Value.LeaseErr = 401, fmt.Errorf("401")
	for range 5 {
		v = k.j.Round(s)
		k.c.Clock.Advance(time.Second)
	}
	k.want(v)
	if len(v.Blind) != 2 {
		t.Errorf("blind: %v", v.Blind)
	}
}

func TestAnExpiredPeerTakesTheAPIDownOnlyWhereThereArePeers(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("etcd/peer", k.c.Expired())
	k.c.Deaf(testcluster.Address+":6443", true)
	k.want(k.rounds(4), "C cert-expired etcd/peer cp", "C api-down api")
	s := k.l.Round(context.Background(), time.Hour)
	second := s.Nodes[0]
	second.Node.Name = "cp2"
	s.Nodes = append(s.Nodes, second)
	k.want(k.j.Round(s), "C cert-expired etcd/peer cp", "C cert-expired etcd/peer cp2")
}

func TestAnExpiredAPIServerExplainsItsOwnSilence(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("apiserver", k.c.Expired())
	v := k.rounds(5)
	k.want(v, "C cert-expired apiserver cp")
	if !strings.Contains(v.Findings[0].Evidence, "the API is down") {
		t.Errorf("evidence %q", v.Findings[0].Evidence)
	}
}

func TestEvidenceDoesNotChangeByItself(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Sign("etcd/server", k.c.Expired())
	k.c.Cut()
	first := k.rounds(5).Findings
	if later := k.rounds(4).Findings; !slices.Equal(first, later) {
		t.Errorf("got\n%v\nthen\n%v", first, later)
	}
}

func TestLeasesMayBeOldRightAfterAnOutage(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	api := testcluster.Address + ":6443"
	k.c.StopLease(worker)
	k.round()
	k.c.Deaf(api, true)
	k.round()
	k.c.Clock.Advance(time.Minute)
	k.c.Deaf(api, false)
	k.want(k.rounds(3)) // its kubelet must first find the API again
	k.c.Clock.Advance(20 * time.Second)
	k.want(k.round(), "C lease-stale node@w w")
}

func TestAStaleLeaseIsToldAfterItsDuration(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.StopLease(worker)
	k.round()
	k.c.Clock.Advance(35 * time.Second)
	k.want(k.rounds(3))
	k.want(k.rounds(3), "C lease-stale node@w w")
}

func TestAnExpiredKubeletClientExplainsItsStaleLease(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.KubeletClient(worker, k.c.Expired())
	k.c.StopLease(worker)
	k.c.Clock.Advance(time.Minute)
	v := k.round()
	k.want(v, "C cert-expired kubelet-client@w w")
	if !strings.Contains(v.Findings[0].Evidence, "w: lease renewed last") {
		t.Errorf("evidence %q", v.Findings[0].Evidence)
	}
}

func TestANodeWhoseClockIsOffButLivesIsNotStale(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	s := c.l.Round(context.Background(), time.Hour)
	for i := range 60 {
		for n := range s.API.Value.Leases {
			s.API.Value.Leases[n].Renewed = c.c.Clock.Now().Add(-time.Hour + time.Duration(i)*time.Millisecond)
		}
		v := c.j.Round(s)
		if i > 0 && len(v.Critical()) > 0 {
			t.Fatalf("round %d: %v", i, v.Critical())
		}
		c.c.Clock.Advance(time.Second)
	}
}

func TestADeadNodeIsCriticalAndAMuteOneAWarning(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.c.Deaf(worker, true)
	k.want(k.rounds(3))
	k.want(k.rounds(2), "C unreachable node@w w")
	v := k.rounds(1)
	if len(v.Blind) != 1 || !strings.Contains(v.Blind[0], "w: its files") {
		t.Errorf("blind: %v", v.Blind)
	}
	k = newCourt(t)
	k.c.Deaf("10.99.0.3:10250", true)
	k.want(k.rounds(5), "W unreachable node@w w")
}

func TestAnUnusableKubeconfigIsNoOutage(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	k.l = look.New(k.c.Target, k.c.Transport(), &kubeapi.Client{Path: "/nowhere", Dial: k.c.Dial, Clock: k.c.Clock}, k.c.Dial, k.c.Clock)
	v := k.rounds(6)
	k.want(v, "W unreachable api")
	if len(v.Blind) == 0 {
		t.Error("medic does not say that it cannot look at the API")
	}
}

func TestAFileThatIsEmptyForAnInstantIsADoubt(t *testing.T) {
	t.Parallel()
	k := newCourt(t)
	path := "/etc/kubernetes/pki/etcd/server.crt"
	text := k.c.Read(cp, path)
	k.c.Write(cp, path, nil)
	if v := k.j.Round(k.l.Round(context.Background(), time.Hour)); len(v.Findings) > 0 || len(v.Doubts) == 0 {
		t.Errorf("%+v", v)
	}
	k.c.Write(cp, path, text)
	k.want(k.rounds(5))
	k.c.Write(cp, path, []byte("garbage"))
	k.want(k.rounds(4), "C cert-untrusted etcd/server cp", "W unreachable node@cp cp") // it can no longer serve
}
