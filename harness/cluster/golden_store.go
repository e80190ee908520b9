package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/kind/pkg/cmd/kind/version"

	"github.com/nov30/nov30/harness/golden"
	"github.com/nov30/nov30/harness/state"
)

// kindVersion is the version of kind that is built in.
func kindVersion() string { return version.Version() }

// goldenStore is the file that holds the golden state of one image and shape. Of the keys in it no cluster ever had one.
type goldenStore struct {
	dir string
	key golden.Key
}

func (s goldenStore) path() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %+v", golden.Version, s.key))
	return filepath.Join(s.dir, "golden", hex.EncodeToString(sum[:8]))
}

// load returns nil where there is none. What is damaged, foreign, or readable for others is removed, and the error says why.
func (s goldenStore) load() (*golden.State, error) {
	info, err := os.Lstat(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0) {
		err = fmt.Errorf("%s is not for its owner alone", s.path())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(s.path())
	}
	if err == nil {
		var found *golden.State
		if found, err = golden.Decode(data, s.key); err == nil {
			return found, nil
		}
		err = fmt.Errorf("%s: %w", s.path(), err)
	}
	return nil, errors.Join(err, s.remove())
}

func (s goldenStore) remove() error {
	if err := os.RemoveAll(s.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// save puts the state in place as a whole: another process may be reading or writing the same.
func (s goldenStore) save(g *golden.State) error {
	data, err := g.Encode()
	if err != nil {
		return err
	}
	dir, err := state.Make(filepath.Dir(s.path()))
	if err != nil {
		return err
	}
	beside, err := os.CreateTemp(dir, "."+filepath.Base(s.path())+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = beside.Write(data)
	if err = errors.Join(err, beside.Sync(), beside.Close()); err == nil {
		err = os.Rename(beside.Name(), s.path())
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside.Name()))
	}
	return nil
}
