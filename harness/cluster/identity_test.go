package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const ours = "kind-nov30-a"

func certificate(der string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(der)})
}

// ourConfig is a kubeconfig as kind writes it for a cluster of nov30's.
func ourConfig() *clientcmdapi.Config {
	return &clientcmdapi.Config{CurrentContext: ours,
		Clusters:  map[string]*clientcmdapi.Cluster{ours: {Server: "https://127.0.0.1:40001", CertificateAuthorityData: certificate("ours")}},
		Contexts:  map[string]*clientcmdapi.Context{ours: {Cluster: ours, AuthInfo: ours}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{ours: {}}}
}

// renamed is that kubeconfig with another name for cluster and context.
func renamed(name string) *clientcmdapi.Config {
	c := ourConfig()
	c.Clusters[name], c.Contexts[name] = c.Clusters[ours], &clientcmdapi.Context{Cluster: name, AuthInfo: ours}
	c.CurrentContext = name
	return c
}

func at(server string) *clientcmdapi.Config {
	c := ourConfig()
	c.Clusters[ours].Server = server
	return c
}

func edited(edit func(*clientcmdapi.Config)) *clientcmdapi.Config {
	c := ourConfig()
	edit(c)
	return c
}

func TestIdentityOfAClusterOfOursIsNameServerAndCA(t *testing.T) {
	sum := sha256.Sum256([]byte("ours"))
	for _, server := range []string{"https://127.0.0.1:40001", "https://127.1.2.3:6443", "https://[::1]:6443"} {
		id, err := identity(at(server), ours)
		if want := (Identity{Cluster: "nov30-a", Server: server, CASHA256: hex.EncodeToString(sum[:])}); err != nil || id != want {
			t.Errorf("%s: got %+v, %v; want %+v", server, id, err, want)
		}
	}
}

func TestIdentityRefusesWhatNov30DidNotCreate(t *testing.T) {
	for name, config := range map[string]*clientcmdapi.Config{
		"nothing in the file":            clientcmdapi.NewConfig(),
		"no such context":                edited(func(c *clientcmdapi.Config) { delete(c.Contexts, ours) }),
		"no such cluster":                edited(func(c *clientcmdapi.Config) { delete(c.Clusters, ours) }),
		"context of ours on another one": edited(func(c *clientcmdapi.Config) { c.Contexts[ours].Cluster = "prod"; c.Clusters["prod"] = c.Clusters[ours] }),
		"another context of our cluster": edited(func(c *clientcmdapi.Config) { c.CurrentContext = "admin"; c.Contexts["admin"] = c.Contexts[ours] }),
		"kind's default cluster":         renamed("kind-kind"),
		"a user's own kind cluster":      renamed("kind-dev"),
		"nov30 without its hyphen":       renamed("kind-nov30"),
		"nov30 further behind":           renamed("kind-my-nov30-a"),
		"nov30 in capitals":              renamed("kind-NOV30-a"),
		"nov300":                         renamed("kind-nov300-a"),
		"a blank before nov30":           renamed("kind- nov30-a"),
		"kind in capitals":               renamed("Kind-nov30-a"),
		"without kind's prefix":          renamed("nov30-a"),
		"kind's prefix twice":            renamed("kind-kind-nov30-a"),
		"minikube":                       renamed("minikube"),
		"k3d":                            renamed("k3d-nov30-a"),
		"Docker Desktop":                 renamed("docker-desktop"),
		"kubeadm's own":                  renamed("kubernetes-admin@kubernetes"),
		"EKS":                            renamed("arn:aws:eks:eu-central-1:123456789012:cluster/nov30-a"),
		"GKE":                            renamed("gke_project_europe-west1_nov30-a"),
		"AKS":                            renamed("nov30-aks"),
		"another machine's address":      at("https://192.0.2.7:6443"),
		"a public IPv6 address":          at("https://[2001:db8::1]:6443"),
		"a link-local address":           at("https://169.254.1.1:6443"),
		"every address":                  at("https://0.0.0.0:6443"),
		"every IPv6 address":             at("https://[::]:6443"),
		"a node's address":               at("https://172.18.0.2:6443"),
		"a host name":                    at("https://prod.example.com:6443"),
		"localhost, which may be remote": at("https://localhost:40001"),
		"a name that begins as loopback": at("https://127.0.0.1.example.com:40001"),
		"loopback as user information":   at("https://127.0.0.1:40001@prod.example.com:6443"),
		"loopback as a user name":        at("https://127.0.0.1@192.0.2.7:6443"),
		"loopback in the path":           at("https://prod.example.com:6443/127.0.0.1"),
		"loopback in the fragment":       at("https://prod.example.com:6443#@127.0.0.1:40001"),
		"loopback with octal digits":     at("https://0127.0.0.1:40001"),
		"loopback as one number":         at("https://2130706433:40001"),
		"short loopback":                 at("https://127.1:40001"),
		"no port":                        at("https://127.0.0.1"),
		"an empty port":                  at("https://127.0.0.1:"),
		"no IPv6 port":                   at("https://[::1]"),
		"http":                           at("http://127.0.0.1:40001"),
		"no scheme":                      at("127.0.0.1:40001"),
		"a socket":                       at("unix:///run/api.sock"),
		"no server":                      at(""),
		"no URL":                         at("https://[::1:40001"),
		"a CA outside the file": edited(func(c *clientcmdapi.Config) {
			x := c.Clusters[ours]
			x.CertificateAuthorityData, x.CertificateAuthority = nil, "/ca.crt"
		}),
		"no CA":                           edited(func(c *clientcmdapi.Config) { c.Clusters[ours].CertificateAuthorityData = nil }),
		"TLS unchecked":                   edited(func(c *clientcmdapi.Config) { c.Clusters[ours].InsecureSkipTLSVerify = true }),
		"a proxy between":                 edited(func(c *clientcmdapi.Config) { c.Clusters[ours].ProxyURL = "http://127.0.0.1:3128" }),
		"a SOCKS proxy, as ssh makes one": edited(func(c *clientcmdapi.Config) { c.Clusters[ours].ProxyURL = "socks5://127.0.0.1:1080" }),
	} {
		if id, err := identity(config, config.CurrentContext); err == nil || id != (Identity{}) {
			t.Errorf("%s: got %+v, %v; want a refusal", name, id, err)
		}
	}
}

func TestTheCASumIsOfTheCertificateNotOfTheTextAroundIt(t *testing.T) {
	plain, err := caSum(certificate("ours"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := caSum(append([]byte("# comment\n\n"), certificate("ours")...)); err != nil || got != plain {
		t.Errorf("a comment changes the sum: %s, %s (%v)", got, plain, err)
	}
	if got, err := caSum(certificate("other")); err != nil || got == plain {
		t.Errorf("another certificate has the same sum %s (%v)", got, err)
	}
}

func TestWhatIsNoCertificateHasNoSum(t *testing.T) {
	for _, text := range []string{"", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if got, err := caSum([]byte(text)); err == nil {
			t.Errorf("%q has the sum %s", text, got)
		}
	}
}
