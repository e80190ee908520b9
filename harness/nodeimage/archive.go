package nodeimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// archive writes files owned by root; its times are fixed, so that the same content gives the same bytes.
type archive struct{ w *tar.Writer }

// epoch is the modification time of everything in an image.
var epoch = time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC)

func (t *archive) header(h tar.Header) error {
	h.ModTime, h.Format = epoch, tar.FormatPAX
	return t.w.WriteHeader(&h)
}

// bytes adds a file.
func (t *archive) bytes(name string, mode fs.FileMode, text []byte) error {
	h := tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(mode.Perm()), Size: int64(len(text))}
	if err := t.header(h); err != nil {
		return err
	}
	_, err := t.w.Write(text)
	return err
}

// file adds a file of the host's as an executable, under its first name, and hard links under the others.
func (t *archive) file(source string, names ...string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.header(tar.Header{Name: names[0], Typeflag: tar.TypeReg, Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(t.w, f); err != nil {
		return err
	}
	for _, name := range names[1:] {
		if err := t.header(tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: names[0], Mode: 0o755}); err != nil {
			return err
		}
	}
	return nil
}

// tree adds the files below a directory of fsys at the root. What lies in a bin or sbin directory is executable.
func (t *archive) tree(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if dir := path.Base(path.Dir(filepath.ToSlash(name))); strings.HasSuffix(dir, "bin") {
			mode = 0o755
		}
		return t.bytes(name, mode, text)
	})
}

// copyOf takes one file out of another tar and adds it as an executable, with hard links under the further names.
func (t *archive) copyOf(from []byte, name string, names ...string) error {
	r := tar.NewReader(bytes.NewReader(from))
	for {
		h, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s in the archive: %w", name, err)
		}
		if h.Name != name {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s in the archive is not a file", name)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := t.bytes(names[0], 0o755, text); err != nil {
			return err
		}
		for _, link := range names[1:] {
			if err := t.header(tar.Header{Name: link, Typeflag: tar.TypeLink, Linkname: names[0], Mode: 0o755}); err != nil {
				return err
			}
		}
		return nil
	}
}
