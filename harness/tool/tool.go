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
	"sigs.k8s.io/yaml"
)

// Tool is what a tool file says.
type Tool struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Detect    Command   `json:"detect"`  // runs for the whole arm and prints one finding per line
	Recover   Command   `json:"recover"` // is started on the first critical finding; exit 0: it believes it is done
	Deadlines Deadlines `json:"deadlines"`
}

// Command is a program and its arguments.
type Command struct {
	Exec []string `json:"exec"`
}

// Deadlines bound the tool's commands.
type Deadlines struct {
	Recover metav1.Duration `json:"recover"` // 0 means DefaultRecover
}

// DefaultRecover is how long a recover command may take that sets no deadline.
const DefaultRecover = 2 * time.Minute

// maxDeadline keeps a typing mistake from blocking a night's run.
const maxDeadline = time.Hour

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
		err = t.Resolve(filepath.Dir(path), dirs...)
	}
	if err != nil {
		return Tool{}, fmt.Errorf("tool file %s: %w", path, err)
	}
	return t, nil
}

// Parse reads the text of a tool file, strictly: an unknown field is an error.
func Parse(text []byte) (Tool, error) {
	var t Tool
	if err := yaml.UnmarshalStrict(text, &t); err != nil {
		return Tool{}, err
	}
	if t.Deadlines.Recover.Duration == 0 {
		t.Deadlines.Recover.Duration = DefaultRecover
	}
	var errs []error
	if strings.TrimSpace(t.Name) == "" {
		errs = append(errs, errors.New("name: give the tool a name"))
	}
	for field, c := range map[string]Command{"detect": t.Detect, "recover": t.Recover} {
		if len(c.Exec) == 0 || c.Exec[0] == "" {
			errs = append(errs, fmt.Errorf("%s.exec: give a program, for example %s: {exec: [my-tool, %s]}", field, field, field))
		}
	}
	if d := t.Deadlines.Recover.Duration; d < time.Second || d > maxDeadline {
		errs = append(errs, fmt.Errorf("deadlines.recover: %s is not between 1s and %s", d, maxDeadline))
	}
	return t, errors.Join(errs...)
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
		candidates = append(candidates, name)
	}
	for _, candidate := range candidates {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		c.Exec = append([]string{path}, c.Exec[1:]...)
		return nil
	}
	return fmt.Errorf("%s.exec: no executable %q (looked for %s); build it or give its path", field, name, strings.Join(candidates, ", "))
}
