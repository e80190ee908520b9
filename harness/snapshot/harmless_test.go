package snapshot

import (
	"os"
	"testing"
)

var harmless = map[string]change{
	"nothing": {func(*testing.T, healthy) {}, nil, nil},
	"systemd notes a new pod's limits": {func(_ *testing.T, h healthy) {
		h.put("/run/systemd/system.control/kubelet-kubepods-burstable-pod1_2.slice.d/50-CPUShares.conf", "[Slice]\nCPUShares=102\n", 0o644)
	}, nil, nil},
	"a certificate is renewed with a new key": {func(t *testing.T, h healthy) { h.renew(t) },
		renewed(server+".crt", server+".key"), []string{"-certificate.life: serial ", "certificate.publicKey changed", "key changed"}},
	"a certificate is re-signed for the same key": {func(t *testing.T, h healthy) {
		h.put(server+".crt", issue(leafOf(), h.server.signer, &h.ca).cert, 0o644)
	}, renewed(server + ".crt"), nil},
	"a CA is re-signed for the same key": {func(t *testing.T, h healthy) {
		h.put("/etc/kubernetes/pki/etcd/ca.crt", issue(caOf("etcd-ca"), keys()[0], nil).cert, 0o644)
	}, renewed("/etc/kubernetes/pki/etcd/ca.crt"), nil},
	"openssl describes the certificate in the file": {func(t *testing.T, h healthy) {
		h.put(server+".crt", "Certificate:\n  Version: 3\n"+h.server.cert, 0o644)
	}, nil, nil},
	"a kubeconfig is written again with a new certificate": {func(t *testing.T, h healthy) {
		h.put("/etc/kubernetes/scheduler.conf", kubeconfigOf("https://10.0.0.1:6443", h.ca, issue(leafOf(), keys()[2], &h.ca)), 0o600)
	}, renewed("/etc/kubernetes/scheduler.conf"), []string{"users[x].user.client-key-data.key changed"}},
	"a manifest is written again in another form": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", `[etcd, --client-cert-auth=true, "--authorization-mode=Node,RBAC"]`,
			"\n    - etcd\n    - --authorization-mode=Node,RBAC\n    - --client-cert-auth=true # the same")
	}, nil, nil},
	"kubelet rotates its certificate to a key of another kind": {func(t *testing.T, h healthy) {
		template := leafOf()
		template.KeyUsage = 1 // digital signature: the key of an elliptic curve enciphers nothing
		n := issue(template, elliptical(), &h.ca)
		h.put(dated2, n.cert+n.key, 0o600)
		h.link(current, dated2)
	}, renewed(dated2, current), nil},
	"the old one is cleared away": {func(t *testing.T, h healthy) {
		n := issue(leafOf(), keys()[2], &h.ca)
		h.put(dated2, n.cert+n.key, 0o600)
		h.link(current, dated2)
		h.must(os.Remove(h.host(dated1)))
	}, renewed(dated1, dated2, current), nil},
	"nov30's own scaffolding": {func(_ *testing.T, h healthy) {
		h.put("/etc/kubernetes/manifests/.etcd.yaml.nov30", "x", 0o600)
		h.put("/etc/systemd/system/nov30-ttl.timer", "x", 0o644)
		h.units += "\nId=nov30-ttl.timer\nLoadState=loaded\nActiveState=active\nUnitFileState=transient\n"
	}, nil, nil},
	"an empty directory": {func(_ *testing.T, h healthy) { h.must(os.Mkdir(h.host("/etc/kubernetes/tmp"), 0o700)) }, nil, nil},
	"units that come and go": {func(_ *testing.T, h healthy) {
		h.units += "\nId=a.service\nLoadState=loaded\nActiveState=active\nUnitFileState=static\n" +
			"\nId=b.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n" +
			"\nId=c.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
	}, nil, nil},
}

func TestWhatIsHarmlessOnANodeIsNothingOrRenewed(t *testing.T) {
	try(t, harmless)
}

func TestKubeletsOwnServingCertificateMayBeMadeAgain(t *testing.T) {
	d := newDirectory(t)
	d.put("/etc/hosts", "x\n", 0o644)
	write := func(at string, key int) {
		own := caOf("node-ca@" + at)
		ca := issue(own, keys()[key], nil)
		template := leafOf()
		template.Subject.CommonName = "node@" + at
		n := issue(template, keys()[2-key], &ca)
		d.put("/var/lib/kubelet/pki/kubelet.crt", n.cert+ca.cert, 0o644)
		d.put("/var/lib/kubelet/pki/kubelet.key", n.key, 0o600)
	}
	write("1575109748", 0)
	before := d.take()
	write("1606645748", 1)
	check(t, Diff(before, d.take()), renewed("/var/lib/kubelet/pki/kubelet.crt", "/var/lib/kubelet/pki/kubelet.key"), nil)
}
