package golden

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/nov30/nov30/harness/nodestate"
)

const oldUID, podUID = "0b9ceb9f-d59e-4d92-ae2d-f2fe4724eae4", "1b9ceb9f-d59e-4d92-ae2d-f2fe4724eae4"

var (
	taken2026 = time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	key       = Key{Image: "sha256:1", Kind: "v0", Workers: 1}
)

func stored(t *testing.T, key string, o runtime.Object) nodestate.GoldenObject {
	t.Helper()
	var out bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(o, &out); err != nil {
		t.Fatal(err)
	}
	return nodestate.GoldenObject{Key: "/registry/" + key, Value: out.Bytes()}
}

// small is a golden state with one of everything.
func small(t *testing.T) (s *State, ca string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: taken2026, NotAfter: taken2026.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "kube-system", UID: oldUID}
	}
	pod := func(name, owner string) *corev1.Pod {
		p := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, ObjectMeta: meta(name)}
		p.UID = podUID
		p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: "o", UID: oldUID}}
		p.Spec = corev1.PodSpec{NodeName: "c-1-worker", Containers: []corev1.Container{{Name: "c", Image: "image:v1"}}}
		p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.0.9", HostIP: "10.0.0.3"}
		return p
	}
	node := &corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "c-1-worker", Labels: map[string]string{"nov30.run": "run-a", "other": "run-a"}},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"}, {Key: "mine", Effect: "NoSchedule"}}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: "InternalIP", Address: "10.0.0.3"}}, NodeInfo: corev1.NodeSystemInfo{BootID: oldUID},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
	config := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}, ObjectMeta: meta("kubeadm-config"),
		Data: map[string]string{"a": "controlPlaneEndpoint:\nc-1-control-plane:6443 10.0.0.2 10.0.0.20 xc-1", "ca": ca, "b64": base64.StdEncoding.EncodeToString([]byte(ca))}}
	token := &corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}, ObjectMeta: meta("bootstrap-token-abcdef"),
		Data: map[string][]byte{"expiration": []byte("2020-01-01T00:00:00Z"), "token-id": []byte("abcdef")}}
	return &State{Version: Version, Key: key, Cluster: "c-1", Run: "run-a", Taken: taken2026, Nodes: []Node{
		{Name: "c-1-control-plane", Address: netip.MustParseAddr("10.0.0.2"), State: nodestate.Golden{
			Files: []nodestate.GoldenFile{{Path: "/etc/kubernetes/pki/ca.key", Kind: "file", Mode: 0o600, Content: []byte(secret)}, {Path: "/etc/kubernetes/pki/ca.crt", Kind: "file", Content: []byte(ca)}},
			Objects: []nodestate.GoldenObject{stored(t, "minions/c-1-worker", node), stored(t, "pods/kube-system/a", pod("a", "DaemonSet")),
				stored(t, "pods/kube-system/etcd", pod("etcd", "Node")), stored(t, "configmaps/kube-system/kubeadm-config", config),
				stored(t, "secrets/kube-system/bootstrap-token-abcdef", token), {Key: "/registry/leases/kube-system/x", Value: []byte("x")},
				{Key: "/registry/apiregistration.k8s.io/apiservices/v1.", Value: []byte("k8s\x00 of no type that is known, " + oldUID)}},
		}},
		{Name: "c-1-worker", Address: netip.MustParseAddr("10.0.0.3"), State: nodestate.Golden{Files: []nodestate.GoldenFile{
			{Path: "/var/lib/kubelet/kubeadm-flags.env", Kind: "file", Content: []byte("--node-ip=10.0.0.3 --node-labels=nov30.run=run-a --provider-id=kind://docker/c-1/c-1-worker")},
			{Path: "/var/lib/kubelet/pki/kubelet-client-2026-11-22-17-44-00.pem", Kind: "file"},
			{Path: "/var/lib/kubelet/pki/kubelet-client-current.pem", Kind: "link", Link: "/var/lib/kubelet/pki/kubelet-client-2026-11-22-17-44-00.pem"}}}},
	}}, ca
}

// target swaps the nodes' addresses, and its names are longer.
func target() Target {
	return Target{Cluster: "cluster-22", Run: "run-bcd", Now: taken2026.Add(100 * time.Hour), Nodes: []Place{
		{"cluster-22-control-plane", netip.MustParseAddr("10.0.0.3")}, {"cluster-22-worker", netip.MustParseAddr("10.0.0.2")}}}
}

func finish(t *testing.T, s *State, to Target) ([]nodestate.Golden, error) {
	t.Helper()
	b, err := Begin(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b.Finish(to)
}

func decode[T any](t *testing.T, g nodestate.Golden, key string) (found T) {
	t.Helper()
	for _, o := range g.Objects {
		if o.Key == "/registry/"+key {
			decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(o.Value, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return decoded.(T)
		}
	}
	t.Fatalf("there is no %s", key)
	return found
}

func TestNamesAddressesAndIdentitiesAreTheNewClusters(t *testing.T) {
	s, ca := small(t)
	made, err := finish(t, s, target())
	if err != nil {
		t.Fatal(err)
	}
	files := made[1].Files
	if got := string(files[0].Content); got != "--node-ip=10.0.0.2 --node-labels=nov30.run=run-bcd --provider-id=kind://docker/cluster-22/cluster-22-worker" {
		t.Error(got)
	}
	const dated = "/var/lib/kubelet/pki/kubelet-client-2026-11-26-21-00-00.pem"
	if files[1].Path != dated || files[2].Link != dated {
		t.Errorf("%s, link to %s", files[1].Path, files[2].Link)
	}
	config := decode[*corev1.ConfigMap](t, made[0], "configmaps/kube-system/kubeadm-config")
	if config.Data["a"] != "controlPlaneEndpoint:\ncluster-22-control-plane:6443 10.0.0.3 10.0.0.20 xc-1" {
		t.Errorf("%q", config.Data["a"])
	}
	newCA := string(made[0].Files[1].Content)
	if config.Data["ca"] != newCA || newCA == ca || config.Data["b64"] != base64.StdEncoding.EncodeToString([]byte(newCA)) {
		t.Error("the CA in the config map is not the new one")
	}
	pod := decode[*corev1.Pod](t, made[0], "pods/kube-system/a")
	if config.UID == oldUID || pod.OwnerReferences[0].UID != config.UID || pod.UID == podUID || pod.UID == config.UID {
		t.Errorf("identities: %s, %s of %s", config.UID, pod.UID, pod.OwnerReferences[0].UID)
	}
	if made[0].API != "10.0.0.3:6443" || len(made[1].Images) != 1 || made[1].Images[0] != "image:v1" {
		t.Errorf("%s, %q", made[0].API, made[1].Images)
	}
	for _, o := range made[0].Objects {
		if strings.Contains(string(o.Value), oldUID) || strings.Contains(o.Key, "etcd") || strings.Contains(o.Key, "leases") {
			t.Errorf("%s is the old cluster's", o.Key)
		}
	}
	if len(made[0].Objects) != 5 {
		t.Errorf("%d objects", len(made[0].Objects))
	}
}

func TestNothingIsReadyBeforeTheNewClusterSaysSo(t *testing.T) {
	s, _ := small(t)
	made, err := finish(t, s, target())
	if err != nil {
		t.Fatal(err)
	}
	now := target().Now
	pod := decode[*corev1.Pod](t, made[0], "pods/kube-system/a")
	if pod.Status.Phase != corev1.PodPending || pod.Status.PodIP != "" || len(pod.Status.Conditions) != 1 || !pod.CreationTimestamp.Time.Equal(now) {
		t.Errorf("%+v of %s", pod.Status, pod.CreationTimestamp)
	}
	if pod.Spec.NodeName != "cluster-22-worker" {
		t.Errorf("the pod is on %s", pod.Spec.NodeName)
	}
	node := decode[*corev1.Node](t, made[0], "minions/cluster-22-worker")
	if len(node.Status.Conditions) != 0 || node.Status.NodeInfo.BootID != "" || node.Status.Addresses[0].Address != "10.0.0.2" || !node.CreationTimestamp.Time.Equal(now) {
		t.Errorf("%+v", node.Status)
	}
	if len(node.Spec.Taints) != 1 || node.Spec.Taints[0].Key != "mine" || node.Labels["nov30.run"] != "run-bcd" || node.Labels["other"] != "run-a" {
		t.Errorf("%v %v", node.Spec.Taints, node.Labels)
	}
	token := decode[*corev1.Secret](t, made[0], "secrets/kube-system/bootstrap-token-abcdef")
	if got := string(token.Data["expiration"]); got != now.Add(24*time.Hour).Format(time.RFC3339) || string(token.Data["token-id"]) != "abcdef" {
		t.Errorf("the token expires at %s", got)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	s, _ := small(t)
	few, roles := target(), target()
	few.Nodes = few.Nodes[:1]
	roles.Nodes[1].Name = "cluster-22-worker2"
	for _, to := range []Target{few, roles} {
		if _, err := finish(t, s, to); err == nil {
			t.Errorf("%v became a cluster", to.Nodes)
		}
	}
	s.Nodes[0].State.Objects = append(s.Nodes[0].State.Objects, nodestate.GoldenObject{Key: "/registry/foreign/x", Value: []byte("holds c-1-worker")})
	if _, err := finish(t, s, target()); err == nil || strings.Contains(err.Error(), "holds") {
		t.Errorf("an object of no known type with the old name: %v", err)
	}
}

func TestAStateIsReadBackAndAnyOtherIsRefused(t *testing.T) {
	s, _ := small(t)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, key)
	if err != nil || got.Cluster != s.Cluster || len(got.Nodes[0].State.Objects) != 7 || got.Nodes[1].Address != s.Nodes[1].Address {
		t.Fatalf("%v", err)
	}
	other := key
	other.Image = "sha256:2"
	bad := bytes.Clone(data)
	bad[len(bad)/2] ^= 0x55
	for name, c := range map[string]struct {
		data []byte
		key  Key
	}{"cut": {data[:len(data)-5], key}, "another image": {data, other}, "damaged": {bad, key}, "empty": {nil, key}, "text": {[]byte("{}"), key}} {
		if _, err := Decode(c.data, c.key); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Nodes = s.Nodes[:1]
	if data, err = s.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(data, key); !errors.Is(err, ErrState) {
		t.Errorf("a state without its worker: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Decode(data, key); err == nil && len(s.Nodes) != 2 {
			t.Error("a state of another shape was read")
		}
	})
}
