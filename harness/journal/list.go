package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Listed is a journal that was begun and not sealed.
type Listed struct {
	Path    string
	Meta    Meta     // zero when the header cannot be read
	Pending int      // inverses not applied yet; 0: it only needs sealing
	Lost    []string // entries that cannot be read any more
	InUse   bool     // a living process holds it, for instance another run: not to be swept
	Err     error    // why it cannot be opened, except InUse
}

// List gives the journals in dir that are not sealed, in the order of their names, those that cannot be read included.
// It changes nothing. A directory that does not exist holds none.
func List(dir string) ([]Listed, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var open []Listed
	for _, entry := range names {
		if !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		l := look(filepath.Join(dir, entry.Name()))
		if !errors.Is(l.Err, fs.ErrNotExist) { // sealed meanwhile
			open = append(open, l)
		}
	}
	return open, nil
}

func look(path string) Listed {
	f, err := os.Open(path)
	if err != nil {
		return Listed{Path: path, Err: err}
	}
	defer f.Close()
	l := Listed{Path: path, InUse: errors.Is(flock(f, unix.LOCK_SH), ErrInUse)}
	data, err := io.ReadAll(f)
	if err != nil {
		l.Err = err
		return l
	}
	s := newState(decode(data))
	l.Pending, l.Lost, l.Err = len(s.pending()), s.lost, s.checkHeader()
	if s.meta != nil {
		l.Meta = *s.meta
	}
	return l
}

// checkHeader says why inverses of this journal must not be applied.
func (s *state) checkHeader() error {
	switch {
	case s.meta != nil:
		return s.meta.check()
	case s.last == 0 && len(s.lost) == 0:
		return fmt.Errorf("%w and no entry: nothing was changed under it, it can be deleted", ErrNoHeader)
	}
	return fmt.Errorf("%w but entries: delete the cluster it belonged to, then the journal", ErrNoHeader)
}
