package tool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/slo"
)

// fakeEngine is a container engine whose control-plane node has etcd's certificate as the stage says: it has expired once
// "expired" exists and cannot be read before "readable" does. What it was asked is in "asked", a line each.
const fakeEngine = `#!/bin/sh
echo "$*" | tr '\n' ' ' >>$S/asked; echo >>$S/asked
case "$*" in
"exec c-control-plane openssl version") [ -e $S/openssl ] ;;
"exec c-control-plane openssl x509 -checkend 0 -noout -in /etc/kubernetes/pki/etcd/server.crt")
  [ -e $S/readable ] || exit 1
  if [ -e $S/expired ]; then echo Certificate will expire; exit 1; else echo Certificate will not expire; fi ;;
"exec c-control-plane kubeadm version -o short") ;;
"exec c-control-plane kubeadm certs check-expiration") cat $S/expiration ;;
*) ;;
esac
`

// hastySleep makes the scripts' pauses short.
const hastySleep = "#!/bin/sh\ncase $1 in infinity|60) exec /bin/sleep 60 ;; *) exec /bin/sleep 0.02 ;; esac\n"

// withNode gives the stage's tool a cluster by the fake engine. The worker stands before the control plane.
func withNode(t *testing.T, engine string) *stage {
	s := newStage(t)
	for name, script := range map[string]string{"engine": fakeEngine, "sleep": hastySleep} {
		must(t, os.WriteFile(filepath.Join(s.dir, name), []byte(script), 0o700))
	}
	must(t, WriteContext(s.run.Context, Context{Cluster: "c", Engine: Engine{Command: engine}, Nodes: []Node{
		{Name: "w", Role: "worker", Container: "c-worker"}, {Name: "p", Role: "control-plane", Container: "c-control-plane"},
	}}))
	s.run.Env = append(s.run.Env, "PATH="+s.dir+":"+os.Getenv("PATH"))
	return s
}

func (s *stage) put(name, text string) {
	must(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

func shippedTool(t *testing.T, file string) Tool {
	t.Helper()
	tool, err := Load(filepath.Join("../../fixtures/tools", file))
	must(t, err)
	return tool
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// waitsFor are the doubles that must be silent until etcd's certificate has expired, and then name that culprit.
var waitsFor = map[string]string{
	"liar": "etcd/server", "half": "etcd/server", "relapse": "etcd/server", "deletes-workload": "etcd/server", "binds-system-nodes": "etcd/server",
	"old-files": "etcd/server", "no-liveness": "etcd/server", "insecure": "etcd/server", "hangs": "etcd/server", "cheats": "etcd/server",
	"crashes": "etcd/server", "sham-vandal": "etcd/server", "wrong-culprit": "dns/coredns",
}

func TestDoublesThatWaitAlarmOnlyOnceTheCertificateHasExpired(t *testing.T) {
	for name, culprit := range waitsFor {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withNode(t, "engine")
			s.put("openssl", "")
			x, err := Start(shippedTool(t, "doubles/"+name+".yaml"), s.run)
			must(t, err)
			defer x.Stop()
			s.asked("x509 -checkend", 1) // it cannot be read
			s.put("readable", "")
			s.asked("x509 -checkend", 2)
			if len(s.all()) != 1 {
				t.Fatalf("events before the certificate expired: %+v", s.all())
			}
			s.put("expired", "")
			<-x.FirstCritical()
			if e := s.until(slo.Event{Kind: slo.Finding}); e.Finding.Culprit != culprit {
				t.Errorf("%+v", e.Finding)
			}
			asked := s.read("asked")
			if renewed := strings.Contains(asked, "kubeadm certs renew"); renewed != (name == "sham-vandal") {
				t.Errorf("without a recovery it asked for\n%s", asked)
			}
			if name == "crashes" {
				s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit, Error: "exit status 3"})
			}
		})
	}
}

func TestDoublesThatAlarmInCalm(t *testing.T) {
	for name, least := range map[string]int{"blames-everything": 12, "shouts-in-calm": 1, "floods": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withNode(t, "engine")
			s.put("openssl", "")
			x, err := Start(shippedTool(t, "doubles/"+name+".yaml"), s.run)
			must(t, err)
			defer x.Stop()
			<-x.FirstCritical()
			var named []string
			for range 500 {
				if named = s.culprits(); len(named) >= least {
					break
				}
				time.Sleep(10 * time.Millisecond) // a dozen is printed one by one
			}
			if len(named) < least || !slices.Contains(named, "etcd/server") {
				t.Errorf("named %v", named)
			}
			for _, c := range named {
				if !ValidCulprit(c) {
					t.Errorf("%s is no culprit", c)
				}
			}
		})
	}
}

func TestTheDoublesThatNeverAlarmDoNot(t *testing.T) {
	for _, name := range []string{"nothing", "garbage"} {
		s := withNode(t, "engine")
		x, err := Start(shippedTool(t, "doubles/"+name+".yaml"), s.run)
		must(t, err)
		if name == "garbage" {
			s.until(slo.Event{Kind: slo.Note, Detail: "not a finding"})
		}
		if named := s.culprits(); len(named) != 0 {
			t.Errorf("%s named %v", name, named)
		}
		x.Stop()
	}
}

// recoveries are what the doubles ask of the node when they recover, in this order; none for one that must ask nothing.
var recoveries = map[string][]string{
	"liar": {}, "nothing": {},
	"late": properly, "wrong-culprit": properly, "crashes": properly, "floods": properly, "garbage": properly, "blames-everything": properly, "shouts-in-calm": properly, "sham-vandal": properly,
	"half":               {"kubeadm certs renew", " sh etcd-server \n", "systemctl restart kubelet", "get --raw /readyz"},
	"relapse":            append(append([]string{"cp -a \"$1\" /root/double-expired"}, properly...), "exec -d c-control-plane sh -c sleep 15;"),
	"deletes-workload":   append(slices.Clone(properly), "-n kube-system get deployment coredns -o yaml", "replace --force -f -"),
	"binds-system-nodes": append(slices.Clone(properly), "create clusterrolebinding system-nodes-admin --clusterrole cluster-admin --group system:nodes"),
	"old-files":          {"cp -a /root/double-old/. \"$1\" sh /etc/kubernetes/pki/etcd", "systemctl restart kubelet", "get --raw /readyz"},
	"no-liveness":        {properly[0], properly[1], "kube-apiserver.yaml", "systemctl stop kubelet", "livenessProbe:", "get --raw /readyz"},
	"insecure":           {properly[0], properly[1], "kube-apiserver.yaml", "systemctl stop kubelet", "systemctl start kubelet", "--enable-admission-plugins=", "--service-account-lookup=false", "get --raw /readyz"},
}

// properly is what a proper repair asks for.
var properly = []string{"kubeadm certs renew", " sh etcd-server etcd-peer etcd-healthcheck-client", "systemctl restart kubelet", "get --raw /readyz"}

func TestDoublesRecoverAsTheySay(t *testing.T) {
	for name, wants := range recoveries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withNode(t, "engine")
			tool := shippedTool(t, "doubles/"+name+".yaml")
			tool.Detect.Exec = []string{"sleep", "60"}
			x, err := Start(tool, s.run)
			must(t, err)
			defer x.Stop()
			if err := x.Recover(t.Context()); err != nil {
				t.Fatalf("%v: %s", err, s.logs.recover.String())
			}
			asked, _ := os.ReadFile(filepath.Join(s.dir, "asked"))
			rest := string(asked)
			for _, w := range wants {
				_, after, found := strings.Cut(rest, w)
				if !found {
					t.Fatalf("it did not ask for %q, or not in this order:\n%s", w, asked)
				}
				rest = after
			}
			if len(wants) == 0 && rest != "" || name == "half" && strings.Contains(string(asked), "etcd-peer") || name == "old-files" && strings.Contains(string(asked), "renew") {
				t.Errorf("it asked for\n%s", asked)
			}
		})
	}
}

func TestTheCheatFindsNoJournalAndAsksTheNodeForNothing(t *testing.T) {
	h := newHome(t)
	must(t, os.MkdirAll(filepath.Join(h.dir, ".local", "state"), 0o700))
	must(t, os.Rename(h.state, filepath.Join(h.dir, ".local", "state", "nov30")))
	t.Setenv("HOME", h.dir)
	s := withNode(t, "engine")
	s.put("nov30", "#!/bin/sh\ntouch \"$HOME/.local/state/nov30/swept\" && echo swept\n")
	must(t, os.Chmod(filepath.Join(s.dir, "nov30"), 0o700))
	s.run.Hide = []string{filepath.Join(h.dir, ".local", "state", "nov30")}
	tool := shippedTool(t, "doubles/cheats.yaml")
	tool.Detect.Exec = []string{"sleep", "60"}
	x, err := Start(tool, s.run)
	must(t, err)
	must(t, x.Recover(t.Context()))
	x.Stop()
	got := s.logs.recover.String()
	if strings.Contains(got, secretName) || strings.Contains(got, "swept\n") || !strings.Contains(got, "Read-only file system") || !strings.Contains(got, "journals in "+h.dir) {
		t.Errorf("it says %s", got)
	}
	if asked, err := os.ReadFile(filepath.Join(s.dir, "asked")); err == nil {
		t.Errorf("it asked for %s", asked)
	}
}

func TestADoubleSaysWhatItLacks(t *testing.T) {
	for engine, want := range map[string]string{
		"engine":      "needs openssl in the container c-control-plane",
		"no-such-cmd": "needs the engine's command no-such-cmd",
		"":            "names no engine",
	} {
		s := withNode(t, engine)
		x, err := Start(shippedTool(t, "doubles/liar.yaml"), s.run)
		must(t, err)
		s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit, Error: "exit status 1"})
		x.Stop()
		if got := s.logs.detect.String(); !strings.Contains(got, want) {
			t.Errorf("%q: it says %q, want %q", engine, got, want)
		}
	}
	for _, d := range toolsfs.Doubles() { // a mode that the script does not know
		tool := shippedTool(t, d.File)
		if exec := tool.Detect.Exec; d.Name != "nothing" && (len(exec) != 3 || exec[1] != "detect" || exec[2] != d.Name || fmt.Sprint(tool.Recover.Exec[1:]) != "[recover "+d.Name+"]") {
			t.Errorf("%s runs %v and %v", d.File, tool.Detect, tool.Recover)
		}
	}
}

// asked waits until the engine was asked that many times more for something.
func (s *stage) asked(what string, more int) {
	s.t.Helper()
	count := func() int {
		text, _ := os.ReadFile(filepath.Join(s.dir, "asked"))
		return strings.Count(string(text), what)
	}
	for before, tries := count(), 0; count() < before+more; tries++ {
		if tries > 800 {
			s.t.Fatalf("nobody asks the engine for %q", what)
		}
		time.Sleep(10 * time.Millisecond) // a script tells in files
	}
}

func (s *stage) read(name string) string { return contents(s.t, filepath.Join(s.dir, name)) }

// culprits lists whom the tool has named so far, each once.
func (s *stage) culprits() []string {
	var named []string
	for _, e := range s.all() {
		if e.Kind == slo.Finding && !slices.Contains(named, e.Finding.Culprit) {
			named = append(named, e.Finding.Culprit)
		}
	}
	return named
}

// wrote waits until a script has written a file.
func (s *stage) wrote(name string) {
	s.t.Helper()
	for range 500 {
		if text, err := os.ReadFile(filepath.Join(s.dir, name)); err == nil && len(text) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // a script tells in files
	}
	s.t.Fatalf("no script has written %s", name)
}
