package probe

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"

	"github.com/nov30/nov30/harness/slo"
)

// podAPI makes pods that reach the given state at the given look.
type podAPI struct {
	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	looks   int
	runsAt  int // at this look the pod has the status below
	node    string
	status  corev1.PodStatus
	refuse  int // status of every deletion, if not 0
	deleted chan string
}

func (a *podAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := path.Base(r.URL.Path)
	switch r.Method {
	case http.MethodPost:
		var pod corev1.Pod
		if err := json.NewDecoder(r.Body).Decode(&pod); err != nil {
			panic(err)
		}
		a.pods[pod.Name] = &pod
		reply(w, 201, pod)
	case http.MethodDelete:
		if a.refuse != 0 {
			reply(w, a.refuse, "refused")
			return
		}
		if r.URL.Query().Get("gracePeriodSeconds") != "0" {
			panic("deleted with grace")
		}
		delete(a.pods, name)
		reply(w, 200, "deleted")
		a.deleted <- name
	default:
		pod, ok := a.pods[name]
		if !ok {
			reply(w, 404, "not found")
			return
		}
		if a.looks++; a.looks >= a.runsAt {
			pod.Spec.NodeName, pod.Status = a.node, a.status
		}
		reply(w, 200, pod)
	}
}

func newScheduleTest(t *testing.T) (*podAPI, *Schedule, *fakeCluster, *clockwork.FakeClock) {
	a := &podAPI{
		pods: map[string]*corev1.Pod{}, runsAt: 1, node: "w", deleted: make(chan string, 10),
		status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.1.2"},
	}
	s := newAPIServer(t, a)
	clock := clockwork.NewFakeClock()
	p := NewSchedule(clock)
	t.Cleanup(func() { _ = p.Close() })
	return a, p, s.cluster(t, s.ca), clock
}

func TestScheduleIsGreenWhenThePodRunsOnAWorkerAndDeletesIt(t *testing.T) {
	a, p, c, clock := newScheduleTest(t)
	a.runsAt = 3
	go func() { // two pauses, the second twice as long
		for _, pause := range []time.Duration{firstLook, 2 * firstLook} {
			must(t, clock.BlockUntilContext(t.Context(), 1))
			clock.Advance(pause)
		}
	}()
	must(t, p.Check(t.Context(), c))
	if name := <-a.deleted; name != "s-"+p.id+"-1" {
		t.Fatalf("deleted %s", name)
	}
	must(t, p.Close())
}

func TestSchedulesPodNeedsNothing(t *testing.T) {
	pod := NewSchedule(clockwork.NewFakeClock()).pod("s")
	s := pod.Spec
	if *s.AutomountServiceAccountToken || *s.TerminationGracePeriodSeconds != 1 || len(s.Tolerations) != 0 ||
		s.Containers[0].ImagePullPolicy != corev1.PullNever || s.Containers[0].Image != siteImage {
		t.Fatalf("pod: %+v", s)
	}
}

func TestScheduleIsRedAtOnceForAPodThatCannotComeUp(t *testing.T) {
	for _, c := range []struct {
		node   string
		status corev1.PodStatus
		want   string
	}{
		{"w", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}, "ended: Failed Evicted"},
		{"w", corev1.PodStatus{Phase: corev1.PodSucceeded}, "ended: Succeeded"},
		{"cp", corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"}, `runs on "cp", which is no worker`},
		{"x", corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"}, `runs on "x", which is no worker`},
	} {
		a, p, cl, _ := newScheduleTest(t)
		a.node, a.status = c.node, c.status
		red(t, p.Check(t.Context(), cl), c.want)
		<-a.deleted
	}
}

func TestScheduleSaysWhatAPodThatDoesNotRunWaitsFor(t *testing.T) {
	waiting := []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "ErrImageNeverPull", Message: "not present"}}}}
	unscheduled := []corev1.PodCondition{{Type: corev1.PodScheduled, Status: "False", Reason: "Unschedulable", Message: "0/2 nodes"}}
	for _, c := range []struct {
		node   string
		status corev1.PodStatus
		want   string
	}{
		{"", corev1.PodStatus{Phase: corev1.PodPending}, "the scheduler has not looked at it"},
		{"", corev1.PodStatus{Phase: corev1.PodPending, Conditions: unscheduled}, "Unschedulable 0/2 nodes"},
		{"w", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: waiting}, "on w: ErrImageNeverPull not present"},
		{"w", corev1.PodStatus{Phase: corev1.PodRunning}, "on w: Running"}, // without an address
	} {
		a, p, cl, clock := newScheduleTest(t)
		a.node, a.status = c.node, c.status
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			must(t, clock.BlockUntilContext(t.Context(), 1))
			cancel()
		}()
		red(t, p.Check(ctx, cl), c.want)
		<-a.deleted
	}
}

func TestAPodThatCouldNotBeDeletedIsDeletedAfterTheNextCheck(t *testing.T) {
	a, p, c, _ := newScheduleTest(t)
	a.refuse = 500
	must(t, p.Check(t.Context(), c))
	red(t, p.Close(), "could not be deleted: s-"+p.id+"-1")
	a.refuse = 0
	must(t, p.Check(t.Context(), c))
	must(t, p.Close())
	if len(a.pods) != 0 || len(a.deleted) != 2 {
		t.Fatalf("%d pods left, %d deleted", len(a.pods), len(a.deleted))
	}
}

func TestPrepareWaitsForTheServiceAccount(t *testing.T) {
	looks, status := 0, http.StatusCreated
	s := newAPIServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reply(w, status, "")
			return
		}
		if looks++; looks < 3 {
			reply(w, 404, "no account yet")
			return
		}
		reply(w, 200, "")
	}))
	c := s.cluster(t, s.ca)
	must(t, Prepare(t.Context(), c, clockwork.NewRealClock()))
	if looks != 3 {
		t.Fatalf("%d looks, want 3", looks)
	}
	status = http.StatusConflict // made by an earlier arm
	must(t, Prepare(t.Context(), c, clockwork.NewRealClock()))
	status = http.StatusForbidden
	red(t, Prepare(t.Context(), c, clockwork.NewRealClock()), "make the namespace nov30-probe: status 403")
	status, looks = http.StatusCreated, -1000
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := Prepare(ctx, c, clockwork.NewRealClock())
	red(t, err, "default service account")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestNamesTimingsAndSpecsAgree(t *testing.T) {
	set := NewSet(clockwork.NewFakeClock(), "http://127.0.0.1:1/", "n")
	specs, err := Specs(NameAPI, NameSite)
	must(t, err)
	for i, p := range set.Default() {
		name := Names()[i]
		found, err := set.Find(name)
		must(t, err)
		if p.Probe.String() != name || found != p || p.Timing.Interval <= 0 || p.Timing.Timeout < p.Timing.Interval {
			t.Errorf("%s: %v, %v", name, p, found)
		}
		want := slo.ProbeSpec{Name: name, Interval: p.Timing.Interval, Timeout: p.Timing.Timeout, Red: name == NameAPI || name == NameSite}
		if specs[i] != want {
			t.Errorf("spec %+v, want %+v", specs[i], want)
		}
	}
	_, err = set.Find("etcd")
	red(t, err, `no probe is called "etcd": the probes are api, write`)
	_, err = Specs("api", "etcd")
	red(t, err, `"etcd"`)
}
