package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrPending is a journal that cannot be sealed because not everything in it is undone.
var ErrPending = errors.New("the journal still holds what was not undone")

// Seal ends a journal in which everything is undone: it is removed, because preimages may hold keys, and let go of.
func (f *File) Seal() error {
	if n, lost := len(f.pending()), len(f.lost()); n > 0 || lost > 0 {
		return fmt.Errorf("seal %s: %w: %d inverses, %d damaged entries", f.path, ErrPending, n, lost)
	}
	return f.remove()
}

// Discard ends a journal whose cluster has been deleted, pending or not: there is nothing left to restore. The caller
// has made sure of that.
func (f *File) Discard() error { return f.remove() }

// remove unlinks while the journal is still held, so that nobody takes hold of it in between.
func (f *File) remove() error {
	if err := os.Remove(f.path); err != nil {
		return fmt.Errorf("end journal: %w", err)
	}
	return errors.Join(syncDir(filepath.Dir(f.path)), f.Close())
}
