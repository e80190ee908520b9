package contract

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/nodeprogram"
)

var _ = Describe("a golden start", Ordered, Label("soak"), func() {
	It("gives the same cluster as kubeadm, names, addresses, keys and times apart, and no key twice", func(ctx SpecContext) {
		program, err := nodeprogram.Load(built.Node)
		Expect(err).NotTo(HaveOccurred())
		cache := GinkgoT().TempDir()
		make := func(name string) *cluster.Kind {
			name = cluster.Prefix + run + "-" + name
			DeferCleanup(func(ctx SpecContext) { _ = provider.DeleteLeftover(ctx, name) }, NodeTimeout(2*time.Minute))
			k, err := provider.CreateGolden(ctx, cluster.Options{Name: name, Run: run, Image: image, Dir: GinkgoT().TempDir()}, cache, program)
			Expect(err).NotTo(HaveOccurred())
			return k
		}
		settled := func(k *cluster.Kind) *cluster.Kind { // the second CoreDNS may take ten seconds more than the first
			_, err := k.Nodes()[0].Exec(ctx, nil, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--cache-dir", "/run/nov30-kubectl",
				"--namespace", "kube-system", "rollout", "status", "deployment/coredns", "--timeout", "60s")
			Expect(err).NotTo(HaveOccurred())
			for _, n := range k.Nodes() { // kubelet's first lease comes a moment after its node
				Eventually(func() error {
					_, err := k.Nodes()[0].Exec(ctx, nil, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--cache-dir", "/run/nov30-kubectl",
						"--namespace", "kube-node-lease", "get", "lease", n.Name())
					return err
				}).WithContext(ctx).WithTimeout(30 * time.Second).Should(Succeed())
			}
			return k
		}
		described := func(k *cluster.Kind) (all, keys map[string]string) {
			Eventually(func() (err error) { all, keys, err = describe(ctx, k); return err }).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
			Expect(len(all)).To(BeNumerically(">", 250))
			Expect(len(keys)).To(BeNumerically(">", 25))
			return all, keys
		}
		By("kubeadm") // of which the golden state is taken
		ordinary := make("o1")
		Expect(ordinary.Steps).NotTo(ContainElement(HaveField("Step", "state: etcd")))
		want, oldKeys := described(settled(ordinary))
		Expect(ordinary.Delete(ctx)).To(Succeed())
		By("a golden start")
		golden := make("g-23") // a name of another length
		Expect(golden.Steps).To(ContainElement(HaveField("Step", "state: etcd")), "it was made the ordinary way")
		got, newKeys := described(settled(golden))
		for key, where := range newKeys {
			Expect(oldKeys).NotTo(HaveKey(key), where)
		}
		Eventually(func() map[string]string { // what pods and controllers do last takes a moment
			got, _ = described(golden)
			return differ(want, got)
		}).WithContext(ctx).WithTimeout(30 * time.Second).Should(BeEmpty())
	}, NodeTimeout(5*time.Minute))
})

// differ is what is different, by what it is of.
func differ(want, got map[string]string) map[string]string {
	all := map[string]string{}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got))) {
		if want[key] != got[key] {
			all[key] = "-" + want[key] + "\n+" + got[key]
		}
	}
	return all
}

// describe is what a cluster is like, with words in the place of its names and addresses, keys, identities and times; and the
// digests of its public and private keys, with where each was seen.
func describe(ctx context.Context, k *cluster.Kind) (all, keys map[string]string, err error) {
	d := describer{all: map[string]string{}, keys: map[string]string{}, words: []string{k.Name(), "CLUSTER", k.Run(), "RUN"}}
	for _, n := range k.Nodes() {
		address, err := k.Address(ctx, n.Name())
		if err != nil {
			return nil, nil, err
		}
		d.words = append(d.words, address.String(), strings.ToUpper(string(n.Role())))
	}
	for _, n := range k.Nodes() {
		if err := d.node(ctx, k, n); err != nil {
			return nil, nil, err
		}
	}
	return d.all, d.keys, d.objects(ctx, k.Nodes()[0])
}

type describer struct {
	all, keys map[string]string
	words     []string
}

// nodeScript prints a line for each file where configuration lies and for what is in those of the cluster; for each unit; and
// for the command line of each of Kubernetes' components. What kubectl caches below /root is left out: kind runs it in an ordinary
// cluster's node, and nothing reads it.
const nodeScript = `set -eu
find /etc /kind /root /opt /usr/local /var/lib/kubelet -xdev \
  \( -path '/var/lib/kubelet/pods/*' -o -path '/var/lib/kubelet/plugins/*' -o -path /root/.kube -o -path '/etc/ssl/*' \) -prune \
  -o -printf 'F %p %y_%m_%u:%g_%l\n'
find /etc/kubernetes /kind /var/lib/kubelet/pki /var/lib/kubelet/*.yaml /var/lib/kubelet/*.env /etc/cni/net.d /etc/nov30 -type f \
  ! -name old-ipv4 ! -name product_uuid | while read -r f; do printf 'F %s:content %s\n' "$f" "$(base64 -w0 "$f")"; done
systemctl list-units --plain --no-legend --type=service,timer,socket,path | awk '{print "U " $1 " " $3 " " $4}'
for p in /proc/[0-9]*; do c=$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) || continue
  case $c in kube-*|etcd*|/usr/bin/kubelet*|/coredns*|/nodenet*) printf 'P %s %s\n' "${c%% *}" "$(printf %s "$c" | base64 -w0)";; esac; done`

func (d *describer) node(ctx context.Context, k *cluster.Kind, n cluster.Node) error {
	out, err := n.Exec(ctx, nil, "sh", "-c", nodeScript)
	if err != nil {
		return err
	}
	as := func(kind, name string) string { return string(n.Role()) + " " + kind + " " + d.text(name) }
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "F" && strings.HasSuffix(f[1], ":content"):
			content, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil {
				return err
			}
			d.all[as("file", f[1])] = d.text(string(content))
		case len(f) == 3 && f[0] == "F":
			d.all[as("file", f[1])] = d.text(f[2])
		case len(f) >= 3 && f[0] == "U":
			if !strings.HasPrefix(f[1], "modprobe@") {
				d.all[as("unit", f[1])] = strings.Join(f[2:], " ")
			}
		case len(f) == 3 && f[0] == "P":
			content, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil {
				return err
			}
			d.all[as("process", f[1])] = d.text(string(content))
		}
	}
	container, err := k.Container(ctx, n.Name())
	for field, value := range container {
		if !strings.HasPrefix(field, "network ") && field != "HostConfig.PortBindings" {
			d.all[as("container", field)] = d.text(value)
		}
	}
	return err
}

var (
	pemForm   = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]+-----[A-Za-z0-9+/=\s]+-----END [A-Z0-9 ]+-----`)
	pem64Form = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/]+=*`)
	uidForm   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	timeForm  = regexp.MustCompile(`\d{4}-\d\d-\d\d[T-]\d\d[:-]\d\d[:-]\d\d(\.\d+)?Z?`)
	randoms   = regexp.MustCompile(`(kube-dns|coredns-[0-9a-f]+|kube-proxy|nodenet|kube-api-access|apiserver)-[0-9a-z]{5,26}\b`)
)

// text puts words in the place of what is different in every cluster.
func (d *describer) text(s string) string {
	s = pem64Form.ReplaceAllStringFunc(s, func(encoded string) string {
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return encoded
		}
		return d.text(string(plain))
	})
	s = pemForm.ReplaceAllStringFunc(s, d.pem)
	s = strings.NewReplacer(d.words...).Replace(s)
	s = uidForm.ReplaceAllString(s, "UID")
	return timeForm.ReplaceAllString(s, "TIME")
}

// pem describes a key or a certificate and notes its digest.
func (d *describer) pem(text string) string {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return "DAMAGED"
	}
	note := func(where string, der []byte) {
		d.keys[fmt.Sprintf("%x", sha256.Sum256(der))] = d.words[1] + " " + where
	}
	if block.Type != "CERTIFICATE" {
		note(block.Type, block.Bytes)
		return block.Type
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "DAMAGED"
	}
	note(c.Subject.String(), c.RawSubjectPublicKeyInfo)
	life := c.NotAfter.Sub(c.NotBefore).Round(2 * time.Minute)
	var addresses, extensions []string
	for _, a := range c.IPAddresses {
		addresses = append(addresses, a.String())
	}
	slices.Sort(addresses)
	for _, e := range c.Extensions {
		extensions = append(extensions, fmt.Sprint(e.Id, e.Critical))
	}
	slices.Sort(extensions)
	kind := fmt.Sprintf("%T", c.PublicKey)
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		kind = "EC " + key.Curve.Params().Name
	}
	valid := clock.Now().After(c.NotBefore) && clock.Now().Before(c.NotAfter)
	return fmt.Sprintf("CERTIFICATE of %s by %s for %v %v, %s, %v, life %v, valid %v, CA %v %d, usage %b %v, %v",
		ownCA.ReplaceAllString(c.Subject.String(), "@N"), ownCA.ReplaceAllString(c.Issuer.String(), "@N"), c.DNSNames, addresses, kind, c.SignatureAlgorithm, life, valid, c.IsCA, c.MaxPathLen, c.KeyUsage, c.ExtKeyUsage, extensions)
}

// ownCA is how kubelet names the CA of the serving certificate that it makes itself: after the second.
var ownCA = regexp.MustCompile(`@\d+`)

// objects describes every object of the API.
func (d *describer) objects(ctx context.Context, master cluster.Node) error {
	kubectl := func(argv ...string) ([]byte, error) {
		return master.Exec(ctx, nil, append([]string{"kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"}, argv...)...)
	}
	kinds, err := kubectl("api-resources", "--verbs=list", "-o", "name")
	if err != nil {
		return err
	}
	var names []string
	for _, kind := range strings.Fields(string(kinds)) {
		// Events tell what happened; requests for certificates are deleted after an hour; componentstatuses are not objects.
		if !strings.HasPrefix(kind, "events") && !strings.HasPrefix(kind, "certificatesigningrequests") && kind != "componentstatuses" {
			names = append(names, kind)
		}
	}
	out, err := kubectl("get", strings.Join(names, ","), "--all-namespaces", "-o", "json")
	if err != nil {
		return err
	}
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	for _, o := range list.Items {
		meta, _ := o["metadata"].(map[string]any)
		if name, _ := meta["name"].(string); strings.HasPrefix(name, "nov30-ready-") {
			return fmt.Errorf("pod %s is still there", name)
		}
		key := fmt.Sprintf("%v %v/%v", o["kind"], meta["namespace"], meta["name"])
		for _, own := range []string{"managedFields", "resourceVersion", "creationTimestamp", "generation", "selfLink"} {
			delete(meta, own)
		}
		status, _ := o["status"].(map[string]any)
		d.settled(o, status)
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		words := d.text(strings.ReplaceAll(string(text), `\n`, "\n"))
		d.all[randoms.ReplaceAllString(d.text(key), "$1-RANDOM")] = randoms.ReplaceAllString(words, "$1-RANDOM")
	}
	return nil
}

// settled takes out of a status what is a matter of the moment: counts of events, addresses of pods, digests of the rest.
func (d *describer) settled(o, status map[string]any) {
	switch o["kind"] {
	case "Lease", "EndpointSlice", "Endpoints":
		delete(o, "spec")
		delete(o, "endpoints")
		delete(o, "subsets")
	case "Pod":
		o["status"] = map[string]any{"phase": status["phase"], "qosClass": status["qosClass"]}
		if meta, _ := o["metadata"].(map[string]any); meta != nil {
			annotations, _ := meta["annotations"].(map[string]any)
			delete(annotations, "kubernetes.io/config.hash")
			delete(annotations, "kubernetes.io/config.mirror")
		}
	case "ConfigMap":
		if data, _ := o["data"].(map[string]any); data != nil {
			for key := range data {
				if strings.HasPrefix(key, "jws-kubeconfig-") {
					data[key] = "JWS"
				}
			}
		}
	case "Secret":
		if data, _ := o["data"].(map[string]any); data != nil && data["expiration"] != nil {
			data["expiration"] = "TIME"
		}
	case "Deployment", "ReplicaSet", "DaemonSet":
		delete(status, "conditions")
		delete(status, "observedGeneration")
	case "Node":
		delete(status, "images")
		delete(status, "allocatable")
		delete(status, "capacity")
		if info, _ := status["nodeInfo"].(map[string]any); info != nil {
			delete(info, "machineID")
			delete(info, "systemUUID")
		}
	default:
		delete(o, "status")
	}
}
