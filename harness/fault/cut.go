package fault

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/nov30/nov30/harness/cluster"
)

// The ports whose connections are cut.
const (
	etcdClientPort = "2379"
	etcdPeerPort   = "2380"
	apiServerPort  = "6443"
)

// Errors of cutting connections. ss(8) passes over what the kernel will not close in silence and exits 0, so both are
// found by listing the connections before and after.
var (
	ErrNothingCut   = errors.New("there was no established connection to cut")
	ErrNotCut       = errors.New("connections outlived the cut: does the kernel have CONFIG_INET_DIAG_DESTROY?")
	errNoSocketName = errors.New("ss names no socket cookie (sk:…)")
)

// CutConnections cuts etcd's and the API server's established connections on every node once, without a signal to any
// process: whatever held on to an old connection must make a new handshake (T11). Connections that come in through the
// network's gateway are spared: those are the observers', each new anyway, and cutting one would be seen as an outage. A
// control-plane node without any is ErrNothingCut, because the cut would have proven nothing.
func CutConnections(ctx context.Context, c cluster.Cluster) error {
	for _, n := range c.Nodes() {
		observers, err := gateway(ctx, n)
		if err != nil {
			return fmt.Errorf("cut connections: %w", err)
		}
		found, err := cutPorts(ctx, n, observers, etcdClientPort, etcdPeerPort, apiServerPort)
		if err != nil {
			return fmt.Errorf("cut connections: %w", err)
		}
		if found == 0 && n.Role() == cluster.ControlPlane {
			return fmt.Errorf("cut connections: %s: %w on ports %s, %s, %s", n.Name(), ErrNothingCut, etcdClientPort, etcdPeerPort, apiServerPort)
		}
	}
	return nil
}

// gateway is the address by which everything outside the cluster's network comes in.
func gateway(ctx context.Context, n cluster.Node) (string, error) {
	out, err := n.Exec(ctx, nil, "ip", "-4", "route", "show", "default")
	if err != nil {
		return "", err
	}
	if _, after, ok := strings.Cut(string(out), " via "); ok {
		address, _, _ := strings.Cut(after, " ")
		if _, err := netip.ParseAddr(address); err == nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("%s: no gateway in %q", n.Name(), strings.TrimSpace(string(out)))
}

// cutPorts destroys the established TCP connections from and to the ports, seen from the node's own network namespace,
// proves that they are gone and says how many there were. Those with the peer spare, if there is one, are left alone.
func cutPorts(ctx context.Context, n cluster.Node, spare string, ports ...string) (int, error) {
	filter := []string{"state", "established", "("}
	for i, p := range ports {
		if i > 0 {
			filter = append(filter, "or")
		}
		filter = append(filter, "sport", "=", ":"+p, "or", "dport", "=", ":"+p)
	}
	filter = append(filter, ")")
	if spare != "" {
		filter = append(filter, "and", "not", "dst", spare)
	}
	before, err := sockets(ctx, n, filter)
	if err != nil {
		return 0, err
	}
	if _, err := n.Exec(ctx, nil, append([]string{"ss", "-K", "-Htn"}, filter...)...); err != nil {
		return 0, err
	}
	after, err := sockets(ctx, n, filter)
	if err != nil {
		return 0, err
	}
	for id, connection := range before {
		if _, alive := after[id]; alive {
			return 0, fmt.Errorf("%s: %s: %w", n.Name(), connection, ErrNotCut)
		}
	}
	return len(before), nil
}

// sockets lists connections by the kernel's cookie: the same pair of addresses could already be a new connection.
func sockets(ctx context.Context, n cluster.Node, filter []string) (map[string]string, error) {
	out, err := n.Exec(ctx, nil, append([]string{"ss", "-Htne"}, filter...)...)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		id := ""
		for _, f := range fields {
			if strings.HasPrefix(f, "sk:") {
				id = f
			}
		}
		if id == "" || len(fields) < 4 {
			return nil, fmt.Errorf("%s: %w: %q", n.Name(), errNoSocketName, lines.Text())
		}
		found[id] = fields[2] + " to " + fields[3]
	}
	return found, nil
}
