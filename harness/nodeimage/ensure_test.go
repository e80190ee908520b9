package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// Answers of an engine that has no node image.
const (
	noImage = `'image inspect '*) echo 'Error: No such image: x' >&2; exit 1;;
`
	noPull = `'pull '*) echo 'manifest unknown' >&2; exit 1;;
`
)

// anOfficial is a version of which kind publishes an image.
func (w *world) anOfficial(t *testing.T) string {
	t.Helper()
	for version := range w.recip.Official {
		return version
	}
	t.Fatal("the recipe names no official image")
	return ""
}

func TestEnsureOfALocalImageRunsNothingElse(t *testing.T) {
	w := newWorld(t, `'image inspect '*) echo sha256:1; exit;;`)
	version := w.anOfficial(t)
	ref, err := w.Ensure(t.Context(), version)
	if err != nil || ref != w.recip.Ref(version) {
		t.Fatalf("got %s, %v", ref, err)
	}
	if calls := w.calls(); len(calls) != 1 || !strings.HasSuffix(calls[0], " "+ref) {
		t.Errorf("ran %v", calls)
	}
	if len(w.said) > 0 {
		t.Errorf("said %v", w.said)
	}
}

func TestEnsureRefusesAVersionBeforeItAsksTheEngine(t *testing.T) {
	w := newWorld(t, "")
	for _, make := range []func(context.Context, string) (string, error){w.Ensure, w.Build} {
		if _, err := make(t.Context(), "v1.34"); err == nil || len(w.calls()) > 0 {
			t.Errorf("%v, ran %v", err, w.calls())
		}
	}
}

func TestEnsureTellsAnEngineThatFailsFromAMissingImage(t *testing.T) {
	w := newWorld(t, `'image inspect '*) echo 'Cannot connect to the Docker daemon' >&2; exit 1;;`)
	if _, err := w.Ensure(t.Context(), w.anOfficial(t)); err == nil || !strings.Contains(err.Error(), "Cannot connect") || len(w.calls()) != 1 {
		t.Errorf("%v, ran %v", err, w.calls())
	}
}

func TestWithoutMmdebstrapTheErrorNamesItAndItsPackage(t *testing.T) {
	for name, c := range map[string]struct {
		offline, official, pulls bool
	}{
		"no official image of the version":     {false, false, false},
		"an official one that cannot be had":   {false, true, true},
		"offline an official one is not tried": {true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noImage+noPull)
			w.Offline = c.offline
			version := "v1.34.4"
			if c.official {
				version = w.anOfficial(t)
			} else if w.recip.Official[version] != "" {
				t.Fatalf("%s has become official: pick another version", version)
			}
			w.compiled(t, version)
			t.Setenv("PATH", t.TempDir())
			_, err := w.Ensure(t.Context(), version)
			if err == nil || !strings.Contains(err.Error(), "mmdebstrap") || !strings.Contains(err.Error(), "apt-get install mmdebstrap") {
				t.Errorf("got %v", err)
			}
			if w.ran("pull --quiet "+w.recip.Official[version]) != c.pulls || w.ran("run ") || w.ran("import ") {
				t.Errorf("ran %v", w.calls())
			}
			if said := strings.Join(w.said, "\n"); strings.Contains(said, "building one") != c.pulls {
				t.Errorf("said %s", said)
			}
		})
	}
}

func TestAPullThatIsInterruptedIsNotFollowedByABuild(t *testing.T) {
	w := newWorld(t, noImage+`'pull '*) exec sleep 30;;`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := w.Ensure(ctx, w.anOfficial(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if said := strings.Join(w.said, "\n"); strings.Contains(said, "building") || strings.Contains(said, "Debian") {
		t.Errorf("went on: %s", said)
	}
}

func TestAnOfficialImageIsDerivedWithWhatItLacksAndTheStageRemoved(t *testing.T) {
	w := newWorld(t, noImage+`'pull '*) exit;; 'run '*) echo c1; exit;;
*'exec -i c1 tar '*) cat >files.tar; exit;; 'exec -i c1 '*'images import'*) cat >images.tar; exit;;
'exec -i c1 '*|'commit '*|'rm '*) exit;;`)
	version := w.anOfficial(t)
	w.compiled(t, version)
	ref, err := w.Ensure(t.Context(), version)
	if err != nil || ref != w.recip.Ref(version) {
		t.Fatalf("got %s, %v; ran %v", ref, err, w.calls())
	}
	all := strings.Join(w.calls(), "\n")
	for _, want := range []string{"pull --quiet " + w.recip.Official[version], "apt-get install -y --no-install-recommends " + strings.Join(w.recip.OfficialLacks, " "),
		`nov30.kubernetes="` + version + `" nov30.source="` + w.recip.Official[version] + `"`, " c1 " + ref} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	if got := w.calls(); got[len(got)-1] != "rm --force --volumes c1" {
		t.Errorf("last: %s", got[len(got)-1])
	}
	if _, ok := tarOf(t, filepath.Join(w.dir, "files.tar"))["usr/local/sbin/nov30-net"]; !ok {
		t.Error("the network unit's program was not copied in")
	}
	image(t, filepath.Join(w.dir, "images.tar"), siteImage)
}

func tarOf(t *testing.T, path string) unpacked {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unpack(t, f)
}

// buildWorld is a world in which a whole build succeeds: mmdebstrap is a script, the programs are in the cache, and the
// stage gives what proxy-layer.sh prints. Only kind's files are the real ones.
func buildWorld(t *testing.T, branches string) *world {
	t.Helper()
	w := newWorld(t, branches+`'import - '*) cat >rootfs.tar; exit;; 'run '*) echo c1; exit;;
'exec -i c1 tar '*) cat >files.tar; exit;; 'exec -i c1 sh -s') if grep -q 'tar of what kube-proxy'; then cat proxy.tar; fi; exit;;
'exec -i c1 '*'images import'*) cat >images.tar; exit;;
'commit '*|'rm '*|'image rm '*) exit;;`)
	w.compiled(t, "v1.34.4")
	write(t, filepath.Join(w.dir, "proxy.tar"), string(proxyTar(t)))
	bin := t.TempDir()
	write(t, filepath.Join(bin, "newuidmap"), "#!/bin/sh\n")
	write(t, filepath.Join(bin, "mmdebstrap"), "#!/bin/sh\necho \"$*\" >"+w.dir+"/mmdebstrap.args\nfor out; do :; done\necho root >\"$out\"\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return w
}

func TestABuildLaysDownFilesAndImagesAndLeavesNoStage(t *testing.T) {
	w := buildWorld(t, noImage)
	ref, err := w.Ensure(t.Context(), "v1.34.4")
	if err != nil || ref != w.recip.Ref("v1.34.4") {
		t.Fatalf("got %s, %v; ran %v", ref, err, w.calls())
	}
	got := tarOf(t, filepath.Join(w.dir, "files.tar"))
	if got["usr/bin/kubeadm"].Linkname != "usr/bin/kubelet" || got["kind/version"].text != "v1.34.4" || got["usr/local/bin/entrypoint"].Mode != 0o755 ||
		got["usr/local/bin/etcdctl"].text != "program etcdctl-v3.6.5" {
		t.Errorf("the node's files are not whole: %d entries", len(got))
	}
	image(t, filepath.Join(w.dir, "images.tar"), allTags[0])
	args, err := os.ReadFile(filepath.Join(w.dir, "mmdebstrap.args"))
	if err != nil || !strings.Contains(string(args), "--include="+strings.Join(w.recip.Packages, ",")+" ") || !strings.Contains(string(args), " "+w.recip.Suite+" ") {
		t.Errorf("mmdebstrap was run with %s, %v", args, err)
	}
	calls := w.calls()
	commit := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "commit ") })
	if gone := slices.Index(calls, "rm --force --volumes c1"); commit < 0 || gone < commit || !w.ran("image rm --no-prune "+Repository+":base-") {
		t.Errorf("commit %d, removed %d in %v", commit, gone, calls)
	}
	if !strings.Contains(strings.Join(calls, "\n"), `nov30.source="built"`) {
		t.Errorf("the image does not say that it was built: %v", calls)
	}
}

func TestABuildThatFailsLeavesNoStageAndNamesTheStep(t *testing.T) {
	w := buildWorld(t, noImage+`'commit '*) echo 'no space left on device' >&2; exit 1;;
`)
	_, err := w.Build(t.Context(), "v1.34.4")
	if err == nil || !strings.Contains(err.Error(), "commit "+w.recip.Ref("v1.34.4")) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	if !w.ran("rm --force --volumes c1") || !w.ran("image rm ") {
		t.Errorf("left behind: %v", w.calls())
	}
}

func TestARootFileSystemIsUsedAgainForAWeek(t *testing.T) {
	w := buildWorld(t, "")
	first, err := w.rootfs(t.Context(), w.recip)
	if err != nil {
		t.Fatal(err)
	}
	made := func() bool {
		err := os.Remove(filepath.Join(w.dir, "mmdebstrap.args"))
		return err == nil
	}
	if !made() {
		t.Fatal("it was not made")
	}
	if again, err := w.rootfs(t.Context(), w.recip); err != nil || again != first || made() {
		t.Errorf("made anew: %s, %v", again, err)
	}
	w.Clock = clockwork.NewFakeClockAt(time.Now().Add(rootfsMaxAge + time.Minute))
	if _, err := w.rootfs(t.Context(), w.recip); err != nil || !made() {
		t.Errorf("not made anew after a week: %v", err)
	}
	other := w.recip
	other.Packages = append(slices.Clone(other.Packages), "vim")
	if path, err := w.rootfs(t.Context(), other); err != nil || path == first || !made() {
		t.Errorf("another recipe has the same root file system %s, %v", path, err)
	}
}

func TestMmdebstrapThatFailsIsQuotedAndLeavesNoRootFileSystem(t *testing.T) {
	w := newWorld(t, "")
	bin := t.TempDir()
	write(t, filepath.Join(bin, "newuidmap"), "#!/bin/sh\n")
	write(t, filepath.Join(bin, "mmdebstrap"), "#!/bin/sh\nfor out; do :; done\necho half >\"$out\"\necho 'E: cannot resolve the mirror' >&2\nexit 2\n")
	t.Setenv("PATH", bin)
	if _, err := w.rootfs(t.Context(), w.recip); err == nil || !strings.Contains(err.Error(), "cannot resolve the mirror") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Cache, "rootfs", "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLastLinesKeepsTheEnd(t *testing.T) {
	if got := lastLines("a\nb\nc\n", 2); got != "b\nc" {
		t.Errorf("got %q", got)
	}
	if got := lastLines("a\n", 2); got != "a" {
		t.Errorf("got %q", got)
	}
}

func TestListTellsVersionSourceAndWhetherTheRecipeIsThisOne(t *testing.T) {
	recipe, err := LoadRecipe()
	if err != nil {
		t.Fatal(err)
	}
	current, old := recipe.Ref("v1.34.4"), Repository+":v1.33.1-0123456789ab"
	inspected := func(ref, version, source string) string {
		return `'image inspect ` + ref + `') echo '[{"Size":1048576,"Config":{"Labels":{"nov30.kubernetes":"` + version + `","nov30.source":"` + source + `"}}}]'; exit;;
`
	}
	w := newWorld(t, `'image ls --filter label=nov30.kubernetes '*) printf '`+current+`\nlocalhost/`+old+`\n<none>:<none>\nsomeone/else:v1\n'; exit;;
`+inspected(current, "v1.34.4", "built")+inspected("localhost/"+old, "v1.33.1", "kindest/node:v1.33.1"))
	got, err := w.List(t.Context())
	want := []Image{{current, "v1.34.4", true, "built", 1 << 20}, {"localhost/" + old, "v1.33.1", false, "kindest/node:v1.33.1", 1 << 20}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestListOfNothingIsEmptyAndAnAnswerThatIsNoneAnError(t *testing.T) {
	w := newWorld(t, `'image ls '*) exit;;`)
	if got, err := w.List(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %#v, %v", got, err)
	}
	for _, answer := range []string{"", "[]", "[{},{}]", "{", "null"} {
		w := newWorld(t, `'image ls '*) echo nov30/node:v1.34.4-0; exit;; 'image inspect '*) echo '`+answer+`'; exit;;`)
		if got, err := w.List(t.Context()); err == nil {
			t.Errorf("%q was read as %+v", answer, got)
		}
	}
}

func TestAStepSaysThatItBeginsAndHowLongItTook(t *testing.T) {
	clock := clockwork.NewFakeClock()
	var said []string
	b := Builder{Clock: clock, Progress: func(line string) { said = append(said, line) }}
	if err := b.step("compile", func() error { clock.Advance(2500 * time.Millisecond); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"compile …", "compile: 2.5 s"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	said = nil
	cause := errors.New("cause")
	err := b.step("pull", func() error { clock.Advance(3 * time.Second); return cause })
	if !errors.Is(err, cause) || err.Error() != "pull (after 3 s): cause" || !slices.Equal(said, []string{"pull …"}) {
		t.Errorf("got %v, said %q", err, said)
	}
	if err := (Builder{Clock: clock}).step("silent", func() error { return nil }); err != nil {
		t.Error(err)
	}
}
