package contract

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/nov30/nov30/harness/cluster"
)

var _ = Describe("a cluster", func() {
	It("keeps its traffic on the machine", func(ctx SpecContext) {
		By("on some networks anything on the path accepts a connection: from nodes, which route for their pods, and edge there is no way out")
		for _, n := range shared.Nodes() {
			for _, address := range []string{"203.0.113.10", "198.51.100.7", "10.244.99.9", "10.96.77.7", "9.9.9.9"} {
				_, err := n.Exec(ctx, nil, "busybox", "nc", "-w", "2", address, "2379")
				Expect(err).To(HaveOccurred(), "%s reached %s", n.Name(), address)
			}
			out, err := n.Exec(ctx, nil, "busybox", "nc", "-w", "2", "127.0.0.1", "10250")
			Expect(err).NotTo(HaveOccurred(), "the control of this check: kubelet's port answers: %s", out)
		}
		_, err := eng.Run(ctx, nil, "exec", website.Edge, "busybox", "nc", "-w", "2", "203.0.113.10", "80")
		Expect(err).To(HaveOccurred(), "the edge reached a documentation address")
	}, SpecTimeout(2*time.Minute))

	It("cannot move the host's clock", func(ctx SpecContext) {
		if !eng.Own {
			By("not nov30's own engine: its nodes may have CAP_SYS_TIME; runs then watch the host's clock instead")
			return
		}
		const capSysTime = 25
		for _, n := range shared.Nodes() {
			out, err := n.Exec(ctx, nil, "sed", "-n", "s/^CapBnd:\t//p", "/proc/self/status")
			Expect(err).NotTo(HaveOccurred())
			var set uint64
			_, err = fmt.Sscanf(strings.TrimSpace(string(out)), "%x", &set)
			Expect(err).NotTo(HaveOccurred())
			Expect(set&(1<<capSysTime)).To(BeZero(), n.Name())
		}
	}, SpecTimeout(time.Minute))

	It("leaves the user's kubeconfig alone", func() {
		userHome, err := os.UserHomeDir()
		Expect(err).NotTo(HaveOccurred())
		text, err := os.ReadFile(filepath.Join(userHome, ".kube", "config"))
		if err == nil {
			Expect(string(text)).NotTo(ContainSubstring(shared.Name()))
		} else {
			Expect(os.IsNotExist(err)).To(BeTrue())
		}
	})

	It("is opened again by its own kubeconfig, and by no other", func(ctx SpecContext) {
		again, err := provider.Open(ctx, shared.Kubeconfig(), "")
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Name()).To(Equal(shared.Name()))
		Expect(again.Run()).To(Equal(run))

		before := sha256.Sum256(pki(ctx))
		name := "kind-" + shared.Name()
		for what, change := range map[string]func(*clientcmdapi.Config){
			"another server":        func(c *clientcmdapi.Config) { c.Clusters[name].Server = "https://203.0.113.10:6443" },
			"another port":          func(c *clientcmdapi.Config) { c.Clusters[name].Server = "https://127.0.0.1:1" },
			"no TLS":                func(c *clientcmdapi.Config) { c.Clusters[name].Server = "http://127.0.0.1:1" },
			"a name for loopback":   func(c *clientcmdapi.Config) { c.Clusters[name].Server = "https://localhost:1" },
			"an unpinned CA":        func(c *clientcmdapi.Config) { c.Clusters[name].CertificateAuthorityData = nil },
			"no verification":       func(c *clientcmdapi.Config) { c.Clusters[name].InsecureSkipTLSVerify = true },
			"a proxy":               func(c *clientcmdapi.Config) { c.Clusters[name].ProxyURL = "http://127.0.0.1:1" },
			"a context of kind's":   func(c *clientcmdapi.Config) { rename(c, name, "kind-kind") },
			"a context of no tool":  func(c *clientcmdapi.Config) { rename(c, name, "production") },
			"a cluster that is not": func(c *clientcmdapi.Config) { rename(c, name, name+"-gone") },
			"no current context":    func(c *clientcmdapi.Config) { c.CurrentContext = "" },
			"another CA": func(c *clientcmdapi.Config) {
				c.Clusters[name].CertificateAuthorityData = c.AuthInfos[name].ClientCertificateData
			},
		} {
			config, err := clientcmd.LoadFromFile(shared.Kubeconfig())
			Expect(err).NotTo(HaveOccurred())
			change(config)
			path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
			Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
			_, err = provider.Open(ctx, path, "")
			Expect(err).To(MatchError(cluster.ErrForeign), what)
		}
		Expect(sha256.Sum256(pki(ctx))).To(Equal(before), "a refused cluster was changed")
	}, SpecTimeout(2*time.Minute))
})

func rename(c *clientcmdapi.Config, from, to string) {
	c.Clusters[to], c.Contexts[to] = c.Clusters[from], c.Contexts[from].DeepCopy()
	c.Contexts[to].Cluster = to
	c.CurrentContext = to
}

// pki is a fingerprint of everything a refused cluster must keep: names, modes and sums.
func pki(ctx SpecContext) []byte {
	GinkgoHelper()
	out, err := nodeOf(cluster.ControlPlane).Exec(ctx, nil, "sh", "-c", "find /etc/kubernetes -type f -exec stat -c '%n %a %Y' {} + | sort; find /etc/kubernetes -type f -exec sha256sum {} + | sort")
	Expect(err).NotTo(HaveOccurred())
	return out
}
