package cluster

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// FuzzKubeconfig checks that whatever has an identity names a port of this machine and a cluster with our prefix, and
// neither a program nor another way in.
func FuzzKubeconfig(f *testing.F) {
	text, err := clientcmd.Write(*ourConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(strings.Replace(string(text), "user: {}", "user: {exec: {command: sh, apiVersion: client.authentication.k8s.io/v1}}", 1)))
	f.Add([]byte("contexts: [{name: a, context: {}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := parse(text)
		if err != nil {
			return
		}
		id, err := identity(config, config.CurrentContext)
		if err != nil {
			return
		}
		u, err := url.Parse(id.Server)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" {
			t.Fatalf("server %q, %v", id.Server, err)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err != nil || !addr.IsLoopback() {
			t.Fatalf("server %q is not this machine's", id.Server)
		}
		user, server := config.AuthInfos[config.CurrentContext], config.Clusters[config.CurrentContext]
		if !strings.HasPrefix(id.Cluster, Prefix) || user.Exec != nil || user.AuthProvider != nil || server.ProxyURL != "" || server.InsecureSkipTLSVerify {
			t.Fatalf("%q has the identity %+v", text, id)
		}
	})
}
