package nodestate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// restless are directories of which nobody is told that a file in them changed: it does all the time.
var restless = []string{"/var/lib/etcd", "/var/log", "/var/cache", "/root/.kube/cache", "/var/lib/systemd", "/run/systemd"}

// putFiles makes the node's files what they were. Contents of the image's files are not at hand: where one of these was
// touched it is reported as lost, for whoever has the image.
func (n Node) putFiles(want []file, contents map[string][]byte, report *Report) error {
	have, err := n.index()
	if err != nil {
		return err
	}
	p := putter{root: n.Root, contents: contents, report: report, have: map[string]file{}}
	for _, f := range have {
		p.have[f.Path] = f
	}
	mounts, err := n.mountPoints()
	if err != nil {
		return err
	}
	if err := p.remove(want, have, mounts); err != nil {
		return err
	}
	for _, top := range further { // these are in no index themselves
		if err := p.parent(top, want); err != nil {
			return err
		}
	}
	for _, f := range want { // directories before what is in them
		if err := p.put(f); err != nil {
			return err
		}
	}
	return nil
}

type putter struct {
	root     string
	contents map[string][]byte
	report   *Report
	have     map[string]file
}

// parent makes a directory in which there was something.
func (p *putter) parent(dir string, want []file) error {
	if !slices.ContainsFunc(want, func(f file) bool { return filepath.Dir(f.Path) == dir }) {
		return nil
	}
	return os.MkdirAll(filepath.Join(p.root, dir), 0o755)
}

func (p *putter) path(f file) string { return filepath.Join(p.root, f.Path) }

func (p *putter) note(list *[]string, f file) {
	p.report.reload = p.report.reload || below(f.Path, runtimeUnits)
	if list == &p.report.Lost || !below(f.Path, restless) { // who has the image is told of all
		*list = append(*list, f.Path)
	}
}

// remove removes what was not there, what is in a directory before it.
func (p *putter) remove(want, have []file, mounts []string) error {
	wanted := map[string]bool{}
	for _, f := range want {
		wanted[f.Path] = true
	}
	for _, f := range slices.Backward(have) {
		if wanted[f.Path] {
			continue
		}
		if i := slices.IndexFunc(mounts, func(m string) bool { return below(m, []string{f.Path}) }); i >= 0 { // that may be anybody's
			return fmt.Errorf("%s was not there, and something is mounted at %s: not removed", f.Path, mounts[i])
		}
		p.note(&p.report.Removed, f)
		if err := os.RemoveAll(p.path(f)); err != nil { // sockets, which no index has, go with their directory
			return err
		}
	}
	return nil
}

func (p *putter) put(f file) error {
	is, exists := p.have[f.Path]
	if exists && is.Kind != f.Kind {
		if err := os.RemoveAll(p.path(f)); err != nil {
			return err
		}
	}
	same := exists && is.Kind == f.Kind
	switch {
	case f.Kind == regular && !f.Kept, f.Kind == special:
		if !same || !is.untouched(f) {
			p.note(&p.report.Lost, f)
		}
		return nil
	case f.Kind == regular && same && is.untouched(f):
		return nil
	}
	differs, err := p.content(f, same)
	if err != nil {
		return err
	}
	switch {
	case !exists:
		p.note(&p.report.Restored, f)
	case differs, is.Mode != f.Mode, is.UID != f.UID, is.GID != f.GID:
		p.note(&p.report.Altered, f)
	}
	return p.attributes(f)
}

// untouched says whether nothing can have changed a file since: whatever does sets the time of its last change.
func (f file) untouched(was file) bool {
	return f.Size == was.Size && f.Mtime == was.Mtime && f.Ctime == was.Ctime && f.Mode == was.Mode && f.UID == was.UID && f.GID == was.GID &&
		f.Link == was.Link
}

// content makes the content right and says whether it was another one.
func (p *putter) content(f file, same bool) (differs bool, err error) {
	path := p.path(f)
	switch f.Kind {
	case directory:
		if same {
			return false, nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a socket
			return true, err
		}
		return true, os.Mkdir(path, 0o700)
	case link:
		if same && p.have[f.Path].Link == f.Link {
			return false, nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
		return true, os.Symlink(f.Link, path)
	}
	content := p.contents[f.Path]
	if same && p.have[f.Path].Size == f.Size {
		if is, err := os.ReadFile(path); err == nil && bytes.Equal(bytes.TrimRight(is, "\x00"), content) {
			return false, nil
		}
	}
	return true, write(path, content, f.Size)
}

// write writes a file of that size, with zeros behind its content. It is put in place as a whole, except where the engine has
// mounted it: what is mounted cannot be replaced.
func write(path string, content []byte, size int64) error {
	beside := filepath.Join(filepath.Dir(path), ".nov30-rewind") // never a name too long
	if err := fill(beside, content, size); err != nil {
		return err
	}
	err := os.Rename(beside, path)
	if errors.Is(err, unix.EBUSY) {
		err = errors.Join(fill(path, content, size), os.Remove(beside))
	}
	return err
}

func fill(path string, content []byte, size int64) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	return errors.Join(err, out.Truncate(size), out.Close())
}

// attributes makes owner, mode and time right, in this order: a change of owner takes bits of the mode away.
func (p *putter) attributes(f file) error {
	path := p.path(f)
	if err := os.Lchown(path, int(f.UID), int(f.GID)); err != nil {
		return err
	}
	if f.Kind == link {
		return nil
	}
	if err := unix.Chmod(path, f.Mode); err != nil {
		return fmt.Errorf("chmod %s: %w", path, err)
	}
	if f.Kind == regular {
		return os.Chtimes(path, time.Time{}, time.Unix(0, f.Mtime))
	}
	return nil
}
