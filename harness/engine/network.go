package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// network is what nov30's own daemon has of the machine's network.
//
// The daemon has a bridge of its own, made here and given to dockerd. The other ways are worse: dockerd's default is
// docker0, which belongs to a system Docker, and with --bridge=none dockerd deletes an interface called docker0.
type network struct {
	Bridge string       `json:"bridge"`
	Pool   netip.Prefix `json:"pool"`   // a /16, from which every network of the daemon gets a /24
	Shared bool         `json:"shared"` // another dockerd uses this machine's firewall
	Chain  string       `json:"chain"`
}

// bridge chooses the address pool and makes the bridge. What was chosen once stays as long as it does not overlap with
// anything else, because networks that exist keep their addresses.
func (m machine) bridge(ctx context.Context, d daemon) (network, error) {
	n := network{Pool: d.formerPool()}
	sum := sha256.Sum256([]byte(d.dir))
	id := hex.EncodeToString(sum[:3])
	n.Bridge, n.Chain = "nov30-"+id, "NOV30-"+strings.ToUpper(id)
	// Any dockerd empties the chains DOCKER* when it starts, and with them the published ports of a dockerd that runs.
	n.Shared = len(m.processes(d).foreign) > 0
	var err error
	if n.Pool, err = m.pool(ctx, n); err != nil {
		return n, err
	}
	if err := writeJSON(d.network, n); err != nil {
		return n, err
	}
	return n, m.makeBridge(ctx, n)
}

// formerPool is the pool of an earlier start, from either of the two files that name it; the zero Prefix when neither does.
func (d daemon) formerPool() netip.Prefix {
	var n network
	if b, err := os.ReadFile(d.network); err == nil && json.Unmarshal(b, &n) == nil {
		return n.Pool
	}
	var config struct {
		Pools []struct {
			Base netip.Prefix `json:"base"`
		} `json:"default-address-pools"`
	}
	if b, err := os.ReadFile(d.config); err == nil && json.Unmarshal(b, &config) == nil && len(config.Pools) > 0 {
		return config.Pools[0].Base
	}
	return netip.Prefix{}
}

func (m machine) makeBridge(ctx context.Context, n network) error {
	if !m.exists("/sys/class/net/" + n.Bridge) {
		if err := m.ip(ctx, "link", "add", "name", n.Bridge, "type", "bridge"); err != nil {
			return err
		}
	}
	address := netip.PrefixFrom(n.Pool.Addr().Next(), 24).String()
	if err := m.ip(ctx, "address", "replace", address, "dev", n.Bridge); err != nil {
		return err
	}
	return m.ip(ctx, "link", "set", "dev", n.Bridge, "up")
}

func (m machine) ip(ctx context.Context, args ...string) error {
	_, err := m.run(ctx, nil, nil, append([]string{"ip"}, args...)...)
	return err
}

// open lets the daemon's containers through the firewall when the daemon leaves the firewall alone, by chains of our own:
// the other daemon's policy for forwarded packets is DROP.
func (m machine) open(ctx context.Context, n network) error {
	if err := m.close(ctx, n); err != nil || !n.Shared {
		return err
	}
	pool := n.Pool.String()
	for _, rule := range [][]string{
		{"-t", "filter", "-N", n.Chain},
		{"-t", "filter", "-A", n.Chain, "-s", pool, "-j", "ACCEPT"},
		{"-t", "filter", "-A", n.Chain, "-d", pool, "-j", "ACCEPT"},
		{"-t", "filter", "-I", "FORWARD", "-j", n.Chain},
		{"-t", "nat", "-N", n.Chain},
		{"-t", "nat", "-A", n.Chain, "-s", pool, "!", "-d", pool, "-j", "MASQUERADE"},
		{"-t", "nat", "-I", "POSTROUTING", "-j", n.Chain},
	} {
		if _, err := m.run(ctx, nil, nil, append([]string{"iptables", "-w", "10"}, rule...)...); err != nil {
			return err
		}
	}
	return nil
}

// close removes our chains; that they do not exist is no error.
func (m machine) close(ctx context.Context, n network) error {
	for _, from := range [][2]string{{"filter", "FORWARD"}, {"nat", "POSTROUTING"}} {
		list, err := m.run(ctx, nil, nil, "iptables", "-w", "10", "-t", from[0], "-S")
		if err != nil {
			return err
		}
		if !strings.Contains(string(list), "-N "+n.Chain+"\n") {
			continue
		}
		jump := []string{"-D", from[1], "-j", n.Chain}
		if !strings.Contains(string(list), "-A "+from[1]+" -j "+n.Chain+"\n") {
			jump = nil
		}
		for _, rule := range [][]string{jump, {"-F", n.Chain}, {"-X", n.Chain}} {
			if rule == nil {
				continue
			}
			if _, err := m.run(ctx, nil, nil, append([]string{"iptables", "-w", "10", "-t", from[0]}, rule...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// tearDown removes the daemon's bridges, its networks' too (dockerd makes those again), and our chains.
func (m machine) tearDown(ctx context.Context, d daemon) error {
	var n network
	b, err := os.ReadFile(d.network)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.network, err)
	}
	bridges, err := m.bridges(ctx, d, n)
	failed := []error{err, m.close(ctx, n)}
	for _, name := range bridges {
		failed = append(failed, m.ip(ctx, "link", "delete", "dev", name))
	}
	return errors.Join(failed...)
}
