package tool

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ContextVariable is the environment variable that carries the context file's path.
const ContextVariable = "NOV30_CONTEXT"

// Context is all that a tool is told of the cluster. It never sees the scenario's name, nov30's state or its inverses.
type Context struct {
	Cluster    string    `json:"cluster"`
	Kubeconfig string    `json:"kubeconfig"`
	Nodes      []Node    `json:"nodes"`
	SiteURL    string    `json:"site_url"`
	Deadline   time.Time `json:"deadline"`
	Engine     Engine    `json:"engine"`
}

// Node is one machine: the container is how it is reached here.
type Node struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	Container string `json:"container"`
	Address   string `json:"address"`
}

// Engine is the container engine by which a node's container is reached.
type Engine struct {
	Command string `json:"command"`
	Host    string `json:"host,omitempty"`
}

// WriteContext writes the context file, for the owner alone, in one step: a tool never reads half of it.
func WriteContext(path string, c Context) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".context-*") // mode 0600
	if err != nil {
		return fmt.Errorf("context file: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(append(text, '\n')); err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("context file %s: %w", path, err)
	}
	return nil
}

// parseContext reads the text of a context file.
func parseContext(text []byte) (Context, error) {
	var c Context
	err := json.Unmarshal(text, &c)
	return c, err
}

// inherited are the variables that a tool has of its parent's.
var inherited = [...]string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TERM", "TZ"}

// environment is what a tool inherits: nothing by which it could find nov30's state or learn what is being run. KUBECONFIG
// names the cluster under test, so that a plain kubectl does not reach for ~/.kube. What names the engine's socket in extra
// names the one that the tool can see.
func environment(parent []string, p private, extra []string) []string {
	var env []string
	for _, pair := range parent {
		name, _, _ := strings.Cut(pair, "=")
		for _, allowed := range inherited {
			if name == allowed {
				env = append(env, pair)
			}
		}
	}
	for _, pair := range extra {
		if name, value, _ := strings.Cut(pair, "="); value == p.host && value != "" {
			pair = name + "=" + p.toolHost
		}
		env = append(env, pair)
	}
	if p.kubeconfig != "" {
		env = append(env, "KUBECONFIG="+p.kubeconfig)
	}
	// kubectl would write what it has learnt of the cluster below ~/.kube.
	return append(env, "KUBECACHEDIR="+filepath.Join(p.dir, "kubecache"), ContextVariable+"="+p.context)
}
