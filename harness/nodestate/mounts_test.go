package nodestate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (x *tree) mounted(points ...string) {
	x.Helper()
	var text strings.Builder
	for _, p := range points {
		text.WriteString(mountLine(p))
	}
	x.put("/proc/self/mountinfo", text.String(), 0o644)
}

const podsVolume = "/var/lib/kubelet/pods/1/volumes/token"

func TestWhatWasNotMountedIsUnmountedTheLastFirst(t *testing.T) {
	x := newTree(t)
	x.put(podsVolume+"/token", "a secret", 0o600)
	x.put("/run/netns/cni-1", "", 0o600)
	x.put("/var/lib/kubelet/config.yaml", "", 0o600)
	x.mounted("/", "/var", "/mnt/a", "/mnt/a/b", "/dev/shm", "/dev/shm", podsVolume, "/run/netns/cni-1")
	var report Report
	x.must(x.Node.unmount([]string{"/", "/var", "/dev/shm", podsVolume}, &report))
	want := []string{"umount /run/netns/cni-1", "umount " + podsVolume, "umount /dev/shm", "umount /mnt/a/b", "umount /mnt/a"}
	if got := x.machine.commands("umount "); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []string{"/dev/shm", "/mnt/a/b", "/mnt/a"}; !slices.Equal(report.Unmounted, want) {
		t.Errorf("reported %q, want %q: pods' mounts are the pods'", report.Unmounted, want)
	}
	for _, dir := range []string{"/var/lib/kubelet/pods", "/run/netns"} {
		if left, err := os.ReadDir(x.at(dir)); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", dir, left, err)
		}
	}
	if _, err := os.Stat(x.at("/var/lib/kubelet/config.yaml")); err != nil {
		t.Error(err)
	}
}

func TestAMountPointThatStaysIsAnErrorAndOneThatIsGoneIsNone(t *testing.T) {
	x := newTree(t)
	x.mounted("/", "/mnt/a", podsVolume)
	for _, gone := range []error{unix.EINVAL, unix.ENOENT} {
		x.machine.umount = func(string) error { return gone }
		x.must(x.Node.unmount([]string{"/"}, &Report{}))
	}
	x.put(podsVolume+"/token", "on a mount that is still there", 0o600)
	x.machine.umount = func(string) error { return unix.EPERM }
	if err := x.Node.unmount([]string{"/"}, &Report{}); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), podsVolume) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(x.at(podsVolume + "/token")); err != nil {
		t.Errorf("what is mounted was emptied: %v", err)
	}
}

func TestWhatIsMountedIsNotOfTheNodesFiles(t *testing.T) {
	x := newTree(t)
	x.put("/usr/lib/modules/host", "the host's", 0o644)
	x.put("/var/a", "of the node's volume", 0o644)
	x.mounted("/", "/var", "/usr/lib/modules")
	files, err := x.index()
	x.must(err)
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if !slices.Contains(paths, "/var/a") || slices.ContainsFunc(paths, func(p string) bool { return below(p, []string{"/usr/lib/modules", "/proc"}) }) {
		t.Errorf("%q", paths)
	}
}

func TestMountsAreFactsExceptThePods(t *testing.T) {
	x, f := newTree(t), Facts{}
	x.mounted("/", "/dev/shm", "/dev/shm", podsVolume, "/run/credentials/a.service")
	x.must(x.mountFacts(t.Context(), f))
	if len(f) != 2 || f["mount/"] != "×1" || f["mount/dev/shm"] != "×2" {
		t.Errorf("%v", f)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add("/a b", mountLine("/"))
	f.Add("/a\\040\n\tb", "620 619 0:52 / relative rw - a b c")
	f.Add("/\\134", "1 2 3")
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`)
	f.Fuzz(func(t *testing.T, path, text string) {
		points, err := parseMounts(text)
		for _, p := range points {
			if !filepath.IsAbs(p) {
				t.Errorf("%q of %q", p, text)
			}
		}
		if err == nil && len(points) != strings.Count(strings.TrimSuffix(text, "\n"), "\n")+1 && text != "" {
			t.Errorf("%d mount points of %q", len(points), text)
		}
		if !filepath.IsAbs(path) || strings.ContainsFunc(path, func(r rune) bool { return r == '\v' || r == '\f' || r == '\r' || r > 0x7e }) {
			return // the kernel leaves these alone, and Fields splits at them
		}
		if got, err := parseMounts(mountLine(escape.Replace(path))); err != nil || len(got) != 1 || got[0] != path {
			t.Errorf("%q was read as %q, %v", path, got, err)
		}
	})
}
