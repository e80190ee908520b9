package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// candidates are the address pools to choose from. 10.199 down to 10.128 first: far from what clouds, VPNs and
// Kubernetes (10.96.0.0/12 for services, 10.244.0.0/16 for pods) take; 172.31 to 172.18 where a route covers all of 10/8.
func candidates() []netip.Prefix {
	var list []netip.Prefix
	for second := 199; second >= 128; second-- {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second)}), 16))
	}
	for second := 31; second >= 18; second-- {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(second)}), 16))
	}
	return list
}

// pool keeps the pool that n has, or chooses the first candidate that overlaps neither a route of this machine (those of
// its interfaces are among them) nor one of its name servers.
func (m machine) pool(ctx context.Context, n network) (netip.Prefix, error) {
	used, err := m.usedPrefixes(ctx, n)
	if err != nil {
		return netip.Prefix{}, err
	}
	list := candidates()
	if n.Pool.IsValid() {
		list = append([]netip.Prefix{n.Pool}, list...)
	}
	for _, p := range list {
		if !overlaps(p, used) {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("no free address pool for containers: this machine has routes %v, "+
		"which overlap all of 10.128.0.0/9 to 10.199 and 172.18 to 172.31; use your own docker: NOV30_ENGINE=docker", used)
}

func overlaps(p netip.Prefix, used []netip.Prefix) bool {
	for _, u := range used {
		if p.Overlaps(u) {
			return true
		}
	}
	return false
}

// usedPrefixes are the destinations of all IPv4 routes and the name servers, except what belongs to n itself.
func (m machine) usedPrefixes(ctx context.Context, n network) ([]netip.Prefix, error) {
	out, err := m.run(ctx, nil, nil, "ip", "-json", "-4", "route", "show", "table", "all")
	if err != nil {
		return nil, err
	}
	used, err := destinations(out, func(dev string, p netip.Prefix) bool {
		ours := dev == n.Bridge || ofNetwork(dev)
		return ours && n.Pool.IsValid() && n.Pool.Overlaps(p) && n.Pool.Bits() <= p.Bits()
	})
	if err != nil {
		return nil, err
	}
	resolv, err := m.read("/etc/resolv.conf")
	if err != nil {
		return used, nil // no name servers then
	}
	for line := range strings.Lines(resolv) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && a.Is4() {
			used = append(used, netip.PrefixFrom(a, 32))
		}
	}
	return used, nil
}

// destinations reads the output of `ip -json route`. Default routes are left out, also those that VPNs write as two
// halves; so is what skip accepts.
func destinations(routes []byte, skip func(dev string, p netip.Prefix) bool) ([]netip.Prefix, error) {
	if len(strings.TrimSpace(string(routes))) == 0 {
		return nil, nil // a machine without any route
	}
	var list []struct {
		Destination string `json:"dst"`
		Device      string `json:"dev"`
	}
	if err := json.Unmarshal(routes, &list); err != nil {
		return nil, fmt.Errorf("ip -json route: %w", err)
	}
	var found []netip.Prefix
	for _, r := range list {
		if r.Destination == "default" {
			continue
		}
		p, err := netip.ParsePrefix(r.Destination)
		if err != nil {
			a, err := netip.ParseAddr(r.Destination)
			if err != nil {
				return nil, fmt.Errorf("ip -json route: destination %q: %w", r.Destination, err)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() > 1 && !skip(r.Device, p) {
			found = append(found, p.Masked())
		}
	}
	return found, nil
}
