package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/observe"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/testcluster"
	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

// bastion is a medic whose cluster is a test cluster.
type bastion struct {
	c         *testcluster.Cluster
	env       map[string]string
	out, errs bytes.Buffer
}

func newBastion(t *testing.T) *bastion {
	t.Helper()
	c := testcluster.New(t)
	nodes := []map[string]string{}
	for _, n := range c.Target.Nodes {
		nodes = append(nodes, map[string]string{"name": n.Name, "role": string(n.Role), "container": n.Container, "address": n.Address.String()})
	}
	data, err := json.Marshal(map[string]any{"cluster": "test", "kubeconfig": c.Target.Kubeconfig, "nodes": nodes, "engine": map[string]string{"command": "docker"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "context.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return &bastion{c: c, env: map[string]string{target.EnvContext: path}}
}

func (b *bastion) medic(args ...string) (code int) {
	b.out.Reset()
	b.errs.Reset()
	a := New(&b.out, &b.errs, func(k string) string { return b.env[k] })
	a.Clock, a.Dial = b.c.Clock, b.c.Dial
	a.Transport = func(target.Target) transport.Transport { return b.c.Transport() }
	b.c.Run(func(ctx context.Context) { code = a.Run(ctx, args) })
	return code
}

func TestUsageErrorsExitWith64AndSayWhatIsWrong(t *testing.T) {
	b := newBastion(t)
	for _, c := range []struct{ args, says string }{
		{"", "name a command"},
		{"cure", `unknown command "cure"`},
		{"watch --often", "unknown flag"},
		{"watch extra", `unknown command "extra"`},
		{"watch --interval 3s", "--interval 3s is not between"},
		{"watch --interval 0s", "--interval 0s is not between"},
		{"diagnose -o yaml", "-o yaml is neither"},
		{"heal --ready-within -1s", "--ready-within -1s"},
		{"diagnose --context /nowhere", "/nowhere"},
	} {
		if code := b.medic(strings.Fields(c.args)...); code != 64 || !strings.Contains(b.errs.String(), c.says) || b.out.Len() > 0 {
			t.Errorf("medic %s: exit %d, %q, %q; want %q", c.args, code, b.out.String(), b.errs.String(), c.says)
		}
	}
	b.env = nil
	for _, command := range []string{"watch", "diagnose", "heal"} {
		if code := b.medic(command); code != 64 || !strings.Contains(b.errs.String(), target.EnvContext) {
			t.Errorf("%s without a context: exit %d, %q", command, code, b.errs.String())
		}
	}
}

func TestHelpShowsExamples(t *testing.T) {
	b := newBastion(t)
	for _, args := range []string{"--help", "watch --help", "diagnose --help", "heal --help"} {
		if code := b.medic(strings.Fields(args)...); code != 0 || !strings.Contains(b.out.String(), "Examples:") {
			t.Errorf("medic %s: exit %d\n%s", args, code, b.out.String())
		}
	}
}

func TestDiagnoseExitsWithWhatItFound(t *testing.T) {
	b := newBastion(t)
	if code := b.medic("diagnose"); code != 0 || !strings.Contains(b.out.String(), "0 findings") {
		t.Errorf("healthy: exit %d\n%s%s", code, b.out.String(), b.errs.String())
	}
	b.c.Deaf(testcluster.Worker, true)
	b.c.Deaf("10.99.0.3:10250", true)
	b.c.OwnKubeconfig(b.c.Valid())
	if code := b.medic("diagnose"); code != 1 || !strings.Contains(b.out.String(), "node@w") {
		t.Errorf("a dead worker: exit %d\n%s", code, b.out.String())
	}
	b = newBastion(t)
	if err := os.Remove(b.c.Target.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	if code := b.medic("diagnose"); code != 2 || !strings.Contains(b.out.String(), "could not look at the API: kubeconfig") {
		t.Errorf("no kubeconfig: exit %d\n%s", code, b.out.String())
	}
	b.c.Sign("etcd/server", b.c.Expired())
	code := b.medic("diagnose", "-o", "json")
	var r observe.Report
	if err := json.Unmarshal(b.out.Bytes(), &r); err != nil || code != 1 || r.Findings[0].Culprit != "etcd/server" || len(r.Blind) == 0 {
		t.Errorf("exit %d, %v\n%s", code, err, b.out.String())
	}
}

func TestHealExitsZeroOnlyWhenTheClusterIsHealthy(t *testing.T) {
	b := newBastion(t)
	b.c.Sign("etcd/server", b.c.Expired())
	b.c.Cut()
	if code := b.medic("heal", "--dry-run"); code != 0 || b.c.Kubeadm() != nil {
		t.Errorf("dry run: exit %d\n%s", code, b.out.String())
	}
	if code := b.medic("heal"); code != 0 || !strings.Contains(b.out.String(), "healthy after") || b.errs.Len() > 0 {
		t.Errorf("exit %d\n%s%s", code, b.out.String(), b.errs.String())
	}
	b.c.Program(testcluster.ControlPlane, "kubeadm", "#!/bin/sh\n")
	b.c.Sign("etcd/server", b.c.Expired())
	b.c.Clock.Advance(time.Second)
	if code := b.medic("heal"); code != 1 || !strings.Contains(b.out.String(), "R3 (renew etcd's certificates), check failed") {
		t.Errorf("exit %d\n%s", code, b.out.String())
	}
}

func TestASignalEndsWatchWellAndInterruptsTheOthers(t *testing.T) {
	b := newBastion(t)
	b.c.Sign("etcd/server", b.c.Expired())
	for command, want := range map[string]int{"watch": 0, "diagnose": 130, "heal": 130} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		a := New(&b.out, &b.errs, func(k string) string { return b.env[k] })
		a.Clock, a.Dial = b.c.Clock, b.c.Dial
		a.Transport = func(target.Target) transport.Transport { return b.c.Transport() }
		if code := a.Run(ctx, []string{command}); code != want {
			t.Errorf("%s: exit %d, want %d\n%s", command, code, want, b.out.String())
		}
	}
	if b.c.Kubeadm() != nil {
		t.Error("something was renewed after the signal")
	}
}
