package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ErrForeign is returned for a cluster that nov30 did not create. Nothing has been written to it.
var ErrForeign = errors.New("nov30 touches only clusters that it created")

// Identity is what tells a cluster from every other one.
type Identity struct {
	Cluster  string `json:"cluster"`
	Run      string `json:"run"`
	Server   string `json:"server"`    // the API server's URL on this machine
	CASHA256 string `json:"ca_sha256"` // of the CA certificate's DER, hexadecimal
}

// Open opens an existing cluster of nov30's by a kubeconfig and one of its contexts (empty: the current one). Anything
// that nov30 did not create is refused with ErrForeign before any write: the context's name, a server on loopback, the
// run's label on the network the nodes are on, the published port and the CA on the control plane must all agree.
func (p Provider) Open(ctx context.Context, kubeconfig, kubeContext string) (*Kind, error) {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	if kubeContext == "" {
		kubeContext = config.CurrentContext
	}
	id, err := identity(config, kubeContext)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %q: %w: %w", kubeconfig, kubeContext, ErrForeign, err)
	}
	k := &Kind{provider: p, name: id.Cluster, kubeconfig: kubeconfig}
	if err := k.verify(ctx, id); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %q: %w: %w", kubeconfig, kubeContext, ErrForeign, err)
	}
	return k, nil
}

// OpenIdentity opens a cluster of nov30's by what a journal says of it. A cluster that is gone is ErrGone. The Kind it
// returns has no kubeconfig.
func (p Provider) OpenIdentity(ctx context.Context, id Identity) (*Kind, error) {
	all, err := p.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(l Leftover) bool { return l.Name == id.Cluster }) {
		return nil, fmt.Errorf("cluster %s: %w", id.Cluster, ErrGone)
	}
	k := &Kind{provider: p, name: id.Cluster}
	if k.nodes, err = p.nodes(ctx, id.Cluster); err != nil {
		return nil, err
	}
	// A node that was stopped by the fault can neither be asked for its address nor for its CA until it runs again.
	if master, err := First(k, ControlPlane); err != nil {
		return nil, err
	} else if err := k.StartNode(ctx, master.Name()); err != nil {
		return nil, err
	}
	if err := k.verify(ctx, id); err != nil {
		return nil, fmt.Errorf("cluster %s: %w: %w", id.Cluster, ErrForeign, err)
	}
	return k, nil
}

// ErrGone is returned for a cluster that no longer exists.
var ErrGone = errors.New("the cluster no longer exists")

// Identity reads what the cluster's kubeconfig says it is.
func (k *Kind) Identity() (Identity, error) {
	config, err := clientcmd.LoadFromFile(k.kubeconfig)
	if err != nil {
		return Identity{}, err
	}
	id, err := identity(config, "kind-"+k.name)
	id.Run = k.run
	return id, err
}

// identity takes the identity out of a kubeconfig; only a cluster on loopback, with a name of ours and a pinned CA, has
// one.
func identity(config *clientcmdapi.Config, kubeContext string) (Identity, error) {
	entry := config.Contexts[kubeContext]
	if entry == nil {
		return Identity{}, errors.New("there is no such context")
	}
	name, ok := strings.CutPrefix(kubeContext, "kind-")
	if !ok || !strings.HasPrefix(name, Prefix) || entry.Cluster != kubeContext {
		return Identity{}, fmt.Errorf("its name is not that of a cluster of nov30's (kind-%s…)", Prefix)
	}
	server := config.Clusters[entry.Cluster]
	if server == nil {
		return Identity{}, errors.New("its cluster is not in the file")
	}
	u, err := url.Parse(server.Server)
	if err != nil {
		return Identity{}, fmt.Errorf("server: %w", err)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err != nil || !addr.IsLoopback() || u.Scheme != "https" || u.Port() == "" {
		return Identity{}, fmt.Errorf("server %s is not a port of this machine", server.Server)
	}
	if server.InsecureSkipTLSVerify || len(server.CertificateAuthorityData) == 0 || server.ProxyURL != "" {
		return Identity{}, errors.New("its CA is not pinned in the file")
	}
	sum, err := caSum(server.CertificateAuthorityData)
	if err != nil {
		return Identity{}, fmt.Errorf("its CA: %w", err)
	}
	return Identity{Cluster: name, Server: server.Server, CASHA256: sum}, nil
}

// verify holds the identity against the engine and the control plane, reading only.
func (k *Kind) verify(ctx context.Context, id Identity) error {
	e := k.provider.Engine
	run, err := e.Run(ctx, nil, "network", "inspect", "--format", `{{index .Labels "`+LabelRun+`"}}`, k.Network())
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(run)) == "" {
		return fmt.Errorf("network %s does not carry the label %s", k.Network(), LabelRun)
	}
	k.run = strings.TrimSpace(string(run))
	if k.nodes, err = k.provider.nodes(ctx, k.name); err != nil {
		return err
	}
	master, err := First(k, ControlPlane)
	if err != nil {
		return err
	}
	if _, err := k.Address(ctx, master.Name()); err != nil {
		return err
	}
	port, err := e.Run(ctx, nil, "port", master.Name(), "6443/tcp")
	if err != nil {
		return err
	}
	if published := "https://" + strings.TrimSpace(string(port)); published != id.Server {
		return fmt.Errorf("the control plane serves %s, the kubeconfig names %s", published, id.Server)
	}
	ca, err := master.Exec(ctx, nil, "cat", "/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return err
	}
	got, err := caSum(ca)
	if err != nil {
		return fmt.Errorf("the CA on the control plane: %w", err)
	}
	if got != id.CASHA256 {
		return fmt.Errorf("the CA on the control plane (sha256 %.12s…) is not the kubeconfig's (%.12s…)", got, id.CASHA256)
	}
	return nil
}

// caSum is the SHA-256 of the certificate's DER, which the text around it in the file does not change.
func caSum(text []byte) (string, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", errors.New("not a certificate in PEM")
	}
	s := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(s[:]), nil
}
