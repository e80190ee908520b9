package tool

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

// harnessEnv makes this test program a harness that starts a tool and waits to be killed.
const harnessEnv = "TOOL_TEST_HARNESS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(harnessEnv); dir != "" {
		startAndWait(dir)
		return
	}
	if dir := os.Getenv(dialEnv); dir != "" {
		dialAndWait(dir)
		return
	}
	os.Exit(m.Run())
}

func startAndWait(dir string) {
	context := filepath.Join(dir, "context.json")
	if err := WriteContext(context, Context{}); err != nil {
		panic(err)
	}
	hide := filepath.Join(dir, "hidden")
	if err := os.Mkdir(hide, 0o700); err != nil {
		panic(err)
	}
	_, err := Start(shell("echo $$ >$S/pid; exec sleep 60", "true"), Run{
		Context: context, Env: []string{"S=" + dir}, Emit: func(slo.Event) {}, Clock: clockwork.NewRealClock(), Hide: []string{hide},
	})
	if err != nil {
		panic(err)
	}
	select {}
}

func TestAToolDoesNotOutliveAHarnessThatWasKilled(t *testing.T) {
	s := &stage{t: t, dir: t.TempDir()}
	harness := exec.Command(os.Args[0])
	harness.Env = append(os.Environ(), harnessEnv+"="+s.dir, "TMPDIR="+s.dir)
	must(t, harness.Start())
	pid := s.pid("pid")
	must(t, harness.Process.Kill())
	_ = harness.Wait()
	s.gone(pid)
}
