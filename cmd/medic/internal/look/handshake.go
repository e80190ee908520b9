package look

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strconv"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
)

// Port is a TLS port that medic shakes hands with.
type Port int

// The ports of a kubeadm node. A worker only has the kubelet's.
const (
	EtcdClient Port = 2379
	EtcdPeer   Port = 2380
	APIServer  Port = 6443
	Kubelet    Port = 10250
)

// Endpoint is the text form of an address and a port.
func Endpoint(a netip.Addr, p Port) string { return net.JoinHostPort(a.String(), strconv.Itoa(int(p))) }

// Served makes a new TLS handshake and returns the chain that the server shows, leaf first, whatever it is worth: Go
// checks expiry at the handshake only, so a connection opened earlier would show nothing, and a refusal would not tell an
// expired certificate from one of an unknown authority. The caller judges the chain. No client certificate is sent; etcd
// then logs "client didn't provide a certificate" for the connection.
func Served(ctx context.Context, dial kubeapi.Dial, addr string) ([]*x509.Certificate, error) {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var chain []*x509.Certificate
	conf := &tls.Config{
		InsecureSkipVerify: true, // the chain is fetched to be judged; nothing is sent on this connection
		MinVersion:         tls.VersionTLS12,
		VerifyConnection: func(s tls.ConnectionState) error {
			chain = s.PeerCertificates
			return nil
		},
	}
	err = tls.Client(conn, conf).HandshakeContext(ctx)
	if len(chain) > 0 {
		return chain, nil // TLS 1.2 servers refuse a missing client certificate only after they have shown their own
	}
	return nil, err
}
