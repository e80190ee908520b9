package cluster

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestNodesAreTheControlPlaneFirstThenByName(t *testing.T) {
	p, calls := fakeEngine(t, `'ps --all --filter label=io.x-k8s.kind.cluster=nov30-a '*)
printf 'c-worker2 worker\nb-worker worker\n\nlb external-load-balancer\nz-control-plane control-plane\nstray\n'; exit;;`)
	nodes, err := p.nodes(t.Context(), "nov30-a")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range nodes {
		got = append(got, n.Name()+"/"+string(n.Role()))
	}
	if want := []string{"z-control-plane/control-plane", "b-worker/worker", "c-worker2/worker"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v (%v)", got, want, calls())
	}
}

func TestAFailedCommandInANodeCarriesNodeArgvAndOutput(t *testing.T) {
	p, _ := fakeEngine(t, `'exec -i n1 sh -s') read line; echo "heard $line"; exit;;
'exec n1 false') echo partly; echo broken >&2; exit 3;;`)
	n := container{engine: p.Engine, name: "n1", role: Worker}
	out, err := n.Exec(t.Context(), strings.NewReader("word\n"), "sh", "-s")
	if err != nil || string(out) != "heard word\n" {
		t.Errorf("got %q, %v", out, err)
	}
	out, err = n.Exec(t.Context(), nil, "false")
	failed, ok := err.(*ExecError)
	if !ok || string(out) != "partly\n" || failed.Node != "n1" || !slices.Equal(failed.Argv, []string{"false"}) || string(failed.Stderr) != "broken\n" {
		t.Errorf("got %q, %#v", out, err)
	}
}

func TestDeleteOfNothingSucceedsAndRemovesNoContainer(t *testing.T) {
	for _, words := range []string{"Error response from daemon: network nov30-a not found", "Error: No such network: nov30-a",
		"Error: unable to find network with name or ID nov30-a: network not found"} {
		p, calls := fakeEngine(t, `ps*) exit;; 'network rm nov30-a') echo '`+words+`' >&2; exit 1;;`)
		if err := p.delete(t.Context(), "nov30-a"); err != nil {
			t.Errorf("%s: %v", words, err)
		}
		if ran(calls(), "rm ") {
			t.Errorf("removed something: %v", calls())
		}
	}
}

func TestDeleteRemovesNodesEdgeVolumesAndNetwork(t *testing.T) {
	p, calls := fakeEngine(t, `'ps --all --quiet --filter label=io.x-k8s.kind.cluster=nov30-a') printf 'n1\nn2\n'; exit;;
'ps --all --quiet --filter network=nov30-a') echo edge; exit;;
'rm '*|'network rm '*) exit;;`)
	if err := (&Kind{provider: p, name: "nov30-a"}).Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rm --force --volumes n1 n2", "rm --force --volumes edge", "network rm nov30-a"} {
		if !slices.Contains(calls(), want) {
			t.Errorf("%q was not run: %v", want, calls())
		}
	}
	got := calls()
	if slices.Index(got, "network rm nov30-a") < slices.Index(got, "rm --force --volumes edge") {
		t.Errorf("the network goes after what is on it: %v", got)
	}
	if got[len(got)-1] != "rm --force --volumes n1 n2" {
		t.Errorf("a container that came in the meantime stays: %v", got)
	}
}

func TestDeleteThatFailsSaysSo(t *testing.T) {
	for name, script := range map[string]string{
		"containers": `'ps --all --quiet --filter label='*) echo n1; exit;; ps*) exit;; rm*) echo 'device busy' >&2; exit 1;; 'network rm '*) exit;;`,
		"network":    `ps*) exit;; 'network rm '*) echo 'has active endpoints' >&2; exit 1;;`,
		"list":       `ps*) echo 'cannot connect' >&2; exit 1;; 'network rm '*) exit;;`,
	} {
		p, _ := fakeEngine(t, script)
		if err := p.delete(t.Context(), "nov30-a"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLeftoversAreOursByLabelHomeAndName(t *testing.T) {
	p, calls := fakeEngine(t, `'network ls '*) printf 'nov30-a\nbridge\nkind\nnov30-b\nnov30-nolabel\nnov30-docker\nnov30-podman\n\n'; exit;;
'network inspect '*' nov30-a') echo run1; exit;; 'network inspect '*' nov30-b') echo run2; exit;; 'network inspect '*' nov30-nolabel') echo; exit;;
'network inspect '*' nov30-docker') echo 'Error: No such network: nov30-docker' >&2; exit 1;;
'network inspect '*' nov30-podman') echo 'Error: network nov30-podman: unable to find network with name or ID nov30-podman: network not found' >&2; exit 125;;`)
	got, err := p.Leftovers(t.Context())
	if want := []Leftover{{"nov30-a", "run1"}, {"nov30-b", "run2"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, filter := range []string{"label=nov30.run", "label=nov30.home=home1"} {
		if !strings.Contains(calls()[0], "--filter "+filter+" ") {
			t.Errorf("%q does not filter by %s", calls()[0], filter)
		}
	}
}

func TestLeftoversOfAnEngineThatStopsAnsweringAreAnErrorNotAShorterList(t *testing.T) {
	p, _ := fakeEngine(t, `'network ls '*) echo nov30-a; exit;; 'network inspect '*) echo 'Cannot connect' >&2; exit 1;;`)
	if got, err := p.Leftovers(t.Context()); err == nil || !strings.Contains(err.Error(), "Cannot connect") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDeleteLeftoverRefusesWhatIsNotInTheList(t *testing.T) {
	for _, name := range []string{"nov30-b", "kind", "bridge", "", "nov30-", "nov30-a run1"} {
		p, calls := fakeEngine(t, `'network ls '*) printf 'nov30-a\nbridge\n'; exit;; 'network inspect '*) echo run1; exit;; ps*) echo c1; exit;; *) exit;;`)
		if err := p.DeleteLeftover(t.Context(), name); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%q: %v, want a refusal", name, err)
		}
		if len(calls()) != 2 || !strings.HasPrefix(calls()[1], "network inspect ") {
			t.Errorf("%q: went on after the refusal: %v", name, calls())
		}
	}
	p, calls := fakeEngine(t, `'network ls '*) echo nov30-a; exit;; 'network inspect '*) echo run1; exit;; ps*) exit;; 'network rm nov30-a') exit;;`)
	if err := p.DeleteLeftover(t.Context(), "nov30-a"); err != nil || !ran(calls(), "network rm nov30-a") {
		t.Errorf("ours: %v, %v", err, calls())
	}
}
