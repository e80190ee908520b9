package proof

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/nodestate"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
)

func nodes(objects ...string) map[string]nodestate.Facts {
	f := nodestate.Facts{}
	for n := 0; n < len(objects); n += 2 {
		f[objects[n]] = objects[n+1]
	}
	return map[string]nodestate.Facts{"n1": f, "n2": {"unit/dbus.service": "active"}}
}

func TestEveryKindOfChangeOfAFactIsADifference(t *testing.T) {
	before := Proof{nodes: nodes("file/etc/hosts", "1", "process/pod: etcd", "×1", "served/6443", "aa", "container/Paused", "false")}
	for name, c := range map[string]struct {
		after map[string]nodestate.Facts
		want  []slo.Change
	}{
		"nothing": {nodes("file/etc/hosts", "1", "process/pod: etcd", "×1", "served/6443", "aa", "container/Paused", "false"), nil},
		"altered": {nodes("file/etc/hosts", "2", "process/pod: etcd", "×2", "served/6443", "aa", "container/Paused", "true"), []slo.Change{
			{Kind: slo.Altered, Node: "n1", Object: "container/Paused", Diff: "-false\n+true"}, {Kind: slo.Altered, Node: "n1", Object: "file/etc/hosts", Diff: "-1\n+2"},
			{Kind: slo.Altered, Node: "n1", Object: "process/pod: etcd", Diff: "-×1\n+×2"}}},
		"a renewed certificate is one, too": {nodes("file/etc/hosts", "1", "process/pod: etcd", "×1", "served/6443", "bb", "container/Paused", "false"), []slo.Change{
			{Kind: slo.Altered, Node: "n1", Object: "served/6443", Diff: "-aa\n+bb"}}},
		"removed and added": {nodes("file/etc/host", "1", "process/pod: etcd", "×1", "served/6443", "aa", "container/Paused", "false"), []slo.Change{
			{Kind: slo.Added, Node: "n1", Object: "file/etc/host", Diff: "+1"}, {Kind: slo.Removed, Node: "n1", Object: "file/etc/hosts", Diff: "-1"}}},
		"to nothing": {nodes("file/etc/hosts", "", "process/pod: etcd", "×1", "served/6443", "aa", "container/Paused", "false"), []slo.Change{
			{Kind: slo.Altered, Node: "n1", Object: "file/etc/hosts", Diff: "-1\n+"}}},
		"a node that is not there": {map[string]nodestate.Facts{"n1": before.nodes["n1"]}, []slo.Change{
			{Kind: slo.Removed, Node: "n2", Object: "unit/dbus.service", Diff: "-active"}}},
	} {
		if got := Differences(before, Proof{nodes: c.after}); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// opened is a cluster of one node on a shell script in the place of docker; facts is what its nov30-node does. The clock
// waits for nothing.
func opened(t *testing.T, facts, inspect string) *cluster.Kind {
	t.Helper()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("ours")})
	script := "#!/bin/sh\ncd " + dir + `
case "$*" in
'network inspect '*) echo run1 home1;;
'network ls '*) echo nov30-a;;
'ps '*) echo nov30-a-control-plane control-plane;;
'inspect --type container '*) ` + inspect + `;;
'inspect '*) echo 172.18.0.2;;
'port '*) echo 127.0.0.1:40001;;
'exec nov30-a-control-plane cat '*) cat ca.crt;;
*'/nov30-node --node nov30-a-control-plane facts') ` + facts + `;;
*) echo "unexpected: $*" >&2; exit 97;;
esac
`
	kubeconfig := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: kind-nov30-a\nclusters:\n- name: kind-nov30-a\n  cluster:\n    server: https://127.0.0.1:40001\n"+
		"    certificate-authority-data: %s\ncontexts:\n- name: kind-nov30-a\n  context: {cluster: kind-nov30-a, user: kind-nov30-a}\nusers:\n- name: kind-nov30-a\n  user: {}\n",
		base64.StdEncoding.EncodeToString(ca))
	for name, content := range map[string]string{"docker": script, "ca.crt": string(ca), "kubeconfig": kubeconfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := cluster.Provider{Engine: &engine.Engine{Name: "docker", Bin: filepath.Join(dir, "docker")}, Clock: clockwork.NewRealClock(), Home: "home1"}
	k, err := p.Open(t.Context(), filepath.Join(dir, "kubeconfig"), "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const inspected = `echo '[{"Image":"sha256:1","State":{"Paused":false},"HostConfig":{"Memory":0,"CpuShares":16},"NetworkSettings":{"Networks":{"nov30-a":{"IPAddress":"172.18.0.2","MacAddress":"02:42"}}}}]'`

func TestTheFactsOfANodeHaveItsContainers(t *testing.T) {
	k := opened(t, `echo '{"file/etc/hosts":"1"}'`, inspected)
	all, err := takeNodes(t.Context(), k)
	want := nodestate.Facts{"file/etc/hosts": "1", "container/Image": "sha256:1", "container/Paused": "false", "container/HostConfig.Memory": "0", "container/network nov30-a": "172.18.0.2 02:42"}
	if err != nil || !reflect.DeepEqual(all, map[string]nodestate.Facts{"nov30-a-control-plane": want}) {
		t.Errorf("%v, %v", all, err)
	}
}

func TestANodeThatGivesNoFactsIsAnErrorAndNeverTheSame(t *testing.T) {
	for name, c := range map[string]struct{ facts, inspect string }{
		"it fails":               {`echo canary; exit 3`, inspected},
		"it prints nothing":      {`true`, inspected},
		"it prints no JSON":      {`echo canary`, inspected},
		"it is cut":              {`printf '{"file/etc/hosts":"1"'`, inspected},
		"it has no facts":        {`echo '{}'`, inspected},
		"it has no facts at all": {`echo null`, inspected},
		"the engine fails":       {`echo '{"file/etc/hosts":"1"}'`, `exit 1`},
		"the engine has none":    {`echo '{"file/etc/hosts":"1"}'`, `echo '[]'`},
	} {
		k := opened(t, c.facts, c.inspect)
		if facts, err := takeNodes(t.Context(), k); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", name, facts, err)
		}
		if _, err := Take(t.Context(), k); err == nil || !strings.Contains(err.Error(), "take the proof of cluster nov30-a") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := takeNodes(t.Context(), opened(t, `echo '{}'`, inspected)); !errors.Is(err, snapshot.ErrNoData) {
		t.Errorf("%v", err)
	}
}

func TestAProofWithoutTheAPIsObjectsIsAnError(t *testing.T) {
	k := opened(t, `echo '{"file/etc/hosts":"1"}'`, inspected) // nobody serves its API
	if _, err := Take(t.Context(), k); err == nil {
		t.Error("the proof was taken")
	}
	if _, err := Settled(t.Context(), k, clockwork.NewFakeClock()); err == nil {
		t.Error("it has settled")
	}
}
