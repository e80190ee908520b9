package cluster

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// demanded is how many foreign kubeconfigs and contexts must be refused.
const demanded = 30

// hidden stands in the secret fields of foreign kubeconfigs; no error may repeat it.
const hidden = "canary-of-a-foreign-kubeconfig"

// foreign is a kubeconfig that is not nov30's, with what the engine and the file system say to it. The engine agrees to
// everything, whatever is asked of it, except where a case has its own answers: it is Open that must refuse.
type foreign struct {
	config  *clientcmdapi.Config
	text    []byte                  // the file's content, in the place of config
	put     func(path string) error // makes the file itself
	context string
	answers map[string]string
}

// cluster, user and context are kubeconfigs of ours with one thing changed.
func withCluster(edit func(*clientcmdapi.Cluster)) foreign {
	return foreign{config: edited(func(c *clientcmdapi.Config) { edit(c.Clusters[ours]) })}
}

func withUser(edit func(*clientcmdapi.AuthInfo)) foreign {
	return foreign{config: edited(func(c *clientcmdapi.Config) { edit(c.AuthInfos[ours]) })}
}

func withConfig(edit func(*clientcmdapi.Config)) foreign { return foreign{config: edited(edit)} }

// named is a kubeconfig in which context, cluster and user have that name.
func named(name string) foreign {
	c := renamed(name)
	c.AuthInfos[name] = c.AuthInfos[ours]
	c.Contexts[name].AuthInfo = name
	return foreign{config: c}
}

// disagrees is our kubeconfig on an engine that answers one question otherwise.
func disagrees(question, answer string) foreign {
	return foreign{config: ourConfig(), answers: map[string]string{question: answer}}
}

func raw(text string) foreign { return foreign{text: []byte(text)} }

// ourText is our kubeconfig as kind writes it, with one text in it replaced.
func ourText(t *testing.T, old, new string) foreign {
	t.Helper()
	text, err := clientcmd.Write(*ourConfig())
	if err != nil || !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%q is not in the kubeconfig: %v", old, err)
	}
	return raw(strings.Replace(string(text), old, new, 1))
}

// place writes the case's kubeconfig and gives an engine for it.
func (f foreign) place(t *testing.T) (p Provider, path string, calls func() []string) {
	t.Helper()
	answers := engineOfOurs()
	for question, answer := range f.answers {
		answers[question] = answer
	}
	config := f.config
	if config == nil {
		config = ourConfig()
	}
	p, path, calls = opener(t, config, answers)
	var err error
	switch {
	case f.put != nil:
		err = errors.Join(os.Remove(path), f.put(path))
	case f.text != nil:
		err = os.WriteFile(path, f.text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, path, calls
}

// written are the engine commands that are not on the list of those that only read.
func written(calls []string) []string {
	reads := []string{"network inspect --format ", "network ls --filter ", "ps --all --filter ", "inspect --format ", "port "}
	return slices.DeleteFunc(slices.Clone(calls), func(c string) bool {
		return c == "exec nov30-a-control-plane cat /etc/kubernetes/pki/ca.crt" ||
			slices.ContainsFunc(reads, func(r string) bool { return strings.HasPrefix(c, r) })
	})
}

func TestForeignKubeconfigsAndContextsAreRefusedBeforeAnyWrite(t *testing.T) {
	cases := map[string]foreign{}
	for _, group := range []map[string]foreign{foreignContexts(), foreignServers(), foreignTrust(), foreignUsers(), foreignEngines(), foreignFiles(t), foreignReferences()} {
		for name, c := range group {
			if _, twice := cases[name]; twice {
				t.Fatalf("two cases are called %q", name)
			}
			cases[name] = c
		}
	}
	if len(cases) < demanded {
		t.Errorf("only %d cases, want %d", len(cases), demanded)
	}
	refused := 0
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, path, calls := c.place(t)
			before := listing(t, filepath.Dir(path))
			k, err := p.Open(t.Context(), path, c.context)
			switch {
			case k != nil || err == nil:
				t.Fatalf("opened %+v", k)
			case !errors.Is(err, ErrForeign) && !errors.As(err, new(*os.PathError)):
				t.Errorf("got %v, want ErrForeign or that the file cannot be read", err)
			case !strings.Contains(err.Error(), path):
				t.Errorf("%v does not name the file", err)
			case strings.Contains(err.Error(), hidden) || len(err.Error()) > 2000:
				t.Errorf("the error repeats what the file holds: %v", err)
			}
			if w := written(calls()); len(w) > 0 {
				t.Errorf("ran %q", w)
			}
			if after := listing(t, filepath.Dir(path)); !slices.Equal(before, after) {
				t.Errorf("the file's directory was %q, is %q", before, after)
			}
			t.Log(strings.ReplaceAll(err.Error(), path, "PATH"))
			refused++
		})
	}
	t.Logf("%d of %d foreign kubeconfigs and contexts were refused, %d are demanded", refused, len(cases), demanded)
}

func TestTheForeignCasesDifferFromOneThatOpens(t *testing.T) {
	for name, c := range map[string]foreign{"as a config": {config: ourConfig()}, "as a text": ourText(t, "nov30", "nov30"), "by its context": {config: ourConfig(), context: ours}} {
		p, path, calls := c.place(t)
		if _, err := p.Open(t.Context(), path, c.context); err != nil || len(calls()) == 0 {
			t.Errorf("%s: %v, asked %v: the cases that are refused may be so for another reason", name, err, calls())
		}
	}
}

func TestEveryOtherEngineCommandCountsAsAWrite(t *testing.T) {
	for _, c := range []string{"start n", "stop n", "rm -f n", "network rm nov30-a", "network create x", "cp a b", "run x", "ps", "kill n",
		"exec -i nov30-a-control-plane sh -s", "exec nov30-a-control-plane cat /etc/kubernetes/pki/ca.key", "exec nov30-a-control-plane rm x"} {
		if len(written([]string{c})) != 1 {
			t.Errorf("%q passes for a read", c)
		}
	}
}

// A journal's identity is held against the labels before the one thing that OpenIdentity may change: a stopped node.
func TestAForeignIdentityIsRefusedBeforeItsNodeIsStarted(t *testing.T) {
	run := func(i *Identity) { i.Run = "run1" }
	for name, c := range map[string]struct {
		of      func(*Identity)
		answers map[string]string
		started bool // running nodes must be asked
	}{
		"of another run":             {func(i *Identity) { i.Run = "run2" }, nil, false},
		"of another state directory": {run, map[string]string{"network inspect": "echo run1 home2"}, false},
		"with a node elsewhere":      {run, map[string]string{"inspect": "echo 'no entry for key' >&2; exit 1"}, false},
		"with workers only":          {run, map[string]string{"ps": "echo nov30-a-worker worker"}, false},
		"on another port":            {run, map[string]string{"port": "echo 127.0.0.1:40002"}, true},
		"with another CA":            {func(i *Identity) { i.CASHA256 = strings.Repeat("0", 64) }, nil, true},
	} {
		p, _, calls := foreign{answers: c.answers}.place(t)
		id := ourIdentity(t)
		c.of(&id)
		if _, err := p.OpenIdentity(t.Context(), id); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: got %v, want ErrForeign", name, err)
		}
		want := []string{}
		if c.started {
			want = []string{"start nov30-a-control-plane"}
		}
		if w := written(calls()); !slices.Equal(w, want) {
			t.Errorf("%s: ran %q, want %q", name, w, want)
		}
	}
}

func TestAStoppedWorkerIsStillANodeOfOurs(t *testing.T) {
	c := foreign{answers: map[string]string{"inspect": `case "$*" in *-worker) echo;; *) echo 172.18.0.2;; esac`}}
	p, path, _ := c.place(t)
	if k, err := p.Open(t.Context(), path, ""); err != nil || len(k.Nodes()) != 2 {
		t.Errorf("got %v, %v", k, err)
	}
}

// listing is a directory's names, modes and times of change.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Name()+info.Mode().String()+info.ModTime().String())
	}
	return all
}

// fifo makes a pipe that nobody writes into.
func fifo(path string) error { return unix.Mkfifo(path, 0o600) }
