package testcluster

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// serve starts what listens in the cluster.
func (c *Cluster) serve() {
	const pki = "/etc/kubernetes/pki/"
	for _, n := range c.Target.Nodes {
		if n.Role == target.ControlPlane {
			c.start(n, look.EtcdClient, pki+"etcd/server", pki+"etcd/ca.crt", c.etcd())
			c.start(n, look.EtcdPeer, pki+"etcd/peer", pki+"etcd/ca.crt", http.NotFoundHandler())
			c.start(n, look.APIServer, pki+"apiserver", "", c.api())
		}
		c.start(n, look.Kubelet, "/var/lib/kubelet/pki/kubelet", "", http.NotFoundHandler())
	}
}

func (c *Cluster) start(n target.Node, p look.Port, pair, clientCA string, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	conf := func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cert, err := c.serving(look.Endpoint(n.Address, p), c.path(n.Name, pair))
		out := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}, Time: c.Clock.Now}
		if clientCA != "" && err == nil {
			var ca []byte
			ca, err = os.ReadFile(c.path(n.Name, clientCA))
			out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
			out.ClientCAs.AppendCertsFromPEM(ca)
		}
		return out, err
	}
	s := &http.Server{Handler: h, TLSConfig: &tls.Config{GetConfigForClient: conf}, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.ServeTLS(l, "", "") }()
	c.t.Cleanup(func() { s.Close() })
	c.listen[look.Endpoint(n.Address, p)] = l.Addr().String()
}

// serving is what an endpoint serves now: what is on disk, unless it was frozen.
func (c *Cluster) serving(endpoint, pair string) (tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cert, ok := c.frozen[endpoint]; ok && cert.Certificate != nil {
		return cert, nil
	}
	cert, err := tls.LoadX509KeyPair(pair+".crt", pair+".key")
	if _, ok := c.frozen[endpoint]; ok && err == nil {
		c.frozen[endpoint] = cert
	}
	return cert, err
}

// Freeze makes an endpoint keep the certificate that it serves next.
func (c *Cluster) Freeze(endpoint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen[endpoint] = tls.Certificate{}
}
