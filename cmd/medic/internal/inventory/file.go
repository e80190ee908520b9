// Package inventory knows the certificates of a kubeadm node: where they lie, whose they are, who must have signed them,
// and whether they are valid.
package inventory

import (
	"crypto/x509"
	"path"
	"strings"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
)

// File is one certificate file, kubeconfig or static pod's manifest of a node.
type File struct {
	Path    string
	Culprit string              // whose it is; for a file that kubeadm does not know, its path without /etc/kubernetes
	Known   bool                // kubeadm or the kubelet writes a file of this name
	Certs   []*x509.Certificate // the leaf first; empty for a manifest, and for a kubeconfig that names another file
	Problem string              // why a certificate could not be read; empty: nothing is wrong with the file
}

// Leaf is the file's own certificate, nil when there is none.
func (f File) Leaf() *x509.Certificate {
	if len(f.Certs) == 0 {
		return nil
	}
	return f.Certs[0]
}

// pki are the certificates of a control plane: culprit and, where it has one, the authority that signs it.
var pki = map[string]struct{ culprit, authority string }{
	"ca.crt":                       {finding.CA, ""},
	"front-proxy-ca.crt":           {finding.FrontProxyCA, ""},
	"etcd/ca.crt":                  {finding.EtcdCA, ""},
	"etcd/server.crt":              {finding.EtcdServer, finding.EtcdCA},
	"etcd/peer.crt":                {finding.EtcdPeer, finding.EtcdCA},
	"etcd/healthcheck-client.crt":  {finding.EtcdHealthcheck, finding.EtcdCA},
	"apiserver-etcd-client.crt":    {finding.APIServerEtcd, finding.EtcdCA},
	"apiserver.crt":                {finding.APIServer, finding.CA},
	"apiserver-kubelet-client.crt": {finding.APIServerKubelet, finding.CA},
	"front-proxy-client.crt":       {finding.FrontProxyClient, finding.FrontProxyCA},
}

var kubeconfigs = map[string]string{
	"admin.conf":              finding.Admin,
	"super-admin.conf":        finding.SuperAdmin,
	"controller-manager.conf": finding.ControllerManager,
	"scheduler.conf":          finding.Scheduler,
}

const (
	confDir     = "/etc/kubernetes/"
	pkiDir      = confDir + "pki/"
	manifestDir = confDir + "manifests/"
	kubeletDir  = "/var/lib/kubelet/pki/"
)

// APIServerManifest is where the kubelet of a control plane finds its apiserver.
const APIServerManifest = manifestDir + "kube-apiserver.yaml"

// owner tells whose file it is.
func owner(node, file string) (culprit string, known bool) {
	if c, ok := pki[strings.TrimPrefix(file, pkiDir)]; ok && strings.HasPrefix(file, pkiDir) {
		return c.culprit, true
	}
	dir, base := path.Split(file)
	switch {
	case dir == confDir && kubeconfigs[base] != "":
		return kubeconfigs[base], true
	case file == confDir+"kubelet.conf", file == kubeletDir+"kubelet-client-current.pem":
		return finding.KubeletClient(node), true
	case dir == kubeletDir:
		return finding.KubeletServing(node), true
	}
	return strings.TrimSuffix(strings.TrimPrefix(file, confDir), ".crt"), false
}

// Authority is the culprit that must have signed the certificate of another culprit; empty: nobody in particular. The
// kubelet signs its serving certificate itself unless it is told otherwise.
func Authority(culprit string) string {
	for _, c := range pki {
		if c.culprit == culprit {
			return c.authority
		}
	}
	for _, c := range kubeconfigs {
		if c == culprit {
			return finding.CA
		}
	}
	if strings.HasPrefix(culprit, finding.KubeletClient("")) {
		return finding.CA
	}
	return ""
}

// IsAuthority tells whether the culprit is itself an authority.
func IsAuthority(culprit string) bool {
	return culprit == finding.CA || culprit == finding.EtcdCA || culprit == finding.FrontProxyCA
}

// LacksAPIServer tells whether the apiserver's manifest is missing where other static pods have theirs: its kubelet then
// runs none, and waiting brings none back.
func LacksAPIServer(fs []File) bool {
	others := false
	for _, f := range fs {
		if f.Path == APIServerManifest {
			return false
		}
		others = others || strings.HasPrefix(f.Path, manifestDir)
	}
	return others
}

// Find returns the first file of a culprit that holds a certificate.
func Find(fs []File, culprit string) (File, bool) {
	for _, f := range fs {
		if f.Culprit == culprit && len(f.Certs) > 0 {
			return f, true
		}
	}
	return File{}, false
}
