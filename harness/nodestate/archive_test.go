package nodestate

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// archiveOf writes a state and contents as they are, whole or not.
func archiveOf(t testing.TB, s state, contents map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	a, err := newArchive(&out, s)
	for path, content := range contents {
		err = errors.Join(err, a.entry(path, []byte(content)))
	}
	if err := errors.Join(err, a.close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func smallState() (state, map[string]string) {
	return state{Version: Version, Node: "n1", Units: []string{"dbus.service"}, Files: []file{
		{Path: "/etc", Kind: directory, Mode: 0o755, Kept: true},
		{Path: "/etc/a", Kind: regular, Mode: 0o600, Size: 5, Kept: true},
		{Path: "/etc/b", Kind: link, Link: "a", Kept: true},
		{Path: "/etc/wal", Kind: regular, Size: 1 << 26, Kept: true},
		{Path: "/pipe", Kind: special},
		{Path: "/program", Kind: regular, Size: 1 << 30},
	}}, map[string]string{"/etc/a": "the a", "/etc/wal": "entries"}
}

func TestAnArchiveHoldsWhatWasPutIn(t *testing.T) {
	want, contents := smallState()
	s, got, err := readArchive(bytes.NewReader(archiveOf(t, want, contents)))
	if err != nil || !reflect.DeepEqual(s, want) || string(got["/etc/a"]) != "the a" || string(got["/etc/wal"]) != "entries" {
		t.Errorf("%+v, %q, %v", s, got, err)
	}
}

func TestEveryPrefixOfAnArchiveIsRefused(t *testing.T) {
	s, contents := smallState()
	whole := archiveOf(t, s, contents)
	for n := range whole {
		if _, _, err := readArchive(bytes.NewReader(whole[:n])); !errors.Is(err, ErrState) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestAnArchiveInWhichAByteChangedIsRefusedOrTheSame(t *testing.T) {
	want, contents := smallState()
	whole := archiveOf(t, want, contents)
	for n := range whole {
		spoiled := bytes.Clone(whole)
		spoiled[n] ^= 0x10
		s, got, err := readArchive(bytes.NewReader(spoiled))
		if err == nil && (!reflect.DeepEqual(s, want) || string(got["/etc/a"]) != "the a") {
			t.Errorf("byte %d: %+v, %q", n, s, got)
		}
		if err != nil && !errors.Is(err, ErrState) {
			t.Errorf("byte %d: %v", n, err)
		}
	}
}

func TestAnArchiveOutOfItsOrderIsRefused(t *testing.T) {
	s, _ := smallState()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	write := func(names ...string) []byte {
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		a := &archive{tar: tar.NewWriter(zip), zip: zip}
		for _, n := range names {
			content := []byte("the a")
			if n == firstEntry {
				content = text
			}
			err = errors.Join(err, a.entry(n, content))
		}
		if err = errors.Join(err, a.tar.Close(), a.zip.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	if _, _, err := readArchive(bytes.NewReader(write(firstEntry, "/etc/a", "/etc/wal", lastEntry))); err != nil {
		t.Fatal(err)
	}
	for name, names := range map[string][]string{
		"empty": {}, "the end alone": {lastEntry}, "no end": {firstEntry, "/etc/a", "/etc/wal"}, "no state": {"/etc/a", "/etc/wal", lastEntry},
		"the state last": {"/etc/a", "/etc/wal", firstEntry, lastEntry}, "two states": {firstEntry, "/etc/a", firstEntry, "/etc/wal", lastEntry},
		"something behind the end": {firstEntry, "/etc/wal", lastEntry, "/etc/a"}, "no content": {firstEntry, "/etc/wal", lastEntry},
	} {
		if _, _, err := readArchive(bytes.NewReader(write(names...))); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAStateThatIsNoNodesIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(s *state){
		"of another version":             func(s *state) { s.Version++ },
		"without a file":                 func(s *state) { s.Files = nil },
		"a path out of the root":         func(s *state) { s.Files[2].Path = "/../etc/b" },
		"a path that goes up":            func(s *state) { s.Files[2].Path = "/etc/../etc/b" },
		"a path that is not absolute":    func(s *state) { s.Files[2].Path = "etc/b" },
		"a path that ends in a slash":    func(s *state) { s.Files[4].Path = "/pipe/" },
		"the root":                       func(s *state) { s.Files[0].Path = "/" },
		"no path":                        func(s *state) { s.Files[2].Path = "" },
		"a path through a link":          func(s *state) { s.Files[4].Path = "/etc/b/pipe" },
		"a path through a file":          func(s *state) { s.Files[4].Path = "/etc/a/pipe" },
		"a path through nothing":         func(s *state) { s.Files[4].Path = "/nowhere/pipe" },
		"the same path twice":            func(s *state) { s.Files[4].Path = "/etc/a" },
		"of an unknown kind":             func(s *state) { s.Files[4].Kind = "door" },
		"a content that is longer":       func(s *state) { s.Files[1].Size = 4 },
		"a size below nothing":           func(s *state) { s.Files[1].Size = -1 },
		"a file without its content":     func(s *state) { s.Files[5].Kept = true },
		"a directory behind its content": func(s *state) { s.Files[0], s.Files[1] = s.Files[1], s.Files[0] },
	} {
		s, contents := smallState()
		spoil(&s)
		if _, _, err := readArchive(bytes.NewReader(archiveOf(t, s, contents))); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	s, contents := smallState()
	whole := archiveOf(f, s, contents)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:len(whole)-8])
	f.Add([]byte{})
	s.Files[1].Path = "/../etc/a"
	f.Add(archiveOf(f, s, contents))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, contents, err := readArchive(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("%v", err)
			}
			return
		}
		root := t.TempDir()
		for _, file := range s.Files {
			if at := filepath.Join(root, file.Path); !strings.HasPrefix(at, root+"/") || at != root+file.Path {
				t.Errorf("%q leads to %q", file.Path, at)
			}
			if file.Kept && file.Kind == regular && int64(len(contents[file.Path])) > file.Size {
				t.Errorf("%q has %d bytes of %d", file.Path, len(contents[file.Path]), file.Size)
			}
		}
	})
}
