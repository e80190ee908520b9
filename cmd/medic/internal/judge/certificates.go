package judge

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// nodeCertificates judges what lies on a node's disk and what its ports serve.
func nodeCertificates(n look.NodeView, s look.Snapshot, now time.Time) []fact {
	var out []fact
	for _, f := range n.Files.Value {
		out = append(out, onNode(n, fileFacts(f, n.Files.Value, now))...)
	}
	for _, p := range n.Ports {
		if chain := p.Chain.Value; len(chain) > 0 {
			out = append(out, onNode(n, servedFacts(n, p.Port, chain, now))...)
		}
	}
	return out
}

func onNode(n look.NodeView, facts []fact) []fact {
	for i := range facts {
		facts[i].Node = n.Node.Name
	}
	return facts
}

// fileFacts judges one file among all files of its node.
func fileFacts(f inventory.File, all []inventory.File, now time.Time) []fact {
	if f.Problem != "" {
		// A file is empty for an instant while it is being renewed.
		return []fact{{certain(f, finding.CertUntrusted, f.Path+": "+f.Problem), silence}}
	}
	cert := inventory.Deciding(f, now)
	if cert == nil {
		return nil
	}
	var out []fact
	if kind := inventory.Validity(cert, now); kind != "" {
		found := certain(f, kind, times(cert, kind)+" ("+f.Path+")")
		if selfSigned(f.Culprit, f.Certs, all) {
			found.Severity = finding.Warning
		}
		out = append(out, fact{found, 0})
	}
	if roots := authority(f.Culprit, all); len(roots) > 0 && !inventory.Signed(f.Certs, roots) {
		text := fmt.Sprintf("%s is not signed by the node's %s", f.Path, inventory.Authority(f.Culprit))
		out = append(out, fact{certain(f, finding.CertUntrusted, text), silence})
	}
	return out
}

// certain makes a finding about a file. What depends on a file that kubeadm does not know is unknown: never critical.
func certain(f inventory.File, kind finding.Kind, evidence string) finding.Finding {
	severity := finding.Warning
	if kind.Invalid() && f.Known {
		severity = finding.Critical
	}
	return finding.Finding{Severity: severity, Kind: kind, Culprit: f.Culprit, Evidence: evidence}
}

// servedFacts judges what a port serves on a new connection, also against the file it is served from.
func servedFacts(n look.NodeView, p look.Port, chain []*x509.Certificate, now time.Time) []fact {
	files := n.Files.Value
	served := inventory.File{Culprit: servedBy(p, n.Node.Name), Known: true, Certs: chain}
	where := "served on " + look.Endpoint(n.Node.Address, p)
	file, onDisk := inventory.Find(files, served.Culprit)
	same := onDisk && file.Leaf().Equal(chain[0])
	var out []fact
	if kind := inventory.Validity(chain[0], now); kind != "" {
		found := certain(served, kind, where) // the file's own finding says the rest
		if !same {
			found.Evidence = times(chain[0], kind) + " (" + where + ")"
		}
		if selfSigned(served.Culprit, chain, files) {
			found.Severity = finding.Warning
		}
		out = append(out, fact{found, 0})
	}
	if roots := authority(served.Culprit, files); len(roots) > 0 && !inventory.Signed(chain, roots) {
		text := fmt.Sprintf("the certificate %s is not signed by the node's %s", where, inventory.Authority(served.Culprit))
		out = append(out, fact{certain(served, finding.CertUntrusted, text), silence})
	}
	if onDisk && !same && p != look.Kubelet {
		text := fmt.Sprintf("serial %s %s, serial %s in %s", inventory.Serial(chain[0]), where, inventory.Serial(file.Leaf()), file.Path)
		out = append(out, fact{certain(served, finding.ServedDiffers, text), silence})
	}
	return out
}

// servedBy is the culprit whose certificate a port serves.
func servedBy(p look.Port, node string) string {
	switch p {
	case look.EtcdClient:
		return finding.EtcdServer
	case look.EtcdPeer:
		return finding.EtcdPeer
	case look.APIServer:
		return finding.APIServer
	}
	return finding.KubeletServing(node)
}

func authority(culprit string, files []inventory.File) []*x509.Certificate {
	ca, ok := inventory.Find(files, inventory.Authority(culprit))
	if !ok {
		return nil
	}
	return ca.Certs
}

// selfSigned tells whether it is a kubelet's serving certificate that the cluster's authority has not signed. Nobody can
// verify such a one, so its expiry breaks nothing.
func selfSigned(culprit string, chain []*x509.Certificate, files []inventory.File) bool {
	if culprit[:min(len(culprit), len(finding.KubeletServing("")))] != finding.KubeletServing("") {
		return false
	}
	ca, ok := inventory.Find(files, finding.CA)
	return !ok || !inventory.Signed(chain, ca.Certs)
}

// ownCertificate judges the client certificate in the bastion's own kubeconfig, a copy of admin.conf.
func ownCertificate(cert *x509.Certificate, now time.Time) []fact {
	if cert == nil {
		return nil
	}
	kind := inventory.Validity(cert, now)
	if kind == "" {
		return nil
	}
	f := inventory.File{Culprit: finding.Admin, Known: true}
	return []fact{{certain(f, kind, times(cert, kind)+" (the kubeconfig on the bastion)"), 0}}
}

// times says what is wrong with a certificate's times. It names no duration: the text must not change by itself.
func times(c *x509.Certificate, kind finding.Kind) string {
	id := fmt.Sprintf("CN %q serial %s", c.Subject.CommonName, inventory.Serial(c))
	if kind == finding.CertNotYetValid {
		return id + " not valid before " + c.NotBefore.UTC().Format(time.RFC3339)
	}
	return id + " not valid after " + c.NotAfter.UTC().Format(time.RFC3339)
}
