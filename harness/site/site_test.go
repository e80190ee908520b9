package site

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
)

type fakeNode struct {
	name string
	role cluster.Role
}

func (n fakeNode) Name() string       { return n.name }
func (n fakeNode) Role() cluster.Role { return n.role }
func (n fakeNode) Exec(context.Context, io.Reader, ...string) ([]byte, error) {
	return nil, errors.New("not asked")
}

type fakeCluster struct {
	kubeconfig string
	nodes      []cluster.Node
}

func (c *fakeCluster) Name() string          { return "nov30-x" }
func (c *fakeCluster) Nodes() []cluster.Node { return c.nodes }
func (c *fakeCluster) Kubeconfig() string    { return c.kubeconfig }
func (c *fakeCluster) Address(context.Context, string) (netip.Addr, error) {
	return netip.Addr{}, errors.New("not asked")
}
func (c *fakeCluster) StopNode(context.Context, string) error  { return errors.New("not asked") }
func (c *fakeCluster) StartNode(context.Context, string) error { return errors.New("not asked") }

// world is an API server that takes the manifests, and the site that answers with the nonce it was given.
type world struct {
	mu      sync.Mutex
	applied []string
	nonce   string
	ready   int32 // ready replicas
	mute    bool  // the site answers another nonce
	dir     string
	env     Env
}

func newWorld(t *testing.T) *world {
	w := &world{ready: replicas, dir: t.TempDir()}
	api := httptest.NewTLSServer(http.HandlerFunc(w.api))
	t.Cleanup(api.Close)
	edge := httptest.NewServer(http.HandlerFunc(w.site))
	t.Cleanup(edge.Close)
	at, err := url.Parse(edge.URL)
	must(t, err)
	w.env = Env{
		Cluster: &fakeCluster{w.kubeconfig(t, api), []cluster.Node{fakeNode{"cp", cluster.ControlPlane}, fakeNode{"w0", cluster.Worker}, fakeNode{"w1", cluster.Worker}}},
		Engine:  w.engine(t, at.Host), Network: "net", Image: "image", Run: "r1",
		Clock: clockwork.NewRealClock(), Ready: 500 * time.Millisecond,
	}
	return w
}

func (w *world) kubeconfig(t *testing.T, api *httptest.Server) string {
	k := clientcmdapi.NewConfig()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	k.Clusters["c"] = &clientcmdapi.Cluster{Server: api.URL, CertificateAuthorityData: ca}
	k.Contexts["x"] = &clientcmdapi.Context{Cluster: "c"}
	k.CurrentContext = "x"
	path := filepath.Join(w.dir, "kubeconfig")
	must(t, clientcmd.WriteToFile(*k, path))
	return path
}

// engine is a script that notes each command and keeps one container.
func (w *world) engine(t *testing.T, published string) *engine.Engine {
	script := `#!/bin/sh
cd ` + w.dir + `
printf '%s\n' "$*" >>commands
case $1 in
run) [ ! -e refuse ] || { echo "no such image" >&2; exit 125; }; touch container ;;
port) echo ` + published + ` ;;
ps) [ ! -e container ] || echo c0ffee ;;
rm) rm container ;;
logs) echo "nginx: cannot bind" >&2 ;;
esac
`
	path := filepath.Join(w.dir, "engine")
	must(t, os.WriteFile(path, []byte(script), 0o700))
	return &engine.Engine{Name: "docker", Bin: path}
}

func (w *world) api(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPatch:
		body, _ := io.ReadAll(r.Body)
		w.applied = append(w.applied, r.URL.Path)
		var d appsv1.Deployment
		if strings.Contains(r.URL.Path, "/deployments/") && yaml.UnmarshalStrict(body, &d) == nil {
			w.nonce = d.Spec.Template.Spec.Containers[0].Env[0].Value
		}
		fmt.Fprint(rw, "{}")
	case strings.HasSuffix(r.URL.Path, "/deployments/site"):
		answer(rw, appsv1.Deployment{Status: appsv1.DeploymentStatus{Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: w.ready}})
	case strings.HasSuffix(r.URL.Path, "/pods"):
		answer(rw, corev1.PodList{Items: []corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "site-1"},
			Status:     corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: "PodScheduled", Status: "False", Message: "0/3 nodes"}}},
		}}})
	case strings.HasSuffix(r.URL.Path, "/events"):
		answer(rw, corev1.EventList{Items: []corev1.Event{{InvolvedObject: corev1.ObjectReference{Name: "site-1"}, Reason: "FailedScheduling", Message: "untolerated taint"}}})
	default:
		rw.WriteHeader(404)
	}
}

func answer(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func (w *world) site(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	nonce := w.nonce
	if w.mute {
		nonce = "another"
	}
	answer(rw, map[string]string{"nonce": nonce})
}

// commands is what the engine was asked, without nginx's configuration.
func (w *world) commands(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join(w.dir, "commands"))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", wants)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q; want %q in it", err, want)
		}
	}
}

func TestDeployReturnsASiteThatAnswers(t *testing.T) {
	w := newWorld(t)
	s, err := Deploy(t.Context(), w.env)
	must(t, err)
	want := []string{"/api/v1/namespaces/nov30-site", "/apis/apps/v1/namespaces/nov30-site/deployments/site", "/api/v1/namespaces/nov30-site/services/site"}
	if fmt.Sprint(w.applied) != fmt.Sprint(want) {
		t.Errorf("applied %v, want %v", w.applied, want)
	}
	if len(s.Nonce) != 32 || s.Nonce != w.nonce || !strings.HasPrefix(s.URL, "http://127.0.0.1:") || !strings.HasSuffix(s.URL, "/") {
		t.Errorf("site %+v, nonce applied %q", s, w.nonce)
	}
	for _, want := range []string{
		"run --detach --name nov30-x-edge --network net --label nov30.run=r1 --cap-add NET_ADMIN --publish 127.0.0.1::80",
		"--entrypoint /bin/sh image -c", "set $worker0 w0;", "set $worker1 w1;",
	} {
		if !strings.Contains(w.commands(t), want) {
			t.Errorf("the engine was not asked %q but %s", want, w.commands(t))
		}
	}
	must(t, s.Remove(t.Context()))
	must(t, s.Remove(t.Context())) // twice
	if n := strings.Count(w.commands(t), "rm --force --volumes nov30-x-edge"); n != 1 {
		t.Errorf("removed %d times", n)
	}
}

func TestEachDeployHasItsOwnNonce(t *testing.T) {
	w := newWorld(t)
	a, err := Deploy(t.Context(), w.env)
	must(t, err)
	b, err := Deploy(t.Context(), w.env)
	must(t, err)
	if a.Nonce == b.Nonce {
		t.Fatal("two sites with one nonce")
	}
}

func TestDeployFailsWithTheReasonWhenReplicasAreNotReady(t *testing.T) {
	w := newWorld(t)
	w.ready = 1
	_, err := Deploy(t.Context(), w.env)
	fails(t, err, "not within 500ms", "1 of 2 Ready", `pod site-1 on "" is Pending`, "0/3 nodes", "FailedScheduling: untolerated taint")
	if w.commands(t) != "" {
		t.Errorf("the edge was started: %s", w.commands(t))
	}
}

func TestDeployFailsWhenAnotherPageAnswersAndLeavesNoContainer(t *testing.T) {
	w := newWorld(t)
	w.mute = true
	_, err := Deploy(t.Context(), w.env)
	fails(t, err, "the site does not answer at http://127.0.0.1:", "without the nonce", "nginx: cannot bind")
	if _, err := os.Stat(filepath.Join(w.dir, "container")); err == nil {
		t.Error("the edge container is left")
	}
}

func TestDeployFailsWithTheEnginesReasonAndNotItsCommandLine(t *testing.T) {
	w := newWorld(t)
	must(t, os.WriteFile(filepath.Join(w.dir, "refuse"), nil, 0o600))
	_, err := Deploy(t.Context(), w.env)
	fails(t, err, "start the edge container nov30-x-edge from image", "no such image")
	if strings.Contains(err.Error(), "proxy_pass") {
		t.Errorf("nginx's configuration is in the error: %v", err)
	}
}

func TestAClusterWithoutWorkersHasNoEdge(t *testing.T) {
	w := newWorld(t)
	w.env.Cluster.(*fakeCluster).nodes = []cluster.Node{fakeNode{"cp", cluster.ControlPlane}}
	_, err := Deploy(t.Context(), w.env)
	if !errors.Is(err, cluster.ErrNoNode) {
		t.Fatalf("got %v", err)
	}
}

func TestAnInterruptedDeployReturnsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.ready, w.env.Ready = 0, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Deploy(ctx, w.env); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestARenewedEdgeIsAnotherContainerInFrontOfTheSameReplicas(t *testing.T) {
	w := newWorld(t)
	s, err := Deploy(t.Context(), w.env)
	must(t, err)
	applied, nonce := len(w.applied), s.Nonce
	must(t, s.RenewEdge(t.Context(), w.env))
	if len(w.applied) != applied || s.Nonce != nonce || s.Edge != "nov30-x-edge" {
		t.Errorf("applied %q, site %+v", w.applied[applied:], s)
	}
	removed, started := strings.LastIndex(w.commands(t), "rm --force --volumes nov30-x-edge"), strings.LastIndex(w.commands(t), "run --detach --name nov30-x-edge ")
	if removed < 0 || started < removed || strings.Count(w.commands(t), "run --detach --name nov30-x-edge ") != 2 {
		t.Errorf("ran %s", w.commands(t))
	}
	must(t, s.RenewEdge(t.Context(), w.env)) // again
}

func TestARenewedEdgeThatIsGoneIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	s, err := Deploy(t.Context(), w.env)
	must(t, err)
	must(t, os.Remove(filepath.Join(w.dir, "container")))
	must(t, s.RenewEdge(t.Context(), w.env))
	if _, err := os.Stat(filepath.Join(w.dir, "container")); err != nil {
		t.Error(err)
	}
}

func TestARenewedEdgeHasTheNewURL(t *testing.T) {
	w := newWorld(t)
	s, err := Deploy(t.Context(), w.env)
	must(t, err)
	other := httptest.NewServer(http.HandlerFunc(w.site))
	t.Cleanup(other.Close)
	at, err := url.Parse(other.URL)
	must(t, err)
	w.engine(t, at.Host)
	must(t, s.RenewEdge(t.Context(), w.env))
	if want := "http://" + at.Host + "/"; s.URL != want {
		t.Errorf("the URL is %s, want %s", s.URL, want)
	}
}

func TestAnEdgeThatCannotBeRenewedIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"it does not start":                {func(w *world) { must(t, os.WriteFile(filepath.Join(w.dir, "refuse"), nil, 0o600)) }, "no such image"},
		"another page answers":             {func(w *world) { w.mu.Lock(); w.mute = true; w.mu.Unlock() }, "without the nonce"},
		"the old one cannot be looked for": {func(w *world) { must(t, os.Remove(filepath.Join(w.dir, "engine"))) }, "look for the edge container"},
	} {
		w := newWorld(t)
		s, err := Deploy(t.Context(), w.env)
		must(t, err)
		c.spoil(w)
		if err := s.RenewEdge(t.Context(), w.env); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
