package unit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// markName is the mark's file in Dir.
const markName = "fired.json"

// Mark is left when the limit has fired.
type Mark struct {
	At       time.Time `json:"at"`              // when it fired first, by the node's wall clock: for people
	Reverted []string  `json:"reverted"`        // the inverses that were applied and verified, without their preimages
	Error    string    `json:"error,omitempty"` // what could not be undone; empty while the first try goes on
}

// readMark gives nil when the limit has not fired.
func (u Unit) readMark() (*Mark, error) {
	data, err := os.ReadFile(filepath.Join(u.Dir, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m Mark
	if err := strictJSON(data, &m); err != nil {
		return nil, fmt.Errorf("%s: the limit fired, but its mark cannot be read: %w", filepath.Join(u.Dir, markName), err)
	}
	return &m, nil
}

func (u Unit) notFired() error {
	m, err := u.readMark()
	if err != nil {
		return err
	}
	if m != nil {
		return fmt.Errorf("%w at %s: nothing more may be changed", ErrFired, m.At.Format(time.RFC3339))
	}
	return nil
}

// writeMark puts the mark on disk, whole or not at all.
func (u Unit) writeMark(m Mark) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(u.Dir, ".fired-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(u.Dir, markName)); err != nil {
		return err
	}
	return syncDir(u.Dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
