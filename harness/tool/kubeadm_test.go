package tool

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// expiration is what kubeadm v1.34 prints.
const expiration = `[check-expiration] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...
[check-expiration] Error reading configuration from the Cluster. Falling back to default configuration

CERTIFICATE                  EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
admin.conf                   Nov 22, 2027 13:54 UTC   364d            ca                      no      
apiserver                    Nov 23, 2026 13:54 UTC   23h             ca                      no      
apiserver-etcd-client        Nov 22, 2027 13:54 UTC   364d            etcd-ca                 no      
apiserver-kubelet-client     Nov 22, 2027 13:54 UTC   364d            ca                      no      
controller-manager.conf      Nov 22, 2027 13:54 UTC   59m             ca                      no      
etcd-healthcheck-client      Nov 29, 2026 13:54 UTC   6d23h           etcd-ca                 no      
etcd-peer                    Nov 25, 2026 13:54 UTC   2d23h           etcd-ca                 no      
etcd-server                  Nov 21, 2026 13:54 UTC   <invalid>       etcd-ca                 no      
front-proxy-client           Nov 30, 2026 13:54 UTC   7d23h           front-proxy-ca          no      
scheduler.conf               Nov 22, 2027 13:54 UTC   364d            ca                      no      
!MISSING! super-admin.conf                                                                    

CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
ca                      Nov 19, 2036 13:54 UTC   9y              no      
etcd-ca                 Nov 19, 2036 13:54 UTC   9y              no      
front-proxy-ca          Nov 19, 2026 13:54 UTC   <invalid>       no      
`

func TestTheKubeadmRunbookNamesWhatCheckExpirationFinds(t *testing.T) {
	s := withNode(t, "engine")
	healthy := strings.NewReplacer("<invalid>", "364d     ", "6d23h", "364d ", "2d23h", "364d ", "23h", "8d ", "59m", "8d ").Replace(expiration)
	s.put("expiration", healthy)
	x, err := Start(shippedTool(t, "kubeadm.yaml"), s.run)
	must(t, err)
	t.Cleanup(x.Stop)
	s.asked("check-expiration", 2)
	if got := s.culprits(); len(got) != 0 {
		t.Fatalf("where all is well it names %v", got)
	}
	s.put("expiration", expiration)
	s.asked("check-expiration", 3)
	x.Stop()
	var found []string
	for _, e := range s.all() {
		if e.Kind == slo.Finding {
			found = append(found, fmt.Sprint(e.Finding.Severity, " ", e.Finding.Culprit))
		}
	}
	want := "warning apiserver, warning controller-manager, warning etcd/healthcheck-client, warning etcd/peer, critical etcd/server, critical front-proxy-ca"
	if got := strings.Join(found, ", "); got != want {
		t.Errorf("it found\n%s, want, once,\n%s", got, want)
	}
	for _, e := range s.all() {
		if e.Kind == slo.Finding && !ValidCulprit(e.Finding.Culprit) {
			t.Errorf("%s is no culprit", e.Finding.Culprit)
		}
		if e.Kind == slo.Finding && e.Finding.Culprit == "etcd/server" && e.Finding.Evidence != "kubeadm certs check-expiration: etcd-server expires Nov 21, 2026 13:54 UTC" {
			t.Errorf("evidence %q", e.Finding.Evidence)
		}
	}
}

func TestTheKubeadmRunbookRenewsAndRestarts(t *testing.T) {
	s := withNode(t, "engine")
	tool := shippedTool(t, "kubeadm.yaml")
	tool.Detect.Exec = []string{"sleep", "60"}
	x, err := Start(tool, s.run)
	must(t, err)
	t.Cleanup(x.Stop)
	must(t, x.Recover(t.Context()))
	rest := s.read("asked")
	for _, w := range []string{"kubeadm certs renew all", "mv /etc/kubernetes/manifests/*.yaml /root/manifests-away/", "sleep \"$1\"", "mv /root/manifests-away/*.yaml /etc/kubernetes/manifests/", "get --raw /readyz"} {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("it did not ask for %q, or not in this order:\n%s", w, s.read("asked"))
		}
		rest = after
	}
}
