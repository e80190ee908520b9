package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// rewindable is a cluster of two nodes on the fake engine, of whose answers, branches of a case statement, spoil replaces some.
// The nodes' nov30-node prints its state, and takes one into a file.
func rewindable(t *testing.T, spoil map[string]string) (k *Kind, calls func() []string, dir string) {
	t.Helper()
	answers := []string{
		"'inspect --format {{.Image}} '*", "echo sha256:image",
		"'inspect --format '*control-plane", "echo 172.18.0.2",
		"'inspect --format '*", "echo 172.18.0.3",
		"*'--node nov30-a-'*' keep'", "echo canary-state-of $5",
		"*'--node nov30-a-'*' rewind'", `cat >"got-$3"; echo '{"altered":["/etc/hosts"],"pods":2}'`,
		"'exec nov30-a-'*' systemctl start kubelet.service'", "true",
		"'exec nov30-a-'*' systemctl restart containerd.service'", "true",
		"create*", "echo c0ffee",
		"cp*", `echo "tar of $2"`,
		"'exec -i nov30-a-'*' tar '*", `cat >>"unpacked-$3"`,
		"'rm --force --volumes c0ffee'", "true",
		"update*", "true",
	}
	var text strings.Builder
	patterns := slices.SortedFunc(maps.Keys(spoil), func(a, b string) int { return len(b) - len(a) }) // the one that says most first
	for _, pattern := range patterns {
		text.WriteString(pattern + ") " + spoil[pattern] + "; exit $?;;\n")
	}
	for n := 0; n < len(answers); n += 2 {
		text.WriteString(answers[n] + ") " + answers[n+1] + "; exit $?;;\n")
	}
	p, calls := fakeEngine(t, text.String())
	k = &Kind{provider: p, name: "nov30-a", run: "run1"}
	for name, role := range map[string]Role{"nov30-a-control-plane": ControlPlane, "nov30-a-worker": Worker} {
		k.nodes = append(k.nodes, container{engine: p.Engine, name: name, role: role})
	}
	return k, calls, filepath.Dir(p.Engine.Bin)
}

func kept(t *testing.T) *Kept {
	t.Helper()
	k, _, _ := rewindable(t, nil)
	s, err := k.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAStateIsKeptOfEveryNodeAndIsNotPrinted(t *testing.T) {
	s := kept(t)
	if len(s.states) != 2 || string(s.states["nov30-a-worker"]) != "canary-state-of nov30-a-worker\n" || s.addresses["nov30-a-control-plane"] != netip.MustParseAddr("172.18.0.2") {
		t.Errorf("%d states, %q", len(s.states), s.addresses)
	}
	if want := len(s.states["nov30-a-worker"]) + len(s.states["nov30-a-control-plane"]); s.Size() != want {
		t.Errorf("%d bytes, want %d", s.Size(), want)
	}
	if text := fmt.Sprint(s); strings.Contains(text, "canary") || !strings.Contains(text, "nov30-a") {
		t.Error(text)
	}
}

func TestAStateThatIsNotOfEveryNodeIsNone(t *testing.T) {
	for name, spoil := range map[string]map[string]string{
		"a node fails":             {"*'--node nov30-a-worker keep'": "echo canary; echo why >&2; exit 3"},
		"a node fails and says it": {"*'--node nov30-a-worker keep'": "echo canary; exit 3"},
		"a node prints nothing":    {"*'--node nov30-a-worker keep'": "true"},
		"a node has no address":    {"'inspect --format '*worker": "echo"},
		"the engine does not know": {"'inspect --format '*worker": "exit 1"},
	} {
		k, _, _ := rewindable(t, spoil)
		if s, err := k.Keep(t.Context()); err == nil || s != nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "nov30-a-worker") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestEveryNodeIsGivenItsOwnStateAndThenTheControlPlanesKubeletIsStarted(t *testing.T) {
	k, calls, dir := rewindable(t, nil)
	reports, err := k.rewindNodes(t.Context(), kept(t))
	if err != nil || len(reports) != 2 || reports["nov30-a-worker"].Pods != 2 || !slices.Equal(reports["nov30-a-worker"].Altered, []string{"/etc/hosts"}) {
		t.Errorf("%+v, %v", reports, err)
	}
	for _, n := range []string{"nov30-a-worker", "nov30-a-control-plane"} {
		got, err := os.ReadFile(filepath.Join(dir, "got-"+n))
		if err != nil || string(got) != "canary-state-of "+n+"\n" {
			t.Errorf("%s was given %q, %v", n, got, err)
		}
		if started := ran(calls(), "exec "+n+" systemctl start kubelet.service"); started != (n == "nov30-a-control-plane") {
			t.Errorf("%s: kubelet was started: %v: %q", n, started, calls())
		}
	}
	if ran(calls(), "create") {
		t.Error("an image was looked into for nothing")
	}
}

func TestANodeThatIsNotWhatWasKeptIsRefusedBeforeAnythingIsDoneToIt(t *testing.T) {
	k, calls, _ := rewindable(t, map[string]string{"'inspect --format '*worker": "echo 172.18.0.9"})
	if _, err := k.rewindNodes(t.Context(), kept(t)); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "172.18.0.9, not 172.18.0.3") || !strings.Contains(err.Error(), "nov30-a-worker") {
		t.Errorf("%v", err)
	}
	if ran(calls(), "exec -i nov30-a-worker") || ran(calls(), "exec nov30-a-worker") {
		t.Errorf("ran %q", calls())
	}
	other := kept(t)
	other.cluster = "nov30-b"
	k, calls, _ = rewindable(t, nil)
	if _, err := k.Rewind(t.Context(), other); err == nil || len(calls()) > 0 || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v, ran %q", err, calls())
	}
	less := kept(t)
	delete(less.states, "nov30-a-worker")
	delete(less.addresses, "nov30-a-worker")
	if _, err := k.rewindNodes(t.Context(), less); err == nil {
		t.Error("a node without a state was rewound")
	}
}

func TestARewindThatFailsOrSaysNothingIsAnErrorWithoutKeysAndKubeletStays(t *testing.T) {
	for name, spoil := range map[string]map[string]string{
		"it fails":               {"*'--node nov30-a-worker rewind'": `cat; echo "not whole" >&2; exit 3`},
		"it fails and tells all": {"*'--node nov30-a-worker rewind'": "cat; exit 3"},
		"it prints no JSON":      {"*'--node nov30-a-worker rewind'": "cat"},
		"it prints nothing":      {"*'--node nov30-a-worker rewind'": "cat >/dev/null"},
		"its report is cut":      {"*'--node nov30-a-worker rewind'": `cat >/dev/null; printf '{"pods":2'`},
		"no address":             {"'inspect --format '*worker": "echo"},
		"the image is gone":      {"*'--node nov30-a-worker rewind'": lost, "'inspect --format {{.Image}} '*": "exit 1"},
		"nothing is made":        {"*'--node nov30-a-worker rewind'": lost, "create*": "exit 1"},
		"it is not unpacked":     {"*'--node nov30-a-worker rewind'": lost, "'exec -i nov30-a-'*' tar '*": "cat >/dev/null; exit 1"},
		"the image has none":     {"*'--node nov30-a-worker rewind'": lost, "cp*": "exit 1"},
	} {
		k, calls, _ := rewindable(t, spoil)
		_, err := k.Rewind(t.Context(), kept(t))
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "cluster nov30-a: rewind: nodes") {
			t.Errorf("%s: %v", name, err)
		}
		if ran(calls(), "exec nov30-a-worker systemctl") {
			t.Errorf("%s: kubelet was started on half a state", name)
		}
		if ran(calls(), "cp ") && !ran(calls(), "rm --force --volumes c0ffee") {
			t.Errorf("%s: the container of the image is left: %q", name, calls())
		}
	}
	k, calls, _ := rewindable(t, map[string]string{"'exec nov30-a-control-plane systemctl start kubelet.service'": "exit 1"})
	if _, err := k.rewindNodes(t.Context(), kept(t)); err == nil {
		t.Errorf("a kubelet that did not start: %q", calls())
	}
}

const lost = `cat >/dev/null; echo '{"lost":["/usr/bin/kubelet","/usr/share/doc/x"],"stale":["containerd.service"],"pods":0}'`

func TestWhatIsLostComesFromTheNodesOwnImageAndTheContainerGoes(t *testing.T) {
	k, calls, dir := rewindable(t, map[string]string{"*'--node nov30-a-worker rewind'": lost})
	if _, err := k.rewindNodes(t.Context(), kept(t)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "unpacked-nov30-a-worker"))
	if err != nil || string(got) != "tar of c0ffee:/usr/bin/kubelet\ntar of c0ffee:/usr/share/doc/x\n" {
		t.Errorf("unpacked %q, %v", got, err)
	}
	all := calls()
	for _, want := range []string{"inspect --format {{.Image}} nov30-a-worker", "create --network nov30-a --label io.x-k8s.kind.cluster=nov30-a sha256:image",
		"exec -i nov30-a-worker tar -C /usr/bin --unlink-first -xpf -", "exec -i nov30-a-worker tar -C /usr/share/doc --unlink-first -xpf -"} {
		if !slices.Contains(all, want) {
			t.Errorf("%q was not run: %q", want, all)
		}
	}
	gone, restart := slices.Index(all, "rm --force --volumes c0ffee"), slices.Index(all, "exec nov30-a-worker systemctl restart containerd.service")
	if gone < 0 || restart < slices.Index(all, "exec -i nov30-a-worker tar -C /usr/share/doc --unlink-first -xpf -") {
		t.Errorf("a unit restarted before its files were back, or the container is left: %q", all)
	}
}

func TestTheContainerOfTheImageGoesAlsoWhenTheRewindIsBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k, calls, _ := rewindable(t, nil)
	k.nodes[0] = cancelling{k.nodes[0], cancel}
	if err := k.fromImage(ctx, k.nodes[0], []string{"/a", "/b"}); err == nil {
		t.Error("it went on")
	}
	if !ran(calls(), "rm --force --volumes c0ffee") {
		t.Errorf("left: %q", calls())
	}
}

// cancelling is a node on which the first command ends everything.
type cancelling struct {
	node.Node
	cancel context.CancelFunc
}

func (c cancelling) Exec(context.Context, io.Reader, ...string) ([]byte, error) {
	c.cancel()
	return nil, nil
}

func TestWhatTheEngineGivesAContainerIsRead(t *testing.T) {
	const answer = `[{"Image":"sha256:1","State":{"Paused":true},"HostConfig":{"Memory":0,"CpuShares":16,"CapAdd":["x"]},"NetworkSettings":{"Networks":{"nov30-a":{"IPAddress":"172.18.0.2","MacAddress":"02:42"}}}}]`
	for name, c := range map[string]struct{ do, want string }{
		"whole":        {"echo '" + answer + "'", "map[HostConfig.CapAdd:[\"x\"] HostConfig.Memory:0 Image:sha256:1 Paused:true network nov30-a:172.18.0.2 02:42]"},
		"other shares": {"echo '" + strings.Replace(answer, "16", "1024", 1) + "'", "map[HostConfig.CapAdd:[\"x\"] HostConfig.Memory:0 Image:sha256:1 Paused:true network nov30-a:172.18.0.2 02:42]"},
		"none":         {"echo '[]'", ""}, "no JSON": {"echo hm", ""}, "cut": {"echo '" + answer[:60] + "'", ""}, "nothing": {"true", ""},
		"without settings": {`echo '[{"Image":"sha256:1"}]'`, ""}, "two": {"echo '" + strings.Replace(answer, "[{", "[{},{", 1) + "'", ""}, "the engine fails": {"exit 1", ""},
	} {
		k, _, _ := rewindable(t, map[string]string{"'inspect --type container nov30-a-worker'": c.do})
		got, err := k.Container(t.Context(), "nov30-a-worker")
		if c.want == "" && err == nil || c.want != "" && fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAClusterYieldsAndNoLongerOnEveryNode(t *testing.T) {
	for yield, shares := range map[bool]string{true: "16", false: "1024"} {
		k, calls, _ := rewindable(t, nil)
		if err := k.Yield(t.Context(), yield); err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(calls()))
		if want := []string{"update --cpu-shares " + shares + " nov30-a-control-plane", "update --cpu-shares " + shares + " nov30-a-worker"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	}
	k, calls, _ := rewindable(t, map[string]string{"'update '*control-plane": "exit 1"})
	if err := k.Yield(t.Context(), false); err == nil || !ran(calls(), "update --cpu-shares 1024 nov30-a-worker") {
		t.Errorf("%v, %q", err, calls())
	}
}

func TestContainersYieldAsTheyAppear(t *testing.T) {
	p, calls := fakeEngine(t, `'ps '*) [ ! -e a ] || echo nov30-a-worker worker; [ ! -e b ] || echo nov30-a-control-plane control-plane;; 'update '*) ;;`)
	k, dir := &Kind{provider: p, name: "nov30-a"}, filepath.Dir(p.Engine.Bin)
	err := k.yieldingly(t.Context(), true, func() error {
		for file, node := range map[string]string{"a": "nov30-a-worker", "b": "nov30-a-control-plane"} {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
				return err
			}
			for !ran(calls(), "update --cpu-shares 16 "+node) {
				if err := t.Context().Err(); err != nil {
					return err
				}
			}
		}
		return ErrMoved
	})
	if !errors.Is(err, ErrMoved) {
		t.Errorf("%v", err)
	}
	n := 0
	for _, c := range calls() {
		if strings.HasPrefix(c, "update") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("told %d times", n)
	}
	after := len(calls())
	if err := k.yieldingly(t.Context(), false, func() error { return nil }); err != nil || len(calls()) != after {
		t.Errorf("%v, %q", err, calls()[after:])
	}
}

func TestEveryNodeIsPoweredOnAndHasBooted(t *testing.T) {
	const booted = "'exec nov30-a-'*' systemctl is-system-running'"
	k, calls, _ := rewindable(t, map[string]string{"'start '*": "true", booted: "if [ -e asked-$2 ]; then echo degraded; exit 1; fi; touch asked-$2; echo starting; exit 1"})
	if err := k.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range k.nodes {
		if !ran(calls(), "start "+n.Name()) || !ran(calls(), "exec "+n.Name()+" systemctl is-system-running") {
			t.Errorf("%s: %q", n.Name(), calls())
		}
	}
	k, _, _ = rewindable(t, map[string]string{"'start '*worker": "echo 'cannot start a paused container' >&2; exit 1", "'start '*": "true", booted: "echo running"})
	if err := k.PowerOn(t.Context()); err == nil || !strings.Contains(err.Error(), "paused") {
		t.Errorf("%v", err)
	}
}
