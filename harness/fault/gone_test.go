package fault

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

const manifest = "kind: Pod\n"

// governed is a master whose API server ends some looks after its manifest has gone; between two looks a second goes by.
func governed(t *testing.T, looks int) (*master, RemoveAPIServer) {
	m, clock := newMaster(t), clockwork.NewFakeClockAt(night)
	m.node.Put(apiServerManifest, []byte(manifest), 0o600)
	m.node.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if len(argv) > 2 && argv[2] == findScript && m.node.Content(apiServerManifest) == "" {
			if looks--; looks < 0 {
				m.apiserver = nil
			}
			clock.Advance(time.Second)
		}
		return m.intercept(argv, run)
	}
	return m, RemoveAPIServer{Clock: clock}
}

func TestTheAPIServerIsGoneWithItsManifestAndComesBackWithIt(t *testing.T) {
	m, gone := governed(t, 31)
	f, err := journal.Create(filepath.Join(t.TempDir(), "journal"), journal.Meta{Run: "r1", Cluster: m.Name(),
		CASHA256: strings.Repeat("0", 64), APIServer: "https://127.0.0.1:6443", Created: night})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept := &journaltest.Journal{Before: func(i journal.Inverse) {
		if m.node.Content(apiServerManifest) != manifest || i.Path != apiServerManifest || string(i.Preimage) != manifest {
			t.Errorf("%v was journaled too late, or for something else", i)
		}
		if err := f.Append(i); err != nil {
			t.Error(err)
		}
	}}
	if err := gone.Inject(t.Context(), m, kept); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(m.node.Host(apiServerManifest)); !os.IsNotExist(err) || len(m.apiserver) > 0 || len(kept.Inverses) != 1 {
		t.Errorf("manifest: %v, API server %v, %d inverses", err, m.apiserver, len(kept.Inverses))
	}
	if err := f.Revert(t.Context(), m, nil); err != nil || m.node.Content(apiServerManifest) != manifest {
		t.Errorf("%v, the manifest holds %q", err, m.node.Content(apiServerManifest))
	}
	m.assertHealthy(t)
}

func TestAnAPIServerThatStaysIsAnError(t *testing.T) {
	m, gone := governed(t, 1<<30)
	err := gone.Inject(t.Context(), m, &journaltest.Journal{})
	if !errors.Is(err, ErrStillRuns) || !strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v, want %v", err, ErrStillRuns)
	}
}

func TestWhatIsNotThereCannotBeTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*master)
		fails int
		want  error
	}{
		"no API server": {func(m *master) { m.apiserver = nil }, 0, ErrNoProcess},
		"no manifest":   {func(m *master) { _ = os.Remove(m.node.Host(apiServerManifest)) }, 0, nil},
		"no journal":    {func(*master) {}, 1, journaltest.ErrFull},
		"node off":      {func(m *master) { m.node.Running = false }, 0, nil},
	} {
		m, gone := governed(t, 0)
		c.spoil(m)
		before := m.node.Content(apiServerManifest)
		j := &journaltest.Journal{Fails: c.fails}
		err := gone.Inject(t.Context(), m, j)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || len(j.Inverses) > 0 || m.node.Content(apiServerManifest) != before {
			t.Errorf("%s: %v, %d inverses, the manifest holds %q", name, err, len(j.Inverses), m.node.Content(apiServerManifest))
		}
	}
}

func TestKubeletsLogIsReadForTheMissingAPIServer(t *testing.T) {
	s := KubeletMissesAPIServer()
	pattern, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	line := `Nov 22 13:38:19.571378 cp kubelet[2824]: E1122 13:38:19.571322    2824 mirror_client.go:139] "Failed deleting a mirror pod" err="Delete \"https://10.199.6.2:6443/api/v1/namespaces/kube-system/pods/kube-apiserver-cp\": dial tcp 10.199.6.2:6443: connect: connection refused" pod="kube-system/kube-apiserver-cp"`
	if !pattern.MatchString(line) || !slices.Contains(s.Command, "--unit=kubelet") {
		t.Errorf("%+v does not see kubelet's own line", s)
	}
	for _, other := range []string{
		strings.ReplaceAll(line, "kube-apiserver", "etcd"),
		strings.Replace(line, "connection refused", "pod not found", 1), // the API answers
		strings.Replace(line, "deleting", "creating", 1),
	} {
		if pattern.MatchString(other) {
			t.Errorf("seen in %s", other)
		}
	}
}
