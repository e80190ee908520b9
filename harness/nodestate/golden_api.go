package nodestate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// kubelet's own certificate and the CA that it trusts.
const (
	kubeletCert = "/var/lib/kubelet/pki/kubelet-client-current.pem"
	clusterCA   = "/etc/kubernetes/pki/ca.crt"
)

// awaitAPI waits until the API server answers a question of kubelet's, whatever it says: until kubelet is as far as to ask it
// will say yes.
func (s *goldenStart) awaitAPI(ctx context.Context) error {
	ca, err := os.ReadFile(filepath.Join(s.Root, clusterCA))
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.Root, kubeletCert), filepath.Join(s.Root, kubeletCert))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, DisableKeepAlives: true}
	client := http.Client{Timeout: 2 * time.Second, Transport: transport}
	return s.await(ctx, "the API server", func(ctx context.Context) error {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.golden.API+"/api/v1/nodes/"+s.Name, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(q)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
}
