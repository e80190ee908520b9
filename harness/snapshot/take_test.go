package snapshot

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestTakeHoldsTheAPIAndEveryNode(t *testing.T) {
	a, d := newAPI(t), newDirectory(t)
	d.put("/etc/hosts", "x\n", 0o644)
	s, err := Take(t.Context(), oneNode{d, a.kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []key{{"", "deployments.apps/site/web"}, {"n", "/etc/hosts"}, {"n", "unit/kubelet.service"}} {
		if _, ok := s.items[k]; !ok {
			t.Errorf("%v is missing", k)
		}
	}
	if want := 9 + 2; s.Len() != want {
		t.Errorf("%d objects, want %d", s.Len(), want)
	}
}

func TestAPartThatCannotBeTakenIsAnError(t *testing.T) {
	for name, broken := range map[string]func(a *apiServer, d *dirNode) (c oneNode){
		"no nodes": func(a *apiServer, _ *dirNode) oneNode { return oneNode{nil, a.kubeconfig} },
		"a node without files": func(a *apiServer, d *dirNode) oneNode {
			d.must(os.RemoveAll(d.host("/etc")))
			return oneNode{d, a.kubeconfig}
		},
		"a node that is down": func(a *apiServer, d *dirNode) oneNode { d.err = errors.New("down"); return oneNode{d, a.kubeconfig} },
		"a node whose answer is cut": func(a *apiServer, d *dirNode) oneNode {
			d.out = func(out []byte) []byte { return out[:len(out)-20] }
			return oneNode{d, a.kubeconfig}
		},
		"a node without systemd": func(a *apiServer, d *dirNode) oneNode { d.units = ""; return oneNode{d, a.kubeconfig} },
		"a node without find": func(a *apiServer, d *dirNode) oneNode {
			d.must(os.Remove(d.bin + "/find"))
			return oneNode{d, a.kubeconfig}
		},
		"a node without tar": func(a *apiServer, d *dirNode) oneNode {
			d.must(os.Remove(d.bin + "/tar"))
			return oneNode{d, a.kubeconfig}
		},
		"no kubeconfig":                    func(_ *apiServer, d *dirNode) oneNode { return oneNode{d, "/nowhere"} },
		"an API without objects":           func(a *apiServer, d *dirNode) oneNode { clear(a.objects); return oneNode{d, a.kubeconfig} },
		"an API that is down":              func(a *apiServer, d *dirNode) oneNode { a.server.Close(); return oneNode{d, a.kubeconfig} },
		"a list that fails":                func(a *apiServer, d *dirNode) oneNode { a.fails = "/api/v1/secrets"; return oneNode{d, a.kubeconfig} },
		"a group that is not discovered":   func(a *apiServer, d *dirNode) oneNode { a.fails = "/apis/apps/v1"; return oneNode{d, a.kubeconfig} },
		"groups that cannot be discovered": func(a *apiServer, d *dirNode) oneNode { a.fails = "/apis"; return oneNode{d, a.kubeconfig} },
	} {
		t.Run(name, func(t *testing.T) {
			a, d := newAPI(t), newDirectory(t)
			d.put("/etc/hosts", "x\n", 0o644)
			s, err := Take(t.Context(), broken(a, d))
			if err == nil {
				t.Fatalf("%d objects were taken", s.Len())
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error holds what the node printed: %v", err)
			}
		})
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	a, d := newAPI(t), newDirectory(t)
	d.put("/etc/hosts", "x\n", 0o644)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Take(ctx, oneNode{d, a.kubeconfig}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAnAPIWhoseNameIsNotCheckedIsRefused(t *testing.T) {
	a := newAPI(t)
	text := sure(os.ReadFile(a.kubeconfig))
	text = bytes.Replace(text, []byte("certificate-authority-data"), []byte("insecure-skip-tls-verify: true, x"), 1)
	if err := os.WriteFile(a.kubeconfig, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takeAPI(t.Context(), a.kubeconfig, false); err == nil || !strings.Contains(err.Error(), "does not check") {
		t.Errorf("%v", err)
	}
}
