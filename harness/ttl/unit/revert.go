package unit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nov30/nov30/harness/journal"
)

// Revert is what the timer starts: it marks that the limit has fired, applies the node's journal last in first out, ends
// the journal when everything is undone, and completes the mark. The mark comes first, so that a revert that dies leaves
// it too; a mark that cannot be written keeps nothing from being undone. It can be repeated. progress, which may be nil,
// hears of each inverse. Any error means that something may not be undone; *journal.IncompleteError says what.
func (u Unit) Revert(ctx context.Context, progress func(journal.Inverse, error)) error {
	if err := u.here(); err != nil {
		return err
	}
	mark, err := u.fire()
	errs := []error{err}
	found, err := journal.List(u.Dir)
	errs = append(errs, err)
	for _, l := range found {
		err := u.revertOne(ctx, l.Path, func(i journal.Inverse, err error) {
			if err == nil {
				mark.Reverted = append(mark.Reverted, i.String())
			}
			if progress != nil {
				progress(i, err)
			}
		})
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	if mark.Error = ""; err != nil {
		mark.Error = err.Error()
	}
	return errors.Join(err, u.writeMark(mark))
}

// fire writes the mark, or reads that of an earlier try: it keeps the time at which the limit fired first.
func (u Unit) fire() (Mark, error) {
	now := Mark{At: u.Clock.Now().UTC(), Reverted: []string{}}
	earlier, err := u.readMark()
	if earlier != nil {
		return *earlier, nil
	}
	return now, errors.Join(err, u.writeMark(now))
}

func (u Unit) revertOne(ctx context.Context, path string, progress func(journal.Inverse, error)) error {
	f, err := u.hold(ctx, func() (*journal.File, error) { return journal.Open(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another revert has just ended it
	}
	if err != nil {
		return err
	}
	if err := f.Revert(ctx, alone{f.Meta().Cluster, u.Node}, progress); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Seal(); err != nil {
		return fmt.Errorf("everything is undone, but the journal stays: %w", err)
	}
	return nil
}
