package probe

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeAPI serves a node list and a lease list; the server's Date is its own.
type nodeAPI struct {
	mu     sync.Mutex
	date   string
	ready  map[string]corev1.ConditionStatus
	leases map[string]time.Time
}

func (a *nodeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header()["Date"] = nil
	if a.date != "" {
		w.Header().Set("Date", a.date)
	}
	if !strings.Contains(r.URL.Path, "leases") {
		var list corev1.NodeList
		for name, status := range a.ready {
			n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if status != "" {
				n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Reason: "KubeletNotReady"}}
			}
			list.Items = append(list.Items, n)
		}
		reply(w, 200, list)
		return
	}
	var list coordinationv1.LeaseList
	for name, at := range a.leases {
		l := coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if !at.IsZero() {
			l.Spec.RenewTime = &metav1.MicroTime{Time: at}
		}
		list.Items = append(list.Items, l)
	}
	reply(w, 200, list)
}

// set changes what is served: the server's clock, and each node's lease.
func (a *nodeAPI) set(server time.Time, leases map[string]time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.date, a.leases = server.UTC().Format(http.TimeFormat), leases
}

var noon = time.Date(2019, 11, 30, 12, 0, 0, 0, time.UTC)

func healthyNodes() *nodeAPI {
	a := &nodeAPI{ready: map[string]corev1.ConditionStatus{"cp": "True", "w": "True"}}
	a.set(noon, map[string]time.Time{"cp": noon.Add(-3 * time.Second), "w": noon.Add(-9 * time.Second)})
	return a
}

func TestNodesIsGreenOnlyForReadyNodesWithFreshLeases(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*nodeAPI)
		want   string
	}{
		{"healthy", func(*nodeAPI) {}, ""},
		{"not ready", func(a *nodeAPI) { a.ready["w"] = "False" }, "node w: Ready is False: KubeletNotReady"},
		{"unknown", func(a *nodeAPI) { a.ready["cp"] = "Unknown" }, "node cp: Ready is Unknown"},
		{"no condition", func(a *nodeAPI) { a.ready["w"] = "" }, "node w has no Ready condition"},
		{"node missing", func(a *nodeAPI) { delete(a.ready, "w") }, "node w is not in the API"},
		{"empty list", func(a *nodeAPI) { clear(a.ready) }, "node cp is not in the API"},
		{"lease missing", func(a *nodeAPI) { delete(a.leases, "w") }, "node w has no lease"},
		{"lease without time", func(a *nodeAPI) { a.leases["w"] = time.Time{} }, "node w has no lease"},
		{"lease 40 s old", func(a *nodeAPI) { a.leases["w"] = noon.Add(-40 * time.Second) }, "node w: its lease was renewed 40s ago"},
		{"no Date", func(a *nodeAPI) { a.date = "" }, "no Date"},
		{"foreign node not ready", func(a *nodeAPI) { a.ready["x"] = "False" }, "node x: Ready is False"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := healthyNodes()
			c.change(a)
			s := newAPIServer(t, a)
			err := NewNodes(clockwork.NewFakeClock()).Check(t.Context(), s.cluster(t, s.ca))
			if c.want == "" {
				must(t, err)
				return
			}
			red(t, err, c.want)
		})
	}
}

func TestNodesIsRedForAClusterWithoutNodes(t *testing.T) {
	a := healthyNodes()
	clear(a.ready)
	s := newAPIServer(t, a)
	c := s.cluster(t, s.ca)
	c.nodes = nil
	red(t, NewNodes(clockwork.NewFakeClock()).Check(t.Context(), c), "no nodes to look at")
}

func TestNodesIsRedWhenTheAnswerIsNoList(t *testing.T) {
	s := newAPIServer(t, readyzEverywhere("ok"))
	red(t, NewNodes(clockwork.NewFakeClock()).Check(t.Context(), s.cluster(t, s.ca)), "not what the API answers")
	s = newAPIServer(t, readyzEverywhere("{}"))
	red(t, NewNodes(clockwork.NewFakeClock()).Check(t.Context(), s.cluster(t, s.ca)), "no")
}

func readyzEverywhere(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}

// A lease ages by the probe's clock even where the server's clock stands still or leaps.
func TestALeaseThatStopsBeingRenewedTurnsRedAfter40Seconds(t *testing.T) {
	a, clock := healthyNodes(), clockwork.NewFakeClock()
	s := newAPIServer(t, a)
	p, c := NewNodes(clock), s.cluster(t, s.ca)
	cp := noon
	for second := range 60 {
		cp = cp.Add(time.Second) // renewed all the time
		a.set(noon, map[string]time.Time{"cp": cp, "w": noon})
		err := p.Check(t.Context(), c)
		if second < 40 {
			must(t, err)
		} else {
			red(t, err, "node w: its lease was renewed")
		}
		clock.Advance(time.Second)
	}
}

// A node whose clock is an hour off renews its lease all the same: the effect on the cluster is nil.
func TestALeaseFromAWrongClockIsFreshWhileItChanges(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		a, clock := healthyNodes(), clockwork.NewFakeClock()
		s := newAPIServer(t, a)
		p, c := NewNodes(clock), s.cluster(t, s.ca)
		look := func(at time.Duration, renewed time.Duration) error {
			a.set(noon.Add(at), map[string]time.Time{"cp": noon.Add(at), "w": noon.Add(renewed + skew)})
			return p.Check(t.Context(), c)
		}
		_ = look(0, 0) // the first look cannot tell a slow clock from a stale lease
		for second := 1; second < 30; second++ {
			clock.Advance(time.Second)
			must(t, look(time.Duration(second)*time.Second, time.Duration(max(1, second/10*10))*time.Second))
		}
	}
}

// While the API was gone nobody watched: what changed meanwhile may be as old as the API server's own clock says.
func TestALeaseRenewedUnwatchedIsAsOldAsTheServerSays(t *testing.T) {
	a, clock := healthyNodes(), clockwork.NewFakeClock()
	s := newAPIServer(t, a)
	p, c := NewNodes(clock), s.cluster(t, s.ca)
	must(t, p.Check(t.Context(), c))
	clock.Advance(100 * time.Second)
	later := noon.Add(100 * time.Second)
	a.set(later, map[string]time.Time{"cp": later, "w": noon.Add(45 * time.Second)}) // renewed, then the node died
	red(t, p.Check(t.Context(), c), "node w: its lease was renewed 55s ago")
}
