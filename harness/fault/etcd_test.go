package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/pki/pkitest"
)

// night is when etcd's certificates began to expire (T01).
var night = time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC)

var etcdCerts = []string{"server", "peer", "healthcheck-client"}

// master is a cluster whose control-plane node behaves as etcd and an API server on old connections do.
type master struct {
	*journaltest.Cluster
	node        *journaltest.Node
	ca          pkitest.Pair
	healthy     map[string]string // path -> content before any fault
	serveOld    string            // an endpoint that goes on serving what it served first
	connections []string          // lines of ss
	uncuttable  bool              // the kernel will not destroy sockets
	apiserver   []string          // process ids
	immortal    bool              // the API server outlives SIGKILL
	listings    int               // how often the API server was looked for
}

func newMaster(t *testing.T) *master {
	t.Helper()
	m := &master{Cluster: journaltest.New(t, cluster.ControlPlane), healthy: map[string]string{}, apiserver: []string{"4711"}}
	m.node = m.Directories[0]
	m.ca = pkitest.CA(t, pkitest.ECDSA(t), night.AddDate(-2, 0, 0), night.AddDate(8, 0, 0))
	m.node.Put(etcdPKI+"ca.crt", m.ca.CertPEM, 0o644)
	m.node.Put(etcdPKI+"ca.key", m.ca.KeyPEM, 0o600)
	for _, name := range etcdCerts {
		leaf := pkitest.Leaf(t, m.ca, pkitest.ECDSA(t), "etcd-"+name, night.AddDate(-1, 0, 0), night.AddDate(1, 0, 0))
		m.node.Put(etcdPKI+name+".crt", leaf.CertPEM, 0o644)
		m.node.Put(etcdPKI+name+".key", leaf.KeyPEM, 0o600)
		m.healthy[etcdPKI+name+".crt"] = string(leaf.CertPEM)
	}
	m.connections = []string{
		"0 0 127.0.0.1:40000 127.0.0.1:2379 timer:(keepalive,9sec,0) ino:1 sk:1a cgroup:/ <->",
		"0 0 127.0.0.1:2379 127.0.0.1:40000 ino:2 sk:1b cgroup:/ <->",
	}
	m.node.Commands["timeout"] = m.openssl
	m.node.Commands["ss"] = m.ss
	m.node.Commands["ip"] = defaultRoute
	m.node.Intercept = m.intercept
	return m
}

// openssl answers as s_client does to a server that refuses the nameless client: the certificate, and exit code 1.
func (m *master) openssl(_ context.Context, _ []byte, argv []string) ([]byte, error) {
	endpoint := argv[slices.Index(argv, "-connect")+1]
	served, ok := map[string]string{"127.0.0.1:2379": etcdPKI + "server.crt", "192.0.2.1:2380": etcdPKI + "peer.crt"}[endpoint]
	if !ok {
		return []byte("CONNECTED(00000003)\n    Master-Key: canary-secret\n"), errors.New("exit status 1")
	}
	content := m.node.Content(served)
	if m.serveOld == endpoint {
		content = m.healthy[served]
	}
	return []byte("CONNECTED(00000003)\n---\nServer certificate\n" + content + "---\n"), errors.New("exit status 1")
}

// defaultRoute answers as ip does on a node: the observers come in through 192.0.2.254.
func defaultRoute(context.Context, []byte, []string) ([]byte, error) {
	return []byte("default via 192.0.2.254 dev eth0 \n"), nil
}

func (m *master) ss(_ context.Context, _ []byte, argv []string) ([]byte, error) {
	if argv[1] == "-K" && !m.uncuttable {
		m.connections = []string{"0 0 127.0.0.1:40000 127.0.0.1:2379 ino:3 sk:2a cgroup:/ <->"} // someone reconnects at once
		return nil, nil
	}
	return []byte(strings.Join(m.connections, "\n") + "\n"), nil
}

// intercept stands in for pgrep and kill, which are not coreutils.
func (m *master) intercept(argv []string, run func() ([]byte, error)) ([]byte, error) {
	switch script := strings.Join(argv[:min(3, len(argv))], " "); script {
	case "sh -c " + findScript:
		m.listings++
		return []byte(strings.Join(m.apiserver, "\n") + "\n"), nil
	case "sh -c " + killScript:
		if !m.immortal && len(argv) > 4 && slices.Equal(argv[4:], m.apiserver) {
			m.apiserver = []string{"5000"} // kubelet starts it again
		}
		return nil, nil
	}
	return run()
}

func (m *master) assertHealthy(t *testing.T) {
	t.Helper()
	for path, content := range m.healthy {
		if m.node.Content(path) != content {
			t.Errorf("%s is changed", path)
		}
	}
}

func (m *master) fault(cut bool) ExpireEtcdCerts {
	return ExpireEtcdCerts{Cut: cut, Clock: clockwork.NewFakeClockAt(night)}
}

// impatient is the fault on a clock whose waiting runs out at once.
func (m *master) impatient(t *testing.T, cut bool) ExpireEtcdCerts {
	return ExpireEtcdCerts{Cut: cut, Clock: running(t)}
}

// running is a clock of the night that nobody can wait for: all waiting runs out at once.
func running(t *testing.T) clockwork.Clock {
	clock := clockwork.NewFakeClockAt(night)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for clock.BlockUntilContext(ctx, 1) == nil && ctx.Err() == nil {
			clock.Advance(time.Minute)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return clock
}

// assertSecret looks for key material in everything that a fault says.
func (m *master) assertSecret(t *testing.T, said ...any) {
	t.Helper()
	text := fmt.Sprintf("%+v", said) + fmt.Sprintf("%q", m.node.Calls)
	for _, name := range append([]string{"ca"}, etcdCerts...) {
		key, err := os.ReadFile(m.node.Host(etcdPKI + name + ".key"))
		if err != nil {
			t.Fatal(err)
		}
		if body := bytes.Split(key, []byte("\n"))[1]; strings.Contains(text, string(body)) {
			t.Errorf("%s.key was said or stood in an argument", name)
		}
	}
	if strings.Contains(text, "canary-secret") {
		t.Error("a session's key was said")
	}
}
