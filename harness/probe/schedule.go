package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/cluster"
)

// pods is where the schedule probe makes its pods.
const pods = "/api/v1/namespaces/" + Namespace + "/pods"

// deleteMax is how long the deletion of the pods may take after a check.
const deleteMax = 5 * time.Second

// firstLook and lastLook bound the pauses between two looks at a pod; each pause is twice the one before.
const (
	firstLook = 250 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Schedule makes a new pod and waits until it is Running with an address on a worker node: the API server, etcd, the
// scheduler, a kubelet, its container runtime and the pod network all took part. Afterwards the pod is deleted without
// grace, in the background; one that could not be deleted is tried again after the next check.
type Schedule struct {
	clock  clockwork.Clock
	client client
	id     string

	mu      sync.Mutex
	seq     int
	undone  []string // pods that may exist and are to be deleted
	deletes sync.WaitGroup
}

// NewSchedule makes the probe; pauses between looks are counted by clock.
func NewSchedule(clock clockwork.Clock) *Schedule {
	return &Schedule{clock: clock, id: newID()}
}

func (*Schedule) String() string { return NameSchedule }

// Check makes one pod and waits for it until ctx ends.
func (p *Schedule) Check(ctx context.Context, c cluster.Cluster) error {
	p.mu.Lock()
	p.seq++
	name := fmt.Sprintf("s-%s-%d", p.id, p.seq)
	p.mu.Unlock()
	_, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodPost, path: pods, in: p.pod(name), want: http.StatusCreated})
	if err != nil {
		err = fmt.Errorf("create pod %s: %w", name, err)
	} else {
		err = p.running(ctx, c, name)
	}
	p.deleteLater(c, name)
	return err
}

// pod is the smallest pod of the site's image. It tolerates nothing and mounts no token.
func (p *Schedule) pod(name string) *corev1.Pod {
	grace, token := int64(1), false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{IDLabel: p.id}},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken:  &token,
			Containers: []corev1.Container{{
				Name: "site", Image: siteImage, ImagePullPolicy: corev1.PullNever,
				Env: []corev1.EnvVar{{Name: "NONCE", Value: p.id}},
			}},
		},
	}
}

// running waits until the pod runs. A look that fails is no verdict yet: the pod may still come up in time.
func (p *Schedule) running(ctx context.Context, c cluster.Cluster, name string) error {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		var pod corev1.Pod
		_, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodGet, path: pods + "/" + name, want: http.StatusOK, out: &pod})
		if err == nil {
			var final bool
			if final, err = started(&pod, c.Nodes()); err == nil || final {
				return err
			}
		}
		timer := p.clock.NewTimer(pause)
		select {
		case <-timer.Chan():
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("pod %s: %w", name, err)
		}
	}
}

// started is nil for a pod that runs on a worker; final says that waiting longer is of no use.
func started(pod *corev1.Pod, nodes []cluster.Node) (final bool, err error) {
	status := pod.Status
	if status.Phase == corev1.PodFailed || status.Phase == corev1.PodSucceeded {
		return true, fmt.Errorf("pod %s ended: %s %s", pod.Name, status.Phase, status.Reason)
	}
	if status.Phase != corev1.PodRunning || status.PodIP == "" {
		return false, errors.New(pending(pod))
	}
	onWorker := slices.ContainsFunc(nodes, func(n cluster.Node) bool {
		return n.Role() == cluster.Worker && n.Name() == pod.Spec.NodeName
	})
	if !onWorker {
		return true, fmt.Errorf("pod %s runs on %q, which is no worker of the cluster", pod.Name, pod.Spec.NodeName)
	}
	return true, nil
}

// pending says what a pod that does not run yet is waiting for.
func pending(pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			return fmt.Sprintf("on %s: %s %s", pod.Spec.NodeName, w.Reason, w.Message)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status != corev1.ConditionTrue {
			return fmt.Sprintf("not scheduled: %s %s", c.Reason, c.Message)
		}
	}
	if pod.Spec.NodeName == "" {
		return "not scheduled: the scheduler has not looked at it"
	}
	return fmt.Sprintf("on %s: %s", pod.Spec.NodeName, pod.Status.Phase)
}

// deleteLater deletes the pod, and those that could not be deleted before, without holding up the check.
func (p *Schedule) deleteLater(c cluster.Cluster, name string) {
	p.mu.Lock()
	names := append(p.undone, name)
	p.undone = nil
	p.mu.Unlock()
	p.deletes.Go(func() {
		// Not the check's context: that one ends with the check.
		ctx, cancel := context.WithTimeout(context.Background(), deleteMax)
		defer cancel()
		for len(names) > 0 && p.delete(ctx, c, names[0]) == nil {
			names = names[1:]
		}
		p.mu.Lock()
		p.undone = append(p.undone, names...)
		p.mu.Unlock()
	})
}

func (p *Schedule) delete(ctx context.Context, c cluster.Cluster, name string) error {
	_, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodDelete, path: pods + "/" + name + "?gracePeriodSeconds=0", want: http.StatusOK})
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Close waits for the deletions under way (each is bounded) and reports the pods that could not be deleted.
func (p *Schedule) Close() error {
	p.deletes.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.undone) > 0 {
		return fmt.Errorf("pods of the schedule probe that could not be deleted: %s", some(p.undone))
	}
	return nil
}
