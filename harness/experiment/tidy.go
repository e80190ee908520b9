package experiment

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nov30/nov30/harness/state"
	"github.com/nov30/nov30/harness/tool"
)

// remnant is something of a run outside its clusters that must not outlive it, on disk before it exists: whoever finds the run
// dead, a guardian or a later sweep, removes it.
type remnant struct {
	Remove string `json:"remove,omitempty"` // a kubeconfig, or a tool's private directory: they hold keys
	Strays string `json:"strays,omitempty"` // context file of a tool whose processes must not go on
}

func (h Home) tidyFile(run string) string { return filepath.Join(h.runs(), run+".tidy") }

// note adds to what must not outlive a run.
func (h Home) note(run string, l remnant) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := state.Make(h.runs()); err != nil {
		return err
	}
	f, err := os.OpenFile(h.tidyFile(run), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// tidy removes what a dead run left outside its clusters. Kubeconfigs of clusters that are kept stay.
func (h Home) tidy(run string) error {
	f, err := os.Open(h.tidyFile(run))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	kept, err := h.keptKubeconfigs()
	if err != nil {
		return err
	}
	var errs []error
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l remnant
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // the last line of a run that was killed as it wrote it: what it names did not exist yet
		}
		errs = append(errs, l.tidy(kept))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := os.Remove(h.tidyFile(run)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (l remnant) tidy(kept map[string]bool) error {
	if l.Strays != "" {
		_, err := tool.KillStrays(l.Strays)
		return err
	}
	name := filepath.Base(l.Remove)
	switch {
	case kept[l.Remove]:
		return nil
	case name == "kubeconfig", strings.HasPrefix(name, tool.PrivatePrefix):
		return os.RemoveAll(l.Remove)
	}
	return fmt.Errorf("%s is nothing that a run leaves behind: not removed", l.Remove)
}

// keptKubeconfigs are those of the clusters that somebody keeps.
func (h Home) keptKubeconfigs() (map[string]bool, error) {
	marks, err := filepath.Glob(filepath.Join(h.kept(), "*"))
	kept := map[string]bool{}
	for _, m := range marks {
		path, readErr := os.ReadFile(m)
		err = errors.Join(err, readErr)
		kept[string(path)] = true
	}
	return kept, err
}
