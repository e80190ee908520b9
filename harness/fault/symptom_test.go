package fault

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

const (
	etcdLog = "/var/log/pods/kube-system_etcd-x_1/etcd/0.log"
	refused = `2019-11-30T10:30:00.1Z stderr F {"msg":"rejected connection on client endpoint","error":"tls: failed to verify certificate: x509: certificate has expired or is not yet valid"}` + "\n"
	other   = `2019-11-30T10:29:00.1Z stderr F {"msg":"rejected connection on client endpoint","error":"tls: client didn't provide a certificate"}` + "\n"
	later   = "2019-11-30T10:31"
)

// logged is a cluster whose etcd log holds that, with the mark taken.
func logged(t *testing.T, content string) (Symptom, *journaltest.Cluster, *journaltest.Node, Mark) {
	t.Helper()
	c := journaltest.New(t, cluster.ControlPlane)
	n := c.Directories[0]
	n.Put(etcdLog, []byte(content), 0o640)
	s := EtcdRefusesExpiredClient()
	n.Commands["timeout"] = func(context.Context, []byte, []string) ([]byte, error) { return nil, errors.New("exit status 1") }
	m, err := s.Mark(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, n, m
}

func TestASymptomIsSeenInALineWrittenAfterTheMark(t *testing.T) {
	newer := strings.Replace(refused, "2019-11-30T10:30", later, 1)
	for name, change := range map[string]func(*journaltest.Node, string){
		"same file": func(n *journaltest.Node, old string) { n.Put(etcdLog, []byte(old+newer), 0o640) },
		"another file": func(n *journaltest.Node, _ string) {
			n.Put("/var/log/pods/kube-system_etcd-x_1/etcd/1.log", []byte(newer), 0o640)
		},
		"another pod": func(n *journaltest.Node, _ string) {
			n.Put("/var/log/pods/kube-system_etcd-x_2/etcd/0.log", []byte(newer), 0o640)
		},
		"truncated, shorter":  func(n *journaltest.Node, _ string) { n.Put(etcdLog, []byte(newer), 0o640) },
		"rotated":             func(n *journaltest.Node, old string) { n.Put(etcdLog+".20191130-103100", []byte(old+newer), 0o640) },
		"without its newline": func(n *journaltest.Node, old string) { n.Put(etcdLog, []byte(old+strings.TrimSpace(newer)), 0o640) },
		"beside an unfinished": func(n *journaltest.Node, old string) {
			n.Put(etcdLog, []byte("half a li"), 0o640)
			n.Put(etcdLog+".1", []byte(newer), 0o640)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, n, m := logged(t, refused+other)
			change(n, refused+other)
			if line, err := s.Seen(t.Context(), c, m); err != nil || !strings.HasPrefix(line, later) {
				t.Errorf("saw %q, %v", line, err)
			}
		})
	}
}

func TestAnOldLineIsNeverASymptom(t *testing.T) {
	for name, change := range map[string]func(*journaltest.Node){
		"nothing happened": func(*journaltest.Node) {},
		"copied":           func(n *journaltest.Node) { n.Put(etcdLog+".1", []byte(refused), 0o640) },
		"written anew":     func(n *journaltest.Node) { n.Put(etcdLog, []byte(other+refused), 0o640) },
		"in a new file alone": func(n *journaltest.Node) {
			n.Put("/var/log/pods/kube-system_etcd-x_1/etcd/1.log", []byte(refused), 0o640)
			_ = os.Remove(n.Host(etcdLog))
		},
		"a client without certificate": func(n *journaltest.Node) {
			n.Put(etcdLog, []byte(refused+strings.Replace(other, "10:29", "10:31", 1)), 0o640)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, n, m := logged(t, refused)
			change(n)
			if line, err := s.Seen(t.Context(), c, m); !errors.Is(err, ErrNotSeen) {
				t.Errorf("saw %q, %v", line, err)
			}
		})
	}
}

func TestASymptomWithoutItsMarkOrLogIsAnError(t *testing.T) {
	s, c, n, m := logged(t, refused)
	if line, err := s.Seen(t.Context(), c, Mark{}); !errors.Is(err, ErrNoMark) {
		t.Errorf("no mark: saw %q, %v", line, err)
	}
	if line, err := APIServerRefusesExpiredEtcd().Seen(t.Context(), c, m); !errors.Is(err, ErrNoMark) {
		t.Errorf("another symptom's mark: saw %q, %v", line, err)
	}
	if _, err := APIServerRefusesExpiredEtcd().Mark(t.Context(), c); err == nil {
		t.Error("a mark was taken of a log that does not exist")
	}
	if err := os.Remove(n.Host(etcdLog)); err != nil {
		t.Fatal(err)
	}
	if line, err := s.Seen(t.Context(), c, m); err == nil || errors.Is(err, ErrNotSeen) {
		t.Errorf("the log is gone: saw %q, %v", line, err)
	}
}

func TestProvokingHappensAtEveryLookAndItsFailureIsTold(t *testing.T) {
	s, c, n, m := logged(t, other)
	provoked := 0
	n.Commands["timeout"] = func(context.Context, []byte, []string) ([]byte, error) {
		if provoked++; provoked == 2 {
			n.Put(etcdLog, []byte(other+refused), 0o640)
		}
		return []byte("Master-Key: canary-secret"), errors.New("exit status 127")
	}
	_, err := s.Seen(t.Context(), c, m)
	if !errors.Is(err, ErrNotSeen) || !strings.Contains(err.Error(), "exit status 127") || strings.Contains(err.Error(), "canary") {
		t.Errorf("first look: %v", err)
	}
	if line, err := s.Seen(t.Context(), c, m); err != nil || line == "" {
		t.Errorf("second look: %q, %v", line, err)
	}
}

func TestASymptomReadsACommand(t *testing.T) {
	c := journaltest.New(t, cluster.Worker)
	log := "old: it failed\n"
	c.Directories[0].Commands["journalctl"] = func(context.Context, []byte, []string) ([]byte, error) { return []byte(log), nil }
	s := Symptom{Name: "s", Node: cluster.Worker, Command: []string{"journalctl", "-u", "kubelet"}, Pattern: `it failed`}
	m, err := s.Mark(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seen(t.Context(), c, m); !errors.Is(err, ErrNotSeen) {
		t.Errorf("the old line was seen: %v", err)
	}
	log += strings.Repeat("new: ", 1000) + "it failed " + strings.Repeat("x", 1000)
	if line, err := s.Seen(t.Context(), c, m); err != nil || len(line) != 500 || !strings.HasPrefix(line, "it failed xxx") {
		t.Errorf("saw %q, %v", line, err)
	}
}

func TestASymptomThatSaysNothingIsRefused(t *testing.T) {
	c := journaltest.New(t, cluster.ControlPlane)
	c.Directories[0].Put("/log", []byte("x\n"), 0o600)
	for _, s := range []Symptom{
		{Node: cluster.ControlPlane, Files: "/log", Pattern: "x"},
		{Name: "s", Node: cluster.ControlPlane, Pattern: "x"},
		{Name: "s", Node: cluster.ControlPlane, Files: "/log", Command: []string{"cat"}, Pattern: "x"},
		{Name: "s", Node: cluster.ControlPlane, Files: "/log"},
		{Name: "s", Node: cluster.ControlPlane, Files: "/log", Pattern: "x*"},
		{Name: "s", Node: cluster.ControlPlane, Files: "/log", Pattern: "("},
		{Name: "s", Node: cluster.Worker, Files: "/log", Pattern: "x"},
	} {
		if _, err := s.Mark(t.Context(), c); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}
