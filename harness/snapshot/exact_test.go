package snapshot

import (
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

const exactly = `{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: site, generation: 1, uid: d1}, spec: {replicas: 2}}
---
{kind: ReplicaSet, apiVersion: apps/v1, metadata: {name: web-1, namespace: site, generation: 1, uid: r1, ownerReferences: [{kind: Deployment, name: web, uid: d1, controller: true, apiVersion: apps/v1}]}, spec: {replicas: 2}}
---
{kind: Pod, apiVersion: v1, metadata: {name: web-1-a, namespace: site, uid: p1, ownerReferences: [{kind: ReplicaSet, name: web-1, uid: r1, controller: true, apiVersion: apps/v1}]}, spec: {nodeName: n1}}
---
{kind: Namespace, apiVersion: v1, metadata: {name: site, uid: n1}}`

func takenExactly(t *testing.T, a *apiServer, exact bool) Snapshot {
	t.Helper()
	items, err := takeAPI(t.Context(), a.kubeconfig, exact)
	if err != nil {
		t.Fatal(err)
	}
	return Snapshot{items}
}

func TestAnExactSnapshotSeesWhatARepairMayDo(t *testing.T) {
	for name, c := range map[string]struct {
		old, new, object string
		kind             slo.ChangeKind
	}{
		"a pod that was made again":       {"uid: p1", "uid: p2", "pods/site/web-1-a", slo.Recreated},
		"a pod that is on another node":   {"nodeName: n1", "nodeName: n2", "pods/site/web-1-a", slo.Altered},
		"a change that was taken back":    {"namespace: site, generation: 1, uid: d1", "namespace: site, generation: 3, uid: d1", "deployments.apps/site/web", slo.Altered},
		"a replica set that was scaled":   {"name: web-1, namespace: site, generation: 1", "name: web-1, namespace: site, generation: 5", "replicasets.apps/site/web-1", slo.Altered},
		"a pod under another name":        {"name: web-1-a", "name: web-1-b", "pods/site/web-1-a", slo.Removed},
		"a namespace that was made again": {"uid: n1}", "uid: n2}", "namespaces//site", slo.Recreated},
	} {
		a := newAPI(t)
		a.put(exactly)
		exact, lax := takenExactly(t, a, true), takenExactly(t, a, false)
		if again := Diff(exact, takenExactly(t, a, true)); len(again) > 0 {
			t.Fatalf("nothing changed: %+v", again)
		}
		if !strings.Contains(exactly, c.old) {
			t.Fatalf("%s: nothing to change", name)
		}
		a.put(strings.Replace(exactly, c.old, c.new, 1))
		is := func(change slo.Change) bool { return change.Object == c.object && change.Kind == c.kind }
		if got := Diff(exact, takenExactly(t, a, true)); !slices.ContainsFunc(got, is) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := Diff(lax, takenExactly(t, a, false)); len(got) > 0 && c.object != "namespaces//site" {
			t.Errorf("%s: it is no change of content: %+v", name, got)
		}
	}
}

func TestAnExactSnapshotHoldsMoreOfTheAPIAndTheSameOfTheNodes(t *testing.T) {
	a, d := newAPI(t), newDirectory(t)
	d.put("/etc/hosts", "x\n", 0o644)
	a.put(exactly)
	exact, err := TakeExact(t.Context(), oneNode{d, a.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	lax, err := Take(t.Context(), oneNode{d, a.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	if exact.Len() != lax.Len()+2 {
		t.Errorf("%d objects, and %d", exact.Len(), lax.Len())
	}
	for k := range lax.items {
		if _, ok := exact.items[k]; !ok {
			t.Errorf("%v is missing", k)
		}
	}
}
