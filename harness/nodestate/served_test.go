package nodestate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"testing"
)

// serve serves with a certificate of that name and returns it.
func serve(t *testing.T, address, name string, config *tls.Config) (port int, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
	if certificate, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}
	l, err := tls.Listen("tcp", address, config)
	if err != nil {
		t.Skipf("%s cannot be listened on: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // which a client without a certificate fails
			conn.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, certificate
}

func sumOf(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return hex.EncodeToString(sum[:])
}

func TestWhatIsServedIsTheCertificatesSum(t *testing.T) {
	for name, config := range map[string]*tls.Config{
		"to everybody":             {},
		"with a client's, TLS 1.2": {ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
		"with a client's, TLS 1.3": {ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13},
	} {
		port, certificate := serve(t, "127.0.0.1:0", "etcd", config)
		for _, hosts := range [][]string{{"127.0.0.1"}, {"127.77.0.1", "127.0.0.1"}} {
			if got := servedAt(t.Context(), hosts, port); got != sumOf(certificate) {
				t.Errorf("%s at %v: %s, want %s", name, hosts, got, sumOf(certificate))
			}
		}
	}
}

func TestWhereNothingListensOrNoCertificateIsShownIsAFactToo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	go func() {
		if conn, err := l.Accept(); err == nil {
			fmt.Fprintln(conn, "no TLS here")
			conn.Close()
		}
	}()
	if got := servedAt(t.Context(), []string{"127.0.0.1"}, port); got != "no certificate" {
		t.Errorf("%s", got)
	}
	l.Close()
	if got := servedAt(t.Context(), []string{"127.0.0.1"}, port); got != "nothing" {
		t.Errorf("%s", got)
	}
}

func TestACertificateThatAComponentMadeForItselfIsKnownByItsName(t *testing.T) {
	var values []string
	for n, host := range []string{"127.77.1.1", "127.77.1.2"} {
		serve(t, host+":10257", fmt.Sprintf("localhost@157510800%d", n), &tls.Config{})
		values = append(values, servedAt(t.Context(), []string{host}, 10257))
	}
	if values[0] != "localhost of localhost" || values[1] != values[0] {
		t.Errorf("%q", values)
	}
	serve(t, "127.77.1.3:10257", "etcd-ca", &tls.Config{})
	if got := servedAt(t.Context(), []string{"127.77.1.3"}, 10257); got == values[0] {
		t.Errorf("another's certificate is %s, too", got)
	}
}
