package experiment

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/state"
)

// Home is the state directory as the runs of a machine share it: journals that are open, runs that are alive, clusters
// that somebody wants to keep.
type Home struct{ Dir string }

// ID tells this state directory from another one on the same engine.
func (h Home) ID() string {
	sum := sha256.Sum256([]byte(h.Dir))
	return hex.EncodeToString(sum[:6])
}

// Journals is where the journals lie.
func (h Home) Journals() string { return filepath.Join(h.Dir, "journal") }

func (h Home) runs() string { return filepath.Join(h.Dir, "runs") }
func (h Home) kept() string { return filepath.Join(h.Dir, "kept") }

// Keep marks a cluster as wanted: a sweep leaves it alone unless it is told to delete. Its kubeconfig, which holds a key,
// goes with it then.
func (h Home) Keep(cluster, kubeconfig string) error {
	path, err := filepath.Abs(kubeconfig)
	if err != nil {
		return err
	}
	if _, err := state.Make(h.kept()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.kept(), cluster), []byte(path), 0o600)
}

func (h Home) isKept(cluster string) bool {
	_, err := os.Stat(filepath.Join(h.kept(), cluster))
	return err == nil
}

// unkeep ends what Keep began, for a cluster that has been deleted; for one that was not kept it does nothing.
func (h Home) unkeep(cluster string) error {
	if filepath.Base(cluster) != cluster {
		return fmt.Errorf("%q is no cluster's name", cluster)
	}
	mark := filepath.Join(h.kept(), cluster)
	path, err := os.ReadFile(mark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if filepath.Base(string(path)) == "kubeconfig" {
		if err := os.Remove(string(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Remove(mark)
}

// Waiting names what a sweep would have to look at: open journals, runs without an end, kept clusters.
func (h Home) Waiting() ([]string, error) {
	var all []string
	for _, dir := range []string{h.Journals(), h.runs(), h.kept()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all, err
		}
		for _, e := range entries {
			all = append(all, filepath.Join(filepath.Base(dir), e.Name()))
		}
	}
	return all, nil
}
