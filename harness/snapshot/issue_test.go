package snapshot

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// pair is a certificate and its key, in PEM.
type pair struct {
	cert, key string
	parsed    *x509.Certificate
	signer    crypto.Signer
}

// keys makes RSA keys once for all tests: they take long.
var keys = sync.OnceValue(func() []*rsa.PrivateKey {
	var all []*rsa.PrivateKey
	for _, bits := range []int{2048, 2048, 2048, 1024} {
		all = append(all, sure(rsa.GenerateKey(rand.Reader, bits)))
	}
	return all
})

func elliptical() crypto.Signer { return sure(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// sure is a value that the test's own ground cannot do without.
func sure[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// leafOf is a certificate as kubeadm makes it for etcd's server.
func leafOf() x509.Certificate {
	return x509.Certificate{
		Subject:  pkix.Name{CommonName: "node", Organization: []string{"o"}},
		DNSNames: []string{"localhost", "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
}

func caOf(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
}

var serials int64

// issue signs a certificate with a new serial and a new life; a nil ca signs itself.
func issue(template x509.Certificate, key crypto.Signer, ca *pair) pair {
	serials++
	began := time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC).Add(time.Duration(serials) * time.Hour)
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(serials), began, began.AddDate(1, 0, 0)
	parent, signer := &template, key
	if ca != nil {
		parent, signer = ca.parsed, ca.signer
	}
	der := sure(x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer))
	return pair{cert: block("CERTIFICATE", der), key: block("PRIVATE KEY", sure(x509.MarshalPKCS8PrivateKey(key))),
		parsed: sure(x509.ParseCertificate(der)), signer: key}
}

func block(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// kubeconfigOf is a kubeconfig as kubeadm writes it.
func kubeconfigOf(server string, ca, user pair) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster: {certificate-authority-data: %s, server: %q}
contexts:
- name: x@kubernetes
  context: {cluster: kubernetes, user: x}
current-context: x@kubernetes
users:
- name: x
  user:
    client-certificate-data: %s
    client-key-data: %s
`, b64(ca.cert), server, b64(user.cert), b64(user.key))
}
