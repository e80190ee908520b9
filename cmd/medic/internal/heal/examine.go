package heal

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// nodeRun is what is known of one control-plane node, and what is to be done there.
type nodeRun struct {
	node   target.Node
	files  []inventory.File // as last read
	down   []string         // static pods without a process
	clock  time.Duration    // how far the node's clock is from the bastion's
	config string           // kubeadm's --config on this node; empty: none
	etcd   []renewal        // R3
	api    []renewal        // R5
}

// renewal is one certificate to be renewed.
type renewal struct {
	culprit string
	name    string // kubeadm's
	old     *x509.Certificate
}

// kubeadm's names, in causal order (kubeadm certs renew --help).
var (
	etcdCertificates = []renewal{
		{culprit: finding.EtcdServer, name: "etcd-server"},
		{culprit: finding.EtcdPeer, name: "etcd-peer"},
		{culprit: finding.EtcdHealthcheck, name: "etcd-healthcheck-client"},
		{culprit: finding.APIServerEtcd, name: "apiserver-etcd-client"},
	}
	apiCertificates = []renewal{
		{culprit: finding.APIServer, name: "apiserver"},
		{culprit: finding.APIServerKubelet, name: "apiserver-kubelet-client"},
		{culprit: finding.FrontProxyClient, name: "front-proxy-client"},
	}
)

// examineBudget is how long the first look may take. It is short: an API that hangs must not delay its repair.
const examineBudget = 2 * time.Second

// examine looks at everything once, prints what was found, and learns what each control-plane node needs.
func (r *run) examine(act context.Context) error {
	const within, every = 10 * time.Second, 500 * time.Millisecond
	j := judge.New(r.h.Clock)
	var seen look.Snapshot
	err := r.until(act, within, every, func(context.Context) error {
		seen = r.h.Look.Round(act, examineBudget) // a look that is slower than one attempt goes on
		return filesOfControlPlanes(seen)
	})
	if err != nil {
		return err
	}
	for _, f := range j.Round(seen).Findings {
		r.say("found   %s %s %s %s: %s", f.Severity, f.Kind, f.Culprit, f.Node, f.Evidence)
	}
	r.ready = seen.API.Known() && seen.API.Err == nil && seen.API.Value.Code == http.StatusOK
	for _, v := range seen.Nodes {
		if v.Node.Role != target.ControlPlane {
			continue
		}
		n := &nodeRun{node: v.Node, files: v.Files.Value}
		n.etcd, n.api = invalid(n.files, etcdCertificates, seen.At), invalid(n.files, apiCertificates, seen.At)
		if err := r.nodeFacts(act, n); err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	return nil
}

func filesOfControlPlanes(s look.Snapshot) error {
	for _, v := range s.Nodes {
		switch {
		case v.Node.Role != target.ControlPlane:
		case !v.Files.Known():
			return fmt.Errorf("%s: its certificates have not been read yet", v.Node.Name)
		case v.Files.Err != nil:
			return v.Files.Err
		case len(v.Files.Value) == 0:
			return fmt.Errorf("%s: there is no certificate below /etc/kubernetes", v.Node.Name)
		}
	}
	return nil
}

// invalid picks the certificates whose times forbid their use.
func invalid(files []inventory.File, among []renewal, now time.Time) []renewal {
	var out []renewal
	for _, c := range among {
		if f, ok := inventory.Find(files, c.culprit); ok && !inventory.Usable(f.Leaf(), now) {
			c.old = f.Leaf()
			out = append(out, c)
		}
	}
	return out
}
