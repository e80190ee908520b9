package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"time"
)

// EnvContext is the environment variable that holds the path of the context file.
const EnvContext = "NOV30_CONTEXT"

// Error is a context file that cannot be used.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("no context file: set %s or --context to the path of one", EnvContext)
	}
	return fmt.Sprintf("context file %s: %v", e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the context file at path. Every failure is an *Error.
func Load(path string) (Target, error) {
	if path == "" {
		return Target{}, &Error{}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Target{}, &Error{Path: path, Err: err}
	}
	t, err := Parse(data)
	if err != nil {
		return Target{}, &Error{Path: path, Err: err}
	}
	return t, nil
}

type rawNode struct {
	Name      string `json:"name"`
	Role      Role   `json:"role"`
	Container string `json:"container"`
	Address   string `json:"address"`
}

type rawTarget struct {
	Cluster    string    `json:"cluster"`
	Kubeconfig string    `json:"kubeconfig"`
	Nodes      []rawNode `json:"nodes"`
	SiteURL    string    `json:"site_url"`
	Deadline   string    `json:"deadline"`
	Engine     struct {
		Command string `json:"command"`
		Host    string `json:"host"`
	} `json:"engine"`
}

// Parse reads a context file. Fields it does not know are ignored.
func Parse(data []byte) (Target, error) {
	var raw rawTarget
	if err := json.Unmarshal(data, &raw); err != nil {
		return Target{}, fmt.Errorf("not a JSON context: %w", err)
	}
	t := Target{Cluster: raw.Cluster, Kubeconfig: raw.Kubeconfig, SiteURL: raw.SiteURL, Engine: Engine(raw.Engine)}
	if t.Kubeconfig == "" {
		return Target{}, errors.New(`"kubeconfig" is missing: give the path of the cluster's kubeconfig`)
	}
	if t.Engine.Command == "" {
		return Target{}, errors.New(`"engine.command" is missing: give docker, podman or the path of one`)
	}
	if raw.Deadline != "" {
		at, err := time.Parse(time.RFC3339, raw.Deadline)
		if err != nil {
			return Target{}, fmt.Errorf(`"deadline" %q is not an RFC 3339 time`, raw.Deadline)
		}
		t.Deadline = at
	}
	if err := t.addNodes(raw.Nodes); err != nil {
		return Target{}, err
	}
	return t, nil
}

// name is what Kubernetes and the container engines allow; it also keeps a name from being read as an option.
var name = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,252}$`)

func (t *Target) addNodes(raw []rawNode) error {
	seen := map[string]bool{}
	for i, r := range raw {
		n, err := r.node()
		if err != nil {
			return fmt.Errorf(`"nodes"[%d] %q: %w`, i, r.Name, err)
		}
		if seen[n.Name] {
			return fmt.Errorf(`"nodes"[%d] %q: a node of that name is already in the list`, i, r.Name)
		}
		seen[n.Name] = true
		t.Nodes = append(t.Nodes, n)
	}
	if len(t.ControlPlanes()) == 0 {
		return fmt.Errorf(`"nodes" has no node with role %q`, ControlPlane)
	}
	return nil
}

func (r rawNode) node() (Node, error) {
	if !name.MatchString(r.Name) {
		return Node{}, errors.New("not a node name")
	}
	if !name.MatchString(r.Container) {
		return Node{}, fmt.Errorf("container %q is not a container name", r.Container)
	}
	if r.Role != ControlPlane && r.Role != Worker {
		return Node{}, fmt.Errorf("role %q is neither %q nor %q", r.Role, ControlPlane, Worker)
	}
	addr, err := netip.ParseAddr(r.Address)
	if err != nil {
		return Node{}, fmt.Errorf("address %q is not an IP address", r.Address)
	}
	return Node{Name: r.Name, Role: r.Role, Container: r.Container, Address: addr}, nil
}
