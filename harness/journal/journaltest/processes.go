package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/node"
)

// Processes is a cluster whose nodes are directories and real processes, as real as it gets without a container: it lives
// on when the process that made it or changed it dies, and any other process can open it from its directory. Stopping a
// node kills its process; a control-plane node's process serves etcd's certificates on two TLS ports and reads them at
// every handshake, as etcd does. Its programs are this test binary: TestMain must call BeMachine first.
type Processes struct {
	dir      string
	machines []*Machine
}

// shape is a cluster as its directory describes it.
type shape struct {
	Keeper int            `json:"keeper"` // process with whose end the machines end too: a test that is interrupted leaves none
	Nodes  []machineShape `json:"nodes"`
}

type machineShape struct {
	Name    string     `json:"name"`
	Role    node.Role  `json:"role"`
	Address netip.Addr `json:"address"`
}

const shapeFile = "cluster.json"

// ClusterVariable is in the environment of every process and command of a cluster: its directory.
const ClusterVariable = "NOV30_TEST_CLUSTER"

// Create makes a cluster in dir, which must not exist: one node of each role, named DIR-ROLE, all off. The machines end
// with this process at the latest.
func Create(dir string, roles ...node.Role) (*Processes, error) {
	s := shape{Keeper: os.Getpid()}
	bin := filepath.Join(dir, "bin")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(bin, 0o700)); err != nil {
		return nil, err
	}
	if err := link(bin); err != nil {
		return nil, err
	}
	for i, r := range roles {
		n := machineShape{filepath.Base(dir) + "-" + string(r), r, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}
		if err := os.MkdirAll(filepath.Join(dir, n.Name, "root", "proc", "1"), 0o755); err != nil {
			return nil, err
		}
		s.Nodes = append(s.Nodes, n)
	}
	if err := writeJSON(filepath.Join(dir, shapeFile), s); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open opens a cluster that Create made, in whichever process.
func Open(dir string) (*Processes, error) {
	var s shape
	if err := readJSON(filepath.Join(dir, shapeFile), &s); err != nil {
		return nil, err
	}
	c := &Processes{dir: dir}
	for _, n := range s.Nodes {
		home := filepath.Join(dir, n.Name)
		c.machines = append(c.machines, &Machine{cluster: c, home: home, address: n.Address, directory: directory{name: n.Name, role: n.Role,
			root: filepath.Join(home, "root"), bin: filepath.Join(dir, "bin"), env: []string{ClusterVariable + "=" + dir}}})
	}
	return c, nil
}

// Name implements node.Cluster: the last part of the directory's name.
func (c *Processes) Name() string { return filepath.Base(c.dir) }

// Machines are the nodes with what only a test may do.
func (c *Processes) Machines() []*Machine { return c.machines }

// Nodes implements node.Cluster.
func (c *Processes) Nodes() []node.Node {
	nodes := make([]node.Node, 0, len(c.machines))
	for _, m := range c.machines {
		nodes = append(nodes, m)
	}
	return nodes
}

// Kubeconfig implements node.Cluster; there is none.
func (c *Processes) Kubeconfig() string { return "" }

// Address implements node.Cluster with addresses of the documentation range, which only Exec's s_client understands.
func (c *Processes) Address(_ context.Context, name string) (netip.Addr, error) {
	m, err := c.find(name)
	if err != nil {
		return netip.Addr{}, err
	}
	return m.address, nil
}

func (c *Processes) find(name string) (*Machine, error) {
	for _, m := range c.machines {
		if m.name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", node.ErrNoNode, name)
}

// StopNode implements node.Cluster: the node's process is killed and gone.
func (c *Processes) StopNode(ctx context.Context, name string) error {
	m, err := c.find(name)
	if err != nil {
		return err
	}
	return m.stop(ctx)
}

// StartNode implements node.Cluster. When it returns, the node has booted.
func (c *Processes) StartNode(ctx context.Context, name string) error {
	m, err := c.find(name)
	if err != nil {
		return err
	}
	return m.start(ctx)
}

// Settle waits until no command runs in the nodes any more. A command lives on when the process that gave it dies, as it
// does in a container, and may change what a revert has just restored: whoever reverts a dead run's journal settles first.
func (c *Processes) Settle(ctx context.Context) error {
	for _, m := range c.machines {
		if err := waitFor(ctx, time.Minute, m.idle); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// waitFor asks often, on the real clock: what is waited for are processes.
func waitFor(ctx context.Context, within time.Duration, check func(context.Context) error) error {
	return await.Until(ctx, clockwork.NewRealClock(), 2*time.Millisecond, within, check)
}

// writeJSON replaces the file in one step.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
