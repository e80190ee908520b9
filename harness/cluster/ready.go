package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// readyWithin bounds the wait for a new cluster. It is ready within seconds of kind's return, or broken.
const readyWithin = 2 * time.Minute

// PodImage is an image that every node holds; its program serves HTTP until it is told to stop.
const PodImage = "nov30.local/site:v1"

// Ready proves that the cluster works: every node Ready, CoreDNS answering through its Service, a new pod scheduled and
// running on a worker. kind's own wait reports success when it timed out. The error says which of the three failed and
// what was last seen of it.
func (k *Kind) Ready(ctx context.Context) error {
	client, err := k.client()
	if err != nil {
		return err
	}
	return k.ready(ctx, client)
}

func (k *Kind) ready(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.until(ctx, "nodes", func() error { return nodesReady(ctx, client, k.nodes) }) })
	g.Go(func() error { return k.until(ctx, "CoreDNS", func() error { return dnsAnswers(ctx, k.nodes[0]) }) })
	g.Go(func() error { return k.newPodRuns(ctx, client) })
	return g.Wait()
}

// Works proves what Ready proves, but for CoreDNS: a kubelet that has just started waits up to ten seconds, at random, before it
// looks for the first time whether a container is ready, and until then CoreDNS's Service leads nowhere. Whoever judges
// anything waits for AwaitDNS, too.
func (k *Kind) Works(ctx context.Context) error {
	client, err := k.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.until(ctx, "nodes", func() error { return nodesReady(ctx, client, k.nodes) }) })
	g.Go(func() error { return k.newPodRuns(ctx, client) })
	return g.Wait()
}

// AwaitDNS waits until CoreDNS answers through its Service.
func (k *Kind) AwaitDNS(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return k.until(ctx, "CoreDNS", func() error { return dnsAnswers(ctx, k.nodes[0]) })
}

// client talks to the API server with the cluster's own kubeconfig.
func (k *Kind) client() (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", k.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Timeout = 10 * time.Second
	return kubernetes.NewForConfig(config)
}

// until tries every 200 ms; on time-out the error is the last one seen, not the time-out alone.
func (k *Kind) until(ctx context.Context, what string, try func() error) error {
	var last error
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // what a cancelled call says is not why it was not ready
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s not ready: %w (%w)", what, last, context.Cause(ctx))
		case <-k.provider.Clock.After(200 * time.Millisecond):
		}
	}
}

func nodesReady(ctx context.Context, client kubernetes.Interface, want []Node) error {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	state := map[string]string{}
	for _, n := range list.Items {
		state[n.Name] = "no Ready condition"
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				state[n.Name] = ""
			} else if c.Type == corev1.NodeReady {
				state[n.Name] = c.Reason + ": " + c.Message
			}
		}
	}
	var missing []error
	for _, n := range want {
		if s, ok := state[n.Name()]; !ok {
			missing = append(missing, fmt.Errorf("%s has not registered", n.Name()))
		} else if s != "" {
			missing = append(missing, fmt.Errorf("%s: %s", n.Name(), s))
		}
	}
	return errors.Join(missing...)
}

// dnsAnswers asks CoreDNS by its Service's address, from a node, for the API's own name.
func dnsAnswers(ctx context.Context, n Node) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	const name, service = "kubernetes.default.svc.cluster.local", "10.96.0.10"
	// An answer takes milliseconds; without timeout a query that is lost would hold the proof up for nslookup's own 5 s.
	out, err := n.Exec(ctx, nil, "timeout", "1", "busybox", "nslookup", "-type=a", name, service)
	if err != nil {
		return err
	}
	if !strings.Contains(string(out), "10.96.0.1\n") {
		return fmt.Errorf("%s has no address 10.96.0.1: %s", name, strings.TrimSpace(string(out)))
	}
	return nil
}

// newPodRuns has a pod scheduled on a worker and waits until it runs.
func (k *Kind) newPodRuns(ctx context.Context, client kubernetes.Interface) error {
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	pods := client.CoreV1().Pods(metav1.NamespaceDefault)
	name := "nov30-ready-" + hex.EncodeToString(id[:])
	no, now := false, int64(0)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{
		AutomountServiceAccountToken: &no, TerminationGracePeriodSeconds: &now,
		Containers: []corev1.Container{{Name: "pod", Image: PodImage, ImagePullPolicy: corev1.PullNever}}}}
	// The default service account appears a moment after the namespace, so creating may have to be tried again.
	err := k.until(ctx, "new pod", func() error {
		_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = pods.Delete(cleanup, name, metav1.DeleteOptions{GracePeriodSeconds: &now}) // the proof does not depend on it
	}()
	return k.until(ctx, "new pod", func() error {
		got, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got.Status.Phase == corev1.PodRunning && got.Status.PodIP != "" {
			return nil
		}
		return fmt.Errorf("pod %s is %s%s", name, got.Status.Phase, podReason(got))
	})
}

func podReason(p *corev1.Pod) string {
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			return fmt.Sprintf(" (%s: %s)", w.Reason, w.Message)
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			return fmt.Sprintf(" (%s: %s)", c.Reason, c.Message)
		}
	}
	return ""
}
