package tool

import (
	"encoding/json"
	"os"
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

// WriteContext writes the context file, for the owner alone.
func WriteContext(path string, c Context) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// environment is what a tool inherits: nothing by which it could find nov30's state or learn what is being run.
func environment(parent []string, contextPath string, extra []string) []string {
	var env []string
	for _, pair := range parent {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TERM", "TZ":
			env = append(env, pair)
		}
	}
	return append(append(env, extra...), ContextVariable+"="+contextPath)
}
