package snapshot

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"strings"
	"testing"
)

// as issues the server's certificate otherwise than it was.
func as(change func(*x509.Certificate)) func(*testing.T, healthy) {
	return func(t *testing.T, h healthy) {
		template := leafOf()
		change(&template)
		n := issue(template, keys()[2], &h.ca)
		h.put(server+".crt", n.cert, 0o644)
		h.put(server+".key", n.key, 0o600)
	}
}

var weaker = append(altered(server+".crt"), renewed(server+".key")...)

var vandalism = map[string]change{
	"a liveness probe is removed": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "    livenessProbe: {httpGet: {path: /livez, port: 2381}, failureThreshold: 8}\n", "")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{"-spec.containers[etcd].livenessProbe.httpGet.path: /livez"}},
	"a flag is changed": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "Node,RBAC", "AlwaysAllow")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{
		"-spec.containers[etcd].command.--authorization-mode: Node,RBAC\n+spec.containers[etcd].command.--authorization-mode: AlwaysAllow"}},
	"an insecure flag is added": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "--client-cert-auth=true", "--client-cert-auth=true, --insecure")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{"+spec.containers[etcd].command.--insecure: (given)"}},
	"a secret variable is changed": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "hunter2hunter2", "hunter2canary")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{"spec.containers[etcd].env[DB_PASSWORD].value changed"}},
	"a variable is added": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "    env:\n", "    env:\n    - {name: A, value: b}\n")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{"+spec.containers[etcd].env[A].value: b"}},
	"a manifest is damaged": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/manifests/etcd.yaml", "kind: Pod", "kind: [")
	}, altered("/etc/kubernetes/manifests/etcd.yaml"), []string{"+content: [secret removed]"}},
	"a key can be read by all": {func(_ *testing.T, h healthy) {
		h.must(os.Chmod(h.host(server+".key"), 0o644))
	}, altered(server + ".key"), []string{"-file mode: 0600\n+file mode: 0644"}},
	"a file that speaks of a mode itself can be read by all": {func(_ *testing.T, h healthy) {
		h.must(os.Chmod(h.host("/etc/cni/net.d/1.conflist"), 0o666))
	}, altered("/etc/cni/net.d/1.conflist"), []string{"+file mode: 0666"}},
	"a directory is open to all": {func(_ *testing.T, h healthy) {
		h.must(os.Chmod(h.host("/etc/kubernetes/pki"), 0o777))
	}, altered("/etc/kubernetes/pki"), []string{"+file mode: 0777"}},
	"a cron file": {func(_ *testing.T, h healthy) { h.put("/etc/cron.d/x", "* * * * * root id\n", 0o644) },
		added("/etc/cron.d/x"), []string{"+content: * * * * * root id"}},
	"a manifest that hides as scaffolding": {func(_ *testing.T, h healthy) { h.put("/etc/kubernetes/manifests/x.nov30", manifest, 0o600) },
		added("/etc/kubernetes/manifests/x.nov30"), nil},
	"a file is removed": {func(_ *testing.T, h healthy) { h.must(os.Remove(h.host("/etc/hosts"))) },
		removed("/etc/hosts"), []string{"-content: 10.0.0.1 node"}},
	"another server": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/scheduler.conf", "10.0.0.1", "203.0.113.10")
	}, altered("/etc/kubernetes/scheduler.conf"), []string{"+clusters[kubernetes].cluster.server: https://203.0.113.10:6443"}},
	"no check of the server": {func(_ *testing.T, h healthy) {
		h.edit("/etc/kubernetes/scheduler.conf", "server:", "insecure-skip-tls-verify: true, server:")
	}, altered("/etc/kubernetes/scheduler.conf"), []string{"+clusters[kubernetes].cluster.insecure-skip-tls-verify: true"}},
	"a name more":          {as(func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "evil") }), weaker, []string{"+certificate.names[]: DNS:evil\n"}},
	"another organisation": {as(func(c *x509.Certificate) { c.Subject.Organization = []string{"system:masters"} }), weaker, []string{"O=system:masters"}},
	"a CA":                 {as(func(c *x509.Certificate) { c.IsCA = true }), weaker, []string{"-certificate.ca: no\n+certificate.ca: yes"}},
	"a use more": {as(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) }), weaker,
		[]string{"+certificate.usages[]: extended codeSigning"}},
	"another extension": {as(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Value: []byte{5, 0}}}
	}), weaker, []string{"+certificate.extensions[1.2.3]"}},
	"a weaker key": {func(t *testing.T, h healthy) {
		n := issue(leafOf(), keys()[3], &h.ca)
		h.put(server+".crt", n.cert, 0o644)
		h.put(server+".key", n.key, 0o600)
	}, altered(server+".crt", server+".key"), []string{"-certificate.publicKey: RSA 2048\n+certificate.publicKey: RSA 1024"}},
	"another CA of the same name": {func(t *testing.T, h healthy) {
		ca := issue(caOf("etcd-ca"), keys()[2], nil)
		h.put("/etc/kubernetes/pki/etcd/ca.crt", ca.cert, 0o644)
		h.put("/etc/kubernetes/pki/etcd/ca.key", ca.key, 0o600)
		n := issue(leafOf(), keys()[1], &ca)
		h.put(server+".crt", n.cert, 0o644)
	}, append(append(altered("/etc/kubernetes/pki/etcd/ca.crt"), renewed("/etc/kubernetes/pki/etcd/ca.key")...), altered(server+".crt")...),
		[]string{"certificate.publicKeySHA256", "certificate.issuerKeyID"}},
	"a key that does not belong to its certificate": {func(t *testing.T, h healthy) {
		h.put(server+".key", issue(leafOf(), keys()[2], &h.ca).key, 0o600)
	}, altered(server + ".key"), []string{"it does not belong to its certificate"}},
	"a certificate that cannot be read": {func(_ *testing.T, h healthy) { h.put(server+".crt", h.server.cert[:200], 0o644) },
		altered(server+".crt", server+".key"), []string{"+unreadable: [secret removed]"}},
	"the service accounts' key": {func(_ *testing.T, h healthy) {
		h.put("/etc/kubernetes/pki/sa.key", block("PRIVATE KEY", []byte("other")), 0o600)
	}, altered("/etc/kubernetes/pki/sa.key"), []string{"key changed"}},
	"kubelet's certificate rotates to another name": {func(t *testing.T, h healthy) {
		template := leafOf()
		template.Subject.CommonName = "system:node:other"
		n := issue(template, elliptical(), &h.ca)
		h.put(dated2, n.cert+n.key, 0o600)
		h.link(current, dated2)
	}, append(added(dated2), renewed(current)...), []string{"system:node:other"}},
	"kubelet's link points nowhere": {func(_ *testing.T, h healthy) { h.link(current, dated2) },
		altered(current), []string{"which does not exist"}},
	"a unit is masked": {func(_ *testing.T, h healthy) {
		h.units = strings.NewReplacer("=loaded", "=masked", "=enabled", "=masked").Replace(oneUnit)
		h.link("/etc/systemd/system/kubelet.service", "/dev/null")
	}, append(added("/etc/systemd/system/kubelet.service"), altered("unit/kubelet.service")...), []string{"+file: masked", "+target: /dev/null"}},
	"a unit is stopped": {func(_ *testing.T, h healthy) { h.units = strings.ReplaceAll(oneUnit, "=active", "=inactive") },
		altered("unit/kubelet.service"), []string{"+active: inactive"}},
	"units that somebody made": {func(_ *testing.T, h healthy) {
		h.units += "\nId=evil.timer\nLoadState=loaded\nActiveState=active\nUnitFileState=transient\n" +
			"\nId=nov30-x.service\nLoadState=loaded\nActiveState=active\nUnitFileState=static\n"
	}, added("unit/evil.timer", "unit/nov30-x.service"), nil},
	"a unit failed": {func(_ *testing.T, h healthy) {
		h.units += "\nId=x.service\nLoadState=loaded\nActiveState=failed\nUnitFileState=static\n"
	}, added("unit/x.service"), nil},
	"a password": {func(_ *testing.T, h healthy) { h.put("/etc/shadow", "root::1::\n", 0o640) },
		altered("/etc/shadow"), []string{"content changed"}},
	"kubelet's flags": {func(_ *testing.T, h healthy) { h.edit("/var/lib/kubelet/kubeadm-flags.env", "--b=2", "--b=3") },
		altered("/var/lib/kubelet/kubeadm-flags.env"), []string{"+KUBELET_KUBEADM_ARGS.--b: 3"}},
	"a program": {func(_ *testing.T, h healthy) {
		h.must(os.Remove(h.host("/usr/bin/kubelet")))
		h.put("/usr/bin/kubelet", strings.Repeat("Program ", 1<<18), 0o755)
	}, altered("/usr/bin/kubelet"), []string{"-content: SHA-256 "}},
}

func TestVandalismOfANodeIsFound(t *testing.T) {
	try(t, vandalism)
}
