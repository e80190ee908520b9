package testcluster

import (
	"encoding/base64"
	"fmt"
	"os"

	"github.com/nov30/nov30/cmd/medic/internal/testpki"
)

func (c *Cluster) ca(name string) *testpki.Pair {
	return map[string]*testpki.Pair{"etcd": c.EtcdCA, "ca": c.CA, "front": c.FrontCA}[name]
}

func (c *Cluster) authorities() {
	c.PutAuthority("ca", c.CA)
	c.PutAuthority("etcd/ca", c.EtcdCA)
	c.PutAuthority("front-proxy-ca", c.FrontCA)
	c.write(Worker, "/etc/kubernetes/pki/ca.crt", c.CA.CertPEM)
}

// PutAuthority writes an authority's certificate on the control plane.
func (c *Cluster) PutAuthority(name string, p *testpki.Pair) {
	c.write(ControlPlane, "/etc/kubernetes/pki/"+name+".crt", p.CertPEM)
	c.write(ControlPlane, "/etc/kubernetes/pki/"+name+".key", p.KeyPEM)
}

// Put writes a certificate and its key below the control plane's pki.
func (c *Cluster) Put(name string, p *testpki.Pair) { c.PutAuthority(name, p) }

// Sign gives a certificate of the control plane another life; every other property stays.
func (c *Cluster) Sign(name string, life testpki.Life) *testpki.Pair {
	c.t.Helper()
	for _, l := range leafs {
		if l.path == name {
			p := c.ca(l.ca).Issue(c.t, name, life, Address)
			c.Put(name, p)
			return p
		}
	}
	c.t.Fatalf("no certificate %q", name)
	return nil
}

// renewal lays out what the stand-in for kubeadm will install.
func (c *Cluster) renewal(name, ca string) {
	p := c.ca(ca).Issue(c.t, name, c.Valid(), Address)
	c.write(ControlPlane, "/renewed/"+name+".crt", p.CertPEM)
	c.write(ControlPlane, "/renewed/"+name+".key", p.KeyPEM)
}

// RenewedBy makes the stand-in for kubeadm install a certificate of another authority or life.
func (c *Cluster) RenewedBy(name string, p *testpki.Pair) {
	c.write(ControlPlane, "/renewed/"+name+".crt", p.CertPEM)
	c.write(ControlPlane, "/renewed/"+name+".key", p.KeyPEM)
}

// Kubeconfig writes a kubeconfig on the control plane with an embedded client certificate.
func (c *Cluster) Kubeconfig(name string, life testpki.Life) {
	p := c.CA.Issue(c.t, name, life)
	c.write(ControlPlane, "/etc/kubernetes/"+name+".conf", c.conf(p))
}

// OwnKubeconfig writes the bastion's.
func (c *Cluster) OwnKubeconfig(life testpki.Life) {
	if err := os.WriteFile(c.Target.Kubeconfig, c.conf(c.CA.Issue(c.t, "kubernetes-admin", life)), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) conf(p *testpki.Pair) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: k, user: u}}]
clusters:
- name: k
  cluster:
    certificate-authority-data: %s
    server: https://%s:6443
users:
- name: u
  user:
    client-certificate-data: %s
    client-key-data: %s
`, b64(c.CA.CertPEM), Address, b64(p.CertPEM), b64(p.KeyPEM))
}

// kubelet gives a node its kubelet's files: the client certificate rotated once, the serving certificate self-signed.
func (c *Cluster) kubelet(node string) {
	const dir = "/var/lib/kubelet/pki/"
	conf := fmt.Sprintf("users:\n- name: d\n  user:\n    client-certificate: %s\n    client-key: %s\n",
		c.path(node, dir+"kubelet-client-current.pem"), c.path(node, dir+"kubelet-client-current.pem"))
	c.write(node, "/etc/kubernetes/kubelet.conf", []byte(conf))
	rotated := c.CA.Issue(c.t, "system:node:"+node, c.Expired())
	c.write(node, dir+"kubelet-client-2020-01-01-00-00-00.pem", append(rotated.CertPEM, rotated.KeyPEM...))
	c.KubeletClient(node, c.Valid())
	c.KubeletServing(node, c.Valid())
}

// KubeletClient gives a kubelet a client certificate, in one file with its key.
func (c *Cluster) KubeletClient(node string, life testpki.Life) {
	p := c.CA.Issue(c.t, "system:node:"+node, life)
	c.write(node, "/var/lib/kubelet/pki/kubelet-client-current.pem", append(p.CertPEM, p.KeyPEM...))
}

// KubeletServing gives a kubelet a serving certificate of an authority of its own.
func (c *Cluster) KubeletServing(node string, life testpki.Life) {
	own := testpki.NewAuthority(c.t, node+"-ca@1", c.Valid())
	p := own.Issue(c.t, node+"@1", life)
	c.write(node, "/var/lib/kubelet/pki/kubelet.crt", append(p.CertPEM, own.CertPEM...))
	c.write(node, "/var/lib/kubelet/pki/kubelet.key", p.KeyPEM)
}
