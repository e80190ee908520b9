package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// private is a directory of the tool's own with copies of the context file and of the kubeconfig it names. The paths of
// the originals carry the scenario's name, which a tool must not see.
type private struct{ dir, context, kubeconfig string }

// newPrivate copies what the context file at path needs.
func newPrivate(path string) (p private, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("context file: %w", err)
	}
	var c Context
	if err := json.Unmarshal(text, &c); err != nil {
		return p, fmt.Errorf("context file %s: %w", path, err)
	}
	if p.dir, err = os.MkdirTemp("", "nov30-tool-"); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.remove())
		}
	}()
	if c.Kubeconfig != "" {
		p.kubeconfig = filepath.Join(p.dir, "kubeconfig")
		if err := copyFile(p.kubeconfig, c.Kubeconfig); err != nil {
			return p, fmt.Errorf("context file %s: kubeconfig: %w", path, err)
		}
		c.Kubeconfig = p.kubeconfig
	}
	p.context = filepath.Join(p.dir, "context.json")
	return p, WriteContext(p.context, c)
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

func (p private) remove() error { return os.RemoveAll(p.dir) }
