package target

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `{"cluster":"c","kubeconfig":"/run/k","site_url":"http://x","deadline":"2030-01-02T03:04:05Z","new_field":[1],
"nodes":[{"name":"c-control-plane","role":"control-plane","container":"c-control-plane","address":"172.18.0.2","more":1},
{"name":"c-worker","role":"worker","container":"c-worker","address":"fc00::3"}],"engine":{"command":"docker","host":"unix:///x"}}`

func TestParseReadsAContextAndIgnoresUnknownFields(t *testing.T) {
	got, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if got.Cluster != "c" || got.Kubeconfig != "/run/k" || !got.Deadline.Equal(want) || len(got.Nodes) != 2 ||
		got.Engine != (Engine{"docker", "unix:///x"}) || got.Nodes[1].Address.String() != "fc00::3" {
		t.Fatalf("%+v", got)
	}
	if cps := got.ControlPlanes(); len(cps) != 1 || cps[0].Name != "c-control-plane" {
		t.Fatalf("control planes: %v", cps)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ from, to, says string }{
		{good, ``, "not a JSON context"},
		{good, `[]`, "not a JSON context"},
		{good, good + "x", "not a JSON context"},
		{`"/run/k"`, `""`, `"kubeconfig" is missing`},
		{`"docker"`, `""`, `"engine.command" is missing`},
		{`2030-01-02T03:04:05Z`, `tomorrow`, `"deadline" "tomorrow"`},
		{`"role":"control-plane"`, `"role":"worker"`, `no node with role "control-plane"`},
		{`"role":"worker"`, `"role":"master"`, `role "master"`},
		{`172.18.0.2`, `example.org`, `address "example.org"`},
		{`"container":"c-worker"`, `"container":"--privileged"`, `container "--privileged"`},
		{`"container":"c-worker"`, `"container":""`, `container ""`},
		{`"name":"c-worker"`, `"name":"c worker"`, "not a node name"},
		{`"name":"c-worker"`, `"name":"c-control-plane"`, "already in the list"},
	} {
		_, err := Parse([]byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s -> %s: got %v, want %q", c.from, c.to, err, c.says)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "context.json")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{"": EnvContext, bad: bad, bad + ".none": "no such file"} {
		_, err := Load(path)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), says) {
			t.Errorf("Load(%q): %v, want %q", path, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"nodes":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data)
		if err != nil {
			return
		}
		if len(got.ControlPlanes()) == 0 || got.Kubeconfig == "" || got.Engine.Command == "" {
			t.Fatalf("accepted a context that cannot be used: %+v", got)
		}
		for _, n := range got.Nodes {
			if !n.Address.IsValid() || strings.HasPrefix(n.Container, "-") || n.Container == "" {
				t.Fatalf("accepted the node %+v", n)
			}
		}
	})
}
