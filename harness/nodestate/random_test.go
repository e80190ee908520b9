package nodestate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// gamble makes and breaks a node's files at random.
type gamble struct {
	*tree
	*rand.Rand
}

var gambled = []string{"/etc", "/usr", "/var/lib/kubelet", "/srv"}

// name is a path below one of the directories, not too deep, so that names meet.
func (g gamble) name() string {
	path := gambled[g.IntN(len(gambled))]
	for range 1 + g.IntN(3) {
		path += "/" + []string{"a", "b", ".c", "d-e", "ä b", "f.nov30"}[g.IntN(6)]
	}
	return path
}

func (g gamble) content() string {
	return strings.Repeat(string("xyz\x00"[g.IntN(4)]), g.IntN(50)) + strings.Repeat("\x00", g.IntN(3)*g.IntN(3000))
}

// make puts something at a path, in the place of whatever is there or above.
func (g gamble) make(path string) {
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Lstat(g.at(dir)); err == nil && !info.IsDir() {
			g.must(os.Remove(g.at(dir)))
		}
	}
	g.must(os.RemoveAll(g.at(path)))
	switch g.IntN(5) {
	case 0:
		g.must(os.MkdirAll(g.at(path), 0o755))
		g.must(os.Chmod(g.at(path), []os.FileMode{0o700, 0o755, 0o1777}[g.IntN(3)].Perm()))
	case 1:
		g.link(path, g.name())
	default:
		g.put(path, g.content(), []os.FileMode{0o600, 0o644, 0o755}[g.IntN(3)])
	}
}

// any is one of the files that exist.
func (g gamble) any() (string, os.FileInfo) {
	seen, _ := g.picture()
	var all []string
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		if below(p, gambled) && !slices.Contains(gambled, p) && p != "/var" && p != "/var/lib" {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	path := all[g.IntN(len(all))]
	info, err := os.Lstat(g.at(path))
	g.must(err)
	return path, info
}

func (g gamble) mess() {
	path, info := g.any()
	if info == nil {
		g.make(g.name())
		return
	}
	switch g.IntN(6) {
	case 0:
		g.must(os.RemoveAll(g.at(path)))
	case 1:
		if info.Mode()&os.ModeSymlink == 0 {
			g.must(os.Chmod(g.at(path), []os.FileMode{0o700, 0o711, 0o755}[g.IntN(3)]))
		}
	case 2:
		if info.Mode().IsRegular() && info.Size() > 0 {
			g.alter(path, strings.Repeat("w", int(info.Size())))
		}
	case 3:
		to := g.name()
		if _, err := os.Lstat(g.at(to)); os.IsNotExist(err) {
			_ = os.Rename(g.at(path), g.at(to)) // where there is such a directory, and it is not in itself
		}
	case 4:
		g.make(path)
	default:
		g.make(g.name())
	}
}

// expect is what Rewind must report, from what was seen before and after, and from which files are the image's.
func expect(before, after map[string]string, was, is map[string]int64, image []string) Report {
	var r Report
	for path, then := range before {
		now, there := after[path]
		switch {
		case slices.Contains(image, path):
			if !there || was[path] != is[path] {
				r.Lost = append(r.Lost, path)
			}
		case !there:
			r.Restored = append(r.Restored, path)
		case now != then && !onlyTime(then, now):
			r.Altered = append(r.Altered, path)
		}
	}
	for path := range after {
		if _, there := before[path]; !there {
			r.Removed = append(r.Removed, path)
		}
	}
	return r
}

// onlyTime says whether the time is all that is different of two regular files, in the picture's words.
func onlyTime(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) < 8 || len(x) != len(y) {
		return false
	}
	return slices.Equal(slices.Concat(x[:3], x[7:]), slices.Concat(y[:3], y[7:]))
}

func TestAfterAnyRandomMessARandomTreeIsWhatItWas(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := gamble{newTree(t), rand.New(rand.NewPCG(seed, 30))}
			for _, dir := range gambled {
				g.must(os.MkdirAll(g.at(dir), 0o755))
			}
			for range g.IntN(12) {
				g.make(g.name())
			}
			seen, _ := g.picture()
			g.start()
			var image []string
			for _, path := range slices.Sorted(maps.Keys(seen)) {
				if info, err := os.Lstat(g.at(path)); err == nil && info.Mode().IsRegular() && !below(path, kept) {
					image = append(image, path)
				}
			}
			for range g.IntN(12) { // new files alone: the image's stay
				if path := g.name(); !slices.ContainsFunc(image, func(i string) bool { return below(i, []string{path}) || below(path, []string{i}) }) {
					g.make(path)
				}
			}
			before, was := g.picture()
			putBack, state := g.copyOf(image...), g.keep()
			for range g.IntN(10) {
				g.mess()
			}
			after, is := g.picture()
			got := g.rewind(state)
			checkReport(t, got, expect(before, after, was, is, image))
			putBack(got.Lost)
			now, is := g.picture()
			g.same(before, now)
			checkReport(t, g.rewind(state), expect(before, now, was, is, image))
			if t.Failed() {
				t.Logf("image %q", image)
			}
		})
	}
}

// The process that this variable is set for is in a mount namespace of its own.
const mountedVariable = "NOV30_TEST_MOUNTED"

func TestAMountedFileIsWrittenInPlace(t *testing.T) {
	if os.Getenv(mountedVariable) == "" {
		inMountNamespace(t)
		return
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	x := newTree(t)
	x.put("/source", "nameserver 10.0.0.1\n", 0o644)
	x.put("/etc/resolv.conf", "", 0o644)
	x.must(unix.Mount(x.at("/source"), x.at("/etc/resolv.conf"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { x.must(unix.Unmount(x.at("/etc/resolv.conf"), unix.MNT_DETACH)) })
	x.must(os.Remove(x.at("/source"))) // as the engine's, it is out of the node's sight
	state := x.keep()
	x.put("/etc/resolv.conf", "nameserver 6.6.6.6\nand more\n", 0o600)
	checkReport(t, x.rewind(state), Report{Altered: []string{"/etc/resolv.conf"}})
	content, err := os.ReadFile(x.at("/etc/resolv.conf"))
	info, statErr := os.Stat(x.at("/etc/resolv.conf"))
	if err != nil || statErr != nil || string(content) != "nameserver 10.0.0.1\n" || info.Mode() != 0o644 {
		t.Errorf("%q, %v, %v %v", content, info.Mode(), err, statErr)
	}
	if left, err := os.ReadDir(x.at("/etc")); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	checkReport(t, x.rewind(state), Report{})
}
