package snapshot

import (
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// site is what the fake API holds when all is healthy.
var site = `kind: Deployment
metadata:
  {name: web, namespace: site, annotations: {deployment.kubernetes.io/revision: "1"}, generation: 1}
spec:
  replicas: 2
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web, livenessProbe: {httpGet: {path: /}}}]}}
status: {replicas: 2}
---
kind: ClusterRoleBinding
metadata: {name: "system:node"}
roleRef: {kind: ClusterRole, name: "system:node"}
---
kind: Secret
type: Opaque
metadata: {name: db, namespace: site, annotations: {kubectl.kubernetes.io/last-applied-configuration: "canary"}}
data: {password: Y2FuYXJ5, tls.crt: ` + b64(ground().server.cert) + `, tls.key: ` + b64(ground().server.key) + `}
---
kind: Node
metadata: {name: worker, labels: {role: worker}}
spec: {podCIDR: 10.244.1.0/24}
status: {conditions: [{type: Ready, status: "True"}]}
---
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: a.b.c, clientConfig: {caBundle: ` + b64(ground().ca.cert) + `}}]
---
kind: ConfigMap
metadata: {name: cluster-info, namespace: kube-public}
data: {Corefile: ".:53 {\n  errors\n}\n", jws-kubeconfig-abcdef: x}
---
kind: ServiceAccount
metadata: {name: default, namespace: site}
---
kind: Namespace
metadata: {name: site}
---
kind: Pod
metadata: {name: bare, namespace: site}
spec: {containers: [{name: c}]}`

const none = "\n---\n"

// edits are pairs of old and new text in site; "" as old appends a document.
type edits struct {
	change     []string
	want, text []string
}

var apiVandalism = map[string]edits{
	"a new clusterrolebinding": {[]string{"", "kind: ClusterRoleBinding\nmetadata: {name: evil}\nroleRef: {name: cluster-admin}"},
		added("clusterrolebindings.rbac.authorization.k8s.io//evil"), []string{"+roleRef.name: cluster-admin"}},
	"a subject is added": {[]string{`roleRef: {kind: ClusterRole, name: "system:node"}`,
		"roleRef: {kind: ClusterRole, name: \"system:node\"}\nsubjects: [{kind: Group, name: \"system:nodes\"}]"},
		altered("clusterrolebindings.rbac.authorization.k8s.io//system:node"), []string{"+subjects[system:nodes].kind: Group"}},
	"a deployment is deleted": {[]string{site[:strings.Index(site, none)+len(none)], ""},
		removed("deployments.apps/site/web"), []string{"-spec.replicas: 2"}},
	"a deployment is created again": {[]string{"generation: 1", "uid: other"},
		prefixed(slo.Recreated, []string{"deployments.apps/site/web"}), []string{"-metadata.uid: uid-web\n+metadata.uid: other"}},
	"a deployment is created again otherwise": {[]string{"generation: 1", "uid: other", "replicas: 2\n  t", "replicas: 1\n  t"},
		altered("deployments.apps/site/web"), []string{"+metadata.uid: other\n-spec.replicas: 2\n+spec.replicas: 1"}},
	"a liveness probe is removed": {[]string{", livenessProbe: {httpGet: {path: /}}", ""},
		altered("deployments.apps/site/web"), []string{"-spec.template.spec.containers[web].livenessProbe.httpGet.path: /"}},
	"a secret's data is changed": {[]string{"Y2FuYXJ5", "Y2FuYXJ6"}, altered("secrets/site/db"), []string{"data.password changed"}},
	"a secret gets more data":    {[]string{"password:", "p2: Y2FuYXJ5, password:"}, altered("secrets/site/db"), []string{"+data.p2: [secret removed]"}},
	"a secret is being deleted": {[]string{"{name: db,", "{name: db, deletionTimestamp: \"2019-11-30T10:29:08Z\","},
		removed("secrets/site/db"), []string{"-data.password: [secret removed]"}},
	"a node is labelled and cordoned": {[]string{"role: worker", "role: other", "spec: {podCIDR", "spec: {unschedulable: true, podCIDR"},
		altered("nodes//worker"), []string{"-metadata.labels.role: worker\n+metadata.labels.role: other\n+spec.unschedulable: true"}},
	"a node is tainted": {[]string{"spec: {podCIDR", "spec: {taints: [{key: a, effect: NoSchedule}], podCIDR"},
		altered("nodes//worker"), []string{"+spec.taints[0].key: a"}},
	"a webhook is deleted": {[]string{"kind: ValidatingWebhookConfiguration", "kind: Other"},
		removed("validatingwebhookconfigurations.admissionregistration.k8s.io//hook"), nil},
	"a line of a configuration":  {[]string{`errors\n`, `errors\n  log\n`}, altered("configmaps/kube-public/cluster-info"), []string{"+data.Corefile:   log"}},
	"a pod that nobody controls": {[]string{"kind: Pod", "kind: Other"}, removed("pods/site/bare"), nil},
}

var apiHarmless = map[string]edits{
	"nothing":       {nil, nil, nil},
	"status":        {[]string{`status: "True"`, `status: "False"`, "status: {replicas: 2}", "status: {replicas: 1}"}, nil, nil},
	"managedFields": {[]string{"generation: 1", "generation: 2, managedFields: [{manager: x}], creationTimestamp: \"2019-11-30T10:29:08Z\""}, nil, nil},
	"a revision":    {[]string{`revision: "1"`, `revision: "2"`}, nil, nil},
	"a restart by kubectl": {[]string{"metadata: {labels: {app", "metadata: {annotations: {kubectl.kubernetes.io/restartedAt: x}, labels: {app",
		"", "kind: ReplicaSet\nmetadata: {name: web-2, namespace: site, ownerReferences: [{kind: Deployment, name: web, controller: true}]}"}, nil, nil},
	"pods of controllers, a mirror of a static pod": {[]string{
		"", "kind: Pod\nmetadata: {name: web-1, namespace: site, ownerReferences: [{kind: ReplicaSet, name: w, controller: true}]}",
		"", "kind: Pod\nmetadata: {name: etcd, namespace: kube-system, ownerReferences: [{kind: Node, name: n, controller: true}]}"}, nil, nil},
	"leases and events": {[]string{"", "kind: Lease\nmetadata: {name: l, namespace: site}", "", "kind: Event\nmetadata: {name: e, namespace: site}"}, nil, nil},
	"a bootstrap token": {[]string{"jws-kubeconfig-abcdef: x", "jws-kubeconfig-fedcba: y",
		"", "kind: Secret\ntype: bootstrap.kubernetes.io/token\nmetadata: {name: bootstrap-token-fedcba, namespace: kube-system}"}, nil, nil},
	"what the probes make": {[]string{"", "kind: ConfigMap\nmetadata: {name: w, namespace: nov30-probe, labels: {nov30.probe: x}}"}, nil, nil},
	"taints of controllers, a token of a service account": {[]string{
		"spec: {podCIDR", "spec: {taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute, timeAdded: x}], podCIDR",
		"{name: default, namespace: site}", "{name: default, namespace: site}\nsecrets: [{name: default-token-abcde}]"}, nil, nil},
	"a CA is re-signed in a bundle, a certificate in a secret renewed": {[]string{
		b64(ground().ca.cert), b64(issue(caOf("etcd-ca"), keys()[0], nil).cert), b64(ground().server.cert), b64(resigned.cert), b64(ground().server.key), b64(resigned.key)},
		renewed("secrets/site/db", "validatingwebhookconfigurations.admissionregistration.k8s.io//hook"), []string{"data.tls.key.key changed"}},
}

var resigned = issue(leafOf(), keys()[2], &pair{parsed: ground().ca.parsed, signer: ground().ca.signer})

func tryAPI(t *testing.T, rows map[string]edits) {
	for name, e := range rows {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			before := a.take()
			text := site
			for i := 0; i < len(e.change); i += 2 {
				was, is := e.change[i], e.change[i+1]
				if was == "" {
					text += none + is
					continue
				}
				if strings.Count(text, was) == 0 {
					t.Fatalf("there is no %q", was)
				}
				text = strings.Replace(text, was, is, 1)
			}
			a.put(text)
			check(t, Diff(before, a.take()), e.want, e.text)
		})
	}
}

func TestVandalismInTheAPIIsFound(t *testing.T) { tryAPI(t, apiVandalism) }

func TestWhatIsHarmlessInTheAPIIsNothingOrRenewed(t *testing.T) { tryAPI(t, apiHarmless) }
