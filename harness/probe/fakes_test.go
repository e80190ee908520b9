package probe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/nov30/nov30/harness/cluster"
)

// fakeCluster has a kubeconfig and nodes; the probes need no more.
type fakeCluster struct {
	kubeconfig string
	nodes      []cluster.Node
}

type fakeNode struct {
	name string
	role cluster.Role
}

func (n fakeNode) Name() string       { return n.name }
func (n fakeNode) Role() cluster.Role { return n.role }
func (n fakeNode) Exec(context.Context, io.Reader, ...string) ([]byte, error) {
	return nil, errors.New("a probe must not enter a node")
}

func (c *fakeCluster) Name() string          { return "fake" }
func (c *fakeCluster) Nodes() []cluster.Node { return c.nodes }
func (c *fakeCluster) Kubeconfig() string    { return c.kubeconfig }
func (c *fakeCluster) Address(context.Context, string) (netip.Addr, error) {
	return netip.Addr{}, errors.New("not asked")
}
func (c *fakeCluster) StopNode(context.Context, string) error  { return errors.New("not asked") }
func (c *fakeCluster) StartNode(context.Context, string) error { return errors.New("not asked") }

// authority is a CA that lives as long as the test.
type authority struct {
	cert   *x509.Certificate
	key    crypto.Signer
	newKey func(testing.TB) crypto.Signer
}

func newAuthority(t testing.TB) *authority { return newAuthorityOf(t, newECDSA) }

func newAuthorityOf(t testing.TB, newKey func(testing.TB) crypto.Signer) *authority {
	a := &authority{key: newKey(t), newKey: newKey}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a.cert = a.sign(t, template, template, a.key)
	return a
}

func newECDSA(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// newRSA makes a key as kubeadm does; it is slow, so only the benchmark uses it.
func newRSA(t testing.TB) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return key
}

func (a *authority) sign(t testing.TB, template, parent *x509.Certificate, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

// leaf is a certificate for 127.0.0.1 that serves and authenticates until notAfter.
func (a *authority) leaf(t testing.TB, name string, notAfter time.Time) tls.Certificate {
	key := a.newKey(t)
	cert := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: notAfter.Add(-time.Hour), NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// apiServer is a TLS server that wants a client certificate, as the API server does, and counts its connections.
type apiServer struct {
	*httptest.Server
	ca          *authority
	connections atomic.Int64
	serving     atomic.Pointer[tls.Certificate]
}

func newAPIServer(t testing.TB, h http.Handler) *apiServer {
	return newAPIServerOf(t, newAuthority(t), h)
}

func newAPIServerOf(t testing.TB, ca *authority, h http.Handler) *apiServer {
	s := &apiServer{ca: ca}
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	s.Server = httptest.NewUnstartedServer(h)
	s.serve(s.ca.leaf(t, "kube-apiserver", time.Now().Add(time.Hour)))
	s.TLS = &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{
				Certificates: []tls.Certificate{*s.serving.Load()}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
			}, nil
		},
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// serve changes the certificate that new connections see.
func (s *apiServer) serve(c tls.Certificate) { s.serving.Store(&c) }

// cluster is a cluster of one control plane cp and one worker w whose kubeconfig pins ca.
func (s *apiServer) cluster(t testing.TB, ca *authority) *fakeCluster {
	return twoNodes(writeKubeconfig(t, s.URL, ca, s.ca.leaf(t, "kubernetes-admin", time.Now().Add(time.Hour))))
}

func twoNodes(kubeconfig string) *fakeCluster {
	return &fakeCluster{kubeconfig, []cluster.Node{fakeNode{"cp", cluster.ControlPlane}, fakeNode{"w", cluster.Worker}}}
}

func writeKubeconfig(t testing.TB, server string, ca *authority, client tls.Certificate) string {
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	must(t, err)
	k := clientcmdapi.NewConfig()
	k.Clusters["c"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: encode("CERTIFICATE", ca.cert.Raw)}
	k.AuthInfos["u"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: encode("CERTIFICATE", client.Certificate[0]), ClientKeyData: encode("PRIVATE KEY", key),
	}
	k.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	k.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(*k, path))
	return path
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tempFile writes a file of the test's own.
func tempFile(t testing.TB, text string) string {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
