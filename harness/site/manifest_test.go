package site

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestTheManifestsAreWhatTheHarnessCountsOn(t *testing.T) {
	text, err := render("site.yaml", map[string]any{"Nonce": "n0nce"})
	must(t, err)
	docs := strings.Split(text, "\n---\n")
	if len(docs) != 3 {
		t.Fatalf("%d documents", len(docs))
	}
	var n corev1.Namespace
	var d appsv1.Deployment
	var s corev1.Service
	for i, into := range []any{&n, &d, &s} {
		must(t, yaml.UnmarshalStrict([]byte(docs[i]), into))
	}
	pod := d.Spec.Template.Spec
	if n.Name != namespace || d.Namespace != namespace || s.Namespace != namespace || d.Name != deployment || *d.Spec.Replicas != replicas {
		t.Errorf("names or replicas differ: %s %s %s %s", n.Name, d.Namespace, s.Namespace, d.Name)
	}
	if pod.Containers[0].Env[0].Value != "n0nce" || pod.Containers[0].ImagePullPolicy != corev1.PullNever || pod.Containers[0].ReadinessProbe == nil {
		t.Errorf("container: %+v", pod.Containers[0])
	}
	if *pod.TerminationGracePeriodSeconds != 1 || len(pod.Tolerations) != 0 || *pod.AutomountServiceAccountToken {
		t.Errorf("pod: %+v", pod)
	}
	if s.Spec.Type != corev1.ServiceTypeNodePort || s.Spec.Ports[0].NodePort != nodePort {
		t.Errorf("service: %+v", s.Spec)
	}
	_, err = render("site.yaml", map[string]any{})
	fails(t, err, "Nonce")
}

func TestTheEdgeAsksEachWorkerInTurn(t *testing.T) {
	got := fmt.Sprint(hops([]string{"a", "b", "c"}))
	if want := "[{/ worker0 a @worker1} {@worker1 worker1 b @worker2} {@worker2 worker2 c }]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestAReplicaOfAnOlderManifestIsNotReady(t *testing.T) {
	status := appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2}
	d := &appsv1.Deployment{Status: status}
	d.Generation = 2
	must(t, rolledOut(d))
	for _, change := range []func(*appsv1.DeploymentStatus){
		func(s *appsv1.DeploymentStatus) { s.ObservedGeneration = 1 },
		func(s *appsv1.DeploymentStatus) { s.Replicas = 3 },
		func(s *appsv1.DeploymentStatus) { s.UpdatedReplicas = 1 },
		func(s *appsv1.DeploymentStatus) { s.ReadyReplicas = 1 },
		func(s *appsv1.DeploymentStatus) { *s = appsv1.DeploymentStatus{ObservedGeneration: 2} },
	} {
		d.Status = status
		change(&d.Status)
		if rolledOut(d) == nil {
			t.Errorf("rolled out with %+v", d.Status)
		}
	}
}

func TestTheEdgesAddressIsOnThisMachine(t *testing.T) {
	got, err := edgeURL("127.0.0.1:49153\n")
	must(t, err)
	if got != "http://127.0.0.1:49153/" {
		t.Fatal(got)
	}
	for _, out := range []string{"", "\n", "0.0.0.0:80", "127.0.0.1:0", "127.0.0.1", "[::]:80", "Error"} {
		if got, err := edgeURL(out); err == nil {
			t.Errorf("%q gives %s", out, got)
		}
	}
}

func FuzzEdgeURL(f *testing.F) {
	f.Add("127.0.0.1:49153\n[::]:1")
	f.Fuzz(func(t *testing.T, out string) {
		address, err := edgeURL(out)
		if err != nil {
			return
		}
		if u, err := url.Parse(address); err != nil || u.Scheme != "http" || u.Port() == "" || u.Path != "/" {
			t.Fatalf("%q gives %s", out, address)
		}
	})
}
