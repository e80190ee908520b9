package cluster

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

// stub is a node whose commands are answered by do.
type stub struct {
	container
	do func(argv []string) (string, error)
}

func (s stub) Exec(_ context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	out, err := s.do(argv)
	return []byte(out), err
}

func readyNode(name string, conditions ...corev1.NodeCondition) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: conditions}}
}

func condition(t corev1.NodeConditionType, s corev1.ConditionStatus, reason string) corev1.NodeCondition {
	return corev1.NodeCondition{Type: t, Status: s, Reason: reason, Message: "message of " + reason}
}

func ready() corev1.NodeCondition {
	return condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady")
}

func TestUntilGivesTheReasonNotTheTimeOutAlone(t *testing.T) {
	interrupt := errors.New("the run was interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	k := &Kind{provider: Provider{Clock: hurry{clockwork.NewRealClock()}}}
	tries := 0
	err := k.until(ctx, "CoreDNS", func() error {
		switch tries++; tries {
		case 1:
			return errors.New("an early reason")
		case 2:
			return errors.New("the last reason")
		}
		cancel(interrupt)
		return errors.New("call cancelled")
	})
	if !errors.Is(err, interrupt) || !strings.Contains(err.Error(), "CoreDNS not ready: the last reason") || strings.Contains(err.Error(), "call cancelled") {
		t.Errorf("got %v", err)
	}
}

func TestUntilThatIsCancelledAtOnceStillSaysWhatItSaw(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := &Kind{provider: Provider{Clock: clockwork.NewFakeClock()}} // its waits never end
	err := k.until(ctx, "nodes", func() error { return errors.New("connection refused") })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestUntilTriesAgainUntilItSucceeds(t *testing.T) {
	k := &Kind{provider: Provider{Clock: hurry{clockwork.NewRealClock()}}}
	tries := 0
	err := k.until(t.Context(), "nodes", func() error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func TestNodesReadyNamesEveryNodeThatIsNot(t *testing.T) {
	want := []Node{container{name: "cp"}, container{name: "w"}}
	for name, c := range map[string]struct {
		nodes []runtime.Object
		says  []string // empty: ready
	}{
		"all ready":            {[]runtime.Object{readyNode("cp", ready()), readyNode("w", condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "Enough"), ready())}, nil},
		"a stranger not ready": {[]runtime.Object{readyNode("cp", ready()), readyNode("w", ready()), readyNode("x")}, nil},
		"none registered":      {nil, []string{"cp has not registered", "w has not registered"}},
		"one registered":       {[]runtime.Object{readyNode("cp", ready())}, []string{"w has not registered"}},
		"without a condition":  {[]runtime.Object{readyNode("cp", ready()), readyNode("w")}, []string{"w: no Ready condition"}},
		"another condition":    {[]runtime.Object{readyNode("cp", ready()), readyNode("w", condition(corev1.NodeMemoryPressure, corev1.ConditionTrue, "X"))}, []string{"w: no Ready condition"}},
		"not ready": {[]runtime.Object{readyNode("cp", ready()), readyNode("w", condition(corev1.NodeReady, corev1.ConditionFalse, "NetworkPluginNotReady"))},
			[]string{"w: NetworkPluginNotReady: message of NetworkPluginNotReady"}},
		"unknown": {[]runtime.Object{readyNode("cp", condition(corev1.NodeReady, corev1.ConditionUnknown, "NodeStatusUnknown")), readyNode("w", ready())}, []string{"cp: NodeStatusUnknown"}},
	} {
		err := nodesReady(t.Context(), fake.NewClientset(c.nodes...), want)
		if (err == nil) != (len(c.says) == 0) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v does not say %q", name, err, s)
			}
		}
	}
}

func TestNodesReadyIsNotReadyWhereTheAPIFails(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "nodes", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("etcd is gone") })
	if err := nodesReady(t.Context(), client, nil); err == nil || !strings.Contains(err.Error(), "etcd is gone") {
		t.Errorf("got %v", err)
	}
}

func TestDNSAnswersOnlyWithTheAPIsOwnAddress(t *testing.T) {
	const server = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n"
	for answer, ok := range map[string]bool{
		server + "Name:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n": true,
		server: false, // the server's own address begins as the one that is asked for
		server + "Name:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.11\n":    false,
		server + "** server can't find kubernetes.default.svc.cluster.local: NXDOMAIN\n": false,
		"": false,
	} {
		var asked []string
		err := dnsAnswers(t.Context(), stub{do: func(argv []string) (string, error) { asked = argv; return answer, nil }})
		if (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
		if len(asked) == 0 || asked[len(asked)-1] != "10.96.0.10" {
			t.Errorf("asked %v, not CoreDNS' Service", asked)
		}
	}
	if err := dnsAnswers(t.Context(), stub{do: func([]string) (string, error) { return "Address: 10.96.0.1\n", errors.New("exit 1") }}); err == nil {
		t.Error("a failed look-up was taken for an answer")
	}
}

func TestPodReasonIsTheContainersElseTheConditions(t *testing.T) {
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImageNeverPull", Message: "no image"}}}
	running := corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	unscheduled := corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/2 nodes"}
	fine := corev1.PodCondition{Status: corev1.ConditionTrue, Reason: "Fine", Message: "fine"}
	for want, status := range map[string]corev1.PodStatus{
		"":                               {},
		" (ErrImageNeverPull: no image)": {ContainerStatuses: []corev1.ContainerStatus{running, waiting}, Conditions: []corev1.PodCondition{unscheduled}},
		" (Unschedulable: 0/2 nodes)":    {ContainerStatuses: []corev1.ContainerStatus{running}, Conditions: []corev1.PodCondition{fine, unscheduled}},
	} {
		if got := podReason(&corev1.Pod{Status: status}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// workingCluster is a cluster of which every of the three proofs holds: its pods run as soon as they are made.
func workingCluster(podStatus corev1.PodStatus, dns string) (*Kind, *fake.Clientset) {
	client := fake.NewClientset(readyNode("cp", ready()))
	client.PrependReactor("create", "pods", func(a k8stesting.Action) (bool, runtime.Object, error) {
		pod := a.(k8stesting.CreateAction).GetObject().(*corev1.Pod)
		pod.Status = podStatus
		return false, nil, nil
	})
	answer := func([]string) (string, error) { return dns, nil }
	return &Kind{provider: Provider{Clock: clockwork.NewRealClock()}, nodes: []Node{stub{container{name: "cp"}, answer}}}, client
}

const goodDNS = "Address: 10.96.0.1\n"

var runningPod = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.1.2"}

func TestReadyHoldsWhereNodesDNSAndANewPodDoAndLeavesNoPod(t *testing.T) {
	k, client := workingCluster(runningPod, goodDNS)
	if err := k.ready(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	created := false
	for _, a := range client.Actions() {
		created = created || a.Matches("create", "pods")
	}
	left, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil || !created || len(left.Items) != 0 {
		t.Errorf("created: %v, left behind: %d, %v", created, len(left.Items), err)
	}
}

func TestReadySaysWhichOfTheThreeFails(t *testing.T) {
	for says, c := range map[string]struct {
		pod  corev1.PodStatus
		dns  string
		node string
	}{
		"CoreDNS not ready":          {runningPod, "NXDOMAIN", "cp"},
		"nodes not ready: other has": {runningPod, goodDNS, "other"},
		"new pod not ready":          {corev1.PodStatus{Phase: corev1.PodPending}, goodDNS, "cp"},
		"is Running":                 {corev1.PodStatus{Phase: corev1.PodRunning}, goodDNS, "cp"}, // without an address it is not reachable
		"is Succeeded":               {corev1.PodStatus{Phase: corev1.PodSucceeded, PodIP: "10.244.1.2"}, goodDNS, "cp"},
	} {
		k, client := workingCluster(c.pod, c.dns)
		k.nodes[0] = stub{container{name: c.node}, k.nodes[0].(stub).do}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := k.ready(ctx, client)
		cancel()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
