package nodestate

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// network is what the kernel knows of the node's network, as ip and iptables print it, without what pods brought.
type network struct {
	Links     []string `json:"links"`     // NAME up or NAME down
	Addresses []string `json:"addresses"` // dev NAME ADDRESS/BITS scope SCOPE
	Rules     []string `json:"rules"`     // priority N …, with the family before it
	Routes    []string `json:"routes"`    // the same
	Firewall  string   `json:"firewall"`  // of iptables-save, with marks for the ports of the engine's resolver
	Firewall6 string   `json:"firewall6"`
	Tables    []string `json:"tables"` // of nft: ip nat, …
}

// podLink is the node's end of a pod's link.
var podLink = regexp.MustCompile(`\b(veth|cni|vxlan|flannel)[0-9a-z.]*\b`)

func (n Node) readNetwork(ctx context.Context) (network, error) {
	var w network
	var errs []error
	lines := func(argv ...string) []string {
		out, err := n.run(ctx, nil, argv...)
		errs = append(errs, err)
		var all []string
		for line := range strings.Lines(out) {
			all = append(all, strings.Join(strings.Fields(line), " "))
		}
		return all
	}
	for _, l := range lines("ip", "-o", "link", "show") {
		if name, up := linkOf(l); name != "" && !podLink.MatchString(name) {
			w.Links = append(w.Links, name+" "+up)
		}
	}
	for _, l := range lines("ip", "-o", "addr", "show") {
		if a := addressOf(l); a != "" && !podLink.MatchString(a) {
			w.Addresses = append(w.Addresses, a)
		}
	}
	for _, family := range []string{"-4", "-6"} {
		for _, l := range lines("ip", family, "rule", "show") {
			if priority, rest, ok := strings.Cut(l, ": "); ok {
				w.Rules = append(w.Rules, family+" priority "+priority+" "+rest)
			}
		}
		for _, l := range lines("ip", family, "route", "show", "table", "all") {
			if !podLink.MatchString(l) && !strings.Contains(l, "table local") && !strings.Contains(l, "proto kernel") {
				w.Routes = append(w.Routes, family+" "+strings.TrimSuffix(strings.ReplaceAll(l, " linkdown", ""), " pref medium"))
			}
		}
	}
	ports, err := n.resolverPorts()
	errs = append(errs, err)
	w.Firewall = strings.Join(withoutPorts(lines("iptables-save"), ports), "\n") + "\n"
	w.Firewall6 = strings.Join(lines("ip6tables-save"), "\n") + "\n"
	w.Tables = lines("nft", "list", "tables")
	return w, errors.Join(errs...)
}

// linkOf reads a line of ip -o link: 5: eth0@if6: <BROADCAST,UP,LOWER_UP> mtu 1500 ….
func linkOf(line string) (name, up string) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", ""
	}
	name, _, _ = strings.Cut(strings.TrimSuffix(fields[1], ":"), "@")
	if flags := strings.Split(strings.Trim(fields[2], "<>"), ","); slices.Contains(flags, "UP") {
		return name, "up"
	}
	return name, "down"
}

// addressOf reads a line of ip -o addr: 5: eth0 inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\ ….
func addressOf(line string) string {
	fields := strings.Fields(line)
	at := slices.Index(fields, "scope")
	if len(fields) < 4 || at < 0 || at+1 >= len(fields) || fields[2] != "inet" && fields[2] != "inet6" {
		return ""
	}
	return "dev " + fields[1] + " " + fields[3] + " scope " + fields[at+1]
}
