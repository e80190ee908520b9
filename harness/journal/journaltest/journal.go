package journaltest

import (
	"errors"

	"github.com/nov30/nov30/harness/journal"
)

// Journal keeps inverses in memory. From Fails on (counted from 1; 0 means never) Append fails and keeps nothing.
type Journal struct {
	Inverses []journal.Inverse
	Fails    int
	// Before, when set, is called with each inverse before it is kept: the change must not have been made yet.
	Before func(journal.Inverse)
}

// ErrFull is what a failing Journal answers.
var ErrFull = errors.New("no space left for the journal")

// Append implements journal.Journal.
func (j *Journal) Append(inv journal.Inverse) error {
	if j.Before != nil {
		j.Before(inv)
	}
	if j.Fails > 0 && len(j.Inverses)+1 >= j.Fails {
		return ErrFull
	}
	j.Inverses = append(j.Inverses, inv)
	return nil
}
