package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// engineOfOurs is what an engine with the cluster nov30-a answers, by the start of the command. A test spoils one answer.
func engineOfOurs() map[string]string {
	return map[string]string{
		"network inspect": "echo run1 home1",
		"ps":              "echo 'nov30-a-worker worker'; echo 'nov30-a-control-plane control-plane'",
		"inspect":         "echo 172.18.0.2",
		"port":            "echo 127.0.0.1:40001",
		"exec":            "cat ca.crt",
		"network ls":      "echo nov30-a",
		"start":           "echo started",
	}
}

func branches(answers map[string]string) string {
	var b strings.Builder
	for start, do := range answers {
		b.WriteString("'" + start + "'*) " + do + "; exit $?;;\n")
	}
	return b.String()
}

// opener writes the kubeconfig, puts the CA onto the fake control plane and returns what Open is called with.
func opener(t *testing.T, config *clientcmdapi.Config, answers map[string]string) (Provider, string, func() []string) {
	t.Helper()
	p, calls := fakeEngine(t, branches(answers))
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.Engine.Bin), "ca.crt"), certificate("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return p, path, calls
}

// onlyReads fails the test unless every command is one that changes nothing.
func onlyReads(t *testing.T, calls []string) {
	t.Helper()
	reads := []string{"network inspect ", "network ls ", "ps ", "inspect ", "port ", "exec nov30-a-control-plane cat /etc/kubernetes/pki/ca.crt"}
	for _, c := range calls {
		if !slices.ContainsFunc(reads, func(r string) bool { return strings.HasPrefix(c, r) }) {
			t.Errorf("ran %q, which is no read", c)
		}
	}
}

func TestOpenTakesAClusterOnWhichEverythingAgreesAndOnlyReads(t *testing.T) {
	for _, kubeContext := range []string{"", ours} {
		p, path, calls := opener(t, ourConfig(), engineOfOurs())
		k, err := p.Open(t.Context(), path, kubeContext)
		if err != nil {
			t.Fatal(err)
		}
		if k.Name() != "nov30-a" || k.Run() != "run1" || k.Kubeconfig() != path || k.Network() != "nov30-a" || k.Engine() != p.Engine {
			t.Errorf("opened %+v", k)
		}
		if n := k.Nodes(); len(n) != 2 || n[0].Role() != ControlPlane || n[1].Role() != Worker {
			t.Errorf("nodes %v", n)
		}
		if id, err := k.Identity(); err != nil || id.Run != "run1" || id.Cluster != "nov30-a" || id.Server != "https://127.0.0.1:40001" {
			t.Errorf("identity %+v, %v", id, err)
		}
		onlyReads(t, calls())
		if !ran(calls(), "exec nov30-a-control-plane cat") || !ran(calls(), "network inspect ") {
			t.Errorf("opened without having looked: %v", calls())
		}
	}
}

func TestOpenRefusesBeforeAnyWriteWhereTheEngineDisagrees(t *testing.T) {
	for name, spoil := range map[string]func(answers map[string]string){
		"no network of that name":           func(a map[string]string) { a["network inspect"] = "echo 'network nov30-a not found' >&2; exit 1" },
		"a network without the run's label": func(a map[string]string) { a["network inspect"] = "echo" },
		"no container with kind's label":    func(a map[string]string) { a["ps"] = "true" },
		"workers only":                      func(a map[string]string) { a["ps"] = "echo nov30-a-worker worker" },
		"kind's load balancer only":         func(a map[string]string) { a["ps"] = "echo nov30-a-lb external-load-balancer" },
		"a node on another network":         func(a map[string]string) { a["inspect"] = "echo" },
		"another port":                      func(a map[string]string) { a["port"] = "echo 127.0.0.1:40002" },
		"the same port on every address":    func(a map[string]string) { a["port"] = "echo 0.0.0.0:40001" },
		"no port":                           func(a map[string]string) { a["port"] = "echo 'no public port' >&2; exit 1" },
		"two ports":                         func(a map[string]string) { a["port"] = "echo 127.0.0.1:40001; echo '[::1]:40001'" },
		"another CA": func(a map[string]string) {
			a["exec"] = "echo '-----BEGIN CERTIFICATE-----\nb3RoZXI=\n-----END CERTIFICATE-----'"
		},
		"a CA that is none":                    func(a map[string]string) { a["exec"] = "echo nothing" },
		"no CA":                                func(a map[string]string) { a["exec"] = "echo 'No such file' >&2; exit 1" },
		"an engine that has stopped answering": func(a map[string]string) { a["ps"] = "exit 1" },
	} {
		t.Run(name, func(t *testing.T) {
			answers := engineOfOurs()
			spoil(answers)
			p, path, calls := opener(t, ourConfig(), answers)
			k, err := p.Open(t.Context(), path, "")
			if k != nil || !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, %v; want ErrForeign that names the file", k, err)
			}
			onlyReads(t, calls())
		})
	}
}

func TestOpenRefusesForeignKubeconfigsWithoutAskingTheEngine(t *testing.T) {
	for name, config := range map[string]*clientcmdapi.Config{
		"minikube": renamed("minikube"), "kind": renamed("kind-kind"), "empty": clientcmdapi.NewConfig(),
		"a production server": at("https://prod.example.com:6443"), "a server behind ssh": at("https://localhost:40001"),
	} {
		p, path, calls := opener(t, config, engineOfOurs())
		if _, err := p.Open(t.Context(), path, ""); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: got %v, want ErrForeign", name, err)
		}
		if c := calls(); len(c) > 0 {
			t.Errorf("%s: the engine was asked: %v", name, c)
		}
	}
}

func TestOpenRefusesAServerThatIsOursOnlyAtFirstSight(t *testing.T) {
	for _, server := range []string{
		"https://127.0.0.1:40001/clusters/c-prod", // a proxy's path leads elsewhere
		"https://127.0.0.1:40001/",
		"https://127.0.0.1:40001?x=1",
		"https://user:word@127.0.0.1:40001",
		"https://127.0.0.2:40001",
		"https://[::1]:40001",
	} {
		p, path, calls := opener(t, at(server), engineOfOurs())
		if _, err := p.Open(t.Context(), path, ""); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: got %v, want ErrForeign", server, err)
		}
		onlyReads(t, calls())
	}
}

func TestOpenTellsAMissingKubeconfigFromAForeignOne(t *testing.T) {
	p, _, _ := opener(t, ourConfig(), nil)
	_, err := p.Open(t.Context(), filepath.Join(t.TempDir(), "none"), "")
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}

func ourIdentity(t *testing.T) Identity {
	t.Helper()
	id, err := identity(ourConfig(), ours)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestOpenIdentityStartsAStoppedControlPlaneBeforeItAsks(t *testing.T) {
	p, _, calls := opener(t, ourConfig(), engineOfOurs())
	k, err := p.OpenIdentity(t.Context(), ourIdentity(t))
	if err != nil || k.Name() != "nov30-a" || k.Run() != "run1" || len(k.Nodes()) != 2 {
		t.Fatalf("got %+v, %v", k, err)
	}
	start := slices.Index(calls(), "start nov30-a-control-plane")
	if read := slices.Index(calls(), "exec nov30-a-control-plane cat /etc/kubernetes/pki/ca.crt"); start < 0 || read < start {
		t.Errorf("started at %d, read at %d of %v", start, read, calls())
	}
}

func TestOpenIdentityOfAClusterThatIsGoneIsErrGone(t *testing.T) {
	answers := engineOfOurs()
	answers["network ls"] = "echo nov30-b"
	p, _, calls := opener(t, ourConfig(), answers)
	if _, err := p.OpenIdentity(t.Context(), ourIdentity(t)); !errors.Is(err, ErrGone) || errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrGone", err)
	}
	onlyReads(t, calls())
}

func TestOpenIdentityNeverTakesASilentEngineForAGoneCluster(t *testing.T) {
	answers := engineOfOurs()
	answers["network ls"] = "echo 'Cannot connect' >&2; exit 1"
	p, _, _ := opener(t, ourConfig(), answers)
	if _, err := p.OpenIdentity(t.Context(), ourIdentity(t)); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("got %v, want the engine's error", err)
	}
}

func TestOpenIdentityRefusesAClusterOfThatNameWithAnotherCA(t *testing.T) {
	p, _, _ := opener(t, ourConfig(), engineOfOurs())
	id := ourIdentity(t)
	id.CASHA256 = strings.Repeat("0", 64)
	if _, err := p.OpenIdentity(t.Context(), id); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
}
