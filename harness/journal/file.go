package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"
)

// File is the journal of one arm, a file of JSON lines under the state directory. One process holds it at a time; the
// hold ends with the process, however it ends. Its methods may be called concurrently.
type File struct {
	// Clock paces the waiting for a node to boot; nil means the real clock.
	Clock clockwork.Clock

	path   string
	mu     sync.Mutex
	disk   disk
	state  *state
	broken error // the first failed write; nothing is written after it
}

// disk is what a journal needs of its *os.File.
type disk interface {
	io.WriteCloser
	Sync() error
}

// Errors of Create and Open beside those of the file system.
var (
	ErrInUse    = errors.New("another process holds the journal")
	ErrNoHeader = errors.New("the journal has no readable header")
)

// Append implements Journal: when it returns nil the inverse is on disk. An inverse that could not be applied later is
// refused here, before the change is made. After a failed write every further Append fails.
func (f *File) Append(inv Inverse) error {
	if err := inv.check(); err != nil {
		return fmt.Errorf("journal %s: %w", f.path, err)
	}
	inv.Preimage = slices.Clone(inv.Preimage)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write(entry{Inverse: &inv})
}

// write puts an entry on disk, then into the state. f.mu is held.
func (f *File) write(e entry) error {
	if f.broken != nil {
		return fmt.Errorf("journal %s: nothing is written after a failed write: %w", f.path, f.broken)
	}
	e.Seq = f.state.last + 1
	line, err := encode(e)
	if err != nil {
		return fmt.Errorf("journal %s: %w", f.path, err)
	}
	if _, err = f.disk.Write(line); err == nil {
		err = f.disk.Sync()
	}
	if err != nil {
		f.broken = err // what is on disk is unknown now; a later Open reads it
		return fmt.Errorf("journal %s: %w", f.path, err)
	}
	f.state.add(e)
	return nil
}

// Path is where the journal lies.
func (f *File) Path() string { return f.path }

// Meta is the journal's header.
func (f *File) Meta() Meta {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *f.state.meta
}

// Pending lists the inverses that are not applied yet, in the order in which Revert applies them.
func (f *File) Pending() []Inverse {
	var pending []Inverse
	for _, n := range f.pending() {
		pending = append(pending, n.Inverse)
	}
	return pending
}

func (f *File) pending() []numbered {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.pending()
}

// Close lets go of the journal and leaves it on disk, for a sweep. The lock is given back by name: a process that is just
// being started holds a copy of the descriptor until it runs its program.
func (f *File) Close() error {
	if file, ok := f.disk.(*os.File); ok {
		_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
	}
	return f.disk.Close()
}
