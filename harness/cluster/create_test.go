package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
)

// nothingThere answers what a clean-up asks where nothing was made, and no network can be.
const nothingThere = `'network create '*) echo 'no address pool left' >&2; exit 1;;
ps*) exit;; 'network rm '*) echo 'network not found' >&2; exit 1;;`

func TestCreateRefusesNamesThatAreNotNov30s(t *testing.T) {
	for _, name := range []string{"", "kind", "nov30", "my-nov30-a", "NOV30-a", " nov30-a"} {
		p, calls := fakeEngine(t, "*) exit;;")
		if _, err := p.Create(t.Context(), Options{Name: name, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "nov30-") {
			t.Errorf("%q: %v", name, err)
		}
		if len(calls()) > 0 {
			t.Errorf("%q: %v was run", name, calls())
		}
	}
}

func TestCreateThatFailsNamesTheStepAndCleansUp(t *testing.T) {
	p, calls := fakeEngine(t, nothingThere)
	k, err := p.Create(t.Context(), Options{Name: "nov30-a", Run: "run1", Dir: t.TempDir()})
	if k != nil || err == nil || !strings.Contains(err.Error(), "nov30-a: network") || !strings.Contains(err.Error(), "no address pool left") {
		t.Errorf("got %v, %v", k, err)
	}
	want := "network create --driver bridge --label nov30.run=run1 --label nov30.home=home1 nov30-a"
	if calls()[0] != want {
		t.Errorf("first %q, want %q", calls()[0], want)
	}
	for _, c := range []string{"ps --all --quiet --filter label=io.x-k8s.kind.cluster=nov30-a", "ps --all --quiet --filter network=nov30-a", "network rm nov30-a"} {
		if !slices.Contains(calls(), c) {
			t.Errorf("the clean-up did not run %q: %v", c, calls())
		}
	}
}

func TestCreateCleansUpOnACancelledContext(t *testing.T) {
	p, calls := fakeEngine(t, nothingThere)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Create(ctx, Options{Name: "nov30-a", Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if !ran(calls(), "network rm nov30-a") || ran(calls(), "network create") {
		t.Errorf("ran %v", calls())
	}
}

func TestCreateSaysThatTheCleanUpFailedToo(t *testing.T) {
	p, _ := fakeEngine(t, `'network create '*) echo 'no address pool left' >&2; exit 1;; ps*) exit;; 'network rm '*) echo 'has active endpoints' >&2; exit 1;;`)
	_, err := p.Create(t.Context(), Options{Name: "nov30-a", Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "no address pool left") || !strings.Contains(err.Error(), "has active endpoints") {
		t.Errorf("got %v, want both causes", err)
	}
}

// TestCreateInterruptedInKindRemovesTheNodesUnderItAndReturns: the engine's command blocks in the first thing that kind asks
// of it until the clean-up removes a container.
func TestCreateInterruptedInKindRemovesTheNodesUnderItAndReturns(t *testing.T) {
	p, calls := fakeEngine(t, `'network create '*|'network rm '*) exit;;
'ps --all --quiet '*) echo c1; exit;;
'rm --force --volumes c1') echo go 1<>gate; exit;;
'info '*) echo >started; read x <gate; exit 1;;
ps*) exit;;`)
	dir := filepath.Dir(p.Engine.Bin)
	for _, fifo := range []string{"started", "gate"} {
		if err := exec.Command("mkfifo", filepath.Join(dir, fifo)).Run(); err != nil {
			t.Skipf("mkfifo: %v", err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH")) // kind finds its docker there
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		if f, err := os.Open(filepath.Join(dir, "started")); err == nil {
			f.Close()
		}
		cancel()
	}()
	_, err := p.Create(ctx, Options{Name: "nov30-a", Image: "nov30/node:test", Dir: t.TempDir()})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was cancelled; %v", err, calls())
	}
	if !ran(calls(), "rm --force --volumes c1") || !ran(calls(), "network rm nov30-a") {
		t.Errorf("ran %v", calls())
	}
	if v, ok := os.LookupEnv("KIND_EXPERIMENTAL_DOCKER_NETWORK"); ok {
		t.Errorf("the environment kept kind's network %q", v)
	}
}

func TestKindSeesTheEngineAndTheEnvironmentIsPutBack(t *testing.T) {
	p, _ := fakeEngine(t, "*) exit;;")
	p.Engine.Host = "unix:///run/nov30.sock"
	t.Setenv("DOCKER_HOST", "unix:///run/users.sock")
	k := &Kind{provider: p, name: "nov30-a", run: "run1"}
	c := k.config(Spec{Workers: 2})
	if len(c.Nodes) != 3 || c.Networking.APIServerAddress != "127.0.0.1" || c.Networking.DNSSearch == nil || len(*c.Networking.DNSSearch) != 0 {
		t.Errorf("config %+v", c)
	}
	for _, n := range c.Nodes {
		if n.Labels[LabelRun] != "run1" {
			t.Errorf("node %+v does not carry the run", n)
		}
	}
	called := false
	if err := p.withKind("nov30-a", seen(&called, t)); err != nil || !called {
		t.Fatalf("%v, called %v", err, called)
	}
	if got := os.Getenv("DOCKER_HOST"); got != "unix:///run/users.sock" {
		t.Errorf("DOCKER_HOST is %q afterwards", got)
	}
	if _, ok := os.LookupEnv("KIND_EXPERIMENTAL_DOCKER_NETWORK"); ok {
		t.Error("the network's variable is left")
	}
}

func TestLogsOfASilentNodeDoNotKeepTheOthersFromBeingCollected(t *testing.T) {
	p, _ := fakeEngine(t, `'exec n1 '*) echo 'is not running' >&2; exit 1;; 'exec n2 journalctl '*) echo line; exit;; 'exec n2 '*) exit;;`)
	k := &Kind{provider: p, nodes: []Node{container{p.Engine, "n1", ControlPlane}, container{p.Engine, "n2", Worker}}}
	dir := filepath.Join(t.TempDir(), "logs")
	if err := k.Logs(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "n1") {
		t.Errorf("got %v, want an error that names n1", err)
	}
	for file, argv := range nodeLogs {
		text, err := os.ReadFile(filepath.Join(dir, "n2", file))
		if want := argv[0] == "journalctl"; (err == nil) != want || (want && string(text) != "line\n") {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "n2", "kubelet.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; logs are for their owner", info, err)
	}
}

func TestAddressOfANodeThatIsOffSaysSo(t *testing.T) {
	p, calls := fakeEngine(t, `inspect*) echo; exit;;`)
	k := &Kind{provider: p, name: "nov30-a", nodes: []Node{container{p.Engine, "n1", ControlPlane}}}
	if _, err := k.Address(t.Context(), "n1"); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Errorf("got %v", err)
	}
	for what, err := range map[string]error{"stop": k.StopNode(t.Context(), "stranger"), "start": k.StartNode(t.Context(), "stranger")} {
		if !errors.Is(err, ErrNoNode) {
			t.Errorf("%s of a container that is no node: %v", what, err)
		}
	}
	if ran(calls(), "stop") || ran(calls(), "start") {
		t.Errorf("a container that is no node was touched: %v", calls())
	}
}

// seen notes that kind was called, with this engine and the cluster's own network in the environment.
func seen(called *bool, t *testing.T) func(*cluster.Provider) error {
	return func(kind *cluster.Provider) error {
		*called = kind != nil
		for name, want := range map[string]string{"DOCKER_HOST": "unix:///run/nov30.sock", "KIND_EXPERIMENTAL_DOCKER_NETWORK": "nov30-a"} {
			if got := os.Getenv(name); got != want {
				t.Errorf("%s is %q for kind, want %q", name, got, want)
			}
		}
		return nil
	}
}
