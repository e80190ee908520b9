package nodestate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"
)

// tree is a node in a directory.
type tree struct {
	testing.TB
	Node
	machine *fakeMachine
	runtime *fakeRuntime
}

func newTree(t *testing.T) *tree {
	t.Helper()
	root, err := os.MkdirTemp("", "node") // t.TempDir's are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	x := &tree{TB: t, machine: newMachine(), runtime: newRuntime(t, root)}
	x.machine.prints["ctr --namespace k8s.io images list"] = "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
	t.Cleanup(func() { x.must(os.RemoveAll(root)) })
	x.Node = Node{Name: "n1", Root: root, Clock: clockwork.NewFakeClock(), on: x.machine}
	x.put("/proc/self/mountinfo", mountLine("/"), 0o644)
	x.put("/proc/net/tcp", "", 0o644)
	x.put("/proc/net/udp", "", 0o644)
	x.put("/proc/stat", "btime 1\n", 0o644) // before any file
	x.put("/proc/1/stat", "1 (systemd) S"+strings.Repeat(" 0", 30)+"\n", 0o644)
	return x
}

func mountLine(point string) string {
	return "620 619 0:52 / " + point + " rw,relatime - overlay overlay rw\n"
}

func (x *tree) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x *tree) at(path string) string { return filepath.Join(x.Root, path) }

// put writes a file, and the directories that it is in.
func (x *tree) put(path, content string, mode fs.FileMode) {
	x.Helper()
	x.must(os.MkdirAll(filepath.Dir(x.at(path)), 0o755))
	x.must(os.WriteFile(x.at(path), []byte(content), mode))
	x.must(os.Chmod(x.at(path), mode))
}

func (x *tree) link(path, target string) {
	x.Helper()
	x.must(os.MkdirAll(filepath.Dir(x.at(path)), 0o755))
	x.must(os.Symlink(target, x.at(path)))
}

// start makes every file that exists the image's: the node starts now.
func (x *tree) start() {
	x.Helper()
	const tick = 1e9 / 100
	ticks := x.tick()/tick + 1
	x.put("/proc/stat", fmt.Sprintf("cpu  1 2 3\nbtime %d\nprocesses 9\n", ticks/100), 0o644)
	x.put("/proc/1/stat", fmt.Sprintf("1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 9 9\n", ticks%100+100), 0o644)
	for x.tick() < ticks*tick {
	}
}

// tick waits until the file system's clock has moved, and returns what it shows.
func (x *tree) tick() (ns int64) {
	x.Helper()
	var first int64
	for {
		x.put("/proc/clock", "", 0o644)
		var st unix.Stat_t
		x.must(unix.Stat(x.at("/proc/clock"), &st))
		if now := st.Ctim.Nano(); first == 0 {
			first = now
		} else if now > first {
			return now
		}
	}
}

// alter does what nobody is to notice by size or time: the content is another one.
func (x *tree) alter(path, content string) {
	x.Helper()
	was, err := os.Lstat(x.at(path))
	x.must(err)
	x.must(os.WriteFile(x.at(path), []byte(content), 0o600))
	x.must(os.Chtimes(x.at(path), was.ModTime(), was.ModTime()))
	if is, err := os.Lstat(x.at(path)); err != nil || is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
		x.Fatalf("%s shows that it changed: %v", path, err)
	}
}

// keep keeps the node's state.
func (x *tree) keep() []byte {
	x.Helper()
	var out bytes.Buffer
	x.must(x.Keep(x.Context(), &out))
	x.tick() // what changes from here on has another time
	return out.Bytes()
}

func (x *tree) rewind(state []byte) Report {
	x.Helper()
	report, err := x.Rewind(x.Context(), bytes.NewReader(state))
	x.must(err)
	return report
}

// picture is what can be seen of every file, found without index. The second map has the times of the last change.
func (x *tree) picture() (seen map[string]string, changed map[string]int64) {
	x.Helper()
	seen, changed = map[string]string{}, map[string]int64{}
	x.must(filepath.WalkDir(x.Root, func(at string, d fs.DirEntry, err error) error {
		path := "/" + strings.TrimPrefix(strings.TrimPrefix(at, x.Root), "/")
		if err != nil || path == "/" {
			return err
		}
		if path == "/proc" || path == "/run/containerd" {
			return fs.SkipDir
		}
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("%o %d:%d ", st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			text += fmt.Sprintf("%d %s %.40q %x", st.Size, time.Unix(0, st.Mtim.Nano()).UTC(), content, sha256.Sum256(content))
		case unix.S_IFLNK:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			text += target
		}
		seen[path], changed[path] = text, st.Ctim.Nano()
		return nil
	}))
	return seen, changed
}

// copyOf keeps files as an image would.
func (x *tree) copyOf(paths ...string) (putBack func(paths []string)) {
	x.Helper()
	type image struct {
		content  []byte
		info     fs.FileInfo
		uid, gid int
	}
	all := map[string]image{}
	for _, p := range paths {
		info, err := os.Lstat(x.at(p))
		x.must(err)
		var st unix.Stat_t
		x.must(unix.Lstat(x.at(p), &st))
		i := image{info: info, uid: int(st.Uid), gid: int(st.Gid)}
		if info.Mode().IsRegular() {
			i.content, err = os.ReadFile(x.at(p))
			x.must(err)
		}
		all[p] = i
	}
	return func(paths []string) {
		x.Helper()
		for _, p := range paths {
			i, ok := all[p]
			if !ok {
				x.Fatalf("the image has no %s", p)
			}
			if err := os.Remove(x.at(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				x.Fatal(err)
			}
			if i.content == nil && !i.info.Mode().IsRegular() {
				x.must(unix.Mkfifo(x.at(p), 0o600))
			} else {
				x.must(os.WriteFile(x.at(p), i.content, 0o600))
			}
			x.must(os.Lchown(x.at(p), i.uid, i.gid))
			x.must(os.Chmod(x.at(p), i.info.Mode()))
			x.must(os.Chtimes(x.at(p), i.info.ModTime(), i.info.ModTime()))
		}
	}
}

// same fails unless two pictures are.
func (x *tree) same(want, got map[string]string) {
	x.Helper()
	for _, p := range slices.Sorted(maps.Keys(want)) {
		if got[p] != want[p] {
			x.Errorf("%s was %.200q and is %.200q", p, want[p], got[p])
		}
	}
	for _, p := range slices.Sorted(maps.Keys(got)) {
		if want[p] == "" {
			x.Errorf("%s is left: %.200q", p, got[p])
		}
	}
}

func asRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

var unixEpoch = time.Unix(0, 0)
