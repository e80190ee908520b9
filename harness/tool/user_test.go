package tool

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is an ordinary user: without a name, without rights.
const nobody = 54321

// userTests run again as an ordinary user: what they hold must hold in user namespaces as well.
const userTests = "^(TestAToolFindsHidden|TestTheRecoverCommandIsIsolated|TestAToolReachesTheEngine|TestAnOrdinaryUser|" +
	"TestAToolDoesNotOutlive|TestProcessesOfAnIsolated)"

// TestAsAnOrdinaryUser runs the tests of isolation as another user than root.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: the tests run as an ordinary user already")
	}
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chown(dir, nobody, nobody))
	self := filepath.Join(dir, "tool.test")
	from, err := os.Open("/proc/self/exe")
	must(t, err)
	defer from.Close()
	to, err := os.OpenFile(self, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(to, from)
	must(t, err)
	must(t, to.Close())

	as := func(argv ...string) ([]byte, error) {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "HOME=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd.CombinedOutput()
	}
	if out, err := as("unshare", "--user", "--map-root-user", "--mount", "true"); err != nil {
		t.Skipf("this machine allows ordinary users no namespaces: %v: %s", err, out)
	}
	out, err := as(self, "-test.v", "-test.run", userTests)
	if err != nil || strings.Contains(string(out), "--- SKIP") || strings.Count(string(out), "--- PASS") != 6 {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestAnOrdinaryUsersToolIsThatUserAndCannotUncover(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("run by TestAsAnOrdinaryUser")
	}
	h := newHome(t)
	got := h.said(`id -u; umount "$STATE" 2>/dev/null; unshare --user --map-root-user --mount umount "$STATE" 2>/dev/null; ls -A "$STATE"`)
	if got != "54321\n" {
		t.Errorf("the tool says %q", got)
	}
}

func TestProcessesOfAnIsolatedToolAreGoneAfterStop(t *testing.T) {
	h := newHome(t)
	x := h.start(`setsid sh -c 'echo $$ >$S/stray; exec sleep 63' >/dev/null 2>&1 & sleep 61 & echo $! >$S/child; wait`, "true")
	child, stray := h.pid("child"), h.pid("stray")
	x.Stop()
	h.gone(child)
	h.gone(stray)
}
