package heal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/etcdcheck"
	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/netreason"
)

// etcdStep is R4. A kubelet that is restarted forgets its back-off, which doubles up to 300 s.
func (r *run) etcdStep(restarts string) step {
	s := step{
		id: "R4", name: "etcd answers a new client", title: "check etcd by a new client: put, get, delete",
		byHand: "look at etcd: crictl ps -a --name etcd; crictl logs; journalctl -u kubelet",
		pre: func(context.Context) error {
			return r.each(func(n *nodeRun) error {
				_, err := r.authority(n, finding.EtcdCA)
				return err
			})
		},
		check: func(ctx context.Context) error {
			return r.until(ctx, r.h.EtcdWithin, 300*time.Millisecond, func(ctx context.Context) error {
				return r.each(func(n *nodeRun) error { return r.etcdWorks(ctx, n) })
			})
		},
	}
	if restarts != "" {
		s.title = "clear the back-off of the kubelet on " + restarts + "; " + s.title
		s.do = func(ctx context.Context) error {
			return r.each(func(n *nodeRun) error {
				if len(n.etcd) == 0 && len(n.down) == 0 {
					return nil
				}
				return r.restartKubelet(ctx, n)
			})
		}
	}
	return s
}

func (r *run) restartKubelet(ctx context.Context, n *nodeRun) error {
	if _, err := r.exec(ctx, n, "systemctl", "restart", "kubelet"); err != nil {
		return err
	}
	out, err := r.exec(ctx, n, "systemctl", "is-active", "kubelet")
	if err != nil {
		return err
	}
	if state := strings.TrimSpace(string(out)); state != "active" {
		return fmt.Errorf("%s: its kubelet is %s after the restart", n.node.Name, state)
	}
	return nil
}

// etcdWorks checks the member on one node with every client certificate that the node has for etcd, and that the ports
// serve the renewed certificates.
func (r *run) etcdWorks(ctx context.Context, n *nodeRun) error {
	ca, _ := inventory.Find(n.files, finding.EtcdCA)
	clients := 0
	for _, culprit := range []string{finding.APIServerEtcd, finding.EtcdHealthcheck} {
		f, ok := inventory.Find(n.files, culprit)
		if !ok {
			continue
		}
		clients++
		pair, err := r.keyPair(ctx, n, f.Path)
		if err != nil {
			return err
		}
		c := etcdcheck.Client{
			Endpoint: look.Endpoint(n.node.Address, look.EtcdClient),
			Cert:     pair, Roots: ca.Certs, Dial: r.h.Dial, Clock: r.h.Clock,
		}
		if err := c.Check(ctx); err != nil {
			return fmt.Errorf("etcd on %s, as %s: %w", n.node.Name, culprit, err)
		}
	}
	if clients == 0 {
		return &finalError{fmt.Errorf("%s has no client certificate for etcd; medic only knows etcd as a static pod", n.node.Name)}
	}
	return r.servesNew(ctx, n, n.etcd)
}

// keyPair reads a certificate and its key into memory; the key is used for one connection and goes nowhere else.
func (r *run) keyPair(ctx context.Context, n *nodeRun, crt string) (tls.Certificate, error) {
	key := strings.TrimSuffix(crt, ".crt") + ".key"
	out, err := r.exec(ctx, n, "cat", crt, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(out, out)
	if err != nil {
		return tls.Certificate{}, errors.New(n.node.Name + ": " + crt + " and its key do not belong together")
	}
	return pair, nil
}

// served are the ports on which a renewed certificate can be seen.
var served = map[string]look.Port{
	finding.EtcdServer: look.EtcdClient,
	finding.EtcdPeer:   look.EtcdPeer,
	finding.APIServer:  look.APIServer,
}

// servesNew checks, each by a new handshake, that ports serve certificates with a new serial that verify.
func (r *run) servesNew(ctx context.Context, n *nodeRun, renewals []renewal) error {
	for _, c := range renewals {
		port, ok := served[c.culprit]
		if !ok {
			continue
		}
		addr := look.Endpoint(n.node.Address, port)
		chain, err := look.Served(ctx, r.h.Dial, addr)
		if err != nil {
			return fmt.Errorf("%s: %s", addr, netreason.Text(err))
		}
		if err := r.isGood(n, c, chain); err != nil {
			return fmt.Errorf("%s serves %s: %w", addr, c.culprit, err)
		}
	}
	return nil
}
