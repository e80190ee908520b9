package journaltest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"
)

const etcdPKI = "/etc/kubernetes/pki/etcd/"

// serveEtcd answers TLS on both of etcd's ports, at addresses of the host's loopback interface that the kernel chooses.
func (m *Machine) serveEtcd() (client, peer int, err error) {
	if client, err = m.serveTLS("server"); err != nil {
		return 0, 0, err
	}
	peer, err = m.serveTLS("peer")
	return client, peer, err
}

// serveTLS reads the certificate's files at each handshake and wants a client's certificate.
func (m *Machine) serveTLS(name string) (port int, err error) {
	config := &tls.Config{ClientAuth: tls.RequireAnyClientCert, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(m.Host(etcdPKI+name+".crt"), m.Host(etcdPKI+name+".key"))
		return &pair, err
	}}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake() // that is all a nameless client gets
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// sClient answers as `openssl s_client` does: with the certificate that a new connection to the endpoint gets.
func (m *Machine) sClient(ctx context.Context, endpoint string) ([]byte, error) {
	at, err := m.cluster.reach(m, endpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var leaf []byte
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		leaf = raw[0]
		return nil
	}}}
	c, err := d.DialContext(ctx, "tcp", at)
	if err == nil {
		err = c.Close()
	}
	if leaf == nil {
		return nil, errors.Join(errors.New("no certificate was sent"), err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
	return fmt.Appendf(nil, "CONNECTED(00000003)\n---\nServer certificate\n%s---\n", text), nil
}

// reach gives the host's address of an endpoint as a node names it.
func (c *Processes) reach(from *Machine, endpoint string) (string, error) {
	to, err := netip.ParseAddrPort(endpoint)
	if err != nil {
		return "", err
	}
	for _, m := range c.machines {
		if m.address != to.Addr() && (m != from || !to.Addr().IsLoopback()) {
			continue
		}
		p, err := m.booted()
		if err != nil {
			return "", fmt.Errorf("connection refused: %w", err)
		}
		port := map[uint16]int{2379: p.Client, 2380: p.Peer}[to.Port()]
		if port == 0 {
			return "", fmt.Errorf("connection refused: nothing listens on port %d of %s", to.Port(), m.name)
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
	}
	return "", fmt.Errorf("no route to %s in %s", endpoint, filepath.Base(c.dir))
}
