package canary

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

// search searches one file.
func search(t *testing.T, n *needles, content string) bool {
	t.Helper()
	s := searcher{needles: n, chunk: 100}
	found, err := s.tree(fstest.MapFS{"file": {Data: []byte(content)}})
	if err != nil || s.files != 1 {
		t.Fatalf("%d files, %v", s.files, err)
	}
	return len(found) == 1
}

func TestEveryPartIsFoundInEveryEncodingAndAnotherCanarysIsNot(t *testing.T) {
	c, other := New(), New()
	others, n := parts(other), c.needles()
	for part, text := range parts(c) {
		for name, encode := range encodings {
			around := func(s string) string {
				if strings.HasPrefix(s, gzipMagic) {
					return s
				}
				return "level=info msg=\"" + s + "\"\n"
			}
			if !search(t, n, around(encode(text))) {
				t.Errorf("%s, %s: not found in %q", part, name, encode(text))
			}
			if search(t, n, around(encode(others[part]))) {
				t.Errorf("%s, %s: found where there is none of it", part, name)
			}
		}
	}
}

func TestLessThan16CharactersAndWhatEveryKeyHasAreNotFound(t *testing.T) {
	c := New()
	n := c.needles()
	for _, text := range []string{
		c.password[:15], c.token[3:18], c.key[100:115], "-----BEGIN RSA PRIVATE KEY-----\n" + c.key[:keyHead] + "\n-----END RSA PRIVATE KEY-----\n",
		std("-----BEGIN RSA PRIVATE KEY-----\n"), tokenHead, KeyFile, EnvFile, "NOV30_CANARY_TOKEN=",
	} {
		for name, encode := range encodings {
			if strings.HasPrefix(name, "base64") && len(text) < windowSize {
				continue // 15 characters have 18 known characters of base64: finding them is not wrong
			}
			if strings.HasPrefix(name, "hex") || strings.HasPrefix(name, "HEX") || strings.HasPrefix(name, "gzip of gzip") {
				continue // as with base64
			}
			if search(t, n, encode(text)) {
				t.Errorf("%s: found in %q", name, text)
			}
		}
	}
}

func TestAPartIsFoundWhereverItLiesInALargeFile(t *testing.T) {
	c := New()
	part, n := c.password[:windowSize], c.needles()
	for _, escape := range []func(string) string{encodings["plain"], unicodes, percent, encodings["UTF-16"]} {
		for at := range 500 {
			content := strings.Repeat(".", at) + escape(part) + strings.Repeat(".", 300)
			s := searcher{needles: n, chunk: 100}
			if hit, err := s.plain(iotest.HalfReader(strings.NewReader(content))); !hit || err != nil {
				t.Fatalf("not found at %d in %q: %v", at, escape(part), err)
			}
		}
	}
}

func TestSearchNamesTheFilesAndFollowsNoLinksButTheGivenOne(t *testing.T) {
	c := New()
	run, elsewhere := t.TempDir(), t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(run, "clean.log"), "nothing")
	write(filepath.Join(run, "a/b/deep.json"), jsonText(c.pem()))
	write(filepath.Join(run, "a/key-"+c.password+".txt"), "")
	write(filepath.Join(elsewhere, "of-others"), c.pem())
	latest := filepath.Join(t.TempDir(), "latest")
	for link, target := range map[string]string{latest: run, filepath.Join(run, "out"): elsewhere, filepath.Join(run, "named"): "/tokens/" + c.token} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	found, err := c.Search(latest)
	slices.Sort(found)
	want := []string{filepath.Join(latest, "a/b/deep.json"), filepath.Join(latest, "a/key-"+c.password+".txt"), filepath.Join(latest, "named")}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %q, %v; want %q", found, err, want)
	}
	if found, err := New().Search(latest, run); err != nil || len(found) > 0 {
		t.Errorf("another canary: %q, %v", found, err)
	}
}

func TestWhatCannotBeSearchedIsAnErrorAndTheRestIsSearched(t *testing.T) {
	c := New()
	for name, spoil := range map[string]func(dir string) error{
		"a damaged gzip": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "x.gz"), []byte(zipped("some text")[:15]), 0o600)
		},
		"no gzip behind its first bytes": func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), []byte(gzipMagic+"x"), 0o600) },
		"compressed without end": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "x"), []byte(zipped(zipped(zipped(zipped(zipped("")))))), 0o600)
		},
	} {
		dir := t.TempDir()
		if err := errors.Join(spoil(dir), os.WriteFile(filepath.Join(dir, "z"), []byte(c.token), 0o600)); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Search(dir); err == nil || !strings.Contains(err.Error(), "x") || len(found) != 1 {
			t.Errorf("%s: found %q, %v", name, found, err)
		}
	}
	for name, dirs := range map[string][]string{"no directory": {filepath.Join(t.TempDir(), "none")}, "an empty one": {t.TempDir()}, "none given": {}} {
		if found, err := c.Search(dirs...); err == nil || found != nil {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
	s := searcher{needles: c.needles(), chunk: chunk}
	for name, root := range map[string]fs.FS{"open": broken{openFails: true}, "read": broken{}} {
		if _, err := s.tree(root); !errors.Is(err, fs.ErrPermission) || s.files != 0 {
			t.Errorf("%s: %v, %d files", name, err, s.files)
		}
	}
}

// broken is a directory with one file that cannot be read.
type broken struct{ openFails bool }

func (b broken) Open(name string) (fs.File, error) {
	if name == "." {
		return fstest.MapFS{"file": {Data: []byte("x")}}.Open(name)
	}
	if b.openFails {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return unreadable{}, nil
}

type unreadable struct{ fs.File }

func (unreadable) Read([]byte) (int, error) { return 0, fs.ErrPermission }
func (unreadable) Close() error             { return nil }

func TestManyMegabytesAreSearchedInSeconds(t *testing.T) {
	c := New()
	r := rand.New(rand.NewSource(20191130))
	text := make([]byte, 16<<20)
	for i := range text {
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\n\\"[r.Intn(66)]
	}
	began := time.Now()
	s := searcher{needles: c.needles(), chunk: chunk}
	if hit, err := s.plain(bytes.NewReader(text)); hit || err != nil {
		t.Errorf("%v, %v", hit, err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("16 MiB took %v", took)
	}
}
