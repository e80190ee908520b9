package journal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Create begins the journal of an arm in dir, which is made with mode 0700; m.Version is set. When it returns, the file
// (mode 0600) and its directory are on disk and the journal is held. A journal of that run, scenario and arm that
// exists already is fs.ErrExist: it holds changes that were not undone.
func Create(dir string, m Meta) (*File, error) {
	m.Version = Version
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	if err := privateDir(dir); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	path := filepath.Join(dir, m.fileName())
	f, err := begin(path, m)
	if err != nil {
		return nil, fmt.Errorf("create journal %s: %w", path, err)
	}
	return &File{path: path, disk: f, state: newState(decoded{entries: []entry{{Meta: &m}}})}, nil
}

// begin makes the file without a name and names it when it is whole, so that a journal with half a header never exists and
// a process that is killed meanwhile leaves nothing. The header is written twice: were the only one damaged, nobody could
// tell to which cluster the inverses belong.
func begin(path string, m Meta) (_ *os.File, err error) {
	header, err := encode(entry{Meta: &m})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Dir(path), unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := lock(f); err != nil {
		return nil, err
	}
	if _, err := f.Write(append(header, header...)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil { // unlike rename, never over an older journal
		return nil, err
	}
	return f, syncDir(filepath.Dir(path))
}

// Open takes hold of a journal that exists, to revert what it holds or to go on writing. Errors: ErrInUse, ErrNoHeader,
// ErrVersion; fs.ErrNotExist when it was sealed.
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return f, nil
}

func open(path string) (j *File, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := lockCurrent(f, path); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	d := decode(data)
	s := newState(d)
	if err := s.checkHeader(); err != nil {
		return nil, err
	}
	if err := mend(f, data, d); err != nil {
		return nil, err
	}
	return &File{path: path, disk: f, state: s}, nil
}

// mend makes the end of the file fit to append to: a torn line goes, because with something behind it it would look
// like a damaged one; a missing newline comes.
func mend(f *os.File, data []byte, d decoded) error {
	end := len(data)
	if d.torn && !d.cut {
		end = d.whole
		if err := f.Truncate(int64(end)); err != nil {
			return err
		}
	}
	if bytes.HasSuffix(data[:end], []byte("\n")) {
		return nil
	}
	if _, err := f.Write([]byte("\n")); err != nil {
		return err
	}
	return f.Sync()
}
