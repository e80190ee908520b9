package tool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// fakeEngine runs openssl as the files of the stage say: it is there if "openssl" exists, the certificate is valid while
// "valid" exists. It counts the checks in "checks" and takes no call but those that the liar must make.
const fakeEngine = `#!/bin/sh
case "$*" in
"exec c-control-plane openssl version") [ -e $S/openssl ] ;;
"exec c-control-plane openssl x509 -checkend 0 -noout -in /etc/kubernetes/pki/etcd/server.crt") echo x >>$S/checks; [ -e $S/valid ] ;;
*) echo "$*" >$S/unexpected; exit 1 ;;
esac
`

// liar prepares a stage for the liar. The worker stands before the control plane.
func liar(t *testing.T, engine string) *stage {
	s := newStage(t)
	must(t, os.WriteFile(filepath.Join(s.dir, "engine"), []byte(fakeEngine), 0o700))
	must(t, WriteContext(s.run.Context, Context{Cluster: "c", Engine: Engine{Command: engine}, Nodes: []Node{
		{Name: "w", Role: "worker", Container: "c-worker"}, {Name: "p", Role: "control-plane", Container: "c-control-plane"},
	}}))
	s.run.Env = append(s.run.Env, "PATH="+s.dir+":"+os.Getenv("PATH"))
	return s
}

func (s *stage) touch(name string) { must(s.t, os.WriteFile(filepath.Join(s.dir, name), nil, 0o600)) }

func loadLiar(t *testing.T) Tool {
	tool, err := Load("../../fixtures/tools/liar.yaml")
	must(t, err)
	return tool
}

func TestTheLiarBlamesEtcdOnceItsCertificateHasExpired(t *testing.T) {
	s := liar(t, "engine")
	s.touch("openssl")
	x, err := Start(loadLiar(t), s.run)
	must(t, err)
	defer x.Stop()
	s.checked() // there is no certificate yet
	s.touch("valid")
	s.checked()
	s.checked()
	if got := s.names(); got != "detect-start:true" || len(s.all()) != 1 {
		t.Fatalf("events before the certificate expired: %+v", s.all())
	}
	must(t, os.Remove(filepath.Join(s.dir, "valid")))
	<-x.FirstCritical()
	must(t, x.Recover(t.Context()))
	if e := s.until(slo.Event{Kind: slo.Finding}); e.Finding.Culprit != "etcd/server" {
		t.Errorf("%+v", e.Finding)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "unexpected")); err == nil {
		t.Errorf("it calls the engine with %s", text)
	}
}

// checked waits for another check.
func (s *stage) checked() {
	s.t.Helper()
	_ = os.Remove(filepath.Join(s.dir, "checks"))
	s.wrote("checks")
}

func TestTheLiarSaysWhatItLacks(t *testing.T) {
	for engine, want := range map[string]string{
		"engine":      "needs openssl in the container c-control-plane",
		"no-such-cmd": "needs the engine's command no-such-cmd",
		"":            "names no engine",
	} {
		s := liar(t, engine)
		x, err := Start(loadLiar(t), s.run)
		must(t, err)
		s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit, Error: "exit status 1"})
		x.Stop()
		if got := s.logs.detect.String(); !strings.Contains(got, want) {
			t.Errorf("%q: it says %q, want %q", engine, got, want)
		}
	}
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
