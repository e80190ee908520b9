package snapshot

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

const manifest = `apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  containers:
  - name: etcd
    command: [etcd, --client-cert-auth=true, "--authorization-mode=Node,RBAC"]
    livenessProbe: {httpGet: {path: /livez, port: 2381}, failureThreshold: 8}
    env:
    - {name: DB_PASSWORD, value: hunter2hunter2}
`

// healthy is the ground of the tables: what matters of a control plane.
type healthy struct {
	*dirNode
	ca, server pair
}

// ground are the certificates of every healthy node, made once.
var ground = sync.OnceValue(func() (g struct{ ca, server pair }) {
	g.ca = issue(caOf("etcd-ca"), keys()[0], nil)
	g.server = issue(leafOf(), keys()[1], &g.ca)
	return g
})

const (
	server  = "/etc/kubernetes/pki/etcd/server"
	dated1  = "/var/lib/kubelet/pki/kubelet-client-2019-11-30-10-29-08.pem"
	dated2  = "/var/lib/kubelet/pki/kubelet-client-2020-11-30-10-29-08.pem"
	current = "/var/lib/kubelet/pki/kubelet-client-current.pem"
)

func newHealthy(t *testing.T) healthy {
	d, g := newDirectory(t), ground()
	h := healthy{dirNode: d, ca: g.ca, server: g.server}
	d.put("/etc/kubernetes/pki/etcd/ca.crt", h.ca.cert, 0o644)
	d.put("/etc/kubernetes/pki/etcd/ca.key", h.ca.key, 0o600)
	d.put(server+".crt", h.server.cert, 0o644)
	d.put(server+".key", h.server.key, 0o600)
	d.put("/etc/kubernetes/pki/sa.key", block("PRIVATE KEY", []byte("not read")), 0o600)
	d.put("/etc/kubernetes/manifests/etcd.yaml", manifest, 0o600)
	d.put("/etc/kubernetes/scheduler.conf", kubeconfigOf("https://10.0.0.1:6443", h.ca, h.server), 0o600)
	d.put("/var/lib/kubelet/config.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: true\n", 0o644)
	d.put("/var/lib/kubelet/kubeadm-flags.env", `KUBELET_KUBEADM_ARGS="--a=1 --b=2"`+"\n", 0o644)
	d.put(dated1, h.server.cert+h.server.key, 0o600)
	d.link(current, dated1)
	d.put("/etc/hosts", "127.0.0.1 localhost\n10.0.0.1 node\n", 0o644)
	d.put("/etc/cni/net.d/1.conflist", `{"type": "bridge", "mode": "0644", "owner": "0:0"}`, 0o600)
	d.put("/etc/shadow", "root:$6$canary:1::\n", 0o640)
	d.put("/usr/bin/kubelet", strings.Repeat("program ", 1<<18), 0o755)
	d.must(os.Link(d.host("/usr/bin/kubelet"), d.host("/usr/bin/kubeadm")))
	return h
}

// renew is what kubeadm certs renew does: the same certificate with a new key.
func (h healthy) renew(t *testing.T) {
	n := issue(leafOf(), keys()[2], &h.ca)
	h.put(server+".crt", n.cert, 0o644)
	h.put(server+".key", n.key, 0o600)
}

// change is what one row of a table does, and what must be reported of it: "KIND OBJECT", with texts of its diff.
type change struct {
	do   func(t *testing.T, h healthy)
	want []string
	text []string
}

func altered(objects ...string) []string { return prefixed(slo.Altered, objects) }
func renewed(objects ...string) []string { return prefixed(slo.Renewed, objects) }
func added(objects ...string) []string   { return prefixed(slo.Added, objects) }
func removed(objects ...string) []string { return prefixed(slo.Removed, objects) }

func prefixed(kind slo.ChangeKind, objects []string) []string {
	for i, o := range objects {
		objects[i] = string(kind) + " " + o
	}
	return objects
}

// report is what Diff says, a line for each change, and all of its texts.
func report(changes []slo.Change) (heads []string, texts string) {
	for _, c := range changes {
		heads = append(heads, string(c.Kind)+" "+c.Object)
		texts += c.Diff + "\n"
	}
	return heads, texts
}

func check(t *testing.T, changes []slo.Change, want, text []string) {
	t.Helper()
	heads, texts := report(changes)
	if strings.Join(heads, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s\nwith %s", strings.Join(heads, "\n"), strings.Join(want, "\n"), texts)
	}
	for _, w := range text {
		if !strings.Contains(texts, w) {
			t.Errorf("the diff does not say %q:\n%s", w, texts)
		}
	}
	for _, secret := range []string{"canary", "hunter2", "PRIVATE KEY", "LS0tLS1CRUdJTiBQ"} {
		if strings.Contains(texts, secret) {
			t.Errorf("the diff holds the secret %q:\n%s", secret, texts)
		}
	}
}

// try makes each row's change to a healthy node of its own and checks what is reported.
func try(t *testing.T, rows map[string]change) {
	before := newHealthy(t).take()
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			h := newHealthy(t)
			c.do(t, h)
			check(t, Diff(before, h.take()), c.want, c.text)
		})
	}
}
