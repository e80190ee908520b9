package nodeimage

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bareWorld is a world without mmdebstrap and Debian's keys. Its Install puts in place what bring says, and notes what it
// was asked for.
func bareWorld(t *testing.T, bring map[string]string) (*world, *[]string) {
	t.Helper()
	w := newWorld(t, "")
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	write(t, filepath.Join(bin, "newuidmap"), "#!/bin/sh\n")
	if err := os.Remove(w.keyring); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"mmdebstrap": filepath.Join(bin, "mmdebstrap"), "debian-archive-keyring": w.keyring}
	var asked []string
	w.Install = func(_ context.Context, progress func(string), packages ...string) error {
		progress("installing")
		asked = append(asked, packages...)
		for _, p := range packages {
			if text, ok := bring[p]; ok {
				write(t, places[p], text)
			}
		}
		return nil
	}
	return w, &asked
}

const makesRootfs = "#!/bin/sh\nfor out; do :; done\necho root >\"$out\"\n"

func TestWhatIsMissingIsInstalledBeforeARootFileSystemIsBuilt(t *testing.T) {
	w, asked := bareWorld(t, map[string]string{"mmdebstrap": makesRootfs, "debian-archive-keyring": "keys"})
	path, err := w.rootfs(t.Context(), w.recip)
	if err != nil || !slices.Equal(*asked, []string{"mmdebstrap", "debian-archive-keyring"}) {
		t.Fatalf("got %v, installed %v", err, *asked)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "root\n" {
		t.Errorf("made %q, %v", text, err)
	}
	if said := strings.Join(w.said, "\n"); !strings.Contains(said, "installing") || !strings.Contains(said, "debian-archive-keyring: not installed") {
		t.Errorf("said %s", said)
	}
}

func TestTheKeysAloneAreInstalledWhereOnlyTheyAreMissing(t *testing.T) {
	w, asked := bareWorld(t, map[string]string{"debian-archive-keyring": "keys"})
	write(t, filepath.Join(os.Getenv("PATH"), "mmdebstrap"), makesRootfs)
	w.Progress = nil
	if _, err := w.rootfs(t.Context(), w.recip); err != nil || !slices.Equal(*asked, []string{"debian-archive-keyring"}) {
		t.Fatalf("got %v, installed %v", err, *asked)
	}
}

func TestAnInstallThatBroughtNothingIsNotTrusted(t *testing.T) {
	w, _ := bareWorld(t, map[string]string{"mmdebstrap": makesRootfs})
	if _, err := w.rootfs(t.Context(), w.recip); err == nil || !strings.Contains(err.Error(), "what debian-archive-keyring bring") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Cache, "rootfs", "*", "*")); len(left) > 0 {
		t.Errorf("built all the same: %v", left)
	}
}

func TestARefusedInstallNamesThePackagesAndCarriesTheCommand(t *testing.T) {
	w, _ := bareWorld(t, nil)
	w.Install = refuse
	_, err := w.rootfs(t.Context(), w.recip)
	if err == nil || !strings.Contains(err.Error(), "built with mmdebstrap debian-archive-keyring: installing needs root; run: sudo apt-get install") {
		t.Errorf("got %v", err)
	}
}

func TestAStageThatRemovedItselfIsNoFailure(t *testing.T) {
	for words, silent := range map[string]bool{
		"Error: No such container: c1": true,
		"Error response from daemon: removal of container c1 is already in progress":                                              true,
		"Error: no container with ID or name \"c1\" found: no such container":                                                     true,
		"Error response from daemon: container c1: driver \"overlay2\" failed to remove root filesystem: device or resource busy": false,
	} {
		w := newWorld(t, `'rm --force --volumes c1') echo '`+words+`' >&2; exit 1;;`)
		(&stage{b: w.Builder, id: "c1"}).remove()
		if (len(w.said) == 0) != silent {
			t.Errorf("%s: said %v", words, w.said)
		}
	}
}
