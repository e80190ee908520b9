// Package tool runs a detection and recovery tool under test: a black box behind a contract of two commands.
package tool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tool is what a tool file says.
type Tool struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Detect    Command   `json:"detect"`  // runs for the whole arm and prints one finding per line
	Recover   Command   `json:"recover"` // is started on the first critical finding; exit 0: it believes it is done
	Deadlines Deadlines `json:"deadlines"`

	// Dir is the directory of the tool file, absolute; empty when it did not come from one.
	Dir string `json:"-"`
}

// Command is a program and its arguments.
type Command struct {
	Exec []string `json:"exec"`
}

// Deadlines are the times within which the tool's makers say it is done. A recover command that takes longer is ended;
// Detect, from the bite to the first critical finding, is for whoever waits for that.
type Deadlines struct {
	Detect  metav1.Duration `json:"detect"`
	Recover metav1.Duration `json:"recover"`
}

// The deadlines of a tool file that sets none.
const (
	DefaultDetect  = time.Minute
	DefaultRecover = 2 * time.Minute
)

// The bounds of a deadline keep a typing mistake from failing a tool at once, or from blocking a night's run.
const (
	minDeadline = time.Second
	maxDeadline = time.Hour
)

// String is the tool's name and version.
func (t Tool) String() string { return strings.TrimSpace(t.Name + " " + t.Version) }

// Load reads a tool file. A program that is named with a slash is relative to the file's directory; one without is looked
// for in dirs and then in PATH. The error names file and field.
func Load(path string, dirs ...string) (Tool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Tool{}, err
	}
	t, err := Parse(text)
	if err == nil {
		t.Dir, err = filepath.Abs(filepath.Dir(path))
	}
	if err == nil {
		err = t.Resolve(t.Dir, dirs...)
	}
	if err != nil {
		return Tool{}, fmt.Errorf("tool file %s: %w", path, err)
	}
	return t, nil
}

// Resolve finds the tool's programs: a name with a slash relative to dir, one without in dirs and then in PATH.
func (t *Tool) Resolve(dir string, dirs ...string) error {
	return errors.Join(t.Detect.resolve("detect", dir, dirs), t.Recover.resolve("recover", dir, dirs))
}

// resolve turns the program's name into a path, so that a missing program is found before a cluster is made.
func (c *Command) resolve(field, dir string, dirs []string) error {
	name := c.Exec[0]
	var candidates []string
	switch {
	case filepath.IsAbs(name):
		candidates = []string{name}
	case strings.ContainsRune(name, filepath.Separator):
		candidates = []string{filepath.Join(dir, name)}
	default:
		for _, d := range dirs {
			candidates = append(candidates, filepath.Join(d, name))
		}
	}
	for _, candidate := range candidates {
		// Absolute first: a candidate without a slash would be looked for in PATH.
		path, err := filepath.Abs(candidate)
		if err != nil {
			return err
		}
		if path, err = exec.LookPath(path); err == nil {
			c.Exec = append([]string{path}, c.Exec[1:]...)
			return nil
		}
	}
	if !strings.ContainsRune(name, filepath.Separator) {
		if path, err := exec.LookPath(name); err == nil {
			c.Exec = append([]string{path}, c.Exec[1:]...)
			return nil
		}
		candidates = append(candidates, "PATH")
	}
	return fmt.Errorf("%s.exec: no executable %q (looked for %s); build it or give its path", field, name, strings.Join(candidates, ", "))
}
