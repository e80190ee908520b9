package cluster

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// foreignContexts are names that others give to contexts, and some that look like ours.
func foreignContexts() map[string]foreign {
	return map[string]foreign{
		"EKS":                        named("arn:aws:eks:eu-central-1:123456789012:cluster/nov30-a"),
		"EKS by eksctl":              named("admin@nov30-a.eu-central-1.eksctl.io"),
		"GKE":                        named("gke_project_europe-west1_nov30-a"),
		"AKS":                        named("nov30-a-aks"),
		"OpenShift":                  named("default/api-nov30-a-example-com:6443/kube:admin"),
		"minikube":                   named("minikube"),
		"k3d":                        named("k3d-nov30-a"),
		"k3s":                        named("default"),
		"Rancher":                    named("rancher-nov30-a"),
		"Rancher Desktop":            named("rancher-desktop"),
		"Docker Desktop":             named("docker-desktop"),
		"kubeadm":                    named("kubernetes-admin@kubernetes"),
		"Cluster API on kind":        named("kind-capi-nov30-a"),
		"plain kind":                 named("kind-kind"),
		"a kind cluster of a user's": named("kind-dev"),
		"nov30 without its hyphen":   named("kind-nov30"),
		"nov30 with nothing behind":  named("kind-nov30-"),
		"in capitals":                named("kind-NOV30-A"),
		"a Cyrillic o":               named("kind-n\u043ev30-a"),
		"a Cyrillic a at the end":    named("kind-nov30-\u0430"),
		"a full-width n":             named("kind-\uff4eov30-a"),
		"a non-breaking hyphen":      named("kind-nov30\u2011a"),
		"a zero-width space":         named("kind-nov30-\u200ba"),
		"a right-to-left mark":       named("kind-nov30-a\u200f"),
		"a line end":                 named("kind-nov30-a\nkind-prod"),
		"a line end behind":          named("kind-nov30-a\n"),
		"an engine's option":         named("kind-nov30-a --format=x"),
		"a path":                     named("kind-nov30-a/../../bridge"),
		"a zero byte":                named("kind-nov30-a\x00"),
		"a very long name":           named("kind-" + strings.Repeat("x", 5000)),
	}
}

// foreignServers are addresses at which no API server of nov30's listens.
func foreignServers() map[string]foreign {
	cases := map[string]foreign{}
	for name, server := range map[string]string{
		"an address of a company's network": "https://10.0.12.7:6443",
		"an address of a home's network":    "https://192.168.1.7:6443",
		"a node's own address":              "https://172.18.0.2:6443",
		"a public address":                  "https://203.0.113.10:6443",
		"a public name":                     "https://prod.example.com:6443",
		"a managed API server":              "https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com",
		"localhost by name":                 "https://localhost:40001",
		"IPv6 loopback":                     "https://[::1]:40001",
		"IPv6 loopback with a zone":         "https://[::1%25lo]:40001",
		"IPv4 loopback in IPv6":             "https://[::ffff:127.0.0.1]:40001",
		"another loopback address":          "https://127.0.0.2:40001",
		"another port":                      "https://127.0.0.1:40002",
		"the default port":                  "https://127.0.0.1",
		"port 0":                            "https://127.0.0.1:0",
		"http":                              "http://127.0.0.1:40001",
		"a unix socket":                     "unix:///var/run/api.sock",
		"a socket as a host":                "https://%2Fvar%2Frun%2Fapi.sock",
		"a proxy's path":                    "https://127.0.0.1:40001/k8s/clusters/c-m-prod",
		"a query":                           "https://127.0.0.1:40001?cluster=prod",
		"a fragment":                        "https://127.0.0.1:40001#prod",
		"a user and a password":             "https://admin:" + hidden + "@127.0.0.1:40001",
		"a password and no URL":             "https://admin:" + hidden + "@[::1:40001",
		"a scheme in capitals":              "HTTPS://127.0.0.1:40001",
		"no server":                         "",
		"a server of many bytes":            "https://" + strings.Repeat("a", 100_000) + ":6443",
	} {
		cases[name] = foreign{config: at(server)}
	}
	return cases
}

// foreignTrust are clusters whose API server would be believed for another reason than the pinned CA.
func foreignTrust() map[string]foreign {
	return map[string]foreign{
		"TLS unchecked":    withCluster(func(c *clientcmdapi.Cluster) { c.InsecureSkipTLSVerify = true }),
		"a proxy":          withCluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "http://u:" + hidden + "@127.0.0.1:3128" }),
		"a SOCKS proxy":    withCluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "socks5://127.0.0.1:1080" }),
		"another TLS name": withCluster(func(c *clientcmdapi.Cluster) { c.TLSServerName = "prod.example.com" }),
		"no CA":            withCluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = nil }),
		"a CA's file": withCluster(func(c *clientcmdapi.Cluster) {
			c.CertificateAuthorityData, c.CertificateAuthority = nil, "/etc/ssl/ca.crt"
		}),
		"a CA and a file":  withCluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthority = "/etc/ssl/ca.crt" }),
		"garbage for a CA": withCluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = []byte("\x00\xffgarbage") }),
		"a key for a CA": withCluster(func(c *clientcmdapi.Cluster) {
			c.CertificateAuthorityData = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
		}),
		"another CA": withCluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = certificate("other") }),
		"a second CA": withCluster(func(c *clientcmdapi.Cluster) {
			c.CertificateAuthorityData = append(certificate("ours"), certificate("other")...)
		}),
		"a CA with our name": withCluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = certificate("ours ") }),
	}
}

// foreignUsers are credentials that kind never writes. The first two would run a program.
func foreignUsers() map[string]foreign {
	return map[string]foreign{
		"a credential plugin": withUser(func(u *clientcmdapi.AuthInfo) {
			u.Exec = &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "aws", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
				Env: []clientcmdapi.ExecEnvVar{{Name: "TOKEN", Value: hidden}}}
		}),
		"an auth provider": withUser(func(u *clientcmdapi.AuthInfo) {
			u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc", Config: map[string]string{"refresh-token": hidden}}
		}),
		"a token":                withUser(func(u *clientcmdapi.AuthInfo) { u.Token = hidden }),
		"a token's file":         withUser(func(u *clientcmdapi.AuthInfo) { u.TokenFile = "/var/run/secrets/token" }),
		"a password of a user":   withUser(func(u *clientcmdapi.AuthInfo) { u.Username, u.Password = "admin", hidden }),
		"a certificate's file":   withUser(func(u *clientcmdapi.AuthInfo) { u.ClientCertificate = "/home/admin/admin.crt" }),
		"a key's file":           withUser(func(u *clientcmdapi.AuthInfo) { u.ClientKey = "/home/admin/admin.key" }),
		"to be another user":     withUser(func(u *clientcmdapi.AuthInfo) { u.Impersonate = "system:admin" }),
		"to be of another group": withUser(func(u *clientcmdapi.AuthInfo) { u.Impersonate, u.ImpersonateGroups = "x", []string{"system:masters"} }),
		"to be another UID":      withUser(func(u *clientcmdapi.AuthInfo) { u.ImpersonateUID = "0" }),
		"to be more":             withUser(func(u *clientcmdapi.AuthInfo) { u.ImpersonateUserExtra = map[string][]string{"scopes": {"all"}} }),
	}
}

// foreignReferences are contexts that point somewhere else than their names say.
func foreignReferences() map[string]foreign {
	return map[string]foreign{
		"no context at all":     {config: clientcmdapi.NewConfig()},
		"a context that is not": {config: ourConfig(), context: "kind-nov30-b"},
		"no current context":    withConfig(func(c *clientcmdapi.Config) { c.CurrentContext = "" }),
		"a cluster that is not": withConfig(func(c *clientcmdapi.Config) { delete(c.Clusters, ours) }),
		"a user that is not":    withConfig(func(c *clientcmdapi.Config) { delete(c.AuthInfos, ours) }),
		"another cluster's":     withConfig(func(c *clientcmdapi.Config) { c.Clusters["prod"] = c.Clusters[ours]; c.Contexts[ours].Cluster = "prod" }),
		"another user's": withConfig(func(c *clientcmdapi.Config) {
			c.AuthInfos["prod"] = c.AuthInfos[ours]
			c.Contexts[ours].AuthInfo = "prod"
		}),
		"ours beside production": {context: ours, config: edited(func(c *clientcmdapi.Config) {
			c.Contexts["prod"], c.CurrentContext = &clientcmdapi.Context{Cluster: "prod", AuthInfo: "prod"}, "prod"
			c.Clusters["prod"], c.AuthInfos["prod"] = &clientcmdapi.Cluster{Server: "https://prod.example.com"}, &clientcmdapi.AuthInfo{Token: hidden}
		})},
	}
}

// foreignEngines are kubeconfigs like ours of clusters that the engine knows otherwise.
func foreignEngines() map[string]foreign {
	return map[string]foreign{
		"kind with our prefix, without labels": disagrees("network inspect", "echo ''"),
		"without the run's label":              disagrees("network inspect", "echo ' home1'"),
		"without the home's label":             disagrees("network inspect", "echo 'run1 '"),
		"of another state directory":           disagrees("network inspect", "echo run1 home2"),
		"of a home that begins like ours":      disagrees("network inspect", "echo run1 home11"),
		"no network of the name":               disagrees("network inspect", "echo 'network nov30-a not found' >&2; exit 1"),
		"no node":                              disagrees("ps", "true"),
		"workers only":                         disagrees("ps", "echo nov30-a-worker worker"),
		"a control plane elsewhere":            disagrees("inspect", "echo 'no entry for key' >&2; exit 1"),
		"a worker elsewhere":                   disagrees("inspect", `case "$*" in *-worker) echo 'no entry for key' >&2; exit 1;; *) echo 172.18.0.2;; esac`),
		"a control plane that is off":          disagrees("inspect", "echo"),
		"published on every address":           disagrees("port", "echo 0.0.0.0:40001"),
		"published elsewhere":                  disagrees("port", "echo 127.0.0.1:40002"),
		"published twice":                      disagrees("port", "echo 127.0.0.1:40001; echo '[::1]:40001'"),
		"not published":                        disagrees("port", "exit 1"),
		"a CA made anew":                       disagrees("exec", "echo '-----BEGIN CERTIFICATE-----\nb3RoZXI=\n-----END CERTIFICATE-----'"),
		"no CA on the control plane":           disagrees("exec", "echo 'No such file' >&2; exit 1"),
	}
}

// foreignFiles are no kubeconfigs, or only half of one.
func foreignFiles(t *testing.T) map[string]foreign {
	ca := base64.StdEncoding.EncodeToString(certificate("ours"))
	twice := func(list, entry string) foreign {
		return ourText(t, list+":\n", list+":\n- "+entry+"\n  name: "+ours+"\n")
	}
	return map[string]foreign{
		"an empty file":          raw(""),
		"blanks":                 raw(" \n\t\n"),
		"a comment":              raw("# kubeconfig\n"),
		"no YAML":                raw("clusters: [}\n\t- : :"),
		"binary":                 {text: bytes.Repeat([]byte{0x7f, 'E', 'L', 'F', 0, 0xff, 0xfe, 1}, 512)},
		"a list":                 raw("- a\n- b\n"),
		"a text":                 raw("kubeconfig"),
		"another kind":           raw("apiVersion: v1\nkind: Secret\ndata: {token: " + hidden + "}\n"),
		"another version":        ourText(t, "apiVersion: v1", "apiVersion: v2"),
		"a list of documents":    raw("---\n---\napiVersion: v1\nkind: Config\n"),
		"base64 that is none":    ourText(t, ca, "%%%"+hidden),
		"a CA cut short":         ourText(t, ca, ca[:len(ca)/2&^3]),
		"a huge file":            {text: append(bytes.Repeat([]byte("# "+strings.Repeat("x", 1000)+"\n"), 5000), "apiVersion: v1\n"...)},
		"aliases that multiply":  raw("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n"),
		"two contexts of a name": twice("contexts", "context: {cluster: prod, user: prod}"),
		"two clusters of a name": twice("clusters", "cluster: {server: \"https://prod.example.com\"}"),
		"two users of a name":    twice("users", "user: {token: "+hidden+"}"),
		"two of every field":     ourText(t, "kind: Config\n", "kind: Config\ncurrent-context: prod\n"),
		"a directory":            {put: func(path string) error { return os.Mkdir(path, 0o700) }},
		"a link to nothing":      {put: func(path string) error { return os.Symlink(path+".gone", path) }},
		"a link to itself":       {put: func(path string) error { return os.Symlink(path, path) }},
		"a pipe":                 {put: fifo},
		"a device":               {put: func(path string) error { return os.Symlink("/dev/zero", path) }},
		"no file":                {put: func(string) error { return nil }},
	}
}
