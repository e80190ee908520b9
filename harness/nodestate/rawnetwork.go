package nodestate

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// ofBoot is what a link has anew each time the node is powered on.
var ofBoot = regexp.MustCompile(`^\d+: |@if\d+|link-netnsid \d+|numtxqueues.*$|refcnt \d+|qdisc \S+ [0-9a-f]+:`)

// rawNetworkFacts takes what a rewind does not put back, so that the proof does not look through its eyes: links with all that
// they are, their queueing, every route and permanent neighbour, the name of the node, and tables of the firewall that are not
// those of iptables.
func (n Node) rawNetworkFacts(ctx context.Context, f Facts) error {
	var errs []error
	for kind, argv := range map[string][]string{
		"raw/link":      {"ip", "-o", "link", "show"},
		"raw/queueing":  {"tc", "qdisc", "show"},
		"raw/route":     {"ip", "-4", "route", "show", "table", "all"},
		"raw/route6":    {"ip", "-6", "route", "show", "table", "all"},
		"raw/neighbour": {"ip", "neighbour", "show", "nud", "permanent"},
		"raw/hostname":  {"hostname"},
	} {
		out, err := n.run(ctx, nil, argv...)
		errs = append(errs, err)
		for line := range strings.Lines(out) {
			if line = strings.Join(strings.Fields(ofBoot.ReplaceAllString(line, "")), " "); line != "" && !podLink.MatchString(line) {
				f.count(kind + "/" + strings.ReplaceAll(line, " linkdown", ""))
			}
		}
	}
	return errors.Join(append(errs, n.tableFacts(ctx, f))...)
}

// ofIptables are the tables that iptables makes; what is in them it prints itself.
var ofIptables = regexp.MustCompile(`^table ip6? (filter|nat|mangle|raw|security)$`)

// tableFacts takes what is in the tables of nft that iptables knows nothing of. kube-proxy's own tables are its own business.
func (n Node) tableFacts(ctx context.Context, f Facts) error {
	out, err := n.run(ctx, nil, "nft", "list", "tables")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line == "" || ofIptables.MatchString(line) || strings.Contains(line, "kube") {
			continue
		}
		content, err := n.run(ctx, nil, append([]string{"nft", "list"}, strings.Fields(line)...)...)
		if err != nil {
			return err
		}
		f["raw/"+line] = content
	}
	return nil
}
