package heal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/heal"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/testpki"
	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

const cp = testcluster.ControlPlane

func healer(c *testcluster.Cluster) (*heal.Healer, *bytes.Buffer) {
	api := &kubeapi.Client{Path: c.Target.Kubeconfig, Dial: c.Dial, Clock: c.Clock}
	out := &bytes.Buffer{}
	return &heal.Healer{
		Target: c.Target, Transport: c.Transport(), Look: look.New(c.Target, c.Transport(), api, c.Dial, c.Clock),
		API: api, Dial: c.Dial, Clock: c.Clock, Out: out,
	}, out
}

// run heals and returns the outcome, the account, and how long it took on the cluster's clock.
func run(t *testing.T, c *testcluster.Cluster, adjust ...func(*heal.Healer)) (account string, took time.Duration, err error) {
	t.Helper()
	h, out := healer(c)
	h.EtcdWithin, h.ReadyWithin, h.VerifyWithin = 3*time.Second, 18*time.Second, 3*time.Second
	for _, a := range adjust {
		a(h)
	}
	begun := c.Clock.Now()
	c.Run(func(ctx context.Context) { err = h.Heal(ctx) })
	if bytes.Contains(out.Bytes(), []byte("PRIVATE KEY")) {
		t.Error("a key is in the account")
	}
	return out.String(), c.Clock.Since(begun), err
}

func must(t *testing.T, account string, says ...string) {
	t.Helper()
	for _, s := range says {
		if !strings.Contains(account, s) {
			t.Errorf("%q is missing in\n%s", s, account)
		}
	}
}

// fails checks that heal did not succeed and says why.
func fails(t *testing.T, c *testcluster.Cluster, step string, says ...string) {
	t.Helper()
	account, _, err := run(t, c)
	var e *heal.StepError
	if !errors.As(err, &e) || !strings.HasPrefix(e.Step, step) {
		t.Errorf("got %v, want a failure of %s\n%s", err, step, account)
		return
	}
	must(t, account, says...)
	if e.ByHand == "" {
		t.Errorf("%s does not say what to do by hand", step)
	}
}

func expireEtcd(c *testcluster.Cluster) {
	for _, name := range []string{"etcd/server", "etcd/peer", "etcd/healthcheck-client"} {
		c.Sign(name, c.Expired())
	}
}

func TestHealBringsTheDeadAPIBack(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	was := c.Read(cp, "/etc/kubernetes/pki/etcd/server.crt")
	c.Cut()
	account, took, err := run(t, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, account)
	}
	must(t, account, "found   critical cert-expired etcd/server cp", "R0      ok", "R3      ok", "R4      ok", "R5      ok", "verify  ok", "healthy after")
	if took > 10*time.Second {
		t.Errorf("it waited needlessly: %s\n%s", took, account)
	}
	want := []string{"etcd-server", "etcd-peer", "etcd-healthcheck-client"}
	for i, call := range c.Kubeadm() {
		if call != "certs renew "+want[i]+" --config /kind/kubeadm.conf" {
			t.Errorf("kubeadm was called with %q", call)
		}
	}
	if len(c.Kubeadm()) != 3 || c.Restarts() != 1 || len(c.Keys()) != 0 {
		t.Errorf("%d renewals, %d restarts, %v left in etcd", len(c.Kubeadm()), c.Restarts(), c.Keys())
	}
	if tree := c.Tree(cp, "/var/lib/medic"); !strings.Contains(tree, "/pki/etcd/server.key") || !strings.Contains(tree, hex(was)) ||
		!strings.Contains(tree, "/admin.conf") || !strings.Contains(tree, "/manifests/etcd.yaml") {
		t.Errorf("the backup is not whole")
	}
	// A second run has nothing to do and changes nothing.
	before := c.Tree(cp, "/")
	account, _, err = run(t, c)
	if err != nil || !strings.Contains(account, "nothing to do") || c.Tree(cp, "/") != before {
		t.Errorf("the second run: %v\n%s", err, account)
	}
}

func TestHealRepairsBeforeAnyOutage(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Sign("apiserver-etcd-client", c.Future())
	if account, _, err := run(t, c); err != nil {
		t.Fatalf("%v\n%s", err, account)
	}
	if got := c.Kubeadm(); len(got) != 4 || !strings.Contains(got[3], "apiserver-etcd-client") {
		t.Errorf("renewed %v", got)
	}
}

func TestHealRenewsTheAPIServersOwn(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	for _, name := range []string{"apiserver", "apiserver-kubelet-client", "front-proxy-client"} {
		c.Sign(name, c.Expired())
	}
	account, _, err := run(t, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, account)
	}
	if len(c.Kubeadm()) != 3 || c.Restarts() != 0 {
		t.Errorf("%d renewals, %d restarts\n%s", len(c.Kubeadm()), c.Restarts(), account)
	}
}

func TestHealLeavesAHealthyClusterAlone(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	soon := testpki.Life{From: c.Clock.Now().Add(-time.Hour), To: c.Clock.Now().Add(24 * time.Hour)}
	c.Sign("etcd/server", soon) // expiring is not expired
	before := c.Tree(cp, "/")
	account, _, err := run(t, c)
	if err != nil || !strings.Contains(account, "nothing to do") {
		t.Errorf("%v\n%s", err, account)
	}
	if c.Tree(cp, "/") != before || c.Kubeadm() != nil || c.Restarts() != 0 {
		t.Error("something was changed")
	}
}

func TestDryRunPrintsThePlanAndChangesNothing(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Cut()
	before := c.Tree(cp, "/")
	account, _, err := run(t, c, func(h *heal.Healer) { h.DryRun = true })
	if err != nil {
		t.Errorf("%v\n%s", err, account)
	}
	must(t, account, "plan    R0 back up", "plan    R3 renew etcd-server", "with --config /kind/kubeadm.conf", "plan    R4 clear the back-off", "plan    R5", "nothing was changed")
	if c.Tree(cp, "/") != before || c.Restarts() != 0 || len(c.Keys()) != 0 {
		t.Error("something was changed")
	}
}

func TestHealTakesUpWhereACutRunEnded(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Cut()
	for _, name := range []string{"etcd/server", "etcd/peer", "etcd/healthcheck-client"} {
		c.Sign(name, c.Valid()) // renewed, but the kubelet still waits in its back-off
	}
	account, _, err := run(t, c)
	if err != nil || c.Restarts() != 1 || c.Kubeadm() != nil {
		t.Errorf("%v, %d restarts\n%s", err, c.Restarts(), account)
	}
	must(t, account, "kube-apiserver not running")
	if c.Tree(cp, "/var/lib/medic") != "" {
		t.Error("nothing was to be changed on disk, yet there is a backup")
	}
}

func TestHealClearsTheBackOffOnceMore(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Needs(2)
	c.Cut()
	account, took, err := run(t, c)
	if err != nil || c.Restarts() != 2 || took < 12*time.Second || took > 20*time.Second {
		t.Errorf("%v, %d restarts, %s\n%s", err, c.Restarts(), took, account)
	}
	c = testcluster.New(t)
	expireEtcd(c)
	c.Needs(-1)
	c.Cut()
	fails(t, c, "R5", "the API is not ready: connection refused", "for 18s")
	if c.Restarts() != 2 {
		t.Errorf("%d restarts", c.Restarts())
	}
}

func TestHealRestartsAnAPIServerThatDoesNotFindEtcdAgain(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Stuck = true
	account, took, err := run(t, c)
	if err != nil || took < 8*time.Second || took > 12*time.Second {
		t.Errorf("%v, %s\n%s", err, took, account)
	}
	if got := string(c.Read(cp, "/killed")); got != "-KILL -x kube-apiserver\n" {
		t.Errorf("killed %q", got)
	}
}

// slow is a transport whose every command takes some time more.
type slow struct {
	transport.Transport
	clock clockwork.Clock
	by    time.Duration
}

func (s slow) Exec(ctx context.Context, node string, stdin io.Reader, argv ...string) ([]byte, error) {
	select {
	case <-s.clock.After(s.by):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Transport.Exec(ctx, node, stdin, argv...)
}

func TestHealCopesWithSlowCommands(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Cut()
	account, _, err := run(t, c, func(h *heal.Healer) {
		h.Transport = slow{h.Transport, c.Clock, 3500 * time.Millisecond}
		h.Look = look.New(c.Target, h.Transport, h.API, c.Dial, c.Clock)
		h.VerifyWithin = 30 * time.Second
	})
	if err != nil {
		t.Errorf("%v\n%s", err, account)
	}
}

func TestHealUsesNoConfigWhereThereIsNoneAndTheGivenOne(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	c.Sign("etcd/peer", c.Expired())
	c.Write(cp, "/var/lib/mine.yaml", nil)
	if account, _, err := run(t, c, func(h *heal.Healer) { h.KubeadmConfig = "/var/lib/mine.yaml" }); err != nil {
		t.Fatalf("%v\n%s", err, account)
	}
	c.Sign("etcd/peer", c.Expired())
	c.Remove(cp, "/kind/kubeadm.conf")
	c.Clock.Advance(time.Second)
	if account, _, err := run(t, c); err != nil {
		t.Fatalf("%v\n%s", err, account)
	}
	if got, want := c.Kubeadm(), []string{"certs renew etcd-peer --config /var/lib/mine.yaml", "certs renew etcd-peer"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	account, _, err := run(t, c, func(h *heal.Healer) { h.KubeadmConfig = "/var/lib/none.yaml" })
	if err == nil {
		t.Errorf("a configuration that does not exist was taken\n%s", account)
	}
}

func TestASignalStopsBetweenStepsAndSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	expireEtcd(c)
	c.Needs(-1)
	c.Cut()
	h, out := healer(c)
	var err error
	c.Run(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		h.Out = trigger{out, "R4      ok", cancel}
		err = h.Heal(ctx)
	})
	if !errors.Is(err, heal.ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	must(t, out.String(), "done and checked: R0, R3, R4", "can be started again")
	c.Needs(1)
	if account, _, err := run(t, c); err != nil {
		t.Errorf("the next run: %v\n%s", err, account)
	}
}

// trigger sends a signal when a text is printed.
type trigger struct {
	*bytes.Buffer
	text string
	fire func()
}

func (t trigger) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(t.text)) {
		t.fire()
	}
	return t.Buffer.Write(p)
}

func TestTheDeadlineOfTheContextFileEndsTheRun(t *testing.T) {
	t.Parallel()
	c := testcluster.New(t)
	c.Target.Deadline = c.Clock.Now().Add(-time.Second)
	if account, _, err := run(t, c); err == nil || !strings.Contains(account, "has passed") {
		t.Errorf("got %v\n%s", err, account)
	}
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, x := range b {
		s.WriteByte(digits[x>>4])
		s.WriteByte(digits[x&15])
	}
	return s.String()
}
